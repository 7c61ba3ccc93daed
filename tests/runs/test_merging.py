"""Sets of runs as one."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.runs import COLUMNS, Record, Runs, join


def imported(ids: list[str], *, step: float = float("nan"), steps: int | None = None, logged: bool = False) -> Runs:
    tables = {name: pd.DataFrame(columns=columns[2:]) for name, columns in COLUMNS.items()}
    tables["items"] = pd.DataFrame({"step": step, "progress": 1.0, "share": 1.0, "id": ids, "correct": 1.0})
    if logged:
        tables["metrics"] = pd.DataFrame({"step": [1], "progress": [1.0], "loss": [2.0]})
    spec = {"variant": "a", "seed": 0, "steps": steps, "imported": ids[:1], "ended": "imported"}
    return Runs((Record(spec, tables),))


def test_test_rows_of_two_tasks_become_one_run() -> None:
    together = join(imported(["x/1", "x/2"]), imported(["y/1"], logged=True))
    (record,) = together.records
    assert record.tables["items"]["id"].tolist() == ["x/1", "x/2", "y/1"] and len(record.tables["metrics"]) == 1
    assert record.spec["imported"] == ["x/1", "y/1"]


def test_shares_are_those_of_the_longer_part() -> None:
    (record,) = join(imported(["x/1"], step=50, steps=50), imported(["y/1"], step=100, steps=100)).records
    assert record.tables["items"]["share"].tolist() == [0.5, 1.0] and record.spec["steps"] == 100


@pytest.mark.parametrize(
    ("one", "two", "why"),
    [
        (imported(["x/1"]), imported(["x/1"]), "twice, with the same test rows, such as 'x/1'; import one"),
        (imported(["x/1"], logged=True), imported(["y/1"], logged=True), "twice; import one"),
    ],
)
def test_what_tells_the_same_twice_is_refused(one: Runs, two: Runs, why: str) -> None:
    with pytest.raises(ValueError, match=f"^the variant 'a' has seed 0 {why} with another variant= or seed=$"):
        join(one, two)
