"""Weights out of 4 and 8 bits: rows apart from each other, kept within a budget, the same numbers kept or not."""

from __future__ import annotations

import gc
import weakref
from types import MethodType

import bitsandbytes.functional as functional
import numpy as np
import pytest
import torch
from bitsandbytes.nn import Linear8bitLt

import curriculab as cl
from curriculab.engine.loading import free_models, load_model
from curriculab.engine.packing import Work, read_tokens
from curriculab.engine.route import forced
from curriculab.engine.training import train_steps
from tests.engine.loaded import ROWS, loss


@pytest.fixture
def eight(tiny_folder):
    """At 8 bits, in eval mode, in which bitsandbytes takes on a CPU the kernel that it always takes on CUDA; the
    letter m, which one of the rows has, has a channel of 60, which normalising makes 8."""
    free_models()
    model = load_model(str(tiny_folder), bits=8, device="cpu")
    with torch.no_grad():
        model.base.get_input_embeddings().weight[model.tokens("m")[-1], 5] = 60.0
    layers = [m for m in model.base.modules() if isinstance(m, Linear8bitLt)]
    for layer in layers:
        layer.eval()
    yield model, layers
    free_models()


def together_and_alone(model):
    """Largest difference, nats, of rows read in one forward from the same rows read each by itself."""
    texts = model.encode(ROWS)
    (together,) = read_tokens(model, [Work(None, texts, share=False)])
    alone = [read_tokens(model, [Work(None, [text], share=False)])[0][0] for text in texts]
    return max(float(np.abs(a - b).max()) for a, b in zip(together, alone, strict=True))


def test_at_eight_bits_a_row_in_a_pack_is_the_row_alone(eight):
    model, layers = eight
    assert together_and_alone(model) < 1e-6
    for layer in layers:  # as bitsandbytes has it: outlier columns of the whole batch
        layer.forward = MethodType(Linear8bitLt.forward, layer)
    assert together_and_alone(model) > 1e-4


def test_eight_bits_are_multiplied_and_pulled_back_as_bitsandbytes_does_in_training(eight):
    _, layers = eight
    layer = layers[0].train()
    x = torch.randn(9, layer.in_features, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = []
    for forward in (layer.forward, MethodType(Linear8bitLt.forward, layer)):
        y = forward(x)
        (gradient,) = torch.autograd.grad(y.square().sum(), x)
        found.append((y.detach(), gradient))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


@pytest.fixture
def calls(monkeypatch):
    """How often a layer is taken out of 4 bits."""
    seen, right = [], functional.dequantize_4bit
    monkeypatch.setattr(functional, "dequantize_4bit", lambda *args, **how: seen.append(1) or right(*args, **how))
    return seen


def trained(model):
    """Losses of ROWS before a step and after it."""
    adapter = model.adapter(0)
    before = loss(model, adapter)
    train_steps(model, [adapter], [ROWS], [cl.Sft(learning_rate=1e-2)])
    return np.concatenate([before, loss(model, adapter)])


def test_four_bits_are_unpacked_once_within_the_budget(tiny_folder, calls):
    free_models()
    model = load_model(str(tiny_folder), bits=4, device="cpu")
    store, layers = model.unpacked, len(model.layout.entries)
    weights = sum(4 * e.in_features * e.out_features for e in model.layout.entries)
    assert store.needed == weights and store.budget == 2**29
    kept = trained(model)
    assert store.bytes == weights
    calls.clear()
    assert (trained(model) == kept).all() and not calls

    store.limit(0)
    assert store.bytes == 0
    assert (trained(model) == kept).all() and store.bytes == 0
    assert len(calls) == 4 * layers - 3  # three forwards and a backward; nothing lies before the first q, k and v

    store.limit(weights // 2)
    assert (trained(model) == kept).all() and 0 < store.bytes <= weights // 2


def test_what_is_kept_goes_with_its_model(tiny_folder):
    free_models()
    model = load_model(str(tiny_folder), bits=4, device="cpu")
    loss(model)
    kept = weakref.ref(next(iter(model.unpacked._weights.values())))
    del model
    free_models()
    gc.collect()
    assert kept() is None


def test_the_way_of_a_gpu_keeps_nothing(tiny_folder):
    free_models()
    model = load_model(str(tiny_folder), bits=4, device="cpu")
    model.unpacked.limit(2**29)
    with forced(batched=True):
        loss(model)
    assert model.unpacked.bytes == 0
