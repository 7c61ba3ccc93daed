"""Test rows are read where that was said before; every other look is counted, kept and said."""

from __future__ import annotations

import json
import re

import pytest

import curriculab as cl
from curriculab.runs.looks import LOOKS, named_shares, note_look

NOTE = re.compile(r"looked at (\d) times? at (?:a share|shares) of the budget not named before the start \(([^)]*)\)")


def simulated(**how):
    pool = cl.load_pool("ladder", n=60, seed=0)
    variants = {"random": cl.methods.random_order, "easy": cl.methods.easy_to_hard}
    more = {"steps": 8, "batch_size": 4, "evaluate_every": 2, "seed": [0, 1, 2]}
    return cl.simulate(variants, pool.iloc[:40], tests=pool.iloc[40:], **more, **how)


def test_looks_add_up_in_the_verdict_and_the_record():
    runs = simulated()
    assert not NOTE.search(cl.compare(runs).verdict) and all("looks" not in r.spec for r in runs.records)
    assert NOTE.search(cl.compare(runs, at=0.5).verdict).groups() == ("1", "50%")
    assert NOTE.search(cl.compare(runs, at=0.5).verdict).groups() == ("1", "50%")  # the same look
    assert NOTE.search(cl.compare(runs, at=0.25).verdict).groups() == ("2", "25%, 50%")
    assert NOTE.search(cl.compare(runs).verdict).groups() == ("2", "25%, 50%")  # and of the end, ever after
    assert all(r.spec["looks"] == [0.25, 0.5] for r in runs.records)
    assert NOTE.search(cl.compare(cl.runs.Runs(runs.records[:6])).verdict)  # the runs carry them


def test_a_share_that_was_named_is_no_look():
    runs = simulated()
    for record in runs.records:
        record.spec["decides"] = {"test_at": [0.5]}
    assert named_shares(runs) == [0.5, 1.0] and note_look(runs, 0.5) == [] and note_look(runs, 1.0) == []


def test_looks_are_kept_beside_a_recorded_run(tmp_path):
    runs = simulated()
    store = cl.runs.Store(tmp_path)
    for number, record in enumerate(runs.records):
        store.save(record, f"{number:016x}", lambda folder: folder.mkdir())
    read = cl.load_runs(tmp_path)
    cl.compare(read, at=0.5)
    kept = [json.loads(path.read_text()) for path in tmp_path.glob(f"*/{LOOKS}")]
    assert kept == [[0.5]] * 6
    again = cl.load_runs(tmp_path)  # whole all the same
    assert len(again.records) == 6 and "(50%)" in cl.compare(again).verdict


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_with_validation_rows_the_test_rows_are_read_at_both_ends_alone(share):
    pool = cl.load_pool("ladder", n=90, seed=0)
    runs = simulated(valid=pool.iloc[60:])
    assert sorted(runs.items.share.unique()) == [0.0, 1.0]
    assert sorted(runs.validation.share.unique()) == [0.0, 0.25, 0.5, 0.75, 1.0]
    with pytest.raises(ValueError, match=f"^no test at={share}; .* of the budget 0 and 1$"):
        cl.compare(runs, at=share)


def test_a_comparison_at_equal_costs_that_was_asked_for_is_a_look():
    pool = cl.load_pool("ladder", n=24, seed=0)
    how = {"steps": 4, "batch_size": 4, "tests": pool, "evaluate_every": 1}
    runs = cl.simulate({"random": cl.methods.random_order, "easy": cl.methods.easy_to_hard}, pool, **how)
    cl.compare(runs)
    assert not any("looks" in record.spec for record in runs.records)
    found = cl.compare(runs, at="rows_trained")
    assert runs.records[0].spec["looks"] == ["rows_trained"]
    assert "1 time at a share of the budget not named before the start (at equal rows_trained)" in found.verdict
