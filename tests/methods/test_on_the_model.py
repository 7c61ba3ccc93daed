"""The contract on a real model: every method runs on the pocket model, is charged for what it asked, replays, can take
over from another, and is the same to the bit beside others."""

from __future__ import annotations

import math

import pytest
import torch

import curriculab as cl
from curriculab.bench.budget import Budget, default_ceiling
from curriculab.bench.job import Steer, open_job
from curriculab.bench.replay import ReplayLog
from curriculab.bench.scheduler import Scheduler
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.methods import CATALOG
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import digest
from tests.methods.made import budget_for, by_rewards, objective_of

pytestmark = pytest.mark.pocket
WRITTEN = {entry.function: entry for entry in CATALOG if entry.path.exists()}
BATCH, ROLLOUTS, STEPS = 4, 4, 3
LATE = {"order_effects": "at 1", "eduflow": "critic"}  # train others for longer than this budget lasts; one of them


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool(model):
    whole = cl.load_pool("ladder", n=600, seed=0)
    return whole[model.lengths(whole) <= 30].iloc[:64]


class Listening(ModelBackend):
    """The model, keeping what it was asked."""

    def __init__(self, *given, **how):
        super().__init__(*given, **how)
        self.asked = {}

    def answer(self, asks):
        for ask in asks:
            self.asked.setdefault(ask.owner[0], []).append((ask.turn, ask.place, digest(ask.request)))
        return super().answer(asks)


class Deaf:
    """Nobody answers: everything has to come from the log."""

    def answer(self, asks):
        return [RuntimeError("asked")] * len(asks)


def opened(name, pool, learner, **more):
    return open_job(
        name, WRITTEN[name].method, pool, seed=0, batch=BATCH, rollouts=ROLLOUTS, objective=learner.setting, **more
    )


def drive(model, pool, names, main, **more):
    first = objective_of(WRITTEN[main])
    learner = Listening(model, {"grpo": first} if isinstance(first, Grpo) else {"sft": first}, max_new_tokens=6)
    jobs = [opened(name, pool, learner, **more) for name in names]
    answers = ROLLOUTS if isinstance(first, Grpo) else 0
    measured = len(pool) if main == "edco" else 0  # it reads the whole pool before its first step
    work = default_ceiling(model.lengths(pool), Budget(steps=STEPS + measured), BATCH, answers)
    budget = budget_for(WRITTEN[main], steps=STEPS, answers=BATCH * ROLLOUTS, work=work)
    learner.journal = ReplayLog()
    Scheduler(learner, budget, log=learner.journal).drive(jobs)
    return learner, dict(zip(names, jobs, strict=True)), budget


def shown(job):
    return [(step, ids.tolist(), weight.tolist()) for step, ids, _, weight, _ in job.exposure]


@pytest.mark.parametrize("name", WRITTEN)
def test_it_runs_replays_and_is_the_same_beside_another(name, model, pool):
    alone, mine, budget = drive(model, pool, [name], name)
    job = mine[name]
    ends = ("budget of steps spent", "ceiling on total tokens, at ", "returned")
    ends = ends if WRITTEN[name].trains else (*ends, "budget of rollouts spent")  # nothing is trained: another ceiling
    assert job.ended.startswith(ends), job.ended
    assert bool(job.spent.steps) == (WRITTEN[name].trains and name not in LATE)
    assert bool(job.metrics) == WRITTEN[name].trains
    assert sum(g["n"] for g in job.groups.values()) == job.spent.rollouts
    assert sum(line[5] for line in job.ledger) <= job.spent.total_tokens  # Copies cost 1 of it
    neighbour = "easy_to_hard" if name == "random_order" else "random_order"
    beside, both, _ = drive(model, pool, [neighbour, name], name)
    assert both[name].ended == job.ended
    assert alone.asked.get(name) == beside.asked.get(name)  # None: it only says how it is tested
    if WRITTEN[name].trains:
        weights = [learner.adapters[name, 0][LATE.get(name, "learner")].weights for learner in (alone, beside)]
        assert torch.equal(*weights)
        assert weights[0].isfinite().all()
    past = alone.journal.past({(name, 0): {(name, 0): math.inf}})[name, 0]
    again = opened(name, pool, alone, past=past)
    Scheduler(Deaf(), budget).drive([again])
    assert again.ended == job.ended and shown(again) == shown(job) and not again.past


@pytest.mark.parametrize("name", [n for n, e in WRITTEN.items() if by_rewards(e)])
def test_it_can_take_over_on_the_model(name, model, pool):
    learner, jobs, _ = drive(model, pool, ["random_order"], name, steering=[Steer(WRITTEN[name].method, step=1)])
    job = jobs["random_order"]
    assert [(e["event"], e["to"]) for e in job.events] == [("swap", name)] and not job.ended.startswith("failed")
