"""Which stretch of tokens belongs to which adapter in the forward that is running."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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


class Plan:
    """What layers need to know while a packed batch goes through: who owns which tokens, and where rows end."""

    def __init__(self, spans: Sequence[Span], attend) -> None:
        """attend: attention over the packed rows; None where the model's own attention sees one row at a time."""
        own = [s for s in spans if s.adapter is not None and (s.end is None or s.end > s.start)]
        self.spans, self.attend = own, attend
        self.spark = torch.zeros((), requires_grad=True)  # puts a layer on the way back though nothing before it learns


active_plans: list[Plan] = []


@contextmanager
def running(plan: Plan):
    """While this is open, LoRA layers and attention follow the plan instead of PEFT's own way."""
    active_plans.append(plan)
    try:
        yield
    finally:
        active_plans.pop()
