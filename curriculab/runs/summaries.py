"""Results that other programs give of whole runs, one number a test set: no steps, no rows.

results("results_2026-11-20T10-00-00.json")   # lm-evaluation-harness: its table of tasks
runs_table(from_csv("wandb_export.csv"), path) # W&B: the table of runs, a line a run
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.files import text_of
from curriculab.data.validation import closest, show
from curriculab.registry.warning import warn
from curriculab.runs.formats import Choice, Part, chosen_for, odd_cells, step_column

# Columns that a table of runs has beside what was logged and configured.
ABOUT_RUNS = (
    "ID",
    "Notes",
    "User",
    "Tags",
    "Created",
    "Updated",
    "Runtime",
    "Sweep",
    "Description",
    "Group",
    "Job Type",
)


def is_runs_table(frame: pd.DataFrame) -> bool:
    """Whether a CSV is W&B's table of runs: their names and states."""
    return "Name" in frame and "State" in frame


def runs_table(frame: pd.DataFrame, path: Path) -> list[Part]:
    """A part a run: what it had logged last, at its last step. A column `seed` gives its seed.

    ValueError where no column counts steps.
    """
    named = frame.drop(columns=[c for c in ABOUT_RUNS if c in frame])
    name = step_column(named)
    if name is None:
        raise ValueError(
            f"{path}, line 1: found a table of runs without their steps, expected a column such as _step; add it to "
            "the table (Columns) and export again"
        )
    for run, state in zip(frame["Name"], frame["State"], strict=True):
        if str(state).strip().lower() not in ("finished", "running"):
            warn(f"{path}: the run {run!r} is {state}; its last numbers are taken as they are")
    named = named.drop(columns=["Name", "State"])
    values = named.apply(_typed)
    if not pd.api.types.is_numeric_dtype(values[name]):
        raise ValueError(f"{path}: found {show(values[name].iloc[0])} in {name!r}, expected numbers, which count steps")
    missing = values[name].isna()
    if missing.any():
        run = frame["Name"][missing].iloc[0]
        raise ValueError(f"{path}: the run {run!r} has no {name}, expected its last step; remove its line")
    parts = []
    for (place, run), odd in zip(frame["Name"].items(), odd_cells(named), strict=True):
        line = values.loc[[place]].dropna(axis=1)
        steps = line[name]
        line = line.drop(columns=[c for c in {name, "step"} if c in line]).assign(step=steps).reset_index(drop=True)
        seed = int(line["seed"].iloc[0]) if "seed" in line and pd.api.types.is_numeric_dtype(line["seed"]) else None
        last = float(steps.iloc[0])
        parts.append(Part(line, name=str(run), seed=seed, odd=tuple((column, last) for column in odd)))
    return parts


def _typed(cells: pd.Series) -> pd.Series:
    """Numbers, where every cell that is not empty is one; else texts."""
    numbers = pd.to_numeric(cells.where(cells != ""), errors="coerce")
    empty = cells.isna() | cells.astype("str").str.strip().str.lower().isin(["", "nan", "-nan"])
    return numbers if (numbers.notna() | empty).all() else cells.where(~empty)


def results(path: Path, *, metric: Choice = None, filter: Choice = None) -> list[Part]:
    """A line a task: id = task, correct = its metric, a share; groups of tasks that stand there too are left out."""
    found = _results(path)
    groups = found.get("group_subtasks") or {}
    tasks = {
        t: values for t, values in found["results"].items() if not set(groups.get(t) or ()) & set(found["results"])
    }
    correct = []
    for task, values in tasks.items():
        name = _metric(values, task, path, chosen_for(task, metric), chosen_for(task, filter))
        share = values[name]
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(
                f"{path}, task {task!r}: found {name} {show(share)}, expected a share from 0 to 1; choose another with "
                "metric="
            )
        correct.append(float(share))
    items = pd.DataFrame({"id": list(tasks), "correct": np.array(correct), "topic": list(tasks), "whole_set": True})
    return [Part(items=items)]


def _results(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}: found text that is not JSON ({error.msg}), expected the results of lm_eval; "
            "copy the file again, its end may be missing"
        ) from None
    tasks = found.get("results") if isinstance(found, dict) else None
    if not isinstance(tasks, dict) or not tasks or not all(isinstance(values, dict) for values in tasks.values()):
        raise ValueError(f"{path}: found {show(found)}, expected the object results of lm_eval, with its tasks")
    return found


def _metric(values: Mapping[str, Any], task: str, path: Path, metric: str | None, filter: str | None) -> str:
    """The name, such as "exact_match,strict-match", of the one metric that fits what was asked for."""
    names = [name for name in values if "," in name and "_stderr" not in name and name.partition(",")[0] != "alias"]
    fit = [
        name
        for name in names
        if metric in (None, name, name.partition(",")[0]) and filter in (None, name.partition(",")[2])
    ]
    if len(fit) == 1:
        return fit[0]
    asked = [f"{word}={value!r}" for word, value in (("metric", metric), ("filter", filter)) if value is not None]
    near = closest(str(metric or filter), names) if asked and not fit else ""
    raise ValueError(
        f"{path}, task {task!r}: found the metrics {', '.join(names) or 'none'},{near} expected one that fits "
        f"{' and '.join(asked) or 'no choice'}; pass it as metric= and filter=, or by task: "
        f'metric={{"{task}": "{names[0] if names else "acc,none"}"}}'
    )
