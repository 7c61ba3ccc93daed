"""The progress of a run: 0 until its first Train, then the share spent of what was left of the budget.

A pool of 120 rows that is measured by 960 of 4,000 answers before anything is trained stands at progress 0 then, and at
1 after the other 3,040.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from curriculab.bench.budget import SPENT_IN, Budget, Spent
from curriculab.bench.roles import trains_learner
from curriculab.protocol import Answer, Clock, Request, Rows, Sample, Train

PROBE = "probe"  # purpose of a Sample whose answers measure and are not trained


@dataclass(eq=False)
class Progress:
    """Sets the clock of one run.

    Set-up is what was spent before the first Train; answers that this Train learns from belong to training, unless they
    were sampled as a measurement (purpose="probe").
    """

    clock: Clock
    begin: Spent | None = None  # what set-up came to; None until a Train is asked for
    measured: int = 0  # answers of measurements since, out of those set aside
    before: dict[int, Spent] = field(default_factory=dict)  # spent before each turn, until the first Train
    tokens_each: tuple[int, float] = (0, 0.0)  # how well it is known, and tokens that an answer trains

    def ask(self, turn: int, requests: Sequence[Request], spent: Spent) -> None:
        """Note what was spent before a turn; the first Train ends set-up."""
        if self.begin is not None:
            return
        trains = [request for request in requests if isinstance(request, Train)]
        if not trains:
            if any(isinstance(request, Sample) and request.purpose != PROBE for request in requests):
                self.before[turn] = replace(spent)
            return
        turns = [t for request in trains for t in sampled_in(request.rows) if t in self.before]
        self.begin, self.before = self.before[min(turns)] if turns else replace(spent), {}

    def book(self, request: Request, answer: Answer, spent: Spent, budget: Budget) -> None:
        """Set the clock to what was spent; a ValueError where more answers were set aside than are left."""
        clock = self.clock
        if isinstance(request, Sample) and request.purpose == PROBE and clock.set_aside:
            kept = min(answer.rollouts, clock.set_aside)
            clock.set_aside -= kept
            self.measured += kept if self.begin is not None else 0
        clock.spent = min(1.0, max(budget.shares(spent).values()))
        if self.begin is not None:
            clock.progress = min(1.0, max(clock.progress, self._progress(spent, budget)))
        if budget.axis()[0] == "rollouts":
            self._count_tokens(request, answer, spent, budget)

    def left(self, total: int, axis: str) -> tuple[float, float]:
        """What was spent since set-up, and what set-up left of a total, on one axis of the budget, for a schedule."""
        used = 0 if self.begin is None else getattr(self.begin, SPENT_IN.get(axis, axis))
        return used, total - used

    def _progress(self, spent: Spent, budget: Budget) -> float:
        shares = []
        for axis, total in vars(budget).items():
            if total is None:
                continue
            name = SPENT_IN.get(axis, axis)
            used, left = getattr(spent, name) - getattr(self.begin, name), total - getattr(self.begin, name)
            if axis == "rollouts" and left > 0:
                used, left = used - self.measured, left - self.measured - self.clock.set_aside
                if left <= 0:
                    raise ValueError(
                        f"{self.clock.set_aside + self.measured:,} answers are set aside for measuring, and "
                        f"{total - self.begin.rollouts:,} of {total:,} were left for it; give a larger budget"
                    )
            shares.append(used / left if left > 0 else 1.0)
        return max(shares)

    def _count_tokens(self, request: Request, answer: Answer, spent: Spent, budget: Budget) -> None:
        """Tokens trained beside a budget of answers, and those that the answers left will train."""
        clock = self.clock
        if isinstance(request, Train):
            trained = answer.tokens if answer.trained is None else answer.trained
            answered = bool(sampled_in(request.rows))
            clock.beside += trained if trains_learner(request) and not answered else 0
            self._learn(3 if answered else 1, trained / len(request.rows))
        elif isinstance(request, Sample) and answer.rollouts:
            prompt = (answer.tokens - answer.generated) / len(request.rows)
            self._learn(2, prompt + answer.generated / answer.rollouts)
        clock.ahead = max(0, budget.rollouts - spent.rollouts - clock.set_aside) * self.tokens_each[1]

    def _learn(self, weight: int, tokens: float) -> None:
        """Tokens an answer, from trained answers if there are any, else from sampled ones, else from rows."""
        if weight >= self.tokens_each[0]:
            self.tokens_each = weight, tokens


def sampled_in(rows: Rows) -> set[int]:
    """Turns of the run that sampled what these rows learn; none where the answers are given ones."""
    if not isinstance(rows, pd.DataFrame) or "turns" not in rows:
        return set()
    pieces = [piece for turns in rows["turns"].tolist() if isinstance(turns, tuple) for piece in turns]
    return {piece.sample >> 40 for piece in pieces if piece.learn and piece.sample is not None}
