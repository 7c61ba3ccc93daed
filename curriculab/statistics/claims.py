"""What may be claimed of several variants together: on these rows, and for new rows of their kind.

claims([easy_minus_random, hard_minus_random]).differs      # two arrays (seeds, rows) -> array([True, False])

All arrays may have leading axes, so that a simulation of many benches asks the very function that `compare` asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curriculab.registry.names import also_named
from curriculab.statistics.crossed import crossed
from curriculab.statistics.intervals import Estimate, paired_t
from curriculab.statistics.pooled import Pooled, dunnett_critical
from curriculab.statistics.tests import holm_levels


@dataclass(frozen=True)
class Claims:
    """Differences of several variants to one reference, the last axis; NaN where there is no test.

    Attributes
    ----------
    difference, sd, error : np.ndarray
        Mean over seeds, spread of the seeds' differences, and the standard error that the tests use.
    low, high, p : np.ndarray
        Of each variant alone, on these rows.
    low_family, high_family : np.ndarray
        Ends at the level that Holm tests this variant at, or Dunnett's for all at once.
    low_new, high_new, p_new : np.ndarray
        For new rows of this kind, at Holm's level; never narrower than the interval on these rows at that level.
    differs, differs_new : np.ndarray of bool
        The interval of the family, and that for new rows, leave out zero.

    Examples
    --------
    >>> from curriculab.statistics.claims import claims
    >>> rng = np.random.default_rng(0)
    >>> easy, hard = (rng.choice([-1, 0, 1], (5, 200), p=p) for p in ([0.1, 0.6, 0.3], [0.2, 0.6, 0.2]))
    >>> found = claims([easy, hard])
    >>> found.differs.tolist(), found.differs_new.tolist()
    ([True, False], [True, False])
    """

    difference: np.ndarray
    sd: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    low_family: np.ndarray
    high_family: np.ndarray
    low_new: np.ndarray
    high_new: np.ndarray
    p_new: np.ndarray

    @property
    def differs(self) -> np.ndarray:
        return (self.low_family > 0) | (self.high_family < 0)

    @property
    def differs_new(self) -> np.ndarray:
        return (self.low_new > 0) | (self.high_new < 0)


@also_named(level="confidence")
def claims(
    differences: Sequence[np.ndarray],
    *,
    claimed: Sequence[bool] | np.ndarray | None = None,
    groups: Sequence | np.ndarray | None = None,
    confidence: float = 0.95,
    pooled: Pooled | None = None,
) -> Claims:
    """Intervals and tests of every variant, and which of them hold when all are asked at once.

    On these rows each variant has Student's t over its seeds at the level of Holm's method, or, with `pooled`, t of the
    pooled spread at Dunnett's critical value. For new rows it has `crossed` at Holm's levels over the larger of both p:
    who differs for new rows differs on these, and an interval for more is never narrower.

    Parameters
    ----------
    differences : sequence of np.ndarray, (..., seeds, rows) each
        Right minus right of a variant and the reference on the same seed and row; seeds may be fewer for some.
    claimed : sequence of bool, optional
        Which variants are in the family. None: all. Controls are not: they are tested alone.
    groups : array-like, (rows,), optional
        What each row is of, where groups of rows are what is sampled.
    confidence : float
        Of the whole family.
    pooled : Pooled, optional
        The spread that all variants have. None: each has its own.

    Examples
    --------
    >>> from curriculab.statistics.claims import claims
    >>> found = claims([np.array([[1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]])])
    >>> found.low.round(2).tolist(), found.low_new.round(2).tolist()
    ([0.22], [-0.38])
    """
    means = [np.asarray(d, float).mean(axis=-1) for d in differences]
    family = np.ones(len(means), bool) if claimed is None else np.asarray(claimed, bool)
    tests = _Tests(means, family, confidence, pooled)
    alone = tests.at([confidence] * len(means))
    low_family, high_family = tests.of_family(alone.p)
    rows = [crossed(d, groups=groups, over_seeds=tests.over_seeds(i)) for i, d in enumerate(differences)]
    p_new = np.maximum(alone.p, np.stack([e.p for e in rows], axis=-1))
    levels = tests.holm_levels(p_new)
    these = tests.at(np.moveaxis(levels, -1, 0))
    wide = [e.at(levels[..., i]) for i, e in enumerate(rows)]
    low_new = np.minimum(these.low, np.stack([e.low for e in wide], axis=-1))
    high_new = np.maximum(these.high, np.stack([e.high for e in wide], axis=-1))
    if pooled is not None:  # Dunnett's interval on these rows may be wider than one at Holm's level
        low_new, high_new = np.minimum(low_new, low_family), np.maximum(high_new, high_family)
    family_ends = (low_family, high_family)
    return Claims(
        alone.mean, alone.sd, tests.errors(), alone.low, alone.high, alone.p, *family_ends, low_new, high_new, p_new
    )


def _numbers(e: Estimate) -> tuple:
    return e.mean, e.sd, e.low, e.high, e.p


@dataclass(frozen=True)
class _Tests:
    """Tests on these rows: means (..., seeds) of every variant, by its own spread or by a pooled one."""

    means: Sequence[np.ndarray]
    family: np.ndarray
    confidence: float
    pooled: Pooled | None

    def at(self, levels: Sequence[float | np.ndarray]) -> Estimate:
        """Intervals at one level for each variant, stacked along the last axis."""
        found = [paired_t(m, confidence=at) for m, at in zip(self.means, levels, strict=True)]
        if self.pooled is not None:
            found = [self._by_pooled(e, at) for e, at in zip(found, levels, strict=True)]
        mean, sd, low, high, p = (np.stack(part, axis=-1) for part in zip(*map(_numbers, found), strict=True))
        return Estimate(mean, sd, 0, low, high, p, "t")

    def _by_pooled(self, e: Estimate, confidence: float | np.ndarray) -> Estimate:
        from scipy.special import stdtr, stdtrit

        error, df = self.pooled.error(max(e.n, 1)), self.pooled.df
        error = error if e.n else np.nan
        half = stdtrit(df, 0.5 + np.asarray(confidence) / 2) * error
        return Estimate(e.mean, e.sd, e.n, e.mean - half, e.mean + half, 2 * stdtr(df, -abs(e.mean / error)), "t")

    def errors(self) -> np.ndarray:
        """Standard errors of the means."""
        if self.pooled is not None:
            return np.stack(
                [self.pooled.error(m.shape[-1]) if m.shape[-1] else np.nan * m.sum(-1) for m in self.means], -1
            )
        return np.stack([paired_t(m).sd / np.sqrt(max(m.shape[-1], 1)) for m in self.means], axis=-1)

    def over_seeds(self, i: int) -> tuple[np.ndarray, float] | None:
        seeds = self.means[i].shape[-1]
        return None if self.pooled is None or not seeds else (self.pooled.error(seeds) ** 2, self.pooled.df)

    def holm_levels(self, p: np.ndarray) -> np.ndarray:
        """Holm's level of each in the family, the plain one of those that are not in it, (..., variants)."""
        levels = np.full(p.shape, self.confidence)
        levels[..., self.family] = holm_levels(p[..., self.family], confidence=self.confidence)
        return levels

    def of_family(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the intervals that hold for all variants of the family at once."""
        if self.pooled is None:
            e = self.at(np.moveaxis(self.holm_levels(p), -1, 0))
            return e.low, e.high
        e = self.at([self.confidence] * len(self.means))
        tests = sum(own and m.shape[-1] > 0 for own, m in zip(self.family, self.means, strict=True))
        error = self.errors()
        critical = dunnett_critical(max(tests, 1), self.pooled.df, self.pooled.correlation, self.confidence)
        ends = (e.mean - critical * error, e.mean + critical * error)
        return np.where(self.family, ends[0], e.low), np.where(self.family, ends[1], e.high)
