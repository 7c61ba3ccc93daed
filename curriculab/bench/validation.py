"""Requests that no backend can answer are refused in one line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.protocol import Copy, Request, Rows, Sample, Score, Train, Use
from curriculab.runs import COLUMNS

OUTCOME = ("reward", "length", "signal")  # what metrics say of a step's answers


ANSWERS = 1_000_000  # that one request may ask for: all of a large pool many times, yet it fits into memory


LISTS = list | tuple | set | np.ndarray


def check_request(request: object, *, exam: bool) -> None:
    """Refuse what no learner can answer, in one line."""
    if not isinstance(request, Request):
        raise ValueError(
            f"yielded {type(request).__name__}; a method yields Sample, Score, Train, Copy, Use or a list of them"
        )
    if exam and not isinstance(request, Sample | Score):
        raise ValueError(f"a solver yielded {type(request).__name__}; a test may only Sample and Score")
    if isinstance(request, Copy | Use):
        return
    rows = request.rows
    if not isinstance(rows, pd.DataFrame):
        raise ValueError(
            f"{type(request).__name__} of a {type(rows).__name__}; its rows are a DataFrame, such as pool.loc[ids]"
        )
    if not len(rows):
        raise ValueError(f"{type(request).__name__} of 0 rows; ask only when there are rows, or return to end the run")
    if "prompt" not in rows:
        raise ValueError(f"{type(request).__name__} of rows without a column 'prompt'; they have {list(rows.columns)}")
    if isinstance(request, Sample):
        check_sample(request)
    if isinstance(request, Score) and (request.per not in ("row", "token") or not request.measure):
        asked = f"Score(measure={request.measure!r}, per={request.per!r})"
        raise ValueError(f"{asked}; name a measure, per 'row' or 'token'")
    if isinstance(request, Train):
        check_note(request.note)
    if isinstance(request, Train) and "weight" in rows:
        weights = np.asarray(rows["weight"], float)
        bad = rows.index[~(np.isfinite(weights) & (weights >= 0))]
        if len(bad):
            value = rows["weight"].loc[bad[0]]
            value = value.iloc[0] if isinstance(value, pd.Series) else value
            raise ValueError(f"Train with weight {value} for row {bad[0]!r}; weights are finite and at least 0")


def check_origin(rows: Rows, pool: pd.Index, born: set[str]) -> set[str]:
    """Ids that are new; such rows say what they were made from."""
    new = [i for i in dict.fromkeys(rows.index[pool.get_indexer(rows.index) < 0]) if i not in born]
    parents = dict(zip(rows.index, rows["parents"], strict=True)) if new and "parents" in rows else {}
    for i in new:
        named = parents.get(i)
        named = [named] if isinstance(named, str) else list(named) if isinstance(named, LISTS) else []
        if not named:
            raise ValueError(
                f"Train of row {i!r}, which is not in the pool, without `parents`; rows of your own bring a column "
                "`parents` with the ids that each was made from"
            )
        unknown = [p for p in named if p not in pool and p not in born]
        if unknown:
            raise ValueError(f"the parent {unknown[0]!r} of row {i!r} is neither in the pool nor a row trained before")
    return set(new)


def check_sample(request: Sample) -> None:
    """How many answers, how hot, and what stops them: one value, or one per row."""
    for name, value, least in (("n", request.n, 1), ("temperature", request.temperature, 0)):
        if value is None:
            continue
        each = np.asarray(value, float)
        if each.ndim > 1 or (each.ndim == 1 and len(each) != len(request.rows)):
            what = f"Sample with {each.size} values of {name} for {len(request.rows)} rows"
            raise ValueError(f"{what}; give one, or one a row")
        bad = each[~(np.isfinite(each) & (each >= least))]
        if bad.size:
            raise ValueError(f"Sample with {name}={bad.flat[0]:g}; give at least {least}")
    answers = int(np.broadcast_to(request.n, len(request.rows)).sum())
    if answers > ANSWERS:
        raise ValueError(f"Sample of {answers:,} answers at once; ask for at most {ANSWERS:,}, and again for more")
    if isinstance(request.stop, str) or not all(isinstance(s, str) and s for s in request.stop):
        raise ValueError(f"Sample with stop={request.stop!r}; give a tuple of texts, such as ('\\n',)")


def check_note(note: Mapping[str, float]) -> None:
    """A note is recorded beside the step: numbers, under names that the record does not use itself."""
    for name, value in note.items():
        if name in (*COLUMNS["metrics"], *OUTCOME):
            raise ValueError(f"a note called {name!r}; the record has a column of that name, choose another")
        if not isinstance(value, int | float | np.number):
            raise ValueError(f"the note {name!r} is {value!r}; a note is a number")
