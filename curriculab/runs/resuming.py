"""Logs of runs that were stopped and resumed: what the part that was thrown away had logged is left out.

steps 10 20 30 | 20 30 40, resumed at 20: the lines at 20 and 30 of the first part belong to no run that ended.

A resumed run is known by steps that go back. What it did not log anew is gone with the branch, so lines are left out
from the first step of the later part on, and a warning says how many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.registry.warning import warn


def cut_at_resumes(table: pd.DataFrame, place: object) -> pd.DataFrame:
    """Lines in the order of a file, without those of branches that were thrown away; `place` names the file.

    Parameters
    ----------
    table : DataFrame
        (lines, columns) with `step`, in the order they were written. A log that is newest first is turned round.
    """
    steps = table["step"].to_numpy(float)
    back = np.flatnonzero(np.diff(steps) < 0) + 1
    if not len(back):
        return table
    if (np.diff(steps) <= 0).all() and len(steps) > 2:
        return table.iloc[::-1]
    keep = np.ones(len(steps), bool)
    for start in back:
        keep[:start] &= steps[:start] < steps[start]
    if not keep.all():
        _tell(place, int((~keep).sum()), [steps[start] for start in back if (steps[:start] >= steps[start]).any()])
    return table[keep]


def cut_files(files: Sequence[pd.DataFrame], place: object) -> list[pd.DataFrame]:
    """Points of event files, (points, columns) with `step`, `tag` and `purge`, the earlier files first.

    A later file that has a tag of an earlier one continues it: all points of the earlier one from its first step on are
    left out. One with other tags, such as an evaluation beside the training, leaves them as they are. `purge` is the
    step from which on a writer says that what was there before is void, else NaN.
    """
    kept: list[pd.DataFrame] = []
    dropped, starts = 0, []
    for new in files:
        points = new[new["tag"].notna()]
        if points.empty and new["purge"].isna().all():
            continue
        tags, purge = set(points["tag"]), new["purge"].min()
        for number, old in enumerate(kept):
            shared = points["step"][points["tag"].isin(set(old["tag"]) & tags)]
            start = np.nanmin([shared.min() if len(shared) else np.inf, purge if purge == purge else np.inf])
            void = old["step"] >= start
            if void.any():
                dropped, starts = dropped + int((void & ~_logged_again(old, points)).sum()), [*starts, float(start)]
            kept[number] = old[~void]
        kept.append(points)
    if dropped:
        _tell(place, dropped, starts)
    return kept


def _logged_again(old: pd.DataFrame, new: pd.DataFrame) -> pd.Series:
    """Which points the later file has too: replaced, and not worth a word."""
    again = set(zip(new["tag"], new["step"], strict=True))
    return pd.Series([key in again for key in zip(old["tag"], old["step"], strict=True)], index=old.index, dtype=bool)


def _tell(place: object, lines: int, starts: Sequence[float]) -> None:
    at = ", ".join(dict.fromkeys(f"{start:g}" for start in starts))
    warn(
        f"{place}: resumed at step {at}; {lines} earlier values from there on belong to a branch that was thrown away, "
        "and are left out"
    )
