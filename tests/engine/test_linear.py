"""Frozen products on the way of a GPU: few kernels, the same numbers."""

from __future__ import annotations

import pytest
import torch
from bitsandbytes.nn import Linear4bit

from benchmarks.kernels import Kernels
from curriculab.engine.linear import frozen_product
from curriculab.engine.route import forced


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def quantised(nested: bool) -> Linear4bit:
    layer = Linear4bit(64, 32, bias=True, compress_statistics=nested, quant_type="nf4")
    layer.load_state_dict({"weight": random(32, 64, seed=0), "bias": random(32, seed=1)})
    return layer.to("cpu")  # quantises


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("rows", [1, 40])
@torch.no_grad()
def test_four_bits_are_multiplied_by_bitsandbytes_in_one_call(rows: int, nested: bool) -> None:
    layer, x = quantised(nested), random(rows, 64, seed=2)
    expected = frozen_product(x, layer)
    with forced(batched=True), Kernels() as kernels:
        found = frozen_product(x, layer)
    assert kernels.counts["gemm_4bit"] == kernels.total == 1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert expected.abs().mean() > 1


@torch.no_grad()
def test_a_bias_costs_no_kernel() -> None:
    layer, x = torch.nn.Linear(64, 32), random(5, 64, seed=2)
    with forced(batched=True), Kernels() as kernels:
        found = frozen_product(x, layer)
    assert dict(kernels.counts) == {"addmm": 1}
    torch.testing.assert_close(found, x @ layer.weight.T + layer.bias)
