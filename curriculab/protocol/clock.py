"""How far a run has come: the clock that the loop sets, what a method reads of its own run, and phases of it.

run.progress                     # share of what set-up left of the budget: 0 until the first Train is taken
warm_start = run.phase(1 / 16)   # from here on, a sixteenth of what is left
while warm_start.open:
    yield Train(rows, "sft")
rest = run.phase()               # all that is left; rest.progress goes from 0 to 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-9  # a sum of shares such as 0.1 + 0.2 may miss its end by this


@dataclass(slots=True)
class Clock:
    """How far a run has come: the bench sets it, and the run's `Run` shows it to the method."""

    progress: float = 0.0  # share of what set-up left of the budget, in [0, 1]
    step: int = 0  # optimiser steps taken
    spent: float = 0.0  # share of the whole budget spent, set-up included, in [0, 1]
    beside: float = 0.0  # tokens trained by steps that spend nothing of the budget
    ahead: float = 0.0  # tokens that what is left of the budget will train, as far as is known; 0: not known
    set_aside: int = 0  # answers that are kept for measurements to come


class Phase:
    """A share of a run, from where it was declared: a warm start, a stage.

    Steps that spend nothing of the budget, such as supervised ones where answers are counted, are measured in tokens:
    the phase is over when they are its share of all that will be trained from its beginning on.

    >>> clock = cl.protocol.Clock(progress=0.0)
    >>> phase = cl.Run(0, batch=8, clock=clock).phase(0.5)
    >>> clock.progress = 0.25
    >>> phase.progress, phase.open
    (0.5, True)
    """

    __slots__ = ("_began", "_beside", "_clock", "_share")

    def __init__(self, clock: Clock, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"a phase of {share:g}; give its share of what is left of the run, in [0, 1]")
        self._clock, self._share = clock, share
        self._began, self._beside = clock.progress, clock.beside

    @property
    def progress(self) -> float:
        """Share of the phase that is over, in [0, 1]."""
        clock, share = self._clock, self._share
        whole = share * (1 - self._began)
        if whole <= 0:
            return 1.0
        done = (clock.progress - self._began) / whole
        if share < 1 and clock.ahead > 0:
            done = max(done, (clock.beside - self._beside) * (1 - share) / (share * clock.ahead))
        return done if done < 1 - ROUNDING else 1.0

    @property
    def open(self) -> bool:
        """Is any of it left?"""
        return self.progress < 1


class Run:
    """What a method may know about its own run, read only.

    rng: the only source of chance a method may use; progress: share of what set-up left of the budget, in [0, 1], 0
    until the first Train; spent: share of the whole budget spent, set-up included; step: optimiser steps taken;
    batch: rows a step; num_generations (or rollouts): answers a row.

    >>> run = cl.Run(0, batch=8, rollouts=4, clock=cl.protocol.Clock(progress=0.5, spent=0.6, step=10))
    >>> run.progress, run.spent, run.step, run.batch, run.num_generations, run.rollouts, int(run.rng.integers(100))
    (0.5, 0.6, 10, 8, 4, 4, 1)
    """

    __slots__ = ("_batch", "_clock", "_rng", "_rollouts")

    def __init__(self, seed: int, *, batch: int, rollouts: int = 8, clock: Clock | None = None) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence([seed, 0x6D6574686F64]))  # "method": apart from others
        self._batch, self._rollouts, self._clock = batch, rollouts, clock or Clock()

    rng = property(lambda self: self._rng)
    progress = property(lambda self: self._clock.progress)
    spent = property(lambda self: self._clock.spent)
    step = property(lambda self: self._clock.step)
    batch = property(lambda self: self._batch)
    num_generations = property(lambda self: self._rollouts)
    rollouts = num_generations  # the same by another name

    def phase(self, share: float = 1.0) -> Phase:
        """Begin a phase here: its share of what is left of the run.

        >>> cl.Run(0, batch=8).phase(0.25).progress
        0.0
        """
        return Phase(self._clock, share)

    def set_aside(self, rollouts: int) -> None:
        """Keep answers for measurements to come, Samples with purpose="probe": they do not move the progress.

        >>> cl.Run(0, batch=8).set_aside(96)
        """
        self._clock.set_aside += rollouts
