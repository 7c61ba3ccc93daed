"""Difficulty seen in a recorded run: how rows went, from evaluation to evaluation.

`confidence(pool, runs)`: pool: rows that the runs tested; runs: what Bench.run or load_runs returned, or a table with
one line per row and evaluation, such as {"step": 50, "id": "ladder/add/3/00417", "correct": 1.0} (and `seed`, where
there are several). Measures are means over seeds, and their uncertainty the standard error over seeds (at least two).
Runs test a handful of times: three evaluations give a confidence four values. No model, no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curriculab.difficulty.estimation import Found
from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import aligned, check_pool, checked, refuse
from curriculab.runs import Runs


@dataclass(frozen=True)
class History:
    """One seed's evaluations: steps (evaluations,), and what was right, (evaluations, rows), in [0, 1]."""

    steps: np.ndarray
    right: np.ndarray


@measure(needs="runs")
def confidence(
    pool: pd.DataFrame, runs: Runs | pd.DataFrame, *, variant: str | None = None, column: str = "correct"
) -> Found:
    """Take 1 - mean over evaluations of what was right (dataset cartography, Swayamdipta et al. 2020).

    The paper takes the probability of the right label: give a table with such a `column`.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows that the runs tested, (rows, columns), indexed by id.
    runs : Runs or pd.DataFrame
        Recorded runs, or a table with one line a row and evaluation: `step`, `id`, `column`, and `seed` of several.
    variant : str, optional
        Of several variants the one to read.
    column : str
        What was right, in [0, 1].
    uncertainty : bool
        Return the standard error over seeds too, of which there are two or more.

    Returns
    -------
    pd.Series
        (rows,), in [0, 1], the mean over seeds.

    Raises
    ------
    ValueError
        For a row that was not tested, several variants without a choice.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["1 + 1", "7 * 8"]}, index=["a", "b"])
    >>> table = pd.DataFrame({"step": [0, 0, 50, 50, 100, 100], "id": list("ababab"), "correct": [1, 0, 1, 0, 1, 1]})
    >>> cl.difficulty.confidence(pool, table).round(2).to_dict()
    {'a': 0.0, 'b': 0.67}
    """
    return _over_seeds("confidence", pool, runs, variant, column, lambda h: 1 - h.right.mean(0))


@measure(needs="runs")
def variability(
    pool: pd.DataFrame, runs: Runs | pd.DataFrame, *, variant: str | None = None, column: str = "correct"
) -> Found:
    """Take the standard deviation over evaluations of what was right (Swayamdipta et al. 2020).

    It is high for rows that are won and lost, 0 for those always solved *and* for those never.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows that the runs tested, (rows, columns), indexed by id.
    runs : Runs or pd.DataFrame
        Recorded runs, or a table with one line a row and evaluation: `step`, `id`, `column`, and `seed` of several.
    variant : str, optional
        Of several variants the one to read.
    column : str
        What was right, in [0, 1].
    uncertainty : bool
        Return the standard error over seeds too, of which there are two or more.

    Returns
    -------
    pd.Series
        (rows,), in [0, 0.5], the mean over seeds.

    Raises
    ------
    ValueError
        For a row that was not tested, several variants without a choice, or fewer than 2 evaluations.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["1 + 1", "7 * 8"]}, index=["a", "b"])
    >>> table = pd.DataFrame({"step": [0, 0, 50, 50, 100, 100], "id": list("ababab"), "correct": [1, 0, 1, 1, 1, 0]})
    >>> cl.difficulty.variability(pool, table).round(2).to_dict()
    {'a': 0.0, 'b': 0.47}
    """
    return _over_seeds("variability", pool, runs, variant, column, lambda h: h.right.std(0), least=2)


@measure(needs="runs")
def forgetting_events(
    pool: pd.DataFrame, runs: Runs | pd.DataFrame, *, variant: str | None = None, column: str = "correct"
) -> Found:
    """Count how often a row went from right to wrong between two evaluations (Toneva et al. 2019).

    Rows never right count as the number of evaluations, more than can be forgotten; in the paper they are infinitely
    hard.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows that the runs tested, (rows, columns), indexed by id.
    runs : Runs or pd.DataFrame
        Recorded runs, or a table with one line a row and evaluation: `step`, `id`, `column`, and `seed` of several.
    variant : str, optional
        Of several variants the one to read.
    column : str
        What was right, in [0, 1].
    uncertainty : bool
        Return the standard error over seeds too, of which there are two or more.

    Returns
    -------
    pd.Series
        (rows,), events, the mean over seeds.

    Raises
    ------
    ValueError
        For a row that was not tested, several variants without a choice, or fewer than 2 evaluations.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["1 + 1", "7 * 8"]}, index=["a", "b"])
    >>> table = pd.DataFrame({"step": [0, 0, 50, 50, 100, 100], "id": list("ababab"), "correct": [1, 1, 1, 0, 1, 1]})
    >>> cl.difficulty.forgetting_events(pool, table).round(2).to_dict()
    {'a': 0.0, 'b': 1.0}
    """

    def events(h: History) -> np.ndarray:
        right = h.right >= 0.5
        return np.where(right.any(0), (right[:-1] & ~right[1:]).sum(0), len(right)).astype(float)

    return _over_seeds("forgetting_events", pool, runs, variant, column, events, least=2)


@measure(needs="runs")
def emergence_step(
    pool: pd.DataFrame,
    runs: Runs | pd.DataFrame,
    *,
    variant: str | None = None,
    column: str = "correct",
    by: str | None = None,
    threshold: float = 0.8,
    stable: int = 1,
) -> Found:
    """Find the first evaluated step from which on a row was right (Implicit Curriculum Hypothesis, 2026).

    Right is at least `threshold`, in `stable` evaluations on end; the paper asks it of tasks at 0.8. Rows that never
    came so far get the last step and once more the distance to the evaluation before it.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows that the runs tested, (rows, columns), indexed by id.
    runs : Runs or pd.DataFrame
        Recorded runs, or a table with one line a row and evaluation: `step`, `id`, `column`, and `seed` of several.
    variant : str, optional
        Of several variants the one to read.
    column : str
        What was right, in [0, 1].
    by : str, optional
        Column of the pool, such as "topic", over whose groups what was right is averaged first.
    threshold : float
        Share in (0, 1].
    stable : int
        Evaluations on end.
    uncertainty : bool
        Return the standard error over seeds too, of which there are two or more.

    Returns
    -------
    pd.Series
        (rows,), optimiser steps, the mean over seeds.

    Raises
    ------
    ValueError
        For a row that was not tested, several variants without a choice, fewer than 2 or `stable` evaluations,
        a threshold outside (0, 1], or `stable` below 1.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["1 + 1", "7 * 8"]}, index=["a", "b"])
    >>> table = pd.DataFrame({"step": [0, 0, 50, 50, 100, 100], "id": list("ababab"), "correct": [0, 0, 1, 0, 1, 1]})
    >>> cl.difficulty.emergence_step(pool, table).round(2).to_dict()
    {'a': 50.0, 'b': 100.0}
    """
    if stable < 1 or not 0 < threshold <= 1:
        raise ValueError(
            f"emergence_step(threshold={threshold:g}, stable={stable}); give a threshold in (0, 1], stable from 1 on"
        )
    if by is not None:
        check_pool("emergence_step", pool, by)

    def first(h: History) -> np.ndarray:
        right = h.right if by is None else pd.DataFrame(h.right.T).groupby(pool[by].to_numpy()).transform("mean").T
        there = np.asarray(right) >= threshold - 1e-12
        runs_of = np.stack([there[i : i + stable].all(0) for i in range(len(there) - stable + 1)])
        never = h.steps[-1] + (h.steps[-1] - h.steps[-2])
        return np.where(runs_of.any(0), h.steps[runs_of.argmax(0)], never).astype(float)

    return _over_seeds("emergence_step", pool, runs, variant, column, first, least=max(2, stable))


def _over_seeds(
    name: str,
    pool: pd.DataFrame,
    runs: Runs | pd.DataFrame,
    variant: str | None,
    column: str,
    score: Callable[[History], np.ndarray],
    *,
    least: int = 1,
) -> Found:
    """The mean of a score over seeds, (rows,), and its standard error where there are several."""
    found = np.stack([score(h) for h in histories(name, pool, runs, variant, column, least)])
    seeds = len(found)
    error = None if seeds < 2 else aligned(found.std(0, ddof=1) / seeds**0.5, f"se_{name}", pool)
    return checked(found.mean(0), name, pool), error


def histories(
    name: str, pool: pd.DataFrame, runs: Runs | pd.DataFrame, variant: str | None, column: str, least: int
) -> Sequence[History]:
    """One History a seed, its rows those of the pool."""
    check_pool(name, pool)
    if not isinstance(runs, Runs | pd.DataFrame):
        raise ValueError(f"{name}: reads a recorded run; give what Bench.run returned, not {type(runs).__name__}")
    table = runs if isinstance(runs, pd.DataFrame) else runs.items
    for needed in ("step", "id", column):
        if needed not in table:
            raise ValueError(f"{name}: the evaluations have no column {needed!r}; they have {', '.join(table.columns)}")
    table = _of_variant(name, table, variant)
    refuse(name, pool.index[~pool.index.isin(table["id"])], "was never tested in these runs; measure the rows tested")
    found = []
    for seed, own in table.groupby(table["seed"] if "seed" in table else np.zeros(len(table))):
        wide = own.pivot_table(index="step", columns="id", values=column, aggfunc="mean").reindex(columns=pool.index)
        refuse(name, pool.index[wide.isna().any().to_numpy()], f"is missing in an evaluation of seed {seed:g}")
        if len(wide) < least:
            raise ValueError(
                f"{name}: {len(wide)} evaluations are too few, it needs {least}; ask for more with "
                "Bench(evaluate_every=...)"
            )
        found.append(History(wide.index.to_numpy(), wide.to_numpy(float)))
    return found


def _of_variant(name: str, table: pd.DataFrame, variant: str | None) -> pd.DataFrame:
    """The lines of one variant (and one solver: the first, where a variant was tested in several ways)."""
    if "variant" in table:
        names = list(dict.fromkeys(table["variant"]))
        if variant is None and len(names) > 1:
            raise ValueError(f"{name}: the runs hold {len(names)} variants; give variant=, one of {', '.join(names)}")
        if variant is not None and variant not in names:
            raise ValueError(f"{name}: no variant {variant!r} in these runs; there are {', '.join(names)}")
        table = table[table["variant"] == (variant or names[0])]
    if "solver" in table:
        table = table[table["solver"] == table["solver"].iloc[0]]
    return table
