"""Schedules of the learning rate against transformers, over budgets, and in the steps that are taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import curriculab as cl
from curriculab.engine.adapter import Adapter
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft


def theirs(kind: str, warmup: float, steps: int) -> list[float]:
    """Factors of transformers' own schedule, one a step."""
    from transformers import TrainingArguments, get_scheduler

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    arguments = TrainingArguments(warmup_steps=warmup, use_cpu=True, bf16=False, report_to="none")
    kind = "constant_with_warmup" if kind == "constant" and warmup else kind
    made = get_scheduler(kind, optimizer, arguments.get_warmup_steps(steps), steps)
    found = []
    for _ in range(steps):
        found.append(made.get_last_lr()[0])
        optimizer.step()
        made.step()
    return found


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 0.05, 0.3, 1, 7, 40])
@pytest.mark.parametrize("steps", [1, 10, 33])
def test_factors_are_those_of_transformers(kind, warmup, steps):
    ours = [Sft(lr_scheduler_type=kind, warmup_steps=warmup).rate_factor(k, steps) for k in range(steps)]
    assert np.allclose(ours, theirs(kind, warmup, steps), atol=1e-12)


def test_over_tokens_a_share_is_a_share():
    setting = Grpo(lr_scheduler_type="linear", warmup_ratio=0.2)
    factors = [setting.rate_factor(spent, 1000, "tokens") for spent in (0, 100, 200, 600, 1000, 1100)]
    assert np.allclose(factors, [0, 0.5, 1, 0.5, 0, 0])


def test_steps_are_taken_at_the_scheduled_rate(tiny_model, small_pools, monkeypatch):
    """Alike for all variants, one that asks for two steps at once too; and warm-up in steps needs a budget of steps."""
    train, test = small_pools
    rates: list[float] = []
    step = Adapter.step
    monkeypatch.setattr(Adapter, "step", lambda self, **how: (rates.append(how["lr"]), step(self, **how))[1])

    def single(pool, run):
        while True:
            yield cl.Train(pool.iloc[:2])

    def pairs(pool, run):
        while True:
            yield [cl.Train(pool.iloc[:2]), cl.Train(pool.iloc[2:4])]

    setting = cl.Sft(lr=1e-2, lr_scheduler_type="linear", warmup_steps=1)
    how = dict(objective=setting, batch_size=2, store=None, max_new_tokens=4)
    bench = cl.Bench(tiny_model, train, test, budget=cl.Budget(steps=4), **how)
    for method in (single, pairs):
        rates.clear()
        runs = bench.run({"v": method}, seeds=1, progress=False)
        assert not runs.failed and np.allclose(rates, [0, 1e-2, 1e-2 * 2 / 3, 1e-2 / 3])
    with pytest.raises(ValueError, match="counts steps, and the budget is of tokens; give a share below 1"):
        cl.Bench(tiny_model, train, test, budget=cl.Budget(tokens=50), **how)
