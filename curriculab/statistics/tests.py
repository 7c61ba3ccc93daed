"""Tests that stay honest: of several at once, and of two runs on the same rows.

holm([0.01, 0.04, 0.03, 0.005])      # 0.03, 0.06, 0.06, 0.02
mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]).p      # five rows that only the first gets right: 0.0625
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curriculab.registry.names import also_named

ANSWERS_FOR = "exact McNemar within one seed: it generalises to new test rows, not to new training runs"


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's adjusted p along the last axis; NaN (no test was made) stays NaN and is not counted.

    Parameters
    ----------
    p : array-like, (..., tests)
        Unadjusted p-values.

    Returns
    -------
    np.ndarray, (..., tests)
        Adjusted p-values, at most 1.

    Examples
    --------
    >>> cl.statistics.holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, axis=-1)  # NaN goes last
    tests = np.sum(~np.isnan(p), axis=-1, keepdims=True)
    factor = np.maximum(tests - np.arange(p.shape[-1]), 1)
    raised = np.minimum(np.maximum.accumulate(np.take_along_axis(p, order, -1) * factor, axis=-1), 1.0)
    adjusted = np.empty_like(raised)
    np.put_along_axis(adjusted, order, raised, -1)
    return np.where(np.isnan(p), np.nan, adjusted)


@also_named(level="confidence")
def holm_levels(p: Sequence[float] | np.ndarray, *, confidence: float = 0.95) -> np.ndarray:
    """Confidence level at which Holm tests each p: its interval leaves out zero exactly where Holm rejects.

    The k-th smallest of m is tested at (1 - confidence) / (m - k + 1); from the first that is not rejected on, all
    others are held to that one's level.

    Parameters
    ----------
    p : array-like, (..., tests)
        Unadjusted p-values.
    confidence : float
        Confidence of the whole family.

    Returns
    -------
    np.ndarray, (..., tests)

    Examples
    --------
    >>> cl.statistics.holm_levels([0.01, 0.30]).round(3).tolist()
    [0.975, 0.95]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, axis=-1)  # NaN goes last
    tests = np.sum(~np.isnan(p), axis=-1, keepdims=True)
    alpha = (1 - confidence) / np.maximum(tests - np.arange(p.shape[-1]), 1)
    rejected = np.logical_and.accumulate(np.take_along_axis(p, order, -1) < alpha, axis=-1)
    last = np.minimum(rejected.sum(axis=-1, keepdims=True), np.maximum(tests - 1, 0))  # the first that is not rejected
    held_to = np.take_along_axis(alpha, np.minimum(np.arange(p.shape[-1]), last), -1)
    levels = np.empty_like(held_to)
    np.put_along_axis(levels, order, 1 - held_to, -1)
    return np.where(np.isnan(p), np.nan, levels)


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p along the last axis; NaN (no test was made) stays NaN and is not counted.

    Rejecting what is at most q keeps the expected share of false ones among the rejected at q, where tests are
    independent or positively dependent (Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001, theorem 1.2), as
    those of variants that share one reference are. A list to look into, not a claim for each: for that there is `holm`.

    Parameters
    ----------
    p : array-like, (..., tests)
        Unadjusted p-values.

    Returns
    -------
    np.ndarray, (..., tests)

    Examples
    --------
    >>> cl.statistics.benjamini_hochberg([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, axis=-1)  # NaN goes last
    tests = np.sum(~np.isnan(p), axis=-1, keepdims=True)
    raised = np.take_along_axis(p, order, -1) * tests / np.arange(1, p.shape[-1] + 1)
    raised = np.where(np.isnan(raised), np.inf, raised)
    least = np.minimum(np.minimum.accumulate(raised[..., ::-1], axis=-1)[..., ::-1], 1.0)
    adjusted = np.empty_like(least)
    np.put_along_axis(adjusted, order, least, -1)
    return np.where(np.isnan(p), np.nan, adjusted)


@dataclass(frozen=True)
class McNemar:
    """Rows that only one of two runs gets right, and the exact p that this is even; arrays where many were asked.

    Attributes
    ----------
    first_only, second_only : int or np.ndarray
        Rows that only this one gets right.
    p : float or np.ndarray
        Two-sided.
    answers_for : str
        What it generalises to.

    Examples
    --------
    >>> found = cl.statistics.mcnemar([1, 1, 1, 0], [0, 0, 1, 1])
    >>> found.first_only, found.second_only, found.p
    (2, 1, 1.0)
    """

    first_only: int | np.ndarray
    second_only: int | np.ndarray
    p: float | np.ndarray
    answers_for: str = ANSWERS_FOR


def mcnemar(first: Sequence | np.ndarray, second: Sequence | np.ndarray) -> McNemar:
    """Exact McNemar test of two runs on the same rows, right (1) or wrong (0), `(..., rows)`: one test a line.

    Of the rows that only one gets right each is as likely to be either's, so their number is binomial with 1/2
    (McNemar 1947; exact form: Cochran 1950); two-sided, twice the smaller tail. The runs are held fixed, rows are what
    is sampled: p says whether these two adapters would differ on other rows, nothing about training again. Seeds are
    lines of their own, never laid end to end: the same row in three seeds is not three rows.

    Parameters
    ----------
    first, second : array-like, (..., rows)
        Right (1) or wrong (0) on the same rows.

    Raises
    ------
    ValueError
        Where the shapes differ or a value is neither 0 nor 1.

    Examples
    --------
    >>> round(float(cl.statistics.mcnemar([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]).p), 5)
    0.03125
    """
    from scipy.special import bdtr

    a, b = (np.asarray(x, dtype=float) for x in (first, second))
    if a.shape != b.shape or not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError(
            f"McNemar of shapes {a.shape} and {b.shape}; give two equal shapes (..., rows) of 0 (wrong) and 1 (right)"
        )
    ours, theirs = ((a > b).sum(axis=-1), (b > a).sum(axis=-1))
    p = np.minimum(1.0, 2 * bdtr(np.minimum(ours, theirs).astype(float), ours + theirs, 0.5))
    return McNemar(*((int(ours), int(theirs), float(p)) if np.ndim(p) == 0 else (ours, theirs, p)))
