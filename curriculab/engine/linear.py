"""Frozen linear layers with one LoRA product per stretch of tokens."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING

import torch

from curriculab.engine.adapter import Entry, Layout
from curriculab.engine.experts import Stack, follow_plan
from curriculab.engine.plan import Span, active_plans

if TYPE_CHECKING:
    from peft import LoraConfig

KEPT_BYTES = 2**27  # bytes of weights taken out of NF4 once for a whole decode: all of the pocket model's

ONEDNN_ROWS = 8  # below, the call costs more than it saves


onednn_linear = torch.ops.mkldnn._linear_pointwise.default if torch.backends.mkldnn.is_available() else None

kept_weights: list[dict[torch.nn.Module, torch.Tensor]] = []


def product(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """x (n, in) times w (out, in) transposed. oneDNN where it pays on a CPU: PyTorch's default (MKL) reaches less than
    half its speed on AMD processors, and rounds differently for fewer than eight rows. A row that is read alone has no
    neighbours, and is multiplied as transformers does."""
    if x.shape[0] < ONEDNN_ROWS or not onednn_linear or x.device.type != "cpu":
        return x @ w.T
    alone = active_plans and active_plans[-1].attend is None
    if x.dtype == w.dtype == torch.float32 and not alone:
        return onednn_linear(x, w, None, "none", [], "")
    return x @ w.T


def add_product(y: torch.Tensor, x: torch.Tensor, w: torch.Tensor, scale: float) -> None:
    """y (n, out) += scale * x (n, in) w (in, out), in place."""
    if y.dtype == x.dtype:
        y.addmm_(x, w, alpha=scale)
    else:
        y.add_((x @ w).to(y.dtype), alpha=scale)


def dense(layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
    """The frozen weight (out, in) of a linear layer, out of NF4 where it is kept so."""
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        weight = layer.weight.to(dtype)
        return weight if isinstance(layer, torch.nn.Linear) else weight.T  # GPT-2's Conv1D lies as (in, out)
    held = kept_weights[-1].get(layer) if kept_weights else None
    if held is not None and held.dtype == dtype:
        return held
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(layer.weight.data, state).to(dtype)
    if kept_weights and sum(w.nbytes for w in kept_weights[-1].values()) + weight.nbytes <= KEPT_BYTES:
        kept_weights[-1][layer] = weight
    return weight


@contextmanager
def holding(device: torch.device):
    """While this is open on a CPU, layers are taken out of NF4 once, not for every token (a sixth of its time)."""
    if device.type != "cpu":
        yield
        return
    kept_weights.append({})
    try:
        yield
    finally:
        kept_weights.pop()


def frozen_product(x: torch.Tensor, base: torch.nn.Module) -> torch.Tensor:
    """W x + b of a frozen linear layer, x (n, in)."""
    y = product(x, dense(base, x.dtype))
    if base.bias is not None:
        y += base.bias.to(y.dtype)
    return y


class MixedLinear(torch.autograd.Function):
    """y = W x + scale * B_i A_i x, each adapter on its own stretch of tokens; W is frozen.

    Gradients of A_i and B_i go straight into the adapters' flat vectors; only x gets one back. W is taken out of its
    quantised form again in the backward pass instead of being kept.
    """

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, spark: torch.Tensor, base: torch.nn.Module, layer: int, scale: float, spans: list[Span]
    ) -> torch.Tensor:
        y = frozen_product(x, base)
        ctx.save_for_backward(x, *add_adapters(y, x, layer, scale, spans))
        ctx.base, ctx.layer, ctx.scale, ctx.spans = base, layer, scale, spans
        return y

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        x, *held = ctx.saved_tensors
        gx = product(gy, dense(ctx.base, gy.dtype).T) if ctx.needs_input_grad[0] else None
        pull_back(gx, gy, x, held, ctx.layer, ctx.scale, ctx.spans)
        return gx, None, None, None, None, None


class MixedLora(torch.autograd.Function):
    """The same behind a layer that has its own backward (8 bits): y0 is what the frozen layer made of x."""

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, y0: torch.Tensor, spark: torch.Tensor, layer: int, scale: float, spans: list[Span]
    ) -> torch.Tensor:
        y = y0.clone()
        ctx.save_for_backward(x, *add_adapters(y, x, layer, scale, spans))
        ctx.layer, ctx.scale, ctx.spans = layer, scale, spans
        return y

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        x, *held = ctx.saved_tensors
        gx = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        pull_back(gx, gy, x, held, ctx.layer, ctx.scale, ctx.spans)
        return gx, gy, None, None, None, None


def add_adapters(y: torch.Tensor, x: torch.Tensor, layer: int, scale: float, spans: list[Span]) -> list[torch.Tensor]:
    """Add scale * B A x to each adapter's stretch of y, in place; returns the A x for the way back."""
    held = []
    for span in spans:
        a, b = span.adapter.matrices[layer]
        h = product(span.of(x, a.dtype), a)
        held.append(h)
        add_product(span.of(y), h, b.T, scale)
    return held


def pull_back(
    gx: torch.Tensor | None, gy: torch.Tensor, x: torch.Tensor, held: list, layer: int, scale: float, spans: list
) -> None:
    """Add the adapters' part to gx, in place, and their gradients to the flat vectors."""
    for span, h in zip(spans, held, strict=True):
        a, b = span.adapter.matrices[layer]
        g = span.of(gy, a.dtype)
        gh = product(g, b.T)
        if gx is not None:
            add_product(span.of(gx), gh, a, scale)
        if span.adapter.gradients is not None:
            ga, gb = span.adapter.gradients[layer]
            gb.T.addmm_(h.T, g, alpha=scale)
            ga.addmm_(gh.T, span.of(x, a.dtype), alpha=scale)


def keep_memory() -> None:
    """Let glibc keep up to a gigabyte of freed memory: by default it hands a step's activations back to the system
    after every step and gets them again, page by page, in the next (a tenth of the time on two cores)."""
    if sys.platform == "linux":
        allocator = ctypes.CDLL(None)
        if hasattr(allocator, "mallopt"):
            allocator.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, at its largest: larger blocks are mapped one by one
            allocator.mallopt(-1, 2**30)  # M_TRIM_THRESHOLD


def attach(peft: torch.nn.Module, lora: LoraConfig) -> Layout:
    """Teach every LoRA layer of a PEFT model to follow a plan; returns the layout of its adapters."""
    from peft.tuners.lora import LoraLayer
    from peft.tuners.lora.layer import ParamWrapper

    keep_memory()
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
            add_adapters(y, flat, index, scale, plan.spans)
        elif hasattr(base, "state"):  # bitsandbytes' 8-bit layer
            y = MixedLora.apply(flat, base(flat), plan.spark, index, scale, plan.spans)
        else:
            y = MixedLinear.apply(flat, plan.spark, base, index, scale, plan.spans)
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
        y = MixedLinear.apply(flat, active_plans[-1].spark, self, -1, 0.0, [])
        return y.view(*x.shape[:-1], y.shape[-1])

    return forward
