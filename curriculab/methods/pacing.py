"""How much of a ranking is in play at which share of the budget."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curriculab.protocol import Run


@dataclass(frozen=True)
class Root:
    """min(1, (t (1 - start^p) + start^p)^(1/p)): Platanios et al. 2019; p = 2 is their square root."""

    p: float = 2.0
    start: float = 0.01  # c0 of Platanios et al. 2019

    def __post_init__(self) -> None:
        _check_start(self)
        if not self.p >= 1:
            raise ValueError(f"Root(p={self.p:g}) is no root; give p of at least 1 (1 is linear, 2 the square root)")

    def __call__(self, t: float) -> float:
        low = self.start**self.p
        return min(1.0, (t * (1 - low) + low) ** (1 / self.p))


@dataclass(frozen=True)
class Linear:
    """min(1, t (1 - start) + start): Platanios et al. 2019."""

    start: float = 0.01  # c0 of Platanios et al. 2019

    def __post_init__(self) -> None:
        _check_start(self)

    def __call__(self, t: float) -> float:
        return min(1.0, t * (1 - self.start) + self.start)


@dataclass(frozen=True)
class Geometric:
    """min(1, 2^(log2(start) - t log2(start))) = start^(1 - t): Penha & Hauff 2020; survey of Wang et al. 2021."""

    start: float = 0.01  # as for the others

    def __post_init__(self) -> None:
        _check_start(self)

    def __call__(self, t: float) -> float:
        return min(1.0, self.start ** (1 - t))


@dataclass(frozen=True)
class Ramp:
    """`start` until `begin`, 1 from `end` on, between them start + (1 - start) f(s), s = (t - begin) / (end - begin):
    CLIMB (Martinez et al. 2023), the numbers of its released code; f is one of SHAPES."""

    shape: str = "linear"
    start: float = 0.1
    begin: float = 0.0625
    end: float = 0.875

    def __post_init__(self) -> None:
        _check_start(self)
        if self.shape not in SHAPES:
            raise ValueError(f"Ramp(shape={self.shape!r}) is unknown; give one of {', '.join(SHAPES)}")
        if not 0 <= self.begin < self.end <= 1:
            raise ValueError(f"Ramp(begin={self.begin:g}, end={self.end:g}); give 0 <= begin < end <= 1")

    def __call__(self, t: float) -> float:
        s = (t - self.begin) / (self.end - self.begin)
        if s <= 0:
            return self.start
        if s >= 1:
            return 1.0
        return self.start + (1 - self.start) * SHAPES[self.shape](s)


SHAPES: dict[str, Callable[[float], float]] = {
    "linear": lambda s: s,
    "quad": lambda s: s**2,
    "root": lambda s: s**0.5,
    "step": lambda s: 0.0,
    "exp": lambda s: math.expm1(10 * s) / math.expm1(10),
    "log": lambda s: min(1.0, 1 + math.log(s + math.exp(-10)) / 10),
}


@dataclass(frozen=True)
class Stairs:
    """min(1, start increase^floor(t / length)): the fixed exponential pacing of Hacohen & Weinshall 2019."""

    start: float = 0.04
    increase: float = 1.9
    length: float = 0.1  # of a stair, as a share of the way; six stairs lead from 0.04 to 1

    def __post_init__(self) -> None:
        _check_start(self)
        if not (self.increase > 1 and self.length > 0):
            raise ValueError(
                f"Stairs(increase={self.increase:g}, length={self.length:g}) never rises; "
                "give an increase above 1 and a length above 0"
            )

    def __call__(self, t: float) -> float:
        return min(1.0, self.start * self.increase ** math.floor(t / self.length + 1e-9))


def passed(run: Run, every: float) -> int:
    """How many intervals of a run are over.

    Parameters
    ----------
    run : Run
        The run.
    every : float
        Below 1: their length as a share of the run. From 1 on: optimiser steps.

    Examples
    --------
    >>> run = cl.Run(0, batch=8, clock=cl.protocol.Clock(progress=0.5, step=60))
    >>> cl.methods.pacing.passed(run, 0.25), cl.methods.pacing.passed(run, 50)
    (2, 1)
    """
    return math.floor(run.progress / every + 1e-9) if every < 1 else run.step // int(every)


def steps_within(run: Run, every: float) -> Iterator[int]:
    """Count the steps of an interval that begins now, from 0 on, until it is over; there is at least one.

    Parameters
    ----------
    run : Run
        The run.
    every : float
        Below 1: the interval's length as a share of the run. From 1 on: steps.

    Examples
    --------
    >>> list(cl.methods.pacing.steps_within(cl.Run(0, batch=8), 3))
    [0, 1, 2]
    """
    began = run.progress
    for step in itertools.count():
        yield step
        if step + 1 >= every if every >= 1 else run.progress >= min(1.0, began + every) - 1e-9:
            return


Pacing = Linear | Root | Geometric | Ramp | Stairs


def _check_start(pacing: Pacing) -> None:
    if not 0 < pacing.start <= 1:
        raise ValueError(
            f"{type(pacing).__name__}(start={pacing.start:g}) is no share of the pool; give one above 0, at most 1"
        )


PACINGS: tuple[Pacing, ...] = (  # what the menus offer
    Root(p=2),
    Root(p=5),
    Linear(),
    Geometric(),
    Linear(start=0.3),
    Ramp("log"),
    Ramp("linear"),
    Stairs(),
)
