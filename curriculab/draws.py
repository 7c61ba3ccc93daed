"""What methods share: scores of a pool, queues without repeats, pacing functions.

Rows are named by their position in the pool: Queue.shuffled([0, 1, 2, 3], rng).take(3) -> array([2, 0, 3]).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


def scores(pool: pd.DataFrame, by: str) -> np.ndarray:
    """Column `by` as finite numbers, (rows,), higher is harder; one clear line where it is anything else."""
    if by not in pool:
        raise ValueError(f"by={by!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    try:
        values = pool[by].to_numpy(float, na_value=np.nan)
    except (TypeError, ValueError):
        raise ValueError(f"by={by!r} holds {pool[by].iloc[0]!r}; an order needs a column of numbers") from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(
            f"by={by!r} is {values[bad[0]]:g} for row {pool.index[bad[0]]!r} ({len(bad)} of {len(pool)} rows); "
            "every row needs a finite score: fill or drop these rows first"
        )
    return values


def ranked(score: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions from the lowest score to the highest, ties in random order, (rows,)."""
    order = rng.permutation(len(score))
    return order[np.argsort(score[order], kind="stable")]


class Queue:
    """Rows one after another: a pass without repeats, then the next pass; batches may reach over the seam."""

    def __init__(self, next_pass: Callable[[], np.ndarray]) -> None:
        self._next, self._order, self._at = next_pass, np.empty(0, int), 0

    @classmethod
    def shuffled(cls, rows: Sequence[int] | np.ndarray, rng: np.random.Generator) -> Queue:
        """Every pass in a new random order."""
        return cls(lambda: rng.permutation(rows))

    def take(self, n: int) -> np.ndarray:
        """The next `n` positions, (n,)."""
        parts, missing = [], n
        while missing:
            if self._at == len(self._order):
                self._order, self._at = self._next(), 0
            part = self._order[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


# -- pacing: share of the way gone, in [0, 1] -> share of the pool in use, in (0, 1] ----------------------------------
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


Pacing = Linear | Root | Geometric


def _check_start(pacing: Pacing) -> None:
    if not 0 < pacing.start <= 1:
        raise ValueError(
            f"{type(pacing).__name__}(start={pacing.start:g}) is no share of the pool; give one above 0, at most 1"
        )
