"""One AdamW step of many adapters: one after another, or in a few kernels where their number counts.

Clipping, moments and decay are those of `Adapter.step`; on a GPU the norms of all gradients are read at once, and
adapters with equal learning rate and weight decay are moved by one fused kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.optim.adamw import adamw

from curriculab.engine.adapter import Adapter, not_finite
from curriculab.engine.route import batched


@dataclass(frozen=True)
class Step:
    """How an adapter's step is taken; clip: the largest norm of its gradient, infinity for none."""

    lr: float
    weight_decay: float
    clip: float


def step_all(adapters: Sequence[Adapter], steps: Sequence[Step]) -> list[float | FloatingPointError]:
    """Take a step of each (different) adapter and clear its gradient.

    Returns the gradients' norms before clipping, or in their place the error of a gradient that is not finite, whose
    adapter is left as it was.
    """
    if adapters and batched(adapters[0].weights.device):
        return _together(adapters, steps)
    return [_alone(adapter, step) for adapter, step in zip(adapters, steps, strict=True)]


def _alone(adapter: Adapter, step: Step) -> float | FloatingPointError:
    try:
        return adapter.step(lr=step.lr, weight_decay=step.weight_decay, clip=step.clip)
    except FloatingPointError as error:
        return error


def _together(adapters: Sequence[Adapter], steps: Sequence[Step]) -> list[float | FloatingPointError]:
    gradients = [adapter.weights.grad for adapter in adapters]
    norms = torch.stack(torch._foreach_norm(gradients)).tolist()
    shrink = [
        s.clip / (norm + 1e-6) if math.isfinite(norm) and norm > s.clip else 1.0
        for s, norm in zip(steps, norms, strict=True)
    ]
    if any(factor != 1 for factor in shrink):
        torch._foreach_mul_(gradients, shrink)
    like: dict[tuple[float, float], list[Adapter]] = {}
    for adapter, step, norm in zip(adapters, steps, norms, strict=True):
        if math.isfinite(norm):
            like.setdefault((step.lr, step.weight_decay), []).append(adapter)
    for (lr, weight_decay), own in like.items():
        _move(own, lr, weight_decay)
    torch._foreach_zero_(gradients)
    pairs = zip(adapters, norms, strict=True)
    return [norm if math.isfinite(norm) else not_finite(norm, adapter.steps) for adapter, norm in pairs]


@torch.no_grad()
def _move(adapters: Sequence[Adapter], lr: float, weight_decay: float) -> None:
    """One fused step, as torch.optim.AdamW takes it of one adapter."""
    states = [adapter.optimizer.state[adapter.weights] for adapter in adapters]
    usual = adapters[0].optimizer.param_groups[0]
    adamw(
        [adapter.weights for adapter in adapters],
        [adapter.weights.grad for adapter in adapters],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        [state["step"] for state in states],
        fused=True,
        amsgrad=False,
        beta1=usual["betas"][0],
        beta2=usual["betas"][1],
        lr=lr,
        weight_decay=weight_decay,
        eps=usual["eps"],
        maximize=False,
    )
    for adapter in adapters:
        adapter.steps += 1
