"""Logits in chunks: the same numbers as all at once, and never more bytes than the budget."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from curriculab.engine import head
from curriculab.engine.head import chunks
from curriculab.engine.loading import load_model
from curriculab.engine.packing import entropy, likelihood, micro_batches, read_tokens, run_batch, work_of
from curriculab.engine.scoring import score
from tests.engine.architectures import build, tokenizer
from tests.engine.test_check_at_load import ROWS, shaken

TOKENS = 20  # of the 76 learned tokens of ROWS, in a vocabulary of 512


def loaded(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model(build(name), tokenizer=tokenizer())


def step(model, adapters) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Losses of all rows, read at a temperature, and the adapters' gradients of an uneven sum of them."""
    works = []
    for adapter in adapters:
        adapter.open()
        adapter.clear()
        texts = [
            replace(text, temperature=np.full(len(text.targets), 0.5 + i / 4))
            for i, text in enumerate(model.encode(ROWS))
        ]
        works.append(work_of(model, adapter, texts))
    found = []
    for batch in micro_batches(works, 2048):
        values, _ = run_batch(model, works, batch, likelihood, grad=True)
        (values * torch.linspace(0.5, 1.5, len(values))).sum().backward()
        found.append(values.detach())
    return torch.cat(found), [adapter.weights.grad.clone() for adapter in adapters]


@pytest.fixture
def largest(monkeypatch) -> list[int]:
    """Most logits that a loss was read off at once, tokens."""
    seen, inner = [], torch.nn.functional.cross_entropy

    def cross_entropy(logits, *args, **kwargs):
        seen.append(len(logits))
        return inner(logits, *args, **kwargs)

    monkeypatch.setattr("curriculab.engine.packing.F.cross_entropy", cross_entropy)
    return seen


# What stands between the states and the logits: nothing, a cap, a scale in two places, a bias, a projection, a part of
# a model with a vision tower; and models that read one row at a time.
HEADS = ["qwen2.5", "gemma2", "cohere", "granite", "phi2", "opt-350m-like", "gemma3-images", "mixtral", "gpt2"]
ONE_AT_A_TIME = ["bloom", "gemma3n", "codegen", "lfm2"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HEADS, *ONE_AT_A_TIME])
def test_chunks_of_logits_give_the_same_losses_and_gradients(name, monkeypatch, largest):
    model = loaded(name)
    adapters = [shaken(model, seed) for seed in (1, 2)]
    values, gradients = step(model, adapters)
    whole = max(largest)
    assert whole > TOKENS
    largest.clear()
    monkeypatch.setattr(head, "LOGITS_BYTES", 4 * 512 * TOKENS)
    chunked, found = step(model, adapters)
    assert max(largest) <= TOKENS
    assert min(largest) >= 8 or name in ONE_AT_A_TIME  # a row of few tokens
    atol = 0 if name in HEADS else 2e-6  # a row that is read alone rounds by the number of its tokens
    torch.testing.assert_close(chunked, values, atol=atol, rtol=0)
    for one, two in zip(gradients, found, strict=True):
        torch.testing.assert_close(one, two, atol=float(atol * one.abs().max()), rtol=0)


@pytest.mark.slow
def test_the_head_is_the_models_own(monkeypatch):
    """Gemma 2 caps its logits: without the cap, chunks would give other losses, which is what this test can find."""
    model = loaded("gemma2")
    texts = model.encode(ROWS)
    with_cap = read_tokens(model, [work_of(model, None, texts)])[0]
    monkeypatch.setattr(head, "LOGITS_BYTES", 4 * 512 * TOKENS)
    chunked = read_tokens(model, [work_of(model, None, texts)])[0]
    model.base.config.final_logit_softcapping = 0.5
    otherwise = read_tokens(model, [work_of(model, None, texts)])[0]
    assert all(np.array_equal(a, b) for a, b in zip(with_cap, chunked, strict=True))
    assert max(np.abs(a - b).max() for a, b in zip(with_cap, otherwise, strict=True)) > 0.1


def test_measures_that_share_a_forward_are_read_in_chunks_too(tiny_model, small_pools, monkeypatch):
    rows = small_pools[0].iloc[:30]
    whole = score(tiny_model, [None], [rows], ("nll", "entropy", "angle"), "row")[0].reply
    monkeypatch.setattr(head, "LOGITS_BYTES", 1)  # as small as chunks get
    chunked = score(tiny_model, [None], [rows], ("nll", "entropy", "angle"), "row")[0].reply
    assert whole.equals(chunked)
    texts = tiny_model.encode(rows)
    found = read_tokens(tiny_model, [work_of(tiny_model, None, texts)], entropy)[0]
    assert [float(h.mean()) for h in found] == chunked["entropy"].tolist()


@pytest.mark.parametrize("tokens", [8, 15, 16, 17, 100, 2049])
@pytest.mark.parametrize("vocabulary", [512, 152_000, 10**9])
def test_chunks_are_whole_equal_and_within_the_budget(tokens, vocabulary):
    found = chunks(tokens, vocabulary)
    places = [i for part in found for i in range(part.start, part.stop)]
    assert places == list(range(tokens))
    sizes = [part.stop - part.start for part in found]
    assert min(sizes) >= 8 and max(sizes) - min(sizes) <= 1
    assert max(sizes) * vocabulary * 4 <= head.LOGITS_BYTES or max(sizes) < 16
