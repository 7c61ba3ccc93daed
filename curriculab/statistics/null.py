"""The null band: what choosing the best of several random orders gains by chance alone.

With gains of -0.010, +0.004 and +0.012 for three random orders, means over the seeds, `Null.gain` is 0.012.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from curriculab.statistics.intervals import SAME

ENOUGH = 19  # orders: with fewer the smallest rank p, 1 / (k + 1), is above 0.05


@dataclass(frozen=True, eq=False)
class Null:
    """What choosing the best of k random orders gains by chance: accuracy minus that of `to`.

    As with a variant's own difference, means over the seeds come first.

    Attributes
    ----------
    k : int
        Random orders.
    worst, gain : float
        The least and the largest of the k means, shares of the test rows.
    table : pd.DataFrame
        One line a seed with the `worst` and the `best` of the k in it.
    ranks : mapping of str to float
        By variant, from 19 orders on: (1 + orders that gained at least as much) / (k + 1), the one-sided p of a
        permutation test (Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero"). Below it is empty: the
        best of three is passed by an ordinary order in a quarter of all benches, so it measures nothing.

    Examples
    --------
    >>> names = [("random", 0), ("random", 1), ("null 1", 0), ("null 1", 1), ("null 2", 0), ("null 2", 1)]
    >>> accuracy = pd.Series([0.50, 0.52, 0.51, 0.53, 0.49, 0.50], index=pd.MultiIndex.from_tuples(names))
    >>> from curriculab.statistics.null import best_by_chance
    >>> found = best_by_chance(accuracy, ["null 1", "null 2"], "random")
    >>> found.k, round(found.worst, 3), round(found.gain, 3)
    (2, -0.015, 0.01)
    """

    k: int
    worst: float
    gain: float
    table: pd.DataFrame
    ranks: Mapping[str, float] = field(default_factory=dict)


def best_by_chance(accuracy: pd.Series, names: Sequence[str], to: str) -> Null | None:
    """The worst and the best of the null-band orders, as differences to `to`."""
    wide = accuracy.unstack(level=0)
    gains = wide.sub(wide[to], axis=0)
    orders = gains[[v for v in names if v in gains]].dropna(how="all")
    if orders.empty:
        return None
    table = pd.DataFrame({"worst": orders.min(axis=1), "best": orders.max(axis=1)}).rename_axis("seed")
    means = orders.mean()
    others = [v for v in gains if v != to and v not in names]
    ranks = {str(v): _rank(gains[[v, *orders]].dropna(), v) for v in others} if orders.shape[1] >= ENOUGH else {}
    return Null(orders.shape[1], float(means.min()), float(means.max()), table, ranks)


def _rank(gains: pd.DataFrame, variant: str) -> float:
    """One-sided p of a variant's mean gain among those of the orders, on the seeds that all have; 1 without any."""
    means = gains.mean()
    as_much = int((means.drop(variant) >= means[variant] - SAME).sum())
    return (1 + as_much) / (gains.shape[1]) if len(gains) else 1.0
