"""What was done by hand while a run trained, and the one mark that it gets."""

from __future__ import annotations

import pytest

from curriculab.runs import Record
from curriculab.runs.by_hand import MEANING, done_by_hand, mark_of, marked, marks


def record(variant: str, seed: int, *events: dict, steered: list | None = None) -> Record:
    decides = {"decides": {"steered": steered}} if steered else {}
    return Record({"variant": variant, "seed": seed, **decides}, {}, events)


SWAP = {"event": "swap", "to": "sec", "step": 3}
STOP = {"event": "stop", "step": 5}


@pytest.mark.parametrize(
    ("one", "done", "mark"),
    [
        (record("easy", 0), "", ""),
        (record("easy", 0, {"event": "cut off", "step": 1}), "", ""),
        (record("easy", 0, STOP), "stopped at step 5", "stopped"),
        (record("easy", 0, SWAP, STOP), "swapped to sec at step 3, stopped at step 5", "steered"),
        (record("easy", 0, steered=[[2, 1, 6, "stop"]]), "stopped at step 6", "stopped"),
        (record("easy", 0, steered=[[2, 1, 6, {"function": "x"}]]), "changed by hand at step 6", "steered"),
    ],
)
def test_what_was_done_is_told_and_marked(one: Record, done: str, mark: str):
    assert done_by_hand(one) == done and mark_of(done) == mark


def test_a_variant_has_the_mark_of_any_of_its_seeds():
    records = [record("easy", 0), record("easy", 1, STOP), record("hard", 0, STOP), record("hard", 1, SWAP)]
    assert marks([record("random", 0), *records]) == {"easy": "stopped", "hard": "steered"}


def test_every_mark_has_one_meaning_and_stands_behind_the_name():
    assert set(MEANING) == {"steered", "stopped"}
    assert [marked("easy", mark) for mark in ("", *MEANING)] == ["easy", "easy (steered)", "easy (stopped)"]
