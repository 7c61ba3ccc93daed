"""Runs that no comparison can be made of: impossible accuracies, one run twice, a test row twice in one test.

check_comparable(runs)      # ValueError: 'easy' with seed 0 has correct = 3 for the row 'a'; ...
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from curriculab.runs import Runs


def check_comparable(runs: Runs) -> None:
    """Refuse runs whose differences would mean nothing.

    Parameters
    ----------
    runs : Runs
        Recorded, simulated, imported or made by hand.

    Raises
    ------
    ValueError
        In one line: where a variant has a seed twice, a result is no share in [0, 1], or a test row stands twice in one
        test. A result that is missing (NaN) is none of these.

    Examples
    --------
    >>> from curriculab.statistics.comparable import check_comparable
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=2, batch_size=4)
    >>> check_comparable(cl.Runs((*runs.records, *runs.records)))
    Traceback (most recent call last):
        ...
    ValueError: 'random' has seed 0 twice; give each run once, such as report.latest(runs) keeps them
    """
    (twice, count), *_ = Counter(record.key for record in runs.records).most_common(1) or [((("", 0)), 0)]
    if count > 1:
        raise ValueError(
            f"{twice[0]!r} has seed {twice[1]} {'twice' if count == 2 else f'{count} times'}; give each run once, "
            "such as report.latest(runs) keeps them"
        )
    items = runs.items
    if items.empty:
        return
    correct = items["correct"].to_numpy(float)
    wrong = np.flatnonzero((correct < 0) | (correct > 1))
    if len(wrong):
        row = items.iloc[wrong[0]]
        raise ValueError(
            f"{row.variant!r} with seed {row.seed} has correct = {row.correct:g} for the row {row.id!r}; a result is a "
            "share in [0, 1], so divide percentages by 100"
        )
    again = items.duplicated(["variant", "seed", "step", "share", "solver", "id"])
    if again.any():
        row = items[again].iloc[0]
        raise ValueError(
            f"{row.variant!r} with seed {row.seed} has the test row {row.id!r} twice in one test; give every test row "
            "an id of its own"
        )
