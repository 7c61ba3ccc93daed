"""Methods of reinforcement on a real model: what is recorded adds up, and a trial runs on a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import reinforced

FOLDER = Path(__file__).parents[2] / "data" / "reinforced"
RECORDED = sorted(path.stem for path in FOLDER.glob("*.json"))


def assert_adds_up(about: dict, steps: int) -> None:
    for variant in (about["method"], "control"):
        own = [line for line in about["by_step"] if line["variant"] == variant]
        assert [line["step"] for line in own] == list(range(1, steps + 1)) and own[-1]["progress"] == 1.0
        signal = [line["signal"] for line in own if line["signal"] is not None]
        assert sum(signal) / len(signal) == pytest.approx(about["signal"][variant], abs=1e-4)
        tokens = [line["tokens"] for line in own]
        assert tokens == sorted(tokens) and tokens[0] > 0
        assert set(about["tests"][variant]) == {"0.0", "1.0"}


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_has_every_step_of_both(name: str):
    about = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert about["method"] == name and about["model"] == "smollm2" and about["steps"] >= 20
    assert_adds_up(about, about["steps"])


def test_each_method_that_can_be_tried_is_recorded():
    assert set(RECORDED) == set(reinforced.TRIALS)


@pytest.mark.slow
@pytest.mark.pocket
def test_a_trial_trains_both_and_writes_what_came_of_it(tmp_path: Path):
    few = ["--model", "pocket", "--steps", "2", "--rows", "8", "--tests", "4", "--longest", "4", "--to", str(tmp_path)]
    assert reinforced.main(["curr_reft", *few]) == 0
    about = json.loads((tmp_path / "curr_reft.json").read_text(encoding="utf-8"))
    assert about["control"] == {"stages": ["open"]}
    assert_adds_up(about, 2)
