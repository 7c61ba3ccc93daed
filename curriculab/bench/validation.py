"""Requests that no backend can answer are refused in one line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.bench.grading import reducer_of
from curriculab.protocol import Rows, Sample, Score, Train, Use, validate_request
from curriculab.protocol.roles import LEARNER
from curriculab.runs import COLUMNS

OUTCOME = ("reward", "length", "signal")  # what metrics say of a step's answers


LISTS = list | tuple | set | np.ndarray


def check_request(request: object, *, evaluation: bool) -> None:
    """Refuse what no backend can answer, or a test may not ask, in one line."""
    validate_request(request)
    if evaluation and not isinstance(request, Sample | Score):
        raise ValueError(f"a solver yielded {type(request).__name__}; a test may only Sample and Score")
    if isinstance(request, Train):
        check_note(request.note)
    if isinstance(request, Use):
        reducer_of(request.reduce)
        check_gold(request)


def check_gold(use: Use) -> None:
    """Refuse answers for a solver that there is not."""
    if isinstance(use.with_answers, bool):
        return
    named = use.with_answers if isinstance(use.with_answers, tuple) else (use.with_answers,)
    unknown = [name for name in named if name not in use.solvers] if isinstance(use.with_answers, tuple) else [*named]
    if unknown:
        raise ValueError(
            f"Use(with_answers={use.with_answers!r}): {unknown[0]!r} is none of its solvers; give True, False or names "
            f"in a tuple, of {', '.join(map(repr, use.solvers))}"
        )


def check_speaker(request: Sample | Score, use: Use | None, solver: str) -> None:
    """Refuse a solver that asks another role, or shows words of another speaker, that `Use` does not name."""
    named = () if use is None else use.roles
    if request.role != LEARNER and request.role not in named:
        raise ValueError(
            f"the solver {solver!r} asked the role {request.role!r}; a test is the learner's own: name who else speaks "
            f"in it, Use(..., roles=({request.role!r},)), and the verdict says so"
        )
    said_by = {str(one) for one in request.rows["said_by"] if isinstance(one, str)} if "said_by" in request.rows else ()
    if unknown := sorted({*said_by} - {*named}):
        raise ValueError(
            f"the solver {solver!r} shows words of {unknown[0]!r}; name who else speaks in a test, "
            f"Use(..., roles=({unknown[0]!r},)), and the verdict says so"
        )


def check_origin(rows: Rows, pool: pd.Index, new_ids: set[str]) -> set[str]:
    """Ids that are new; such rows say what they were made from."""
    new = [i for i in dict.fromkeys(rows.index[pool.get_indexer(rows.index) < 0]) if i not in new_ids]
    parents = dict(zip(rows.index, rows["parents"], strict=True)) if new and "parents" in rows else {}
    for i in new:
        named = parents.get(i)
        if isinstance(named, str):
            named = [named]
        if not isinstance(named, LISTS) or not len(named):
            raise ValueError(
                f"Train of row {i!r}, which is not in the pool, without `parents`; rows of your own bring a column "
                "`parents` with the ids that each was made from"
            )
        unknown = [p for p in named if p not in pool and p not in new_ids]
        if unknown:
            raise ValueError(f"the parent {unknown[0]!r} of row {i!r} is neither in the pool nor a row trained before")
    return set(new)


def check_note(note: Mapping[str, float]) -> None:
    """A note is recorded beside the step: numbers, under names that the record does not use itself."""
    for name, value in note.items():
        if name in (*COLUMNS["metrics"], *OUTCOME):
            raise ValueError(f"a note called {name!r}; the record has a column of that name, choose another")
        if not isinstance(value, int | float | np.number):
            raise ValueError(f"the note {name!r} is {value!r}; a note is a number")
