"""Whole curves in one number: the area under one, and what it takes to reach a threshold.

area_under_curve([0, 50, 100], [0.2, 0.5, 0.6], 0, 100)      # 0.45: the mean height, in the unit of the curve
kaplan_meier([50, 100, 100], [True, True, False])      # the third had not arrived when last seen

A run that has not reached the threshold is censored: we know that it takes longer than we looked. It is neither dropped
nor given a time it does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named

Numbers = Sequence[float] | np.ndarray


def area_under_curve(x: Numbers, y: Numbers, low: float, high: float) -> float:
    """Mean height of the curve through the points between `low` and `high` (trapezoids, straight between tests).

    x ascending; the ends lie within it, where the curve is read off the straight line between its neighbours.

    Examples
    --------
    >>> cl.statistics.area_under_curve([0, 10, 20], [0.0, 0.5, 0.5], 0, 20)
    0.375
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not x[0] <= low < high <= x[-1]:
        raise ValueError(
            f"an area from {low:g} to {high:g} needs points on both sides; they go from {x[0]:g} to {x[-1]:g}"
        )
    inside = x[(x > low) & (x < high)]
    at = np.concatenate([[low], inside, [high]])
    return float(np.trapezoid(np.interp(at, x, y), at) / (high - low))


def time_to_threshold(x: Numbers, y: Numbers, threshold: float) -> tuple[float, bool]:
    """Where the curve is first tested at or above `threshold`, and True; the last test and False where it never is.

    It was reached after the test before, so times are late by up to one distance of tests: on either side of a
    difference alike.

    Examples
    --------
    >>> cl.statistics.time_to_threshold([0, 10, 20], [0.2, 0.4, 0.6], 0.5)
    (20.0, True)
    """
    x, reached = np.asarray(x, dtype=float), np.asarray(y, dtype=float) >= threshold
    return (float(x[np.argmax(reached)]), True) if reached.any() else (float(x[-1]), False)


@also_named(level="confidence")
def kaplan_meier(time: Numbers, reached: Sequence[bool] | np.ndarray, *, confidence: float = 0.95) -> pd.DataFrame:
    """Share of runs that have not arrived yet, one line per time at which one does: Kaplan and Meier 1958.

    Columns time, at_risk, arrived, waiting, low, high. A run that did not arrive counts as at risk until it was last
    seen. Intervals by Greenwood's variance on the log(-log) scale (Kalbfleisch and Prentice 1980, section 1.3), which
    stay within [0, 1]; there is none where nobody or everybody is left. Coverage at 95%, simulated with a third of the
    runs lost on the way: 96% at 10 runs (2% of studies without an interval), 96% at 5 (15%), 100% at 3 (38%).

    Examples
    --------
    >>> cl.statistics.kaplan_meier([10, 20, 20], [True, True, False]).waiting.round(3).tolist()
    [0.667, 0.333]
    """
    from scipy.special import ndtri

    t, seen = np.asarray(time, dtype=float), np.asarray(reached, dtype=bool)
    at = np.unique(t[seen])
    risk = (t[:, None] >= at).sum(axis=0)
    arrived = (t[seen][:, None] == at).sum(axis=0)
    waiting = np.cumprod(1 - arrived / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(arrived / (risk * (risk - arrived)))
        step = ndtri(0.5 + confidence / 2) * np.sqrt(greenwood) / np.log(waiting)
        low, high = (np.where(waiting > 0, waiting ** np.exp(s * step), np.nan) for s in (-1, 1))
    return pd.DataFrame(
        {
            "time": at,
            "at_risk": risk,
            "arrived": arrived,
            "waiting": waiting,
            "low": low,
            "high": high,
        }
    )


def median_time(time: Numbers, reached: Sequence[bool] | np.ndarray) -> float:
    """The earliest time by which half of the runs have arrived; NaN where so many never do.

    Examples
    --------
    >>> cl.statistics.median_time([10, 20, 30], [True, True, False])
    20.0
    """
    table = kaplan_meier(time, reached)
    half = table.time[table.waiting <= 0.5 + 1e-12]
    return float(half.iloc[0]) if len(half) else float("nan")


def restricted_mean(time: Numbers, reached: Sequence[bool] | np.ndarray, horizon: float) -> float:
    """Mean of the time to the threshold or to `horizon`, whichever is first: the area under Kaplan and Meier's curve.

    It asks for nothing beyond the horizon, so nothing has to be made up there (Royston and Parmar 2013, "Restricted
    mean survival time", section 2). NaN where all that is left was last seen before the horizon.

    Examples
    --------
    >>> cl.statistics.restricted_mean([10, 20], [True, True], 20)
    15.0
    """
    t, seen = np.asarray(time, dtype=float), np.asarray(reached, dtype=bool)
    table = kaplan_meier(t, seen)
    table = table[table.time <= horizon]
    left = table.waiting.iloc[-1] if len(table) else 1.0
    if left > 1e-12 and t.max() < horizon:
        return float("nan")
    edges = np.concatenate([[0.0], table.time, [horizon]])
    return float(np.sum(np.diff(edges) * np.concatenate([[1.0], table.waiting])))
