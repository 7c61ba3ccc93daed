"""Frozen linear layers with one LoRA product per stretch of tokens."""

from __future__ import annotations

from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from curriculab.engine.adapter import Entry, Layout
from curriculab.engine.allocator import reuse_large_blocks
from curriculab.engine.experts import Stack, follow_plan
from curriculab.engine.plan import Products, active_plans
from curriculab.engine.products import BySpan, product
from curriculab.engine.quantised import unpacked
from curriculab.engine.route import batched

if TYPE_CHECKING:
    from peft import LoraConfig

NOTHING = BySpan(())  # of a layer without adapters


def dense(layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
    """The frozen weight (out, in) of a linear layer, out of NF4 where it is kept so."""
    if getattr(layer.weight, "quant_state", None) is not None:
        return unpacked(layer, dtype)
    weight = layer.weight.to(dtype)
    return weight if isinstance(layer, torch.nn.Linear) else weight.T  # GPT-2's Conv1D lies as (in, out)


def frozen_product(x: torch.Tensor, base: torch.nn.Module) -> torch.Tensor:
    """W x + b of a frozen linear layer, x (n, in)."""
    if batched(x.device):
        return _in_one(x, base)
    y = product(x, dense(base, x.dtype))
    if base.bias is not None:
        y += base.bias.to(y.dtype)
    return y


def _in_one(x: torch.Tensor, base: torch.nn.Module) -> torch.Tensor:
    """The same in as few kernels as there are. bitsandbytes chooses by shape and device whether its own 4-bit product
    is faster, as it is for few rows, or whether the weight is taken out of four bits first."""
    bias = None if base.bias is None else base.bias.to(x.dtype)
    state = getattr(base.weight, "quant_state", None)
    if state is None or (state.nested and state.state2.blocksize != 256):  # others it does not multiply
        return F.linear(x, dense(base, x.dtype), bias)
    from bitsandbytes import matmul_4bit

    return matmul_4bit(x, base.weight.data, quant_state=state, bias=bias)


class MixedLinear(torch.autograd.Function):
    """y = W x + scale * B_i A_i x, each adapter on its own stretch of tokens; W is frozen.

    Gradients of A_i and B_i go straight into the adapters' flat vectors; only x gets one back. W is taken out of its
    quantised form again in the backward pass instead of being saved for it.
    """

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, spark: torch.Tensor, base: torch.nn.Module, layer: int, scale: float, products: Products
    ) -> torch.Tensor:
        y = frozen_product(x, base)
        ctx.save_for_backward(x, *products.add(y, x, layer, scale))
        ctx.base, ctx.layer, ctx.scale, ctx.products = base, layer, scale, products
        return y

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        x, *held = ctx.saved_tensors
        gx = product(gy, dense(ctx.base, gy.dtype).T) if ctx.needs_input_grad[0] else None
        ctx.products.pull_back(gx, gy, x, held, ctx.layer, ctx.scale)
        return gx, None, None, None, None, None


class MixedLora(torch.autograd.Function):
    """The same behind a layer that has its own backward (8 bits): y0 is what the frozen layer made of x."""

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, y0: torch.Tensor, spark: torch.Tensor, layer: int, scale: float, products: Products
    ) -> torch.Tensor:
        y = y0.clone()
        ctx.save_for_backward(x, *products.add(y, x, layer, scale))
        ctx.layer, ctx.scale, ctx.products = layer, scale, products
        return y

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        x, *held = ctx.saved_tensors
        gx = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        ctx.products.pull_back(gx, gy, x, held, ctx.layer, ctx.scale)
        return gx, gy, None, None, None, None


def attach(peft: torch.nn.Module, lora: LoraConfig) -> Layout:
    """Teach every LoRA layer of a PEFT model to follow a plan; returns the layout of its adapters."""
    from peft.tuners.lora import LoraLayer
    from peft.tuners.lora.layer import ParamWrapper

    reuse_large_blocks()
    base = peft.get_base_model()
    entries, start = [], 0
    whole = Layout((), lora.r, lora.lora_alpha, lora.use_rslora)
    stacks: dict[torch.nn.Module, list[Stack]] = {}  # by module of experts
    outermost: dict[torch.nn.Module, torch.nn.Module] = {}
    for name, module in base.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        index, experts = len(entries), getattr(module, "num_experts", 1)
        entries.append(Entry(name, module.in_features, module.out_features, start, experts))
        start += entries[-1].size(lora.r)
        if not isinstance(module, ParamWrapper):
            module.forward = MethodType(_mixed_forward(index, whole.scale, module.forward), module)
            continue
        owner = module.get_base_layer()  # one wrapper lies in the other, the outermost comes first
        outermost.setdefault(owner, module)
        transposed = bool(getattr(owner, "is_transposed", False))  # as PEFT asks
        stacks.setdefault(owner, []).append(Stack(module.parameter_name, index, experts, transposed))
    for owner, wrapper in outermost.items():
        follow_plan(wrapper, stacks[owner], whole.scale)
    head = base.get_output_embeddings()
    if type(head) is torch.nn.Linear:
        head.forward = MethodType(_frozen_forward(head.forward), head)
    return replace(whole, entries=tuple(entries))


def _mixed_forward(index: int, scale: float, own):
    def forward(self, x: torch.Tensor, *args, **kwargs) -> torch.Tensor:
        if not active_plans:
            return own(x, *args, **kwargs)
        plan, base, flat = active_plans[-1], self.base_layer, x.reshape(-1, x.shape[-1])
        if not torch.is_grad_enabled():  # autograd's own bookkeeping is a tenth of a decoded token
            y = base(flat) if hasattr(base, "state") else frozen_product(flat, base)
            plan.products.add(y, flat, index, scale)
        elif hasattr(base, "state"):  # bitsandbytes' 8-bit layer
            y = MixedLora.apply(flat, base(flat), plan.spark, index, scale, plan.products)
        else:
            y = MixedLinear.apply(flat, plan.spark, base, index, scale, plan.products)
        return y.view(*x.shape[:-1], y.shape[-1])

    return forward


def _frozen_forward(own):
    """A linear layer without adapters, multiplied as the others are: a row's bits do not hang on its neighbours."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not active_plans:
            return own(x)
        flat = x.reshape(-1, x.shape[-1])
        if not torch.is_grad_enabled():
            return frozen_product(flat, self).view(*x.shape[:-1], -1)
        y = MixedLinear.apply(flat, active_plans[-1].spark, self, -1, 0.0, NOTHING)
        return y.view(*x.shape[:-1], y.shape[-1])

    return forward
