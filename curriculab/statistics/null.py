"""The null band: what choosing the best of several random orders gains by chance alone.

With gains of -0.010, +0.004 and +0.012 for three random orders, means over the seeds, `Null.gain` is 0.012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


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


def best_by_chance(accuracy: pd.Series, names: Sequence[str], to: str) -> Null | None:
    """The worst and the best of the null-band orders, as differences to `to`."""
    orders = accuracy[accuracy.index.isin(names, level=0)].unstack(level=0)
    orders = orders.sub(accuracy[to], axis=0).dropna(how="all") if len(orders) else orders
    if orders.empty:
        return None
    table = pd.DataFrame({"worst": orders.min(axis=1), "best": orders.max(axis=1)}).rename_axis("seed")
    means = orders.mean()
    return Null(orders.shape[1], float(means.min()), float(means.max()), table)
