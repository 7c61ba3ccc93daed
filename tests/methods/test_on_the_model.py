"""The contract on a real model: every method runs on the pocket model, and is the same to the bit beside others."""

from __future__ import annotations

import pytest
import torch

import curriculab as cl
from curriculab.learner import ModelLearner
from curriculab.loop import Budget, Loop, default_ceiling, open_job
from curriculab.methods import CATALOG
from curriculab.models import load_model
from curriculab.requests import Grpo, Sft, digest

pytestmark = pytest.mark.pocket
WRITTEN = {entry.function: entry for entry in CATALOG if entry.path.exists()}
BATCH, ROLLOUTS, STEPS = 4, 4, 3


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool(model):
    whole = cl.load_pool("ladder", n=600, seed=0)
    return whole[model.lengths(whole) <= 30].iloc[:64]


class Listening(ModelLearner):
    """The model, keeping what it was asked."""

    def answer(self, kind, tickets):
        self.asked = getattr(self, "asked", {})
        for t in tickets:
            self.asked.setdefault(t.job.variant, []).append((t.job.turn, t.place, digest(t.request)))
        return super().answer(kind, tickets)


def drive(model, pool, names, main):
    first = Grpo() if WRITTEN[main].group in ("online", "reward") else Sft()
    learner = Listening(model, {"grpo": first} if isinstance(first, Grpo) else {"sft": first}, max_new_tokens=6)
    jobs = [
        open_job(name, WRITTEN[name].method, pool, seed=0, batch=BATCH, rollouts=ROLLOUTS, objective=learner.setting)
        for name in names
    ]
    answers = ROLLOUTS if isinstance(first, Grpo) else 0
    work = default_ceiling(model.lengths(pool), Budget(steps=STEPS), BATCH, answers)
    Loop(learner, Budget(steps=STEPS, work=work)).drive(jobs)
    return learner, dict(zip(names, jobs, strict=True))


@pytest.mark.parametrize("name", WRITTEN)
def test_it_runs_and_is_the_same_beside_another(name, model, pool):
    alone, mine = drive(model, pool, [name], name)
    job = mine[name]
    assert job.ended in ("budget of steps spent", "ceiling on work", "returned"), job.ended
    assert job.spent.steps or job.ended == "ceiling on work"
    neighbour = "easy_to_hard" if name == "random_order" else "random_order"
    beside, both = drive(model, pool, [neighbour, name], name)
    assert both[name].ended == job.ended
    assert alone.asked[name] == beside.asked[name]
    weights = [learner.adapters[name, 0]["learner"].weights for learner in (alone, beside)]
    assert torch.equal(*weights)
    assert weights[0].isfinite().all()
