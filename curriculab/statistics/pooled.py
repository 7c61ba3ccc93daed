"""One spread for all variants, and Dunnett's comparison with the reference: more power, if spreads are equal.

Seeds are blocks: what is left of the accuracies after the means of seeds and variants is the spread of one run, with
(variants - 1) times the degrees of freedom that one variant has alone. 5 variants, 3 seeds, and a reference that 5
null-band orders stand beside: 25 degrees of freedom instead of 2, and a difference must be 2.76 of its errors instead
of 9.9 (Holm's first step). Where one variant's runs spread two or three times as much as the others', it errs far more
often than it says (data/benchmarks/coverage.json has the figures), and with three seeds no test sees that beforehand:
so it is asked for by name, before the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from curriculab.statistics.intervals import SAME

NODES = 48  # of Gauss's rules for the common part and for the spread: 7 digits of p (tests hold them to scipy's)


@dataclass(frozen=True)
class Pooled:
    """Variance of a run about the means of its variant and its seed; arrays where many benches were asked for.

    Attributes
    ----------
    variance : float or np.ndarray
        Of one run's accuracy; NaN where nothing is left to estimate it from.
    df : int
        Its degrees of freedom.
    orders : int
        Runs in each seed whose mean is the reference.

    Examples
    --------
    >>> from curriculab.statistics.pooled import pool
    >>> found = pool([[0.50, 0.56], [0.52, 0.54], [0.48, 0.52]], ["random", "easy first"], "random")
    >>> round(float(found.variance), 6), found.df, found.orders
    (0.0002, 2, 1)
    """

    variance: float | np.ndarray
    df: int
    orders: int

    @property
    def correlation(self) -> float:
        """Of two variants' differences to the same reference."""
        return 1 / (self.orders + 1)

    def error(self, seeds: int) -> float | np.ndarray:
        """Standard error of a variant's mean difference to the reference, over as many seeds."""
        return np.sqrt(self.variance / seeds * (1 + 1 / self.orders))


def pool(accuracy: Sequence | np.ndarray, names: Sequence[str], to: str) -> Pooled:
    """Two-way analysis of variance without interaction: seeds as blocks, variants as treatments.

    Every seed has the same runs, so the sums of squares are orthogonal and what is left is y - seed's mean - variant's
    mean + mean, with runs - seeds - variants + 1 degrees of freedom (Scheffe 1959, "The Analysis of Variance", section
    4.2).

    Parameters
    ----------
    accuracy : array-like, (..., seeds, runs)
        Of every run of a seed.
    names : sequence of str, (runs,)
        The variant of each; `to` stands as often as there are runs that are replicates of the reference.
    to : str
        The reference.

    Examples
    --------
    >>> from curriculab.statistics.pooled import pool
    >>> pool([[0.5, 0.6, 0.5], [0.5, 0.6, 0.6]], ["random", "easy first", "random"], "random").df
    3
    """
    y = np.asarray(accuracy, dtype=float)
    seeds, runs = y.shape[-2:]
    variants = list(dict.fromkeys(names))
    belongs = (np.array(names)[:, None] == np.array(variants)).astype(float)
    means = (y.mean(axis=-2) @ (belongs / belongs.sum(axis=0)) @ belongs.T)[..., None, :]  # (..., 1, runs)
    rest = y - y.mean(axis=-1, keepdims=True) - means + y.mean(axis=(-2, -1), keepdims=True)
    df = seeds * runs - seeds - len(variants) + 1
    squares = (rest**2).sum(axis=(-2, -1))
    variance = np.where((df > 0) & (squares > SAME**2), squares / max(df, 1), np.nan)[()]
    return Pooled(variance, df, list(names).count(to))


def pool_of(
    right: pd.DataFrame, variants: Sequence[str], to: str, orders: Sequence[str]
) -> tuple[Pooled, pd.DataFrame, list[str]]:
    """The spread that recorded runs have in common, the part of `right` it is of, and what was left out of it.

    Blocks are complete: a seed that lacks a run of any variant that was tested at all is left out, of every difference.

    Parameters
    ----------
    right : pd.DataFrame, (rows, label x seed)
        Right or wrong.
    variants : sequence of str
        Labels that are compared, `to` among them.
    to : str
        The reference.
    orders : sequence of str
        Labels of its replicates.

    Raises
    ------
    ValueError
        Where fewer than two seeds have every run.

    Examples
    --------
    >>> from curriculab.statistics.pooled import pool_of
    >>> runs = pd.MultiIndex.from_product([["random", "easy first"], [0, 1]], names=["label", "seed"])
    >>> right = pd.DataFrame([[1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]], columns=runs)
    >>> found, part, left_out = pool_of(right, ["random", "easy first"], "random", [])
    >>> found.df, part.shape, left_out
    (1, (2, 4), [])
    """
    tested = [v for v in (*variants, *orders) if v in right.columns.unique(0)]
    has = right.columns[right.columns.get_level_values(0).isin(tested)].get_level_values(1).value_counts()
    every = [s for s in right.columns.unique(1) if has.get(s, 0) == len(tested)]
    gone = [str(s) for s in right.columns.unique(1) if s not in every]
    if len(every) < 2 or len(tested) < 2:
        raise ValueError(
            "spread='pooled' needs two seeds that every variant was tested in, and two variants; there are "
            f"{len(every)} seeds and {len(tested)} variants: compare with spread='own'"
        )
    part = right.loc[:, right.columns.get_level_values(1).isin(every)]
    accuracy = part.mean().unstack(level=0).loc[every, tested].to_numpy()
    found = pool(accuracy, [to if v in orders else v for v in tested], to)
    note = f"left out, since not every variant has a test in it: seed {', '.join(gone)}"
    return found, part, [note] if gone else []


# -- Dunnett ----------------------------------------------------------------------------------------------------------
def dunnett_p(t: Sequence | np.ndarray, tests: int, df: float, correlation: float) -> np.ndarray:
    """Two-sided p of each t, adjusted for `tests` of them that share a reference (Dunnett 1955).

    The chance that the largest of `tests` values of |t|, all pairs with the same correlation, reaches |t|: integrated
    over what they have in common, their reference's part and the pooled spread.

    Parameters
    ----------
    t : array-like
        Differences over their errors, of any shape.
    tests : int
        How many there are in the family.
    df : float
        Degrees of freedom of the pooled spread.
    correlation : float
        Of two differences: 1 / (1 + runs of the reference to each run of a variant); one half for a single reference.

    Examples
    --------
    >>> from curriculab.statistics.pooled import dunnett_p
    >>> dunnett_p([2.76], tests=2, df=8, correlation=0.5).round(3).tolist()
    [0.044]
    """
    from scipy.special import ndtr

    common, spread, weight = _nodes(float(df))
    shift, scale = np.sqrt(correlation) * common, np.sqrt(1 - correlation)
    c = np.abs(np.asarray(t, dtype=float))
    inside = np.empty(c.shape)
    for at, value in np.ndenumerate(c):
        reach = value * spread
        inside[at] = (weight * (ndtr((reach - shift) / scale) - ndtr((-reach - shift) / scale)) ** tests).sum()
    return np.where(np.isnan(c), np.nan, np.clip(1 - inside, 0.0, 1.0))


@lru_cache(maxsize=256)
def dunnett_critical(tests: int, df: float, correlation: float, confidence: float = 0.95) -> float:
    """What |t| must exceed: the value that `dunnett_p` gives 1 - confidence at.

    Examples
    --------
    >>> from curriculab.statistics.pooled import dunnett_critical
    >>> round(dunnett_critical(2, 8, 0.5), 2)  # table of Dunnett 1964: 2.67
    2.67
    """
    from scipy.optimize import brentq
    from scipy.stats import t

    low, high = t.isf((1 - confidence) / 2, df), t.isf((1 - confidence) / (2 * tests), df)  # one test; Bonferroni
    if tests == 1:
        return float(low)
    return float(brentq(lambda c: float(dunnett_p(c, tests, df, correlation)) - (1 - confidence), low, high))


@lru_cache(maxsize=256)
def _nodes(df: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of the common part (1, NODES), of the spread over its truth (NODES, 1), and weights (NODES, NODES)."""
    from scipy.stats import chi2

    z, of_z = np.polynomial.hermite_e.hermegauss(NODES)
    x, of_x = np.polynomial.legendre.leggauss(NODES)
    low, high = (np.sqrt(chi2.ppf(q, df) / df) for q in (1e-10, 1 - 1e-10))
    s = low + (high - low) * (x + 1) / 2
    density = chi2.pdf(s**2 * df, df) * 2 * s * df * (high - low) / 2
    weight = np.outer(of_x * density, of_z / np.sqrt(2 * np.pi))
    return z[None, :], s[:, None], weight / weight.sum()
