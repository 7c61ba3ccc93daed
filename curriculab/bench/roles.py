"""Books by role: whose step a Train is, and what the learner takes over when a role of a method's own becomes it.

Steps and trained tokens of a run are the learner's. A student that is copied, trained for four steps and forgotten
leaves four lines of its own role; one that is copied back, Copy("student 3", to="learner"), brings its steps along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from curriculab.protocol import Copy, Request, Train
from curriculab.protocol.roles import LEARNER


class Step(NamedTuple):
    """One step as the record keeps it: its line of metrics, the rows it trained, and how many tokens those had."""

    line: dict[str, object]
    ids: np.ndarray
    learned: np.ndarray
    weight: np.ndarray
    tokens: int


@dataclass(eq=False)
class Histories:
    """The steps that roles of a method's own took and the learner did not, by role, oldest first."""

    of: dict[str, list[Step]] = field(default_factory=dict)

    def copy(self, request: Copy) -> list[Step]:
        """Follow a Copy; the steps that the learner takes over by it. A sum of several roles brings none along."""
        brought = self.of.get(request.source, []) if isinstance(request.source, str) else []
        if request.to == LEARNER:
            known = {id(step) for step in brought}  # they are no role's own any more
            for role, steps in self.of.items():
                self.of[role] = [step for step in steps if id(step) not in known]
            return brought
        if request.to != request.source:
            self.of[request.to] = [*brought]
        return []


def trains_learner(request: Request) -> bool:
    """Is it a step of the learner itself?

    >>> from curriculab.bench.roles import trains_learner
    >>> pool = cl.load_pool("ladder", n=2, seed=0)
    >>> trains_learner(cl.Train(pool)), trains_learner(cl.Train(pool, role="critic")), trains_learner(cl.Sample(pool))
    (True, False, False)
    """
    return isinstance(request, Train) and request.role == LEARNER


def learner_steps(requests: Sequence[Request]) -> int:
    """How many steps of the learner were asked for together."""
    return sum(map(trains_learner, requests))
