"""Comparisons at equal cost: which test of each run is taken, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.runs import Record, Runs
from curriculab.statistics import compare
from curriculab.statistics.matched import nearest_tests


def run(variant: str, seed: int, tokens: list[int], right: list[float], rows: int = 4) -> Record:
    """One run tested at the start and after each step: tokens spent by step, share right by test."""
    lines, items = [], []
    for step, share in enumerate(right):
        if step:
            lines.append((step, "Train", tokens[step - 1], 0, False))
        lines.append((step, "Sample", 7, 7, True))
        ids = [f"r{i}" for i in range(10)]
        correct = [1.0] * round(10 * share) + [0.0] * round(10 - 10 * share)
        items.append(pd.DataFrame({"id": ids, "correct": correct, "step": step, "share": step / (len(right) - 1)}))
    made = pd.concat(items, ignore_index=True).assign(progress=1.0, solver="direct", gold=False)
    steps = range(1, len(right))
    metrics = pd.DataFrame({"step": steps, "rows": rows, "tokens": pd.Series(tokens).cumsum().to_numpy()})
    ledger = pd.DataFrame(lines, columns=["step", "request", "tokens", "generated", "test"])
    spec = {"variant": variant, "seed": seed, "ended": "budget of steps spent"}
    return Record(spec, {"items": made, "metrics": metrics, "ledger": ledger})


def chosen(runs: Runs, axis: str = "tokens") -> dict[tuple[str, int], int]:
    return nearest_tests(runs, axis)[0].groupby(["variant", "seed"]).step.first().to_dict()


def test_the_dearer_run_is_taken_at_the_test_nearest_to_the_cheaper():
    cheap, dear = (
        run("random", 0, [100] * 4, [0, 0.2, 0.4, 0.5, 0.6]),
        run("big", 0, [190] * 4, [0, 0.3, 0.6, 0.8, 0.9]),
    )
    runs = Runs((cheap, dear))
    items, notes = nearest_tests(runs, "tokens")  # 400 against 190, 380, 570, 760
    assert chosen(runs) == {("random", 0): 4, ("big", 0): 2}
    assert notes == [
        "tests compared by tokens trained, sampled and scored, in percent of the smallest of each seed: random 105%, "
        "big 100%"
    ]
    assert len(items) == 20


def test_where_none_comes_near_all_meet_at_what_it_has():
    runs = Runs((run("random", 0, [100] * 4, [0, 0.2, 0.4, 0.5, 0.6]), run("big", 0, [300] * 2, [0, 0.6, 0.9])))
    assert chosen(runs) == {("random", 0): 3, ("big", 0): 1}  # 400: big at 300 (600 is too much), so random at 300


def test_each_seed_has_its_own_smallest():
    first = run("random", 0, [100] * 2, [0, 0.2, 0.4]), run("big", 0, [50] * 6, [0.1] * 7)
    second = run("random", 1, [100] * 2, [0, 0.2, 0.4]), run("big", 1, [40] * 3, [0.1] * 4)
    assert chosen(Runs((*first, *second))) == {
        ("random", 0): 2,
        ("big", 0): 4,
        ("random", 1): 1,  # 120 is the smallest there: 100 is the nearest that is not over 132
        ("big", 1): 2,  # and 100 is what both meet at: 80 or 120 are as near, the later one is over 110
    }


def test_a_run_without_a_test_near_is_left_out_and_said():
    runs = Runs((run("random", 0, [100] * 4, [0, 0.2, 0.4, 0.5, 0.6]), run("big", 0, [1000], [0, 0.9])))
    items, notes = nearest_tests(runs, "tokens")
    assert set(items.variant) == {"random"}
    assert notes[-1] == (
        "big has no test near 400 tokens trained, sampled and scored and is left out (the nearest is at 0); test more "
        "often, evaluate_every="
    )


def test_a_named_axis_counts_that_one_alone():
    runs = Runs((run("random", 0, [100] * 4, [0, 0.2, 0.4, 0.5, 0.6]), run("big", 0, [100] * 4, [0] * 5, rows=16)))
    assert chosen(runs) == {("random", 0): 4, ("big", 0): 4}
    assert chosen(runs, "rows_trained") == {("random", 0): 4, ("big", 0): 1}


def test_compare_takes_it_and_refuses_what_did_not_record_it():
    runs = Runs(
        tuple(
            run(v, seed, [n] * 4, path)
            for seed in range(3)
            for v, n, path in (("random", 100, [0, 0.2, 0.4, 0.5, 0.6]), ("big", 190, [0, 0.3, 0.6, 0.8, 0.9]))
        )
    )
    assert compare(runs, at="tokens").table.accuracy.to_dict() == pytest.approx({"random": 0.6, "big": 0.6})
    assert compare(runs).equal.at == "tokens"
    bare = Runs((Record({"variant": "random", "seed": 0}, {"items": runs.records[0].tables["items"]}),))
    with pytest.raises(ValueError, match="'random', seed 0, does not record optimiser steps; choose at='end'"):
        compare(bare, at="steps")


def test_on_the_way_the_validation_rows_are_read_where_there_are_any():
    records = []
    for seed in range(3):
        for v, n, path in (("random", 100, [0, 0.2, 0.4, 0.5, 0.6]), ("big", 190, [0, 0.3, 0.6, 0.8, 0.9])):
            made = run(v, seed, [n] * 4, path)
            items = made.tables["items"]
            tables = {**made.tables, "validation": items.assign(rows="validation"), "items": items[items.step == 4]}
            records.append(Record(made.spec, tables))
    runs = Runs(tuple(records))
    assert compare(runs, at="tokens").table.accuracy.to_dict() == pytest.approx({"random": 0.6, "big": 0.6})
    assert compare(runs).table.accuracy.to_dict() == pytest.approx({"random": 0.6, "big": 0.9})
