"""Simulated benches: what is refused, what failed and is told, and budgets that a request of many rows goes over."""

from __future__ import annotations

import re
import warnings
from functools import partial

import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.budget import Budget
from curriculab.simulation.pools import planted


def test_a_typo_in_a_knob_is_told_as_a_bench_tells_it() -> None:
    pool, student = planted({"easy": 0.9, "hard": 0.1}, rate=0.1)
    variants = {"typo": partial(cl.methods.baby_steps, bukets=3), "random": cl.methods.random_order}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            runs = cl.simulate(variants, pool, steps=2, batch_size=4, learner=student)
        except ValueError as error:
            assert "bukets" in str(error) and "\n" not in str(error)
            return
    told = [str(w.message) for w in caught]
    assert len(told) == 1 and re.match("^'typo' failed in seed 0: .*bukets", told[0]), told
    assert list(runs.failed) == [("typo", 0)]


def test_a_method_that_fails_while_it_runs_is_told() -> None:
    def broken(pool, run):
        yield cl.Train(pool.iloc[:2])
        raise RuntimeError("no more")

    pool, student = planted({"easy": 0.9}, rate=0.1)
    with pytest.warns(UserWarning) as caught:
        cl.simulate({"broken": broken}, pool, steps=3, batch_size=2, learner=student, seed=[0, 1])
    (message,) = [str(w.message) for w in caught]
    assert message.splitlines()[0] == "'broken' failed in all 2 seeds: RuntimeError: no more"
    assert '    raise RuntimeError("no more")' in message.splitlines()


@pytest.mark.parametrize("what", ["pool", "tests"])
def test_an_id_that_stands_twice_is_refused(what: str) -> None:
    pool, student = planted({"easy": 0.9}, rate=0.1)
    twice = pd.concat([pool, pool.iloc[:1]])
    given = {"pool": (twice, None), "tests": (pool, twice)}[what]
    with pytest.raises(ValueError) as error:
        cl.simulate(cl.methods.random_order, given[0], tests=given[1], steps=2, batch_size=2, learner=student)
    assert str(error.value) == (
        f"simulate: the id {pool.index[0]!r} stands twice in {what}; give every row an id of its own"
    )


def greedy(pool, run):
    """Asks 84 answers at a time: 7 requests of 12 rows with 7 answers are 588 rollouts, and the 8th makes 672."""
    while True:
        yield cl.Sample(pool.iloc[:12], 7)


def test_more_than_a_group_over_the_budget_is_told_and_compared_at_what_was_spent() -> None:
    pool, student = planted({"easy": 0.9, "hard": 0.1}, rate=0.1)
    variants = {"random": cl.methods.random_order, "greedy": greedy}
    how = dict(budget=Budget(rollouts=640), batch_size=2, num_generations=8, objective="grpo", tests=pool)
    runs = cl.simulate(variants, pool, learner=student, seed=[0, 1], **how)
    ended = {record.key[0]: record.spec["ended"] for record in runs.records}
    assert ended == {"random": "budget of rollouts spent", "greedy": "budget of rollouts spent, 672 of 640"}
    notes = cl.compare(runs).notes
    assert [note for note in notes if "rollouts" in note] == [
        "greedy, seed 0, spent 672 rollouts of 640",
        "greedy, seed 1, spent 672 rollouts of 640",
    ]
    assert set(runs.items[runs.items.share == 1].groupby("variant")["rollouts"].max()) == {640, 672}
