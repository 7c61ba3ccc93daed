"""FUT: its blends, its search and its table, worked out by hand."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.methods.analysis.order_effects import (
    child,
    distinct,
    first_order,
    kendall,
    searched,
    trained,
    zeroth_order,
)
from curriculab.protocol import Copy, Score, Train
from tests.methods.made import make, numbered


def test_the_reference_order_is_estimated_at_the_end_of_the_reference_run():
    # G(0, 0) + G(0, 1) + [G(1, 1) - G(0, 1)] = G(0, 0) + G(1, 1), from theta_0 on.
    assert first_order((0, 1)) == {"at 0 with 0": 1.0, "at 1 with 1": 1.0, "at 1": -1.0}


def test_another_order_adds_the_change_of_each_update_by_the_batches_before_it():
    # theta_0 + G(0, 1) + G(0, 0) + [G(2, 0) - G(1, 0)]: batch 1 was the reference step from state 1 to state 2.
    told = {"at 0": -1.0, "at 0 with 1": 1.0, "at 0 with 0": 1.0}
    told |= {"at 2 with 0": 1.0, "at 2": -1.0, "at 1 with 0": -1.0, "at 1": 1.0}
    assert first_order((1, 0)) == told and sum(told.values()) == 1.0
    assert zeroth_order((1, 0)) == {"at 0 with 1": 1.0, "at 1 with 0": 1.0, "at 1": -1.0}
    assert all(sum(first_order(order).values()) == 1.0 for order in permutations(range(4)))


def test_distance_is_the_share_of_pairs_turned_round():
    assert [kendall(order) for order in [(0, 1, 2), (0, 2, 1), (2, 1, 0)]] == [0.0, pytest.approx(1 / 3), 1.0]


def test_orders_are_different_and_children_are_orders():
    rng = np.random.default_rng(0)
    assert sorted(distinct(3, 100, rng)) == sorted(permutations(range(3)))
    made = [child((0, 1, 2, 3), (3, 2, 1, 0), rng) for _ in range(50)]
    assert all(sorted(one) == [0, 1, 2, 3] for one in made) and len(set(made)) > 5


def test_the_search_ends_at_the_least_estimated_loss():
    blends = {frozenset(first_order(order).items()): order for order in permutations(range(3))}
    search, seen = searched(3, make([1]), 4, 6, np.random.default_rng(0)), {}
    asked = next(search)
    try:
        while True:
            replies = []
            for request in asked:
                if isinstance(request, Copy) and request.source is not None:
                    seen[request.to] = blends[frozenset(request.source.items())]
                if isinstance(request, Score):  # the nearer to 2, 1, 0, the better
                    replies.append(pd.DataFrame({"nll": [1 - kendall(seen[request.role])]}))
            asked = search.send(replies or None)
    except StopIteration as stop:
        assert stop.value == ((2, 1, 0), 0.0)


def test_orders_are_trained_place_by_place():
    parts = [make([1]).rename(index={"a": name}) for name in "xyz"]
    run = trained(parts, [(2, 0, 1), (0, 1, 2)], make([1]))
    asked, said = next(run), []
    while not isinstance(asked[0], Score):
        said += [(r.role, r.rows.index[0]) for r in asked if isinstance(r, Train)]
        asked = run.send(None)
    assert said == [(f"order {k}", row) for pair in ("zx", "xy", "yz") for k, row in enumerate(pair)]


def test_what_it_finds_is_a_table_and_the_learner_ends_at_the_chosen_order():
    pool = numbered([1, 2] * 10, topic="x")
    budget = cl.Budget(steps=4, max_total_tokens=10**6)
    method = partial(methods.order_effects, batches=2, truth=2, population=2, generations=1)
    runs = cl.simulate(method, pool, budget=budget, batch_size=3, learner=cl.simulation.Student(rate=0.02), name="v")
    assert runs.failed == {} and runs.metrics[runs.metrics.role == "learner"].step.max() == 2
    (found,) = runs.findings.values()
    table = found.set_index("order")
    assert list(found.chosen) == [False, False, True] and set(found.order) == {"0-1", "1-0"}
    reference = table[~table.chosen].loc["0-1"]
    assert reference.distance == 0 and reference["first"] == pytest.approx(reference["zeroth"])
    assert reference["first"] == pytest.approx(reference["true"], abs=1e-9)
    chosen = table[table.chosen].iloc[0]
    assert chosen["true"] == pytest.approx(table[~table.chosen].loc[chosen.name, "true"])
    trained_ids = runs.exposure[runs.exposure.role == "learner"].id
    assert len(trained_ids) == 6 and trained_ids.is_unique
