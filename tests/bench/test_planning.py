"""A plan is made through the backend that the bench was given, and lets go of it."""

from __future__ import annotations

import numpy as np
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.student import Student


class Elsewhere(SimulatedLearner):
    """Answers owners that were started, and notes when it is let go of."""

    fails = False

    def __init__(self, *given):
        super().__init__(*given)
        self.owners, self.closed = set(), 0

    def start(self, owners):
        super().start(owners)
        self.owners.update(owners)

    def answer(self, asks):
        if self.fails:
            return [RuntimeError("no connection") for _ in asks]
        assert {ask.owner for ask in asks} <= self.owners
        return super().answer(asks)

    def close(self):
        self.closed += 1


@pytest.mark.slow
def test_a_plan_starts_the_backend_it_was_given_and_closes_it(tiny_model, small_pools):
    train, test = small_pools
    backend = Elsewhere(Student(), train, test)
    bench = cl.Bench(
        tiny_model,
        train,
        test,
        budget=cl.Budget(steps=5),
        batch_size=4,
        store=None,
        backend=lambda design: backend,
        valid=None,
    )
    plan = bench.plan({"random": methods.random_order}, seeds=2)
    assert plan["steps"].tolist() == [5] and plan["minutes"].iloc[0] >= 0
    assert backend.owners == {("plan", 0)} and backend.closed == 1
    backend.fails = True
    with pytest.raises(ValueError, match="^the speed cannot be measured: RuntimeError: no connection$"):
        bench.plan({"random": methods.random_order}, seeds=2)
    assert backend.closed == 2


@pytest.mark.slow
def test_a_backend_that_cannot_be_started_is_closed(tiny_model, small_pools):
    class Late(Elsewhere):
        def start(self, owners):
            raise RuntimeError("no connection")

    train, test = small_pools
    backend = Late(Student(), train, test)
    bench = cl.Bench(
        tiny_model, train, test, budget=cl.Budget(steps=5), store=None, backend=lambda design: backend, valid=None
    )
    with pytest.raises(RuntimeError, match="no connection"):
        bench.run({"random": methods.random_order}, seeds=1, progress=False)
    assert backend.closed == 1


@pytest.mark.slow
def test_a_plan_predicts_the_memory_of_all_its_runs_side_by_side(tiny_model, small_pools):
    variants = {"random": methods.random_order, "easy first": methods.easy_to_hard}
    how = {"budget": cl.Budget(steps=2, max_total_tokens=10**7), "batch_size": 4, "store": None}
    plain, grpo, limited = (
        cl.Bench(tiny_model, *small_pools, **how, **more, valid=None).plan(variants, seeds=2)
        for more in ({}, {"objective": "grpo", "num_generations": 4}, {"gradient_checkpointing": True})
    )
    for plan in (plain, grpo, limited):
        assert (plan["memory_adapters"] == 4 * 16 * tiny_model.layout.size).all()
        parts = plan[["memory_weights", "memory_adapters", "memory_activations", "memory_logits"]].sum(axis=1)
        assert (plan["memory_peak"] >= parts).all() and (plan["memory_cache"] > 0).all()
    assert (grpo["memory_activations"] > plain["memory_activations"]).all()
    assert (limited["memory_activations"] < plain["memory_activations"]).all()


@pytest.mark.slow
def test_a_plan_says_how_many_seeds_find_an_effect_and_by_whose_spread(tiny_model, small_pools, tmp_path):
    """Given; from what is recorded, which a two-way analysis of variance of the accuracies gives; else assumed."""
    from curriculab.statistics import seeds_needed

    variants = {"random": methods.random_order, "easy first": methods.easy_to_hard, "hard": methods.hard_to_easy}
    how = {"budget": cl.Budget(steps=20), "batch_size": 4, "store": tmp_path, "evaluate_every": 20}
    bench = cl.Bench(tiny_model, *small_pools, **how, valid=None)
    plan = bench.plan(variants, controls=["null"], effect=0.05, sd=0.03, spread="pooled")
    wanted = seeds_needed(0.05, 0.03, m=2, spread="pooled", orders=4)  # random order, and three null-band orders
    assert (plan["seeds_needed"] == wanted).all() and (plan["sd_source"] == "as given").all()
    assumed = bench.plan(variants, effect=0.05)
    assert assumed["sd_source"].iloc[0] == "assumed: as in data/reference/online, pocket model, 240 test rows"
    assert "seeds_needed" not in bench.plan(variants)
    backend = {"backend": lambda design: Elsewhere(Student(rate=0.05), *small_pools)}
    bench = cl.Bench(tiny_model, *small_pools, **how, **backend, valid=None)
    accuracy = bench.run(variants, seeds=3, progress=False).accuracy()
    y = accuracy[accuracy.step == 20].pivot(index="seed", columns="variant", values="accuracy").to_numpy()
    rest = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    assert np.ptp(y) > 0
    plan = bench.plan(variants, seeds=3, effect=0.05)
    assert plan["sd_source"].iloc[0] == "3 variants x 3 seeds of this bench"
    assert plan["sd_difference"].iloc[0] == pytest.approx((2 * (rest**2).sum() / 4) ** 0.5)
