"""Tests at the shares of the budget: on time where nothing is trained, after the step where answers are."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.protocol import Sample, Train, Use


@pytest.fixture
def pool() -> pd.DataFrame:
    table = {"prompt": [f"q{i:02d}" for i in range(12)], "answer": "yes", "topic": "x"}
    return pd.DataFrame(table, index=pd.Index([f"r{i}" for i in range(12)], name="id"))


def test_a_method_that_only_samples_is_tested_on_time(pool):
    told = []

    def method(pool, run):
        while True:
            told.append(len((yield Sample(pool.iloc[:5], 2))))

    runs = simulate(
        method, pool, budget=Budget(rollouts=40), batch_size=4, objective="grpo", tests=pool, evaluate_every=10
    )
    tests = runs.items.drop_duplicates("share")
    assert tests["share"].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert tests["rollouts"].tolist() == [0, 10, 20, 30, 40] and told == [10] * 4
    assert runs.failed == {}


def test_answers_that_will_be_trained_are_not_tested_before(pool):
    def method(pool, run):
        while True:
            out = yield Sample(pool.iloc[:5], 2)
            yield Train(out)

    runs = simulate(
        method, pool, budget=Budget(rollouts=40), batch_size=4, objective="grpo", tests=pool, evaluate_every=10
    )
    assert runs.items.drop_duplicates("share")["step"].tolist() == [0, 1, 2, 3, 4]


def test_a_solver_that_fails_while_answers_are_held_ends_its_variant(pool):
    def bad(rows):
        if len(calls) > 0:
            raise ValueError("no")
        calls.append(1)
        return (yield Sample(rows, temperature=0.0, purpose="test"))

    def method(pool, run):
        yield Use({"bad": bad})
        while True:
            yield Sample(pool.iloc[:5], 2)

    calls = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = simulate(method, pool, budget=Budget(rollouts=40), batch_size=4, tests=pool, evaluate_every=10)
    assert runs.failed == {("method", 0): "failed: ValueError: no (solver 'bad')"}
