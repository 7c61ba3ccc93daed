"""Stacks of experts with LoRA: every adapter's tokens go through its own W + scale * B A, routers are left alone.

A mixture keeps the weights of all its experts in one parameter, (experts, out, in) or (experts, in, out), which PEFT
adapts by `target_parameters`. Which expert a token goes to is the router's choice, so the weights of a whole stack are
made for each adapter that has tokens in a forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MethodType

import torch

from curriculab.engine.plan import Plan, Span, active_plans


@dataclass(frozen=True)
class Stack:
    """One parameter of a module of experts. transposed: it lies as (experts, in, out); layer: of the layout's
    entries."""

    parameter: str
    layer: int
    experts: int
    transposed: bool


class StackWithAdapter(torch.autograd.Function):
    """W + scale * B_e A_e of every expert e, in the order that W lies in; W is frozen.

    A (r * experts, in) is cut as (experts, r, in) and B (out, r * experts) as (out, r, experts): PEFT's order. Their
    gradients go straight into the adapter's flat vector.
    """

    @staticmethod
    def forward(ctx, weight: torch.Tensor, spark: torch.Tensor, span: Span, stack: Stack, scale: float) -> torch.Tensor:
        a, b = _factors(span.adapter.matrices[stack.layer], stack.experts)
        ctx.span, ctx.stack, ctx.scale = span, stack, scale
        left, right = (a.transpose(1, 2), b.transpose(1, 2)) if stack.transposed else (b, a)
        return torch.baddbmm(weight, left.to(weight.dtype), right.to(weight.dtype), alpha=scale)

    @staticmethod
    def backward(ctx, g: torch.Tensor) -> tuple:
        adapter, stack = ctx.span.adapter, ctx.stack
        if adapter.gradients is not None:
            a, b = _factors(adapter.matrices[stack.layer], stack.experts)
            g = (g.transpose(1, 2) if stack.transposed else g).to(a.dtype)
            ga, gb = _factors(adapter.gradients[stack.layer], stack.experts)
            ga.add_(torch.bmm(b.transpose(1, 2), g), alpha=ctx.scale)
            gb.add_(torch.bmm(g, a.transpose(1, 2)), alpha=ctx.scale)
        return None, None, None, None, None


def _factors(pair: tuple[torch.Tensor, torch.Tensor], experts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Views of A and B by expert: (experts, r, in) and (experts, out, r)."""
    a, b = pair
    rank = a.shape[0] // experts
    return a.view(experts, rank, -1), b.T.view(rank, experts, -1).permute(1, 2, 0)


def follow_plan(wrapper: torch.nn.Module, stacks: Sequence[Stack], scale: float) -> None:
    """Teach a module of experts, which PEFT wrapped, to follow the plan of a forward."""
    own, experts = wrapper.forward, wrapper.get_base_layer()

    def forward(self, *args: object, **kwargs: object) -> torch.Tensor:
        if not active_plans:
            return own(*args, **kwargs)
        return _by_adapter(experts, stacks, scale, active_plans[-1], args, kwargs)

    wrapper.forward = MethodType(forward, wrapper)


def _by_adapter(
    experts: torch.nn.Module,
    stacks: Sequence[Stack],
    scale: float,
    plan: Plan,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> torch.Tensor:
    """What the experts make of all tokens: each adapter's stretch by itself, what lies between with the bare base."""
    spans = plan.spans
    if not spans:
        return experts(*args, **kwargs)
    if spans[0].end is None:
        return _called(experts, stacks, scale, plan, spans[0], args, kwargs)
    hidden = args[0] if args else kwargs["hidden_states"]
    dim = hidden.dim() - 2  # of the tokens
    outs, at, total = [], 0, hidden.shape[dim]
    for span in [*spans, Span(None, total, total)]:
        for piece in (Span(None, at, span.start), span):
            if piece.end > piece.start:
                narrow = [_narrowed(x, total, piece) for x in args]
                named = {name: _narrowed(x, total, piece) for name, x in kwargs.items()}
                outs.append(_called(experts, stacks, scale, plan, piece, narrow, named))
        at = span.end
    return torch.cat(outs, dim)


def _narrowed(x: object, total: int, span: Span) -> object:
    """The stretch of a tensor of all tokens; other arguments as they are."""
    if not isinstance(x, torch.Tensor) or total not in x.shape[:2]:
        return x
    return x.narrow(0 if x.shape[0] == total else 1, span.start, span.end - span.start)


def _called(
    experts: torch.nn.Module,
    stacks: Sequence[Stack],
    scale: float,
    plan: Plan,
    span: Span,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> torch.Tensor:
    if span.adapter is None:
        return experts(*args, **kwargs)
    weights = {}
    for stack in stacks:
        weight = getattr(experts, stack.parameter)
        weights[stack.parameter] = StackWithAdapter.apply(weight, plan.spark, span, stack, scale)
    return torch.func.functional_call(experts, weights, tuple(args), dict(kwargs))
