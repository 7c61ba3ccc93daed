"""Looking while it goes on: intervals that hold at every look, however often one looks and whenever one stops.

confidence_sequence(right_a - right_b, shuffle=0)      # rows in random order: bounds after each, valid at all
looks(runs)      # seeds, at every evaluation of a bench that still trains

An interval made for one look errs at some of many: at 1,000 looks a 95% interval leaves out the truth at least once in
most studies. There are two remedies, for two kinds of looks. Test rows that come one by one tell of one and the same
difference: `confidence_sequence`. Evaluations ask the same rows of a learner that has moved on, so every look has a
truth of its own and the looks depend on each other in ways nobody knows: `looks` divides the error among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.statistics.intervals import paired_t
from curriculab.statistics.tables import at_evaluations
from curriculab.statistics.wording import listed

MOST_BET = 0.5  # share of the capital that may be lost at one row; Waudby-Smith and Ramdas 2024 suggest 1/2 or 3/4


@also_named(level="confidence")
def confidence_sequence(
    values: np.ndarray,
    *,
    low: float = -1.0,
    high: float = 1.0,
    confidence: float = 0.95,
    grid: int = 500,
    shuffle: int | None = None,
    cluster: Sequence | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on the mean of bounded values, after each of them; all hold at once with probability `confidence`.

    Nothing is assumed but the bounds and that each value has the same mean given those before: it holds for five rows
    as for a million. A set of test rows has no such order: sorted by level, the bounds are always wrong, with ten rows
    of each template in a row in 96%, with each row three times, once a seed, in 28% (simulated). So take the rows of a
    set in random order (`shuffle`), and rows that are alike as one value (`cluster`).

    The hedged capital process of Waudby-Smith and Ramdas, 2024, "Estimating means of bounded random variables by
    betting", theorem 3, with bets that do not depend on what is bet on (equation 26). What bets against a mean have
    made twice 1 / (1 - confidence) of, is ruled out. Error at 1,000 looks, asked 5%: none in 2,000 studies where 3% of
    the rows differ, 1.4% where 30% do.

    Parameters
    ----------
    values : np.ndarray, (..., n)
        In the order they came, such as right minus right of the same row (-1, 0 or 1) for a stream of test rows.
    low, high : float
        Least and largest value there can be.
    confidence : float
        Of all bounds at once.
    grid : int
        Means tried; bounds are the neighbours outside those left, so its coarseness widens them and never narrows.
    shuffle : int, optional
        Seed of a random order that the values are taken in. None: as they come.
    cluster : array-like, (n,), optional
        What each value is of, such as its template, or its row where several seeds answered it: a cluster is one value,
        its mean, and the bounds are on the mean of clusters, which with clusters of one size is that of the values.

    Returns
    -------
    low, high : np.ndarray, (..., n)
        Bounds after each value, or after each cluster, never widening.

    Raises
    ------
    ValueError
        For a value outside [low, high]; where the bounds leave no mean at all, as a sorted order makes them.

    Examples
    --------
    >>> right = np.repeat([1, 0], [420, 180])  # a test set that is sorted by what came of it
    >>> low, high = cl.statistics.confidence_sequence(right, low=0, high=1, shuffle=0)
    >>> bool(low[-1] < 0.7 < high[-1]), bool(high[-1] - low[-1] < 0.2)
    (True, True)
    """
    x = (_in_turn(np.asarray(values, dtype=float), shuffle, cluster) - low) / (high - low)
    if not (np.isfinite(x).all() and x.min(initial=0) >= 0 and x.max(initial=1) <= 1):
        raise ValueError(f"values from {np.min(values):g} to {np.max(values):g}; they lie in [{low:g}, {high:g}]")
    bets, means = _bets(x, 1 - confidence), (np.arange(grid) + 0.5) / grid
    bound = np.log(2 / (1 - confidence))
    at_least = np.zeros(x.shape)
    at_most = np.ones(x.shape)
    for i, m in enumerate(means):  # one mean at a time: (..., n) is all that is held
        up, down = capital(x, bets, m)
        below, above = (np.logical_or.accumulate(c >= bound, axis=-1) for c in (up, down))
        at_least = np.where(below, i / grid, at_least)
        at_most = np.where(above, np.minimum(at_most, (i + 1) / grid), at_most)
    _refuse_empty(at_least > at_most, shuffle)
    return low + (high - low) * at_least, low + (high - low) * at_most


def _in_turn(values: np.ndarray, shuffle: int | None, cluster: Sequence | np.ndarray | None) -> np.ndarray:
    """The values as they are looked at: a mean for each cluster, in order of its first value; then shuffled."""
    if cluster is not None:
        labels = np.asarray(cluster).astype(str)
        if labels.shape != values.shape[-1:]:
            raise ValueError(f"{labels.size} clusters for {values.shape[-1]} values; give one for each value")
        _, first, of, size = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
        means = np.zeros((values.shape[-1], len(size)))
        means[np.arange(len(of)), of] = 1 / size[of]
        values = (values @ means)[..., np.argsort(first)]
    if shuffle is not None:
        values = values[..., np.random.default_rng([shuffle, 0x73687566]).permutation(values.shape[-1])]  # "shuf"
    return values


def _refuse_empty(empty: np.ndarray, shuffle: int | None) -> None:
    """Bounds that leave no mean: the values had not one mean, or the one study in twenty came that errs so."""
    if not empty.any():
        return
    first = int(np.argmax(empty.reshape(-1, empty.shape[-1]).any(axis=0))) + 1
    then = "give shuffle=0" if shuffle is None else "name what depends on each other with cluster="
    raise ValueError(
        f"no mean fits all values up to number {first}: early and late ones differ, so that they are in no random "
        f"order; {then}"
    )


def capital(x: np.ndarray, bets: np.ndarray, m: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of what bets on a mean above and below `m`, 0 < m < 1, have made of 1, after each value."""
    up = np.log1p(np.minimum(bets, MOST_BET / m) * (x - m))
    down = np.log1p(np.minimum(bets, MOST_BET / (1 - m)) * (m - x))
    return up.cumsum(axis=-1), down.cumsum(axis=-1)


def _bets(x: np.ndarray, error: float) -> np.ndarray:
    """What is bet on each value, by the values before it only: equation 26 of Waudby-Smith and Ramdas 2024."""
    t = np.arange(1, x.shape[-1] + 1)
    mean = (0.5 + x.cumsum(axis=-1)) / (t + 1)
    variance = (0.25 + ((x - mean) ** 2).cumsum(axis=-1)) / (t + 1)
    before = np.concatenate([np.full((*x.shape[:-1], 1), 0.25), variance[..., :-1]], axis=-1)
    return np.sqrt(2 * np.log(2 / error) / (before * t * np.log(t + 1)))


@also_named(level="confidence")
def look_levels(looks: int, *, confidence: float = 0.95, planned: int | None = None) -> np.ndarray:
    """Levels at which to look the 1st, 2nd, ... time so that all looks together hold at `confidence`.

    It holds whatever looks have to do with each other.

    Parameters
    ----------
    looks : int
        How many there were.
    confidence : float
        Of all looks together.
    planned : int, optional
        How many looks there will be at most, which share the error equally (Bonferroni). None: nobody knows, and the
        k-th gets 1 / (k (k + 1)) of it, which adds up to one over any number of looks.

    Returns
    -------
    np.ndarray, (looks,)
        Confidence levels.

    Raises
    ------
    ValueError
        For fewer planned looks than there were.

    Examples
    --------
    >>> cl.statistics.look_levels(2, planned=5).round(3).tolist(), cl.statistics.look_levels(2).round(3).tolist()
    ([0.99, 0.99], [0.975, 0.992])
    """
    if planned is not None and planned < looks:
        raise ValueError(f"planned={planned} looks, but there are {looks}; give at least that many, or None")
    k = np.arange(1, looks + 1)
    return 1 - (1 - confidence) * (np.full(looks, 1 / planned) if planned else 1 / (k * (k + 1)))


@also_named(level="confidence")
def looks(runs: Runs, *, to: str = "random", confidence: float = 0.95, planned: int | None = None) -> pd.DataFrame:
    """Difference to `to` at every evaluation so far, with intervals that hold at all of them, of all variants, at once.

    One line a variant and share of the budget; Student's t over seeds on the same rows, each at the level that
    `look_levels` and the number of variants leave it. planned: the evaluations after the start that the bench will make
    (None: unknown, wider and wider). `differs` at any look, at which one may stop and say so, is wrong in at most 1 -
    level of studies (simulated at 1,000 evaluations, asked 5%: 4.9, 5.0 and 3.7% at 3, 5 and 10 seeds). The test before
    training compares nothing and is left out.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> len(cl.statistics.looks(runs)) > 0
    True
    """
    table = at_evaluations(runs)
    names = list(dict.fromkeys(table.variant))
    if to not in names or len(names) < 2:
        raise ValueError(f"looks need {to!r} and another variant; tested are {listed(names)}: pass one of them as to=")
    variants = [v for v in names if v != to]
    wide = table[table.share > 0].pivot(index=["share", "seed"], columns="variant", values="accuracy")
    shares = list(wide.index.unique(0))
    levels = 1 - (1 - look_levels(len(shares), confidence=confidence, planned=planned)) / len(variants)
    lines = []
    for share, at in zip(shares, levels, strict=True):
        part = wide.loc[share]
        for variant in variants:
            e = paired_t((part[variant] - part[to]).dropna(), confidence=at)
            lines.append((variant, share, e.n, e.mean, e.low, e.high, bool(e.low > 0 or e.high < 0), e.label))
    columns = ["variant", "share", "seeds", "difference", "low", "high", "differs", "interval"]
    return pd.DataFrame(lines, columns=columns).sort_values(
        "variant", key=lambda v: v.map(variants.index), kind="stable", ignore_index=True
    )
