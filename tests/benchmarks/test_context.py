"""In-context methods on a real model: recorded answers are as right as is said, and a trial runs on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import curriculab as cl
from benchmarks import context
from curriculab.rewards import verify_rows

FOLDER = Path(__file__).parents[2] / "data" / "context"
RECORDED = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_answers_are_as_right_as_it_says(name: str):
    about = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found = pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False)
    rows = cl.load_pool("word_problems", levels=[1]).loc[found["id"]]
    right = pd.Series(verify_rows(rows, found["text"].tolist()), index=found.index)
    assert (right == found["correct"]).all()
    assert right.groupby(found["solver"]).mean().round(4).to_dict() == about["right"]
    assert (found.groupby("solver").id.nunique() == about["rows"]).all() and about["method"] == name


def test_there_are_recorded_answers():
    assert set(RECORDED) <= set(context.METHODS) and RECORDED


@pytest.mark.slow
@pytest.mark.pocket
def test_a_trial_writes_its_answers_and_begins_no_solver_after_its_time(tmp_path: Path):
    few = ["re_reading", "--model", "pocket", "--rows", "3", "--longest", "4", "--to", str(tmp_path)]
    assert context.main([*few, "--knobs", '{"times": [1, 2], "trigger": ""}']) == 0
    about = json.loads((tmp_path / "re_reading.json").read_text())
    assert about["knobs"] == {"times": [1, 2], "trigger": ""} and list(about["right"]) == ["read 1", "read 2"]
    found = pd.read_csv(tmp_path / "re_reading.csv")
    assert found.groupby("solver").size().to_dict() == {"read 1": 3, "read 2": 3}
    assert (found[found.solver == "read 2"].prompt.to_numpy() > found[found.solver == "read 1"].prompt.to_numpy()).all()
    late = tmp_path / "late"
    assert context.main([*few, "--to", str(late), "--seconds", "0"]) == 0 and not late.exists()
