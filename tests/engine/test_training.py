"""Steps on packed rows: a prompt that several answers share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import curriculab as cl
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.engine.packing import Work, read_tokens
from curriculab.engine.route import forced
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Ask, Copy, Sample, Train
from tests.engine.made import completed, gradient, moved_adapter

pytestmark = pytest.mark.pocket


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=60, seed=0)


@pytest.mark.parametrize("batched", [False, True])
def test_a_prompt_shared_by_its_answers_gives_the_same_as_rows_alone(model, pool, monkeypatch, batched):
    rows, adapter = completed(model, pool, old=True), moved_adapter(model)
    with forced(batched=batched):
        shared = gradient(model, adapter, rows, Grpo())
    monkeypatch.setattr("curriculab.engine.packing.shares_prompts", lambda model: False)
    alone = gradient(model, adapter, rows, Grpo())
    assert shared[0] == pytest.approx(alone[0], rel=1e-5)
    assert torch.linalg.vector_norm(shared[1] - alone[1]) < 1e-5 * torch.linalg.vector_norm(alone[1])


# -- log-probabilities of the decode, and of the forward --------------------------------------------------------------
OWNER = ("v", 0)


def answered(backend, request, turn=1):
    (answer,) = backend.answer([Ask(OWNER, turn, 0, (0, turn), request)])
    assert not isinstance(answer, Exception), answer
    return answer


def shuffled_rewards(out):
    """Ones and zeros in turn, so that every group has both."""
    return out.assign(reward=[float(i % 2) for i in range(len(out))])


@pytest.fixture(scope="module")
def half():
    return load_model("pocket", bits=16, device="cpu")


def test_the_first_updates_ratio_is_one_in_bfloat16(half, pool):
    backend = ModelBackend(half, {"grpo": Grpo()}, max_new_tokens=12)
    out = shuffled_rewards(answered(backend, Sample(pool.iloc[:3], 4)).reply)
    adapter, setting = backend.adapters[OWNER]["learner"], Grpo(lr=1e-3, max_grad_norm=0.0)
    advantages, lengths = setting.advantages(out), out.length.to_numpy()
    by_hand = -float((advantages * lengths).sum() / lengths.sum())  # every token's ratio is 1
    assert gradient(half, adapter, out, setting)[0] == pytest.approx(by_hand, abs=1e-6)
    elsewhere = out.assign(turns=[(replace(turns[0], sampled_by=None),) for turns in out.turns])
    assert gradient(half, adapter, elsewhere, setting)[0] != pytest.approx(by_hand, abs=1e-4)


def test_how_far_decode_and_forward_are_apart_is_recorded(half, pool):
    backend = ModelBackend(half, {"grpo": Grpo()}, max_new_tokens=12)
    out = shuffled_rewards(answered(backend, Sample(pool.iloc[:3], 4)).reply)
    adapter = backend.adapters[OWNER]["learner"].copy()
    (read,) = read_tokens(half, [Work(adapter, half.encode(out, role="learner"))])
    decoded = np.concatenate([turns[0].logprobs for turns in out.turns])
    apart = np.abs(-np.concatenate(read) - decoded)
    found = answered(backend, Train(out)).figures
    assert found == {"logprob_gap": pytest.approx(apart.mean()), "logprob_gap_max": pytest.approx(apart.max())}
    assert found["logprob_gap"] > 1e-3  # nats: as bfloat16 rounds
    assert answered(backend, Train(out), 2).figures == {}  # other weights sampled them by now


def test_weights_that_went_on_and_came_back_are_the_ones_that_sampled(model, pool):
    backend = ModelBackend(model, {"grpo": Grpo(lr=1e-3)}, max_new_tokens=8)
    out = shuffled_rewards(answered(backend, Sample(pool.iloc[:2], 4)).reply)

    def fresh():
        adapter = backend.adapters[OWNER]["learner"]
        texts = model.texts.encode(out, role="learner", weights=adapter.fingerprint())
        return {bool(x) for text in texts for x in text.fresh}

    answered(backend, Copy("learner", to="best"))
    assert fresh() == {True}
    answered(backend, Train(out))
    assert fresh() == {False}
    answered(backend, Copy("best", to="learner"))
    assert fresh() == {True}
    answered(backend, Copy(None, to="best"))
    assert list(backend.adapters[OWNER]) == ["learner"]
    (error,) = backend.answer([Ask(OWNER, 2, 0, (0, 2), Copy(None, to="best"))])
    assert str(error) == "Copy(None, to='best'): there is no role 'best' to forget; a Copy makes one"
