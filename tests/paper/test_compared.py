"""Sentences on how differences were tested."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

import curriculab as cl
from curriculab.paper.compared import how_tested
from curriculab.runs import Record, Runs
from curriculab.simulation.pools import planted


@pytest.fixture(scope="module")
def runs() -> Runs:
    pool, student = planted({"easy": 0.9, "hard": 0.2}, rate=0.1)
    variants = {"random": cl.methods.random_order, "other": cl.methods.easy_to_hard}
    variants = {"random": cl.methods.random_order, "other": cl.methods.random_order}
    return cl.simulate(variants, pool, steps=6, batch_size=4, learner=student, tests=pool, seed=[0, 1, 2])


def imported(runs: Runs, whole: bool, **spec: object) -> Runs:
    """The same runs as an import would tell of them."""
    records = []
    for record in runs.records:
        items = record.tables["items"].assign(whole_set=whole)
        records.append(Record({**record.spec, "imported": ["a file"], **spec}, {**record.tables, "items": items}))
    return Runs(tuple(records))


def test_own_runs_are_paired_on_the_same_rows(runs: Runs) -> None:
    text = how_tested(cl.compare(runs), runs)
    assert text.startswith("Final accuracies were compared with random, paired by seed on the same test rows")
    assert text.endswith("the claims are about new training runs on these test rows.")


def test_of_whole_sets_no_rows_are_claimed(runs: Runs) -> None:
    logged = imported(runs, True, grouped=True)
    text = how_tested(cl.compare(logged), logged)
    assert "same test rows" not in text and text.endswith("on these test sets.")
    assert (
        "whether these had the same rows was not recorded; random and other: means over runs that W&B grouped" in text
    )


def test_one_smallest_effect_is_told_once(runs: Runs) -> None:
    result = cl.compare(runs)
    table = result.table.assign(p=0.5, mde=pd.Series({"random": float("nan"), "other": 0.128}))
    text = how_tested(dataclasses.replace(result, table=table), runs)
    assert "with 80% power is at most 0.128 (upper" in text
