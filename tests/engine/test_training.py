"""Steps on packed rows: a prompt that several answers share."""

from __future__ import annotations

import pytest
import torch

import curriculab as cl
from curriculab.engine.loading import load_model
from curriculab.objectives.grpo import Grpo
from tests.engine.made import completed, gradient, moved_adapter

pytestmark = pytest.mark.pocket


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=60, seed=0)


def test_a_prompt_shared_by_its_answers_gives_the_same_as_rows_alone(model, pool, monkeypatch):
    rows, adapter = completed(model, pool, old=True), moved_adapter(model)
    shared = gradient(model, adapter, rows, Grpo())
    monkeypatch.setattr("curriculab.engine.packing.shares_prompts", lambda model: False)
    alone = gradient(model, adapter, rows, Grpo())
    assert shared[0] == pytest.approx(alone[0], rel=1e-5)
    assert torch.linalg.vector_norm(shared[1] - alone[1]) < 1e-5 * torch.linalg.vector_norm(alone[1])
