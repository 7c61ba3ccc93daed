"""A difference for new test rows of the same kind: seeds and rows both sampled, crossed with each other.

crossed([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])      # mean 0.417, error 0.186, 1.7 degrees of freedom

Every seed answers every row, so the differences of two variants are a table of seeds x rows with one number a cell. The
variance of its mean is (MS seeds + MS rows - MS rest) / (seeds x rows), by the mean squares of a balanced two-way
analysis of variance with both factors random, and its degrees of freedom are Satterthwaite's (Searle, Casella and
McCulloch 1992, "Variance Components", chapters 2 and 4): what a mixed model fitted by REML gives where no component
comes out negative, in closed form. Rows of one template or topic are alike; by `groups` these are what is sampled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curriculab.registry.names import also_named
from curriculab.statistics.intervals import SAME


@dataclass(frozen=True)
class Crossed:
    """A mean difference for new seeds and new rows; arrays where many were asked for, NaN where there is none.

    Attributes
    ----------
    mean, error : float or np.ndarray
        Mean difference, and its standard error.
    df : float or np.ndarray
        Satterthwaite's degrees of freedom of the error.
    low, high : float or np.ndarray
        Ends of the interval.
    p : float or np.ndarray
        Two-sided, of no difference.
    seeds, rows, rest : float or np.ndarray
        Components of the variance of one difference: between seeds, between rows (or groups of rows), and what is left.
        One that comes out negative is given as it came out; `error` counts that of the rows as none.
    n, groups : int
        Seeds, and rows or groups of rows.

    Examples
    --------
    >>> found = cl.statistics.crossed([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    >>> found.negative
    'the component between seeds came out negative'
    """

    mean: float | np.ndarray
    error: float | np.ndarray
    df: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray
    p: float | np.ndarray
    seeds: float | np.ndarray
    rows: float | np.ndarray
    rest: float | np.ndarray
    n: int
    groups: int

    def at(self, confidence: float | np.ndarray) -> Crossed:
        """The same with an interval at another level, or at one each.

        Examples
        --------
        >>> found = cl.statistics.crossed([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
        >>> [round(float(e.high), 2) for e in (found, found.at(0.8))]
        [1.38, 0.8]
        """
        from scipy.special import stdtrit

        half = stdtrit(self.df, 0.5 + np.asarray(confidence) / 2) * self.error
        return dataclasses.replace(self, low=self.mean - half, high=self.mean + half)

    @property
    def negative(self) -> str:
        """Which components came out negative, in words; "" where none did."""
        parts = []
        if np.any(np.asarray(self.seeds) < 0):
            parts.append("the component between seeds came out negative")
        if np.any(np.asarray(self.rows) < 0):
            parts.append("the component between rows came out negative and counts as none")
        return "; ".join(parts)


@also_named(level="confidence")
def crossed(
    differences: Sequence | np.ndarray,
    *,
    groups: Sequence | np.ndarray | None = None,
    confidence: float | np.ndarray = 0.95,
    over_seeds: tuple[np.ndarray, float] | None = None,
) -> Crossed:
    """Mean difference with its interval when seeds *and* test rows are drawn anew: Student's t, Satterthwaite's df.

    Balanced two-way analysis of variance, seeds and rows crossed and random. Where the mean square between rows is not
    above that of what is left, rows add nothing to the spread between seeds: the error is that of `paired_t`, with its
    degrees of freedom. Error on equal variants, asked 5%, with a variant's own luck on each row: 5.2, 5.4 and 5.1% at
    3, 5 and 10 seeds; asked 1%: 1.3, 1.3 and 0.9%. `compare` takes the wider of this interval and that on these rows.

    Parameters
    ----------
    differences : array-like, (..., seeds, rows)
        Right minus right of two variants on the same row and seed: -1, 0 or 1.
    groups : array-like, (rows,), optional
        What each row is of, such as its template: groups are what is sampled then, rows within one may depend on each
        other. Groups of unequal size are weighted by it (the linearised ratio estimator: Cochran 1977, section 6.4).
    confidence : float or np.ndarray
        Of the interval; an array has the shape of the leading axes.
    over_seeds : (variance, df), optional
        Variance of the mean over new seeds on these rows, and its degrees of freedom, where they are known better than
        from these seeds alone, as by `pooled`. None: that of these seeds.

    Returns
    -------
    Crossed
        NaN with fewer than two seeds or two rows, and where the seeds do not differ at all (but with `over_seeds`).

    Examples
    --------
    >>> found = cl.statistics.crossed([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    >>> [round(float(x), 3) for x in (found.mean, found.error, found.df)]
    [0.417, 0.186, 1.692]
    """
    from scipy.special import stdtr

    d = np.asarray(differences, dtype=float)
    table = d if groups is None else grouped(d, groups)
    n, m = table.shape[-2:]
    if n < 2 or m < 2:
        nothing = np.full(d.shape[:-2], np.nan)[()]
        mean = d.mean(axis=(-2, -1)) if d.size else nothing
        return Crossed(mean, *([nothing] * 8), n, m)
    by_seed, by_row, rest, of_seeds = mean_squares(table)
    within, df_seeds = (by_seed / (n * m), n - 1.0) if over_seeds is None else over_seeds
    above = by_row > rest
    parts = [within, np.where(above, by_row, 0.0) / (n * m), -np.where(above, rest, 0.0) / (n * m)]
    flat = (np.ptp(of_seeds, axis=-1) < SAME) & (over_seeds is None)
    variance = np.where(flat, np.nan, parts[0] + parts[1] + parts[2])
    dfs = (df_seeds, m - 1.0, (n - 1.0) * (m - 1.0))
    df = variance**2 / sum(part**2 / own for part, own in zip(parts, dfs, strict=True))
    mean, error = of_seeds.mean(axis=-1), np.sqrt(variance)
    p = 2 * stdtr(df, -np.abs(mean / error))
    components = ((by_seed - rest) / m, (by_row - rest) / n, rest)
    return Crossed(*(x[()] for x in (mean, error, df, mean, mean, p, *components)), n, m).at(confidence)


def mean_squares(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean squares between seeds, between rows and of what is left, of (..., seeds, rows); and the seeds' means."""
    n, m = table.shape[-2:]
    of_seeds, of_rows = table.mean(axis=-1), table.mean(axis=-2)
    by_seed, by_row = m * of_seeds.var(axis=-1, ddof=1), n * of_rows.var(axis=-1, ddof=1)
    whole = table.var(axis=(-2, -1)) * (n * m)
    rest = (whole - (n - 1) * by_seed - (m - 1) * by_row) / ((n - 1) * (m - 1))
    return by_seed, by_row, np.maximum(rest, 0.0), of_seeds


def grouped(differences: np.ndarray, groups: Sequence | np.ndarray) -> np.ndarray:
    """(..., seeds, rows) as (..., seeds, groups), with the same mean over each seed.

    A group of average size is its mean; one that is larger departs from the seed's mean in proportion.
    """
    names, of = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if not differences.size:
        return np.empty((*differences.shape[:-1], len(names)))
    if len(of) != differences.shape[-1]:
        raise ValueError(f"{len(of)} groups for {differences.shape[-1]} rows; give one group for each row")
    belongs = np.zeros((len(of), len(names)))
    belongs[np.arange(len(of)), of] = len(names) / len(of)  # rows of a group over the mean size of a group
    whole = differences.mean(axis=(-2, -1), keepdims=True)
    return whole + (differences - whole) @ belongs


def rows_test(differences: np.ndarray, groups: Sequence | np.ndarray | None = None) -> float:
    """Exact two-sided p over rows: of those that favour one side, averaged over seeds, is each side as likely?

    The sign test (Dixon and Mood 1946), at one seed McNemar's. Seeds of a row are averaged before, since the same row
    in three seeds is not three rows; rows in which both come out even say nothing. With `groups` their sums are what is
    counted. It holds these trained models fixed and answers for new rows, not for training again: with a spread over
    seeds, equal variants differ in it more often than p says, so a verdict quotes it only where seeds have no spread.

    Parameters
    ----------
    differences : np.ndarray, (seeds, rows)
        Right minus right of two variants on the same row and seed.
    groups : array-like, (rows,), optional
        What each row is of.

    Examples
    --------
    >>> from curriculab.statistics.crossed import rows_test
    >>> rows_test(np.array([[1, 1, 1, 1, 1, 0]]))  # five rows that only the first gets right: 2 / 2 ** 5
    0.0625
    """
    from scipy.special import bdtr

    d = np.asarray(differences, dtype=float)
    if not d.size:
        return float("nan")
    means = d.mean(axis=0)
    if groups is not None:
        names, of = np.unique(np.asarray(groups).astype(str), return_inverse=True)
        means = np.bincount(of, means, len(names))
    more, less = int((means > SAME).sum()), int((means < -SAME).sum())
    return float(min(1.0, 2 * bdtr(float(min(more, less)), more + less, 0.5))) if more + less else 1.0
