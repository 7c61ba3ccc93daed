"""All adapters of a forward together, as a GPU multiplies them, against each one on its own stretch."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from curriculab.engine.adapter import Adapter, Entry, Layout
from curriculab.engine.forward import forward
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.engine.plan import Span
from curriculab.engine.products import AdapterBatch, BySpan, Even, Ragged, evened, planned
from curriculab.engine.route import forced
from curriculab.engine.training import train_steps
from curriculab.objectives.sft import Sft
from tests.engine.architectures import build, tokenizer

WAYS = {"one by one": {"batched": False}, "filled up": {"batched": True}, "groups": {"batched": True, "grouped": True}}
CPU = torch.device("cpu")
LAYOUT = Layout((Entry("first", 8, 16, 0), Entry("second", 16, 8, 8 * 24)), rank=8, alpha=16)


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shaken(model: Model, seed: int) -> Adapter:
    adapter = model.adapter(seed)
    adapter.weights.data += 0.02 * random(*adapter.weights.shape, seed=seed)
    return adapter


def read(model: Model, way: str, sizes: list[list[int]], bare: int = 1) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits of every token, and each adapter's gradient of their summed loss; the stretch `bare` has no adapter."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(5, 50, n) for own in sizes for n in own]
    adapters = [None if i == bare else shaken(model, i) for i in range(len(sizes))]
    spans, at = [], 0
    for adapter, own in zip(adapters, sizes, strict=True):
        spans.append(Span(adapter, at, at + sum(own)))
        at = spans[-1].end
    for adapter in filter(None, adapters):
        adapter.open()
    with forced(**WAYS[way]):
        logits = forward(model, texts, spans, np.arange(at), grad=True)
        cross_entropy(logits[:-1], torch.as_tensor(np.concatenate(texts)[1:]), reduction="sum").backward()
    return logits.detach(), [adapter.weights.grad.clone() for adapter in filter(None, adapters)]


UNLIKE = [[5, 12], [9], [31, 4, 6], [8, 8]]


@pytest.mark.parametrize("way", ["filled up", "groups"])
@pytest.mark.parametrize("name", ["qwen3", "phi3", "qwen3-moe", "gpt2"])
def test_logits_and_gradients_are_those_of_each_adapter_alone(name: str, way: str) -> None:
    model = load_model(build(name), tokenizer=tokenizer())
    expected, theirs = read(model, "one by one", UNLIKE)
    found, ours = read(model, way, UNLIKE)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for mine, other in zip(ours, theirs, strict=True):
        assert other.norm() > 0.01
        torch.testing.assert_close(mine, other, atol=1e-5 * float(other.abs().max()), rtol=1e-5)


@pytest.mark.pocket
@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_bases_too(bits: int) -> None:
    model = load_model("pocket", bits=bits, device="cpu")
    expected, theirs = read(model, "one by one", UNLIKE)
    found, ours = read(model, "filled up", UNLIKE)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4 * float(other.abs().max()), rtol=1e-4)


@pytest.mark.parametrize("way", ["filled up", "groups"])
def test_in_bfloat16_they_are_as_near_to_float32_as_one_by_one(way: str) -> None:
    """One by one multiplies adapters in float32, so that this is the spread of the base alone."""
    exact, exact_gradients = read(load_model(build("llama3"), tokenizer=tokenizer()), "one by one", UNLIKE)
    half = load_model(build("llama3").to(torch.bfloat16), tokenizer=tokenizer())
    spread, gradients = read(half, "one by one", UNLIKE)
    found, ours = read(half, way, UNLIKE)
    assert (found - exact).abs().mean() < 1.5 * (spread - exact).abs().mean()
    for mine, other, right in zip(ours, gradients, exact_gradients, strict=True):
        assert (mine - right).norm() < 1.5 * (other - right).norm()


@pytest.mark.parametrize("way", ["filled up", "groups"])
def test_steps_of_unlike_rows_lead_to_the_same_weights(way: str) -> None:
    model = load_model(build("qwen2.5"), tokenizer=tokenizer())
    tables = [
        pd.DataFrame({"prompt": ["1 + 1 " * k], "answer": ["two " * (3 - k)]}, index=[f"row {k}"]) for k in range(3)
    ]

    def weights(way: dict) -> list[torch.Tensor]:
        adapters = [shaken(model, i) for i in range(3)]
        with forced(**way):
            for _ in range(3):
                for answer in train_steps(model, adapters, tables, [Sft(learning_rate=1e-3)] * 3):
                    assert not isinstance(answer, Exception), answer
        return [a.weights.data for a in adapters]

    for mine, other in zip(weights(WAYS[way]), weights(WAYS["one by one"]), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=0)


# -- parts ------------------------------------------------------------------------------------------------------------
def opened(seed: int) -> Adapter:
    adapter = Adapter(LAYOUT, random(LAYOUT.size, seed=seed))
    adapter.open()
    return adapter


@pytest.mark.parametrize("sizes", [(4, 4, 4), (5, 1, 3)])
def test_a_product_and_its_gradients_by_hand(sizes: tuple[int, ...]) -> None:
    """Against autograd on y = y0 + scale * B A x, written out."""
    adapters = [opened(0), None, opened(2)]
    ends = np.cumsum(sizes)
    x, y0, pull = random(int(ends[-1]), 16, seed=3), random(int(ends[-1]), 8, seed=4), random(int(ends[-1]), 8, seed=5)
    flats = [None if a is None else a.weights.data.clone().requires_grad_() for a in adapters]
    copy = x.clone().requires_grad_()
    expected = torch.cat(
        [
            part if flat is None else part + 2.0 * (own @ LAYOUT.cut(flat)[1][0].T) @ LAYOUT.cut(flat)[1][1].T
            for flat, own, part in zip(flats, copy.split(sizes), y0.split(sizes), strict=True)
        ]
    )
    (expected * pull).sum().backward()

    batch = AdapterBatch(adapters, torch.float32)
    together = Even(batch) if len(set(sizes)) == 1 else Ragged(batch, torch.as_tensor(ends, dtype=torch.int32))
    y, gx = y0.clone(), torch.zeros_like(x)
    held = together.add(y, x, 1, 2.0)
    together.pull_back(gx, pull, x, held, 1, 2.0)
    assert all(a.weights.grad.abs().sum() == 0 for a in adapters if a)
    batch.collect()
    torch.testing.assert_close(y, expected.detach())
    torch.testing.assert_close(gx, copy.grad)
    for adapter, flat in zip(adapters, flats, strict=True):
        if adapter:
            torch.testing.assert_close(adapter.weights.grad, flat.grad)
    batch.collect()  # nothing is added twice
    torch.testing.assert_close(adapters[0].weights.grad, flats[0].grad)


def test_an_adapter_with_two_stretches_gets_both_gradients() -> None:
    adapter = opened(0)
    batch = AdapterBatch([adapter, adapter], torch.float32)
    ga, _ = batch.gradients(0)
    ga[0] += 1
    ga[1] += 2
    batch.collect()
    assert adapter.gradients[0][0].unique().tolist() == [3.0]
    assert adapter.gradients[0][1].unique().tolist() == [0.0]


def test_rows_are_added_behind_the_shorter_stretches_only() -> None:
    texts = [np.arange(1, 4), np.arange(4, 6), np.arange(6, 15), np.arange(15, 16)]
    spans = [Span(opened(0), 0, 5), Span(None, 5, 14), Span(opened(1), 14, 15)]
    with forced(batched=True):
        found = evened(texts, [None] * 4, spans, torch.float32, CPU)
    assert [t.tolist() for t in found.texts] == [[1, 2, 3], [4, 5], [1] * 4, list(range(6, 15)), [15], [1] * 8]
    assert [(s.adapter, s.start, s.end) for s in found.spans] == [
        (spans[0].adapter, 0, 9),
        (None, 9, 18),
        (spans[2].adapter, 18, 27),
    ]
    tokens = np.concatenate(found.texts)
    assert tokens[found.places].tolist() == list(range(1, 16)) and found.shapes == [None] * 6


def test_nothing_is_added_where_it_does_not_pay() -> None:
    own, other = opened(0), opened(1)
    texts = [np.arange(20), np.arange(2), np.arange(2)]
    far = [Span(own, 0, 20), Span(other, 20, 22), Span(None, 22, 24)]  # 60 tokens in place of 24
    near, alone = [Span(own, 0, 20), Span(other, 20, 24)], [Span(own, 0, 24)]  # 40 in place of 24
    for spans, way, filled in (
        (far, WAYS["filled up"], False),
        (near, WAYS["filled up"], True),
        (alone, WAYS["filled up"], False),
        (near, WAYS["groups"], False),
        (near, WAYS["one by one"], False),
    ):
        with forced(**way):
            found = evened(texts, [None] * 3, spans, torch.float32, CPU)
        assert (found.places is not None) == filled


def test_which_products_a_plan_has() -> None:
    own, other = opened(0), opened(1)
    like, unlike = [Span(own, 0, 4), Span(other, 4, 8)], [Span(own, 0, 3), Span(other, 3, 8)]
    narrow = Adapter(Layout((Entry("only", 6, 8, 0),), rank=8, alpha=16), torch.zeros(8 * 14))
    for spans, way, kind in (
        (like, "filled up", Even),
        (unlike, "filled up", BySpan),
        (unlike, "groups", Ragged),
        (unlike, "one by one", BySpan),
        ([Span(own, 0, None)], "groups", Even),
        ([Span(None, 0, 8)], "groups", BySpan),
        ([Span(narrow, 0, 3), Span(narrow, 3, 8)], "groups", BySpan),  # 6 numbers are no multiple of 16 bytes
    ):
        with forced(**WAYS[way]):
            found = planned(spans, None, total=8, dtype=torch.float32, device=CPU)
        assert type(found.products) is kind, (way, kind)


@pytest.mark.parametrize("grad", [True, False])
def test_what_no_adapter_owns_goes_with_the_bare_base(grad: bool) -> None:
    with forced(batched=True), nullcontext() if grad else torch.no_grad():
        plan = planned([Span(opened(0), 4, 8)], None, total=12, dtype=torch.float32, device=CPU)
    assert [a is None for a in plan.products.adapters.adapters] == [True, False, True]
    x, y = random(12, 8, seed=1), torch.zeros(12, 16)
    plan.products.add(y, x, 0, 1.0)
    assert y[:4].abs().sum() == y[8:].abs().sum() == 0 < y[4:8].abs().sum()
