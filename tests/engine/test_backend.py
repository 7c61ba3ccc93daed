"""The model as a backend by reinforcement: answers handed in, equal bits alone and side by side."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.bench.budget import Budget
from curriculab.bench.job import open_job
from curriculab.bench.scheduler import Scheduler
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.engine.packing import Work, read_tokens
from curriculab.environments.turns import say, tell
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.protocol import Sample, Train

pytestmark = pytest.mark.pocket


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=60, seed=0)


def test_a_sampled_piece_is_on_policy_only_where_it_was_sampled(model, pool):
    learner = ModelBackend(model, {"grpo": Grpo()}, max_new_tokens=12)
    seen = {}

    def method(pool, run):
        out = yield Sample(pool.iloc[:2], 4, temperature=[1.0, 0.5])
        seen["here"] = model.encode(out, role="learner")
        seen["moved"] = model.encode(out.assign(prompt="2 + 2"), role="learner")
        seen["role"] = model.encode(out, role="teacher")
        yield Train(say(pool.iloc[:2], "5").assign(advantage=1.0))  # words that nobody sampled

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=1)).drive([job])
    assert job.ended == "budget of steps spent"
    here = seen["here"]
    assert all(np.isfinite(t.sampled).all() and len(t.sampled) == len(t.targets) for t in here)
    assert [t.temperature[0] for t in here] == [1.0] * 4 + [0.5] * 4
    again = read_tokens(model, [Work(learner.roles.init(0), here)])[0]
    for text, nll in zip(here, again, strict=True):  # read at the temperature they were sampled at
        assert np.allclose(-nll, text.sampled, atol=1e-4)
    for other in (seen["moved"], seen["role"]):
        assert all(np.isnan(t.sampled).all() and (t.temperature == 1).all() for t in other)


def test_several_updates_are_several_steps_and_the_second_is_off_policy(model, pool):
    learner = ModelBackend(model, {"grpo": Grpo(num_iterations=3, lr=1e-3)}, max_new_tokens=8)
    replies, trained = [], []
    answer = learner.answer

    def listening(asks):
        found = answer(asks)
        trained.extend(
            (ask.request.rows, reply.reply)
            for ask, reply in zip(asks, found, strict=True)
            if type(ask.request) is Train
        )
        return found

    learner.answer = listening

    def method(pool, run):
        while True:
            replies.append((yield Train(pool.iloc[6:8].assign(answer="7"), note={"turn": len(replies)})))

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=7)).drive([job])
    assert job.run.step == 7 and [line["turn"] for line in job.metrics] == [0, 0, 0, 1, 1, 1, 2]
    assert [line[1] for line in job.ledger] == ["Sample", "Train", "Train", "Train"] * 2 + ["Sample", "Train"]
    assert job.spent.rollouts == 3 * 2 * ROLLOUTS and len(replies) == 3
    assert learner.adapters["v", 0]["learner"].steps == 7
    assert not any("old_logprobs" in reply for reply in replies)
    for first, second, third in (trained[:3], trained[3:6]):
        assert "old_logprobs" not in first[0]
        held = [np.mean(logp) for logp in second[0].old_logprobs]  # of the forward before the first update
        np.testing.assert_allclose(held, -first[1].loss, rtol=1e-6)
        assert [a.tolist() for a in third[0].old_logprobs] == [b.tolist() for b in second[0].old_logprobs]


def test_answers_handed_in_are_trained_as_they_are(model, pool):
    """Filtered, copied, weighted and replaced by a method: nothing is sampled again, and all of it is charged."""
    learner = ModelBackend(model, {"grpo": Grpo(), "sft": Sft()}, max_new_tokens=8)

    def method(pool, run):
        out = yield Sample(pool.iloc[:6], run.rollouts)
        kept = out[out.group.isin(out.group.unique()[:2])]
        own = say(pool.iloc[[0]], pool.answer.iloc[0]).assign(group=kept.group.iloc[0], reward=1.0)
        rows = pd.concat([kept.iloc[1:], own])
        done = yield Train(rows)
        assert list(done.index) == list(rows.index) and "advantage" in done

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=3)).drive([job])
    assert job.ended == "returned", job.ended
    assert job.spent.rollouts == 6 * ROLLOUTS and job.spent.steps == 1
    groups = list(job.groups.values())
    assert [g["trained"] for g in groups] == [ROLLOUTS - 1, ROLLOUTS, 0, 0, 0, 0]  # one was put aside, one made up
    assert sum(g["tokens"] for g in groups) == job.spent.generated


def test_reinforce_raises_what_is_rewarded(model, pool):
    """REINFORCE and RLOO by the same code: rewarding one letter makes it more likely."""
    for setting in (
        Grpo(baseline="none", scale_rewards="none", lr=2e-3),
        Grpo(baseline="others", scale_rewards="none", lr=2e-3),
    ):
        learner = ModelBackend(model, {"grpo": setting}, max_new_tokens=6)
        shares = []

        def method(pool, run, shares=shares):
            while True:
                out = yield Sample(pool[pool.topic == "add"].iloc[:4], 8)
                has = out.text.str.contains("1").astype(float)
                shares.append(has.mean())
                yield Train(out.assign(reward=has))

        Scheduler(learner, Budget(steps=20)).drive([opened(learner, "v", method, pool)])
        assert np.mean(shares[-3:]) > np.mean(shares[:3]) + 0.15


ROLLOUTS = 4


def opened(learner, name, method, pool, seed=0):
    return open_job(name, method, pool, seed=seed, batch=2, rollouts=ROLLOUTS, objective=learner.setting)


def steady(pool, run, *, texts, number=0):
    """Each variant in a way of its own: other rows, temperatures, updates, a divergence from the base."""
    objective = [
        Grpo(lr=1e-3, num_iterations=2, beta=0.05),
        Grpo(lr=1e-3),
        Grpo(loss_type="cispo", average="rows", epsilon_high=2.0),
    ]
    while True:
        start = (7 * number + 2 * run.step) % len(pool)
        rows = pool.take([start, (start + 1) % len(pool)])
        out = yield Sample(rows, run.rollouts + number % 2, temperature=[1.0, 0.7 + 0.1 * number])
        texts.append(out.text.tolist())
        yield Train(out, objective[number % 3])


def driven(model, pool, names, steps):
    learner, texts = ModelBackend(model, {"grpo": Grpo()}, max_new_tokens=8), {n: [] for n in names}
    jobs = [opened(learner, n, partial(steady, texts=texts[n], number=int(n)), pool) for n in names]
    Scheduler(learner, Budget(steps=steps)).drive(jobs)
    assert {j.ended for j in jobs} == {"budget of steps spent"}
    return texts, {n: learner.adapters[n, 0]["learner"].weights.detach().clone() for n in names}


@pytest.mark.parametrize("bits", [4, 32])
def test_twenty_steps_are_the_same_to_the_bit_alone_and_beside_five_others(pool, bits):
    torch.set_num_threads(1)
    model = load_model("pocket", bits=bits)
    texts, weights = driven(model, pool, ["0"], 20)
    beside, theirs = driven(model, pool, [str(n) for n in range(6)], 20)
    assert beside["0"] == texts["0"] and len(texts["0"]) == 10  # two updates each
    assert torch.equal(theirs["0"], weights["0"])
    assert len({w.sum().item() for w in theirs.values()}) == 6


def test_with_two_threads_the_first_steps_samples_are_the_same(model, pool):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        texts, _ = driven(model, pool, ["0"], 1)
        beside, _ = driven(model, pool, [str(n) for n in range(6)], 1)
    finally:
        torch.set_num_threads(before)
    assert beside["0"] == texts["0"]


def test_new_rows_with_parents_are_answered_trained_and_recorded(model, pool):
    """A method may make rows of its own: they appear in a request with a new id and their parents, and are charged."""
    learner = ModelBackend(model, {"grpo": Grpo(), "sft": Sft()}, max_new_tokens=6)

    def method(pool, run):
        parent = pool.iloc[[0]]
        made = parent.assign(prompt="1 + 1", answer="2", parents=[(parent.index[0],)]).set_axis(["made/1"])
        out = yield Sample(made, run.rollouts, purpose="task")
        replies = yield [Train(out), Train(made.assign(solution="2"), "sft")]
        assert [list(r.index) for r in replies] == [["made/1"] * ROLLOUTS, ["made/1"]]

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=5)).drive([job])
    assert job.ended == "returned", job.ended
    assert [ids.tolist() for _, ids, *_ in job.exposure] == [["made/1"] * ROLLOUTS, ["made/1"]]
    assert [line[1:3] for line in job.ledger] == [("Sample", "task"), ("Train", "train"), ("Train", "train")]


def test_a_conversation_adds_to_the_line_of_its_group(model, pool):
    """Answer, hear more, answer again: one group, all of it charged, and trained as the answers that it is."""
    learner = ModelBackend(model, {"grpo": Grpo()}, max_new_tokens=6)

    def method(pool, run):
        out = yield Sample(pool.iloc[:2], 4)
        again = yield Sample(tell(out, "think again"))
        assert again.group.tolist() == out.group.tolist()
        yield Train(again.assign(reward=[1.0, 0, 0, 0, 0, 0, 0, 0]))

    job = opened(learner, "v", method, pool)
    Scheduler(learner, Budget(steps=1)).drive([job])
    assert job.ended == "budget of steps spent", job.ended
    lines = list(job.groups.values())
    assert [(g["n"], g["trained"], g["signal"]) for g in lines] == [(8, 8, True), (8, 8, False)]
    assert sum(g["tokens"] for g in lines) == job.spent.generated and job.spent.rollouts == 16
