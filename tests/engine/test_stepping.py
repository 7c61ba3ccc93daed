"""Steps of many adapters at once against each adapter's own, which stands beside torch.optim.AdamW in other tests."""

from __future__ import annotations

import math

import pytest
import torch

from curriculab.engine.adapter import Adapter, Entry, Layout
from curriculab.engine.route import forced
from curriculab.engine.stepping import Step, step_all

LAYOUT = Layout((Entry("only", 5, 7, 0),), rank=3, alpha=6)
STEPS = [
    Step(1e-3, 0.0, 1.0),
    Step(1e-3, 0.0, math.inf),
    Step(3e-4, 0.1, 0.5),
    Step(1e-3, 0.0, 100.0),  # far above its norm
]


def random(seed: int) -> torch.Tensor:
    return torch.randn(LAYOUT.size, generator=torch.Generator().manual_seed(seed))


def adapters() -> list[Adapter]:
    made = [Adapter(LAYOUT, random(i)) for i in range(len(STEPS))]
    for adapter in made:
        adapter.open()
    return made


def fill(own: list[Adapter], turn: int) -> None:
    for i, adapter in enumerate(own):
        adapter.weights.grad.copy_(3 * random(100 * turn + i))


def test_three_steps_together_are_those_of_each_alone():
    alone, together = adapters(), adapters()
    for turn in (1, 2, 3):
        fill(alone, turn)
        fill(together, turn)
        expected = step_all(alone, STEPS)
        with forced(batched=True):
            found = step_all(together, STEPS)
        assert found == pytest.approx(expected, rel=1e-6)
        assert found[0] > 1  # it is clipped
    for mine, other in zip(together, alone, strict=True):
        torch.testing.assert_close(mine.weights.data, other.weights.data, rtol=1e-6, atol=1e-7)
        assert mine.steps == other.steps == 3 and not mine.weights.grad.any()
        for name, value in other.state().items():
            torch.testing.assert_close(mine.state()[name], value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("batched", [False, True])
def test_a_gradient_that_is_not_finite_stops_its_own_adapter_only(batched: bool):
    own = adapters()
    before = [a.weights.data.clone() for a in own]
    fill(own, 1)
    own[2].weights.grad[4] = math.inf
    with forced(batched=batched):
        found = step_all(own, STEPS)
    assert str(found[2]) == "the gradient's norm is inf at step 1; lower lr, or look at the rows"
    assert [a.steps for a in own] == [1, 1, 0, 1]
    assert [bool((a.weights.data != w).any()) for a, w in zip(own, before, strict=True)] == [True, True, False, True]
    assert not any(a.weights.grad.any() for a in own)
