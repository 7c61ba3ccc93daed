"""One forward: against the model's own plain forward of single rows."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

import curriculab as cl
from curriculab.engine.loading import load_model

pytestmark = pytest.mark.pocket
D = cl.difficulty


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=8, seed=0)


def plain(model, tokens):
    """Log-probabilities (t, v) of the tokens after each place."""
    with torch.no_grad():
        ids = torch.as_tensor(tokens)[None]
        return F.log_softmax(model.base(input_ids=ids, use_cache=False).logits[0].float(), -1)


def losses(model, prompt, answer):
    """Loss of every token of the answer and its end, behind a text; nats."""
    before = np.concatenate([[model.tokenizer.bos_token_id], model.tokens(prompt)])
    tokens = np.concatenate([before, model.tokens(answer), [model.tokenizer.eos_token_id]]).astype(np.int64)
    logp = plain(model, tokens)
    return np.array([-float(logp[i - 1, tokens[i]]) for i in range(len(before), len(tokens))]), logp[len(before) - 1 :]


def test_losses_and_perplexities(model, pool):
    loss = np.array([losses(model, f"{p}\n", a)[0].mean() for p, a in zip(pool.prompt, pool.answer, strict=True)])
    bare = np.array([losses(model, "", a)[0].mean() for a in pool.answer])
    whole = [losses(model, "", f"{p}\n{a}")[0].mean() for p, a in zip(pool.prompt, pool.answer, strict=True)]
    np.testing.assert_allclose(D.answer_loss(pool, model), loss, atol=1e-4)
    np.testing.assert_allclose(D.perplexity(pool, model), np.exp(loss), rtol=1e-4)
    np.testing.assert_allclose(D.instruction_difficulty(pool, model), np.exp(loss - bare), rtol=1e-3)
    np.testing.assert_allclose(D.instruction_difficulty(pool, model, ratio="loss"), loss / bare, rtol=1e-3)
    np.testing.assert_allclose(D.self_perplexity(pool, model), np.exp(whole), rtol=1e-3)


def test_the_same_text_is_learned_with_and_without_the_prompt(model):
    """Rows with options learn the answer although they bring a solution."""
    exam = cl.load_pool("clinic", n=3, seed=0)
    bare = np.array([losses(model, "", a)[0].mean() for a in exam.answer])
    score = D.instruction_difficulty(exam, model, ratio="loss")
    np.testing.assert_allclose(score, D.answer_loss(exam, model) / bare, rtol=1e-3)
    whole = D.self_perplexity(exam.drop(columns="options"), model)
    texts = [f"{p}\n{s}" for p, s in zip(exam.prompt, exam.solution, strict=True)]
    np.testing.assert_allclose(whole, [np.exp(losses(model, "", t)[0].mean()) for t in texts], rtol=1e-3)


def test_entropies_along_the_answer_and_its_prefix(model, pool):
    found = []
    for p, a in zip(pool.prompt, pool.answer, strict=True):
        logp = losses(model, f"{p}\n", a)[1][:-1]  # nothing is predicted behind the end
        found.append(-(logp.exp() * logp).sum(-1).numpy())
    np.testing.assert_allclose(D.answer_entropy(pool, model), [h.mean() for h in found], atol=1e-4)
    np.testing.assert_allclose(D.prefix_entropy(pool, model, prefix=2), [h[:2].mean() for h in found], atol=1e-4)


def test_the_prefix_may_be_the_models_own(model, pool):
    rows = pool.iloc[:3]
    score = D.prefix_entropy(rows, model, prefix=1, written=True)
    for prompt, value in zip(rows.prompt, score, strict=True):
        logp = losses(model, f"{prompt}\n", "")[1][0]
        assert value == pytest.approx(-float((logp.exp() * logp).sum()), abs=1e-4)


def test_plain_texts_have_angles_of_their_own_words(model):
    texts = pd.DataFrame({"prompt": "", "answer": ["add 1 + 1", "sort up 3 2 1"]}, index=["a", "b"])
    score = D.angle_concentration(texts, model)
    assert score.between(0, 2).all() and score["a"] != score["b"]
    both = pd.DataFrame({"prompt": ["", "add 1 + 1"], "answer": "x"}, index=["a", "b"])
    message = "angle_concentration: row 'a' has an empty prompt; measure plain texts in a pool of their own"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        D.angle_concentration(both, model)


def test_gradients_by_an_adapter_and_by_a_fresh_one(model, pool):
    rows, adapter = pool.iloc[:3], model.adapter(5)
    with torch.no_grad():
        adapter.weights += 0.02
    fresh, own = D.gradient_norm(rows, model), D.gradient_norm(rows, model, adapter=adapter)
    assert (fresh > 0).all() and not np.allclose(fresh, own)
    pd.testing.assert_series_equal(fresh, D.gradient_norm(rows, model, adapter=model.adapter(0)), rtol=1e-4)


def test_an_adapter_from_memory_or_from_its_folder(model, pool, tmp_path):
    adapter = model.adapter(0)
    with torch.no_grad():
        adapter.weights += 0.02
    own = D.answer_loss(pool, model, adapter=adapter)
    assert not np.allclose(own, D.answer_loss(pool, model))
    folder = model.save_adapter(adapter, tmp_path / "adapter")
    np.testing.assert_allclose(D.answer_loss(pool, model, adapter=folder), own, atol=1e-6)


def test_options_of_one_model_and_of_an_ensemble(model):
    """P by the losses of the four texts behind the listed prompt; the ensemble's mean and standard error by hand."""
    exam = cl.load_pool("clinic", n=5, seed=0)
    one = D.option_probability(exam, model)
    row = exam.iloc[0]
    listed = "\n".join([row.prompt, *(f"{letter}) {o}" for letter, o in zip("ABCD", row.options, strict=True)), ""])
    logp = np.array([-losses(model, listed, o)[0].sum() for o in row.options])
    p = np.exp(logp - logp.max()) / np.exp(logp - logp.max()).sum()
    assert one.iloc[0] == pytest.approx(1 - p[list(row.options).index(row.answer)], abs=1e-4)
    other = model.adapter(0)
    with torch.no_grad():
        other.weights += 0.02
    two = D.option_probability(exam, model, adapter=other)
    score, error = D.option_probability(exam, model, roles=[model, other], uncertainty=True)
    np.testing.assert_allclose(score, (one + two) / 2)
    np.testing.assert_allclose(error, (one - two).abs() / 2)  # sd of two values: |difference| / sqrt(2); over sqrt(2)


def test_options_that_lack_the_answer(model):
    exam = cl.load_pool("clinic", n=2, seed=0)
    exam["answer"] = "nothing"
    first = exam.index[0]
    message = f"option_probability: the answer of row {first!r} is not among its options {list(exam.options.iloc[0])}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        D.option_probability(exam, model)
