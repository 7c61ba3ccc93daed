"""Batched decoding: equal to one at a time, reproducible, unbiased."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curriculab.engine.generation import Prompt, draw, write
from curriculab.engine.loading import load_model
from curriculab.engine.route import forced


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load_model(str(tiny_folder), bits=32)


def prompts(model, texts, *, adapter=None, n=1, heat=0.0, most=6, stop=(), stream=(0, 1)):
    return [Prompt(model.prompt(t), adapter, n, heat, most, stop, (*stream, i)) for i, t in enumerate(texts)]


def trained_like(model, seed):
    adapter = model.adapter(seed)
    adapter.weights.data += 0.05 * torch.randn(len(adapter.weights), generator=torch.Generator().manual_seed(seed))
    return adapter


TEXTS = ["1 + 1", "sort 7 3 9 1 4", "reverse abc", "x", "caesar 3 DEF GHI JKL MNO"]


def test_greedy_answers_equal_one_forward_a_token(model):
    for prompt, (answer,) in zip(prompts(model, TEXTS), write(model, prompts(model, TEXTS)), strict=True):
        ids = prompt.tokens.tolist()
        for token in answer.tokens:
            with torch.no_grad():
                logits = model.base(input_ids=torch.tensor([ids])).logits[0, -1]
            assert int(logits.argmax()) == token
            ids.append(token)


def test_what_a_variant_samples_does_not_depend_on_its_neighbours(model):
    asked = [
        prompts(model, TEXTS[: 2 + k % 3], adapter=trained_like(model, k), n=1 + k, heat=1.0, most=9, stream=(k, 7))
        for k in range(5)
    ]
    alone = [answer for each in asked for rows in write(model, each) for answer in rows]
    together = [answer for rows in write(model, [p for each in asked for p in each]) for answer in rows]
    for one, two in zip(alone, together, strict=True):
        assert one.tokens == two.tokens and one.logprobs == two.logprobs  # to the bit, on one thread


def test_adapters_with_prompts_of_unlike_length_are_read_together_on_a_gpu(model):
    adapters = [trained_like(model, k) for k in range(2)]
    asked = [p for k, a in enumerate(adapters) for p in prompts(model, TEXTS[k:3], adapter=a, n=2, stream=(k, 7))]
    one_by_one = [a for rows in write(model, asked) for a in rows]
    with forced(batched=True):
        together = [a for rows in write(model, asked) for a in rows]
    for one, two in zip(one_by_one, together, strict=True):
        assert one.tokens == two.tokens and one.logprobs == pytest.approx(two.logprobs, abs=1e-5)


@pytest.mark.slow
def test_waves_are_cut_by_each_adapters_own_prompts(model):
    adapters = [trained_like(model, k) for k in range(3)]
    asked = [prompts(model, TEXTS * (1 + k), adapter=a, n=2, heat=1.0, stream=(k, 7)) for k, a in enumerate(adapters)]
    alone = [a for each in asked for rows in write(model, each, cache_tokens=120) for a in rows]
    together = [a for rows in write(model, [p for each in asked for p in each], cache_tokens=120) for a in rows]
    assert [a.logprobs for a in alone] == [a.logprobs for a in together]


def test_streams_pair_equal_questions_and_separate_samples(model):
    a, b = (write(model, prompts(model, TEXTS, n=3, heat=1.0)) for _ in range(2))
    assert [x.tokens for r in a for x in r] == [x.tokens for r in b for x in r]
    other = write(model, prompts(model, TEXTS, n=3, heat=1.0, stream=(1, 1)))
    assert [x.tokens for r in a for x in r] != [x.tokens for r in other for x in r]
    assert a[0][0].tokens != a[0][1].tokens


def test_answers_end_at_a_stop_string_or_at_their_length(model):
    free = write(model, prompts(model, ["x"] * 30, most=8, heat=1.0))
    texts = [model.tokenizer.decode(answer.tokens) for (answer,) in free]
    row, stop = next(
        (i, c) for i, t in enumerate(texts) for c in t if c.isascii() and c.isprintable() and t.count(c) == 1
    )
    assert len(free[row][0].tokens) == 8 and free[row][0].ended == "length"
    cut = write(model, prompts(model, ["x"] * 30, most=8, heat=1.0, stop=(stop,)))[row][0]
    assert cut.ended == stop and model.tokenizer.decode(cut.tokens) == texts[row][: texts[row].index(stop) + 1]


def test_inverse_cdf_draws_the_distribution_it_is_given():
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.7]])).expand(30_000, 3)
    u = torch.as_tensor((np.arange(30_000) + 0.5) / 30_000)
    token, logprob, entropy = draw(logits, torch.ones(30_000), u)
    assert np.bincount(token.numpy(), minlength=3) / 30_000 == pytest.approx([0.1, 0.2, 0.7], abs=1e-4)
    assert logprob[token == 2][0].exp() == pytest.approx(0.7, abs=1e-6)
    assert entropy[0] == pytest.approx(-(0.1 * np.log(0.1) + 0.2 * np.log(0.2) + 0.7 * np.log(0.7)), abs=1e-6)


def test_temperature_sharpens_and_zero_is_greedy():
    logits = torch.log(torch.tensor([[0.4, 0.6]]))
    _, logprob, _ = draw(logits, torch.tensor([0.5]), torch.tensor([0.99]))
    assert logprob.exp() == pytest.approx(0.36 / (0.36 + 0.16), abs=1e-6)  # squares: p ** (1 / T)
    assert draw(logits, torch.tensor([0.0]), torch.tensor([0.0]))[0].tolist() == [1]
