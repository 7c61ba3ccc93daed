"""A methods section tells what ran: the same is said of what was the same, the rest by variant."""

from __future__ import annotations

import dataclasses

import pytest

import curriculab as cl
from curriculab.paper import report
from curriculab.paper.ran import budget, ends_and_steering, objectives, spending
from curriculab.runs import Record, Runs

POOL = cl.load_pool("ladder", n=60, seed=0)
SETTING = cl.Sft(learning_rate=1e-3)


def of_size(times: int, **settings: object):
    def method(pool, run):
        while True:
            rows = pool.sample(times * run.batch, random_state=run.rng, replace=True)
            yield cl.Train(rows, objective=cl.Sft(**settings) if settings else None)

    return method


def simulated(**methods: object) -> Runs:
    variants = {"random": cl.methods.random_order, **methods}
    return cl.simulate(variants, POOL, steps=6, batch_size=4, seed=[0, 1], tests=POOL, objective=SETTING)


def test_what_was_the_same_is_told_once():
    runs = simulated(again=cl.methods.random_order)
    tokens = runs.metrics[runs.metrics.step == 6].tokens.mean()
    assert spending(runs, {}).startswith(f"A run trained 24 rows (4 a step) and {tokens:,.0f} tokens and spent ")
    assert spending(runs, {}).endswith(" tokens at the last test (within 10% of each other).")


def test_a_variant_that_failed_hides_no_spending():
    def broken(pool, run):
        yield cl.Train(pool.head(0))

    with pytest.warns(UserWarning, match="broken"):
        runs = simulated(broken=broken)
    assert spending(runs, {}).startswith("A run trained 24 rows (4 a step) and ")


def test_eight_times_the_rows_are_told_by_variant_and_no_batch_size_is_claimed():
    text = spending(simulated(big=of_size(8)), {"batch_size": 4})
    assert "Variants differed in rows trained (random 24, big 192) and tokens trained (random " in text
    assert "a step" not in text and "24 rows" not in text


def test_a_learning_rate_of_its_own_is_told_by_variant():
    runs = simulated(hot=of_size(1, learning_rate=4e-3))
    assert objectives(runs, {}) == (
        "Variants were trained with different objectives: random with supervised fine-tuning (learning rate 0.001); "
        "hot with supervised fine-tuning (learning rate 0.004)."
    )
    assert objectives(simulated(), {}) == "The objective was supervised fine-tuning (learning rate 0.001)."


def test_the_benchs_setting_is_told_only_where_no_step_was_recorded():
    setup = {"objectives": [{"objective": "sft", "fields": {"learning_rate": 0.5}}]}
    bare = Runs((Record({"variant": "random", "seed": 0}, {}),))
    assert objectives(bare, setup) == "The objective was supervised fine-tuning (learning rate 0.5)."
    assert "0.5" not in objectives(simulated(), setup)


def test_a_budget_is_what_a_variant_was_to_end_by():
    fields = {"steps": 80, "rollouts": 640, "tokens": None}
    assert budget({"budget": {"fields": fields}}) == (
        "Every variant was to end after 80 optimiser steps or 640 sampled answers; seed by seed all started from the "
        "same adapter."
    )
    assert spending(Runs((Record({"variant": "random", "seed": 0}, {}),)), {"budget": {}}) == (
        "What the variants spent was not recorded."
    )


@pytest.mark.parametrize("times", [1, 8])
def test_nothing_is_called_the_same_budget(times: int):
    text = report.methods_paragraph(simulated(other=of_size(times)))
    assert "same budget" not in text
    assert ("differed in rows trained" in text) == (times == 8)


def test_ends_and_steering_are_told():
    runs = simulated(again=cl.methods.random_order)
    event = {"event": "swap", "step": 3, "to": "sec"}
    records = [dataclasses.replace(r, events=(event,)) if r.key == ("again", 1) else r for r in runs.records]
    assert ends_and_steering(Runs(tuple(records))) == [
        "Steered by hand while they trained: again (swapped to sec at step 3 (seed 1))."
    ]
    assert "Steered by hand while they trained: again (swapped to sec" in report.methods_paragraph(Runs(tuple(records)))
