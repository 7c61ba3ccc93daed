"""Frozen weights out of 4 and 8 bits, and the memory in which a CPU keeps them.

A layer's weight is taken out into the precision of the activations and multiplied there, on every device, so that a
row's numbers do not hang on its neighbours. LLM.int8's own kernel is not asked: its outlier columns (those with an
activation of 6 or more, Dettmers et al. 2022) are found over the whole batch, and a row in a pack would get other
numbers than the row alone.
"""

from __future__ import annotations

from types import MethodType
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F

from curriculab.engine.route import batched

# Bytes of one model's weights that are kept on a CPU in the precision of the activations: 512 MiB, enough for the
# 425 MB of SmolLM2-135M in float32.
BUDGET = 2**29


class Unpacked:
    """Weights of one model that were taken out of 4 or 8 bits and are kept, up to a budget of bytes.

    Kept or not, they are the same numbers: what is not kept is taken out for every forward again. They are released
    with the model, and by `limit(0)`.

    Examples
    --------
    >>> import curriculab as cl
    >>> model = cl.load_model("pocket", bits=4, device="cpu")
    >>> model.unpacked.needed, model.unpacked.bytes <= model.unpacked.budget
    (10616832, True)
    >>> model.unpacked.limit(0)
    >>> model.unpacked.bytes
    0
    >>> model.unpacked.limit(2**29)
    """

    def __init__(self, base: torch.nn.Module, budget: int = 0) -> None:
        self.budget, self.bytes, self.needed = budget, 0, 0
        self._weights: WeakKeyDictionary[torch.nn.Module, torch.Tensor] = WeakKeyDictionary()
        for module in base.modules():
            if isinstance(module, torch.nn.Linear) and is_quantised(module):
                module.unpacked = self
                self.needed += 4 * module.in_features * module.out_features

    def limit(self, budget: int) -> None:
        """Keep at most so many bytes from now on; what is kept so far is released."""
        self.budget, self.bytes = budget, 0
        self._weights.clear()

    def get(self, layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
        """The weight (out, in) of a layer."""
        kept = self._weights.get(layer)
        if kept is not None and kept.dtype == dtype:
            return kept
        weight = _dequantised(layer, dtype)
        if kept is None and self.bytes + weight.nbytes <= self.budget:
            self._weights[layer] = weight
            self.bytes += weight.nbytes
        return weight


def keep_unpacked(base: torch.nn.Module, device: torch.device) -> Unpacked:
    """A store for a model's weights: with a budget on a CPU, and without elsewhere, where unpacking is fast."""
    return Unpacked(base, BUDGET if device.type == "cpu" else 0)


def is_quantised(layer: torch.nn.Module) -> bool:
    """Whether a linear layer's weight is kept in 4 or 8 bits."""
    return hasattr(layer, "state") or hasattr(getattr(layer, "weight", None), "quant_state")


def unpacked(layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
    """The weight (out, in) of a layer that is kept in 4 or 8 bits."""
    store = getattr(layer, "unpacked", None)
    if store is None or batched(layer.weight.device):
        return _dequantised(layer, dtype)
    return store.get(layer, dtype)


def _dequantised(layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
    if hasattr(layer, "state"):
        scale = layer.state.SCB.unsqueeze(1).mul(1.0 / 127.0)
        return layer.state.CB.to(dtype).mul_(scale)
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)


class Product(torch.autograd.Function):
    """W x + b of a frozen layer of 8 bits, x (..., in). W is taken out again in the backward pass, not kept for it."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, layer: torch.nn.Module) -> torch.Tensor:
        ctx.layer = layer
        return F.linear(x, unpacked(layer, x.dtype), layer.bias)

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        return gy @ unpacked(ctx.layer, gy.dtype), None


def multiply_rows_apart(base: torch.nn.Module) -> None:
    """Give every layer of 8 bits a forward in which a row's numbers do not hang on its neighbours."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.weight.CB is not None:
            self.init_8bit_state()
        if self.bias is not None and self.bias.dtype != x.dtype:
            self.bias.data = self.bias.data.to(x.dtype)
        return Product.apply(x, self)

    for module in base.modules():
        if hasattr(module, "state") and is_quantised(module):
            module.forward = MethodType(forward, module)
            if module.weight.CB is not None:  # not by what goes first through it: shapes alone, perhaps
                module.init_8bit_state()
