"""Which stretch of tokens belongs to which adapter in the forward that is running."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from curriculab.engine.adapter import Adapter


@dataclass(eq=False)
class Span:
    """A stretch of packed tokens that one adapter owns; no adapter means the bare base, no end all that there is."""

    adapter: Adapter | None
    start: int
    end: int | None

    def of(self, x: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """This stretch of x (n, d), a view unless the precision differs."""
        own = x if self.end is None else x.narrow(0, self.start, self.end - self.start)
        return own if dtype is None or own.dtype == dtype else own.to(dtype)


class Products(Protocol):
    """How adapters are multiplied with their own stretches of a forward."""

    def add(self, y: torch.Tensor, x: torch.Tensor, layer: int, scale: float) -> Sequence[torch.Tensor]:
        """Add scale * B A x to each adapter's stretch of y, in place; returns the A x for the way back."""
        ...

    def pull_back(
        self,
        gx: torch.Tensor | None,
        gy: torch.Tensor,
        x: torch.Tensor,
        held: Sequence[torch.Tensor],
        layer: int,
        scale: float,
    ) -> None:
        """Add the adapters' part to gx, in place, and the gradients of A and B to the adapters' own."""
        ...


def owned(spans: Sequence[Span]) -> list[Span]:
    """The stretches that adapters own, empty ones left out."""
    return [s for s in spans if s.adapter is not None and (s.end is None or s.end > s.start)]


class Plan:
    """What layers need to know while a packed batch goes through: who owns which tokens, and where rows end."""

    def __init__(self, spans: Sequence[Span], attend, products: Products, spark: torch.Tensor | None = None) -> None:
        """spans: that adapters own; attend: attention over the packed rows, None where the model's own attention sees
        one row at a time; spark: a scalar that puts a layer on the way back though nothing before it learns."""
        self.spans, self.attend, self.products = spans, attend, products
        self.recompute = False  # whether layers are computed again on the way back (gradient checkpointing)
        self.spark = torch.zeros((), requires_grad=True) if spark is None else spark


active_plans: list[Plan] = []


@contextmanager
def running(plan: Plan):
    """While this is open, LoRA layers and attention follow the plan instead of PEFT's own way."""
    active_plans.append(plan)
    try:
        yield
    finally:
        active_plans.pop()
