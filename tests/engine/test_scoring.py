"""Measures of one forward: against plain forwards of the same rows, alone and together."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

import curriculab as cl
from curriculab.engine.loading import load_model
from curriculab.engine.scoring import score
from curriculab.environments.turns import say, splice, tell

pytestmark = pytest.mark.pocket


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=48, seed=0)


def plain(model, text):
    """Logits (t, v) and normalised last states (t, d) of one row by the model's own forward, without a plan."""
    with torch.no_grad():
        ids = torch.as_tensor(text.tokens)[None]
        out = model.base(input_ids=ids, output_hidden_states=True, use_cache=False)
    return out.logits[0].float(), out.hidden_states[-1][0].float()


def mean_cosine(x):
    """Over pairs i < j, one by one."""
    pairs = [F.cosine_similarity(x[i], x[j], dim=0) for i in range(len(x)) for j in range(i)]
    return float(torch.stack(pairs).mean())


def test_measures_by_plain_forwards(model, pool):
    rows = pool.iloc[:6]
    reply = score(model, [None], [rows], ("nll", "entropy", "angle", "embedding"), "row")[0].reply
    for i, text in enumerate(model.encode(rows)):
        logits, states = plain(model, text)
        logp = F.log_softmax(logits, -1)[text.targets - 1]
        prompt = int(np.argmax(text.learned))
        right = torch.as_tensor(text.tokens[text.targets])[:, None]
        assert reply.nll.iloc[i] == pytest.approx(-float(logp.gather(1, right).mean()), abs=1e-4)
        assert reply.entropy.iloc[i] == pytest.approx(-float((logp.exp() * logp).sum(-1).mean()), abs=1e-4)
        assert reply.angle.iloc[i] == pytest.approx(mean_cosine(states[:prompt]), abs=1e-4)
        np.testing.assert_allclose(reply.embedding.iloc[i], states[:prompt].mean(0).numpy(), atol=1e-4)


def test_together_is_the_same_as_one_by_one_and_costs_one_forward(model, pool):
    names = ("nll", "entropy", "angle", "embedding")
    together = score(model, [None], [pool], names, "row")[0]
    for name in names:
        alone = score(model, [None], [pool], name, "row")[0]
        mine, theirs = (np.stack(a.reply[name].to_list()) for a in (together, alone))
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert together.tokens == score(model, [None], [pool], "nll", "row")[0].tokens == sum(map(len, model.encode(pool)))


def test_the_angle_of_an_answer_is_that_of_its_own_states(model, pool):
    rows = say(pool.iloc[[0, 0, 1]], ["12 34", "5", "77 8"])
    reply = score(model, [None], [rows], "angle", "row")[0].reply
    for i, text in enumerate(model.encode(rows)):
        _, states = plain(model, text)
        assert reply.angle.iloc[i] == pytest.approx(mean_cosine(states[torch.as_tensor(text.learned)]), abs=1e-4)


def test_the_angle_across_is_between_what_was_said_and_all_before(model, pool):
    demonstration = tell(splice(cl.ask(pool.iloc[:3], "add 1 + 2"), "3"), pool.prompt.iloc[:3])
    turns = [(said, replace(question, learn=True)) for said, question in demonstration["turns"]]
    rows = demonstration.assign(turns=pd.Series(turns, demonstration.index))
    reply = score(model, [None], [rows], ("angle", "angle_across"), "row")[0].reply
    for i, text in enumerate(model.encode(rows)):
        _, states = plain(model, text)
        begin = int(np.argmax(text.learned))
        assert 0 < begin < len(text) and text.learned[begin:].all()
        pairs = [F.cosine_similarity(a, b, dim=0) for a in states[begin:] for b in states[:begin]]
        assert reply.angle_across.iloc[i] == pytest.approx(float(torch.stack(pairs).mean()), abs=1e-4)
        assert reply.angle.iloc[i] == pytest.approx(mean_cosine(states[begin:]), abs=1e-4)


def test_prompts_without_answers_have_angles_and_embeddings(model, pool):
    bare = pool[["prompt"]]
    reply = score(model, [None], [bare], ("angle", "embedding"), "row")[0].reply
    np.testing.assert_allclose(reply.angle, score(model, [None], [pool], "angle", "row")[0].reply.angle, atol=1e-6)


def test_the_gradients_norm_is_that_of_one_rows_step(model, pool):
    from curriculab.engine.training import train_steps
    from curriculab.objectives.sft import Sft

    rows, adapter = pool.iloc[:3], model.adapter(0)
    reply = score(model, [adapter], [rows], "grad_norm", "row")[0].reply
    for i in range(3):
        one = model.adapter(0)
        norms = []

        def step(one=one, norms=norms, **how):
            norms.append(float(torch.linalg.vector_norm(one.weights.grad)))
            return norms[-1]

        one.step = step
        train_steps(model, [one], [rows.iloc[[i]]], [Sft(max_grad_norm=0.0)])
        assert reply.grad_norm.iloc[i] == pytest.approx(norms[0], rel=1e-4)
    assert float(adapter.weights.grad.abs().max()) == 0.0


@pytest.mark.parametrize(
    ("measure", "per", "message"),
    [
        (
            "beauty",
            "row",
            "no measure 'beauty'; there are nll, entropy, angle, angle_across, embedding, options, grad_norm",
        ),
        (
            ("nll", "options"),
            "row",
            "Score(('nll', 'options')); 'options' has forwards of its own: ask for it in a request of its own",
        ),
        ("angle", "token", "Score('angle', per='token'); it is one value a row"),
        (
            "angle_across",
            "row",
            "Score('angle_across') of rows without turns; say(rows, text) tells it where a segment begins",
        ),
        ("grad_norm", "row", "Score('grad_norm') of a role without an adapter; ask for it of 'learner' or 'init'"),
    ],
)
def test_what_cannot_be_measured_says_so(model, pool, measure, per, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        score(model, [None], [pool], measure, per)
