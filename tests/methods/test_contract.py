"""One contract, held by every method of the catalogue that is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab.loop import Budget, Loop, default_ceiling, open_job
from curriculab.methods import CATALOG, random_order
from curriculab.requests import OBJECTIVES, Train, digest
from curriculab.runs import digest_of_table
from curriculab.simulation import SimulatedLearner, Student, simulate

METHODS = [entry.function for entry in CATALOG if entry.path.exists()]
STEPS, BATCH = 12, 4


def made_pool() -> pd.DataFrame:
    """48 rows, shuffled: topics x, y, z; levels 1 to 4; a loss."""
    rng = np.random.default_rng(5)
    level, topic = np.tile([1, 2, 3, 4], 12), np.repeat(["x", "y", "z"], 16)
    table = {"prompt": [f"q{i:02d}" for i in range(48)], "answer": "7", "topic": topic, "level": level}
    pool = pd.DataFrame(table, index=pd.Index([f"row/{i:02d}" for i in range(48)], name="id"))
    return pool.assign(loss=level + rng.random(48)).iloc[rng.permutation(48)]


class Listening:
    """The simulated learner, keeping what it was asked."""

    def __init__(self, *tables):
        self.learner, self.asked = SimulatedLearner(Student(), *tables), []

    def answer(self, kind, tickets):
        answers = self.learner.answer(kind, tickets)
        for ticket, answer in zip(tickets, answers, strict=True):
            self.asked.append((ticket.job, ticket.job.turn, ticket.place, ticket.request, answer))
        return answers

    def of(self, job):
        return [(turn, place, digest(request)) for j, turn, place, request, _ in self.asked if j is job]


class Deaf:
    """Nobody answers: everything has to come from the log."""

    def answer(self, kind, tickets):
        return [RuntimeError("asked")] * len(tickets)


def drive(names, learner=None, tests=None, **more):
    pool = made_pool()
    learner = learner or Listening(pool)
    jobs = [
        open_job(name, getattr_method(name), pool, seed=seed, batch=BATCH, rollouts=2, **more,
                 objective=lambda request: OBJECTIVES["sft"]())
        for name in names
        for seed in (0, 1)
    ]  # fmt: skip
    budget = Budget(steps=STEPS, work=10**6)
    Loop(learner, budget, tests, (0.0, 0.5, 1.0)).drive(jobs)
    return jobs, learner


def getattr_method(name):
    return next(entry.method for entry in CATALOG if entry.function == name)


def shown(job):
    return [(step, ids.tolist(), weight.tolist()) for step, ids, _, weight in job.exposure]


@pytest.mark.parametrize("name", METHODS)
def test_replay_brings_the_same_requests_without_a_learner(name):
    (first, _), _ = drive([name], keep_log=True)
    pool = made_pool()
    again = open_job(name, getattr_method(name), pool, seed=0, batch=BATCH, rollouts=2, past=dict(first.log),
                     keep_log=True, objective=lambda request: OBJECTIVES["sft"]())  # fmt: skip
    Loop(Deaf(), Budget(steps=STEPS, work=10**6)).drive([again])
    assert again.ended == first.ended and not again.past
    assert {key: value[0] for key, value in again.log.items()} == {key: value[0] for key, value in first.log.items()}
    assert shown(again) == shown(first)


@pytest.mark.parametrize("name", METHODS)
def test_alone_equals_side_by_side(name):
    alone, ears = drive([name])
    together, both = drive(["random_order", name, "easy_to_hard"])
    for mine, theirs in zip(alone, together[2:4], strict=True):
        assert ears.of(mine) == both.of(theirs)
        losses = [[line["loss"] for line in job.metrics] for job in (mine, theirs)]
        assert losses[0] == losses[1]


@pytest.mark.parametrize("name", METHODS)
def test_exposure_is_what_was_asked_and_the_ledger_charges_everything(name):
    pool = made_pool()
    jobs, ears = drive([name], tests=pool.iloc[:6])
    for job in jobs:
        mine = [(request, answer) for j, _, _, request, answer in ears.asked if j is job]
        trained = [list(request.rows.index) for request, _ in mine if isinstance(request, Train)]
        assert [ids for _, ids, _ in shown(job)] == trained
        own = [line for line in job.ledger if not line[-1]]
        assert [line[1] for line in own] == [type(request).__name__ for request, _ in mine]
        assert [line[5] for line in own] == [answer.tokens for _, answer in mine]
        assert job.spent.work == sum(answer.tokens for _, answer in mine)
        assert job.spent.rollouts == sum(answer.rollouts for _, answer in mine)


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_or_returns_under_its_budget(name):
    pool = made_pool()
    lengths = [7] * len(pool)
    budget = Budget(steps=STEPS, work=default_ceiling(lengths, Budget(steps=STEPS), BATCH))
    runs = simulate(getattr_method(name), pool, budget=budget, batch_size=BATCH)
    assert runs.failed == {}
    spec = runs.records[0].spec
    assert spec["steps"] == STEPS or spec["ended"] in ("returned", "ceiling on work")


@pytest.mark.parametrize("name", METHODS)
def test_the_pool_it_was_given_is_not_changed(name):
    pool = made_pool()
    before = digest_of_table(pool)
    simulate(getattr_method(name), pool, steps=STEPS, batch_size=BATCH)
    assert digest_of_table(pool) == before


@pytest.mark.parametrize("name", METHODS)
def test_a_neighbour_that_fails_changes_nothing(name):
    def broken(pool, run):
        yield Train(pool)
        raise RuntimeError("broken")

    pool = made_pool()
    method = getattr_method(name)
    alone = simulate(method, pool, steps=STEPS, batch_size=BATCH, name="it")
    beside = simulate({"broken": broken, "it": method}, pool, steps=STEPS, batch_size=BATCH)
    assert list(beside.failed) == [("broken", 0)]
    mine = beside.exposure[beside.exposure.variant == "it"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone.exposure)


@pytest.mark.parametrize("name", METHODS)
def test_it_can_take_over_and_that_replays(name):
    (first, _), _ = drive(["random_order"], steering={5: getattr_method(name)}, keep_log=True)
    assert [(e["event"], e["step"], e["to"]) for e in first.events] == [("swap", 5, name)]
    again = open_job("random_order", random_order, made_pool(), seed=0, batch=BATCH, rollouts=2,
                     past=dict(first.log), steering={5: getattr_method(name)},
                     objective=lambda request: OBJECTIVES["sft"]())  # fmt: skip
    Loop(Deaf(), Budget(steps=STEPS, work=10**6)).drive([again])
    assert shown(again) == shown(first) and again.events == first.events


ASK = """
import json, sys
sys.path.insert(0, {folder!r})
import test_contract as t
asked = {{}}
for name in t.METHODS:
    jobs, ears = t.drive([name])
    asked[name] = [ears.of(job) for job in jobs]
print(json.dumps(asked))
"""


def test_requests_are_the_same_under_another_hash_seed():
    here = Path(__file__).parent
    code = ASK.format(folder=str(here))
    asked = []
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(here.parents[1]), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        asked.append(json.loads(done.stdout))
    assert asked[0] == asked[1]
    assert set(asked[0]) == set(METHODS)
