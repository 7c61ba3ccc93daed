"""GraphMASAL: paths against brute force, prerequisites, and what it trains along them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods.order import graphmasal
from curriculab.protocol import Run, Train
from curriculab.simulation.pools import planted
from tests.methods.made import make, reply


def test_the_best_path_covers_most_for_its_cost():
    # 0 -> 1 -> 3, 0 -> 2 -> 3; 0 is mastered; 2 and 3 are weak, 1 is nearly there
    needs = [frozenset(), frozenset({0}), frozenset({0}), frozenset({1, 2})]
    met, mastery = np.array([True, False, False, False]), np.array([0.9, 0.7, 0.2, 0.0])
    cost = graphmasal.costs(met, mastery, needs, 1.0)
    assert [cost(0, 1), cost(0, 2), cost(1, 3), cost(2, 3)] == pytest.approx([0.3, 0.8, 2.0, 2.0])
    # to 2: 1 / .8 = 1.25; over 2 to 3: 2 / 2.8 = .71; over 1 to 3: 1 / 2.3
    assert graphmasal.best_path({2, 3}, met, cost, needs) == (pytest.approx(0.8), (2,))
    paths = graphmasal.cover(np.array([False, False, True, True]), met, mastery, needs, 1.0)
    assert [path for _, path in paths] == [(2,), (1, 3)]
    assert graphmasal.merged(paths, needs) == [1, 2, 3]


def brute_force(targets, met, mastery, needs, penalty):
    """Least total cost of a family of paths that covers all targets, over every simple path there is."""
    cost = graphmasal.costs(met, mastery, needs, penalty)
    bit = {v: 1 << i for i, v in enumerate(np.flatnonzero(targets).tolist())}
    found = {}

    def walk(v, paid, mask):
        mask |= bit.get(v, 0)
        found[mask] = min(paid, found.get(mask, np.inf))
        for w in range(len(needs)):
            if v in needs[w] and not met[w]:
                walk(w, paid + cost(v, w), mask)

    for v in range(len(needs)):
        if not met[v] and not needs[v]:
            walk(v, cost(None, v), 0)
        for u in needs[v]:
            if met[u] and not met[v]:
                walk(v, cost(u, v), 0)
    least = {0: 0.0}
    for mask in range(1 << len(bit)):
        for covered, paid in found.items():
            if mask in least:
                least[mask | covered] = min(least.get(mask | covered, np.inf), least[mask] + paid)
    return least[(1 << len(bit)) - 1]


def test_the_greedy_cover_is_within_its_bound_of_brute_force():
    worst = 0.0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(4, 10))
        needs = [frozenset(u for u in range(v) if rng.random() < 0.35) for v in range(size)]
        mastery = rng.random(size)
        met = mastery >= 0.8
        targets = np.flatnonzero(mastery < 0.5)[:8]
        if not len(targets):
            continue
        wanted = np.isin(np.arange(size), targets)
        paths = graphmasal.cover(wanted, met, mastery, needs, 1.0)
        assert set(targets.tolist()) <= {v for _, path in paths for v in path}
        ratio = sum(paid for paid, _ in paths) / brute_force(wanted, met, mastery, needs, 1.0)
        assert 1 - 1e-9 <= ratio <= 1 + np.log(len(targets)) + 1e-9
        plan = graphmasal.merged(paths, needs)
        assert all(plan.index(u) < plan.index(v) for v in plan for u in needs[v] if u in plan)
        worst = max(worst, ratio)
    assert worst > 1.05  # greedy is not always the best, so the bound was tried


def test_prerequisites_from_pairs_a_column_or_levels():
    pool = make([1, 1, 2, 2, 2, 5], topic=list("aabbcd"))
    arms = graphmasal.Arms(pool, "topic", np.random.default_rng(0))
    by_level = graphmasal.prerequisites(pool, arms, None, "level")
    assert [set(n) for n in by_level] == [set(), {0}, {0}, {1, 2}]
    pairs = graphmasal.prerequisites(pool, arms, [("d", "b"), ("b", "a")], None)
    assert [set(n) for n in pairs] == [set(), {0}, set(), {1}]
    column = pool.assign(needs=[None, None, "a", ["a"], [], ["b", "c"]])
    assert [set(n) for n in graphmasal.prerequisites(column, arms, "needs", None)] == [set(), {0}, set(), {1, 2}]
    with pytest.raises(ValueError, match="^edges go round in a circle among the skills"):
        graphmasal.prerequisites(pool, arms, [("a", "b"), ("b", "a")], None)
    with pytest.raises(ValueError, match="^edges name 'z', which is no skill; there are a, b, c, d$"):
        graphmasal.prerequisites(pool, arms, [("a", "z")], None)


def answers_by_topic(method, mastered, blocks):
    """TrainingSession a method whose probes come out as `mastered` says; which skills it trains, block by block."""
    request, trained = next(method), []
    while len(trained) < blocks:
        if isinstance(request, Train):
            trained.append(request.rows.topic.iloc[0])
            request = method.send(reply(request, loss=0.1))
        else:
            request = method.send(reply(request, correct=request.rows.topic.map(mastered).to_numpy(float)))
    return trained


def test_skills_are_trained_along_the_path_and_none_holds_up_the_rest():
    pool = make([1] * 5 + [2] * 5 + [3] * 5, topic=["a"] * 5 + ["b"] * 5 + ["c"] * 5)
    mastered = {"a": 1, "b": 0, "c": 0}
    method = methods.graphmasal(pool, Run(0, batch=4), items=4, most=2)
    assert answers_by_topic(method, mastered, 6)[:4] == ["b", "b", "c", "c"]
    static = methods.graphmasal(pool, Run(0, batch=4), items=4, dynamic=False)
    assert answers_by_topic(static, mastered, 4) == ["b", "c", "b", "c"]
    goal = methods.graphmasal(pool, Run(0, batch=4), items=4, goals=["b"], most=9)
    assert answers_by_topic(goal, mastered, 3) == ["b", "b", "b"]
    done = methods.graphmasal(pool, Run(0, batch=4), items=4)
    assert set(answers_by_topic(done, dict.fromkeys("abc", 1), 20)) == set("abc")


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])
COLUMNS = "prompt, answer, topic, level, loss"


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"weak": 0.9},
            "weak=0.9, mastered=0.8; give a weak of at most mastered",
        ),
        ({"edges": "needs"}, f"edges='needs' is no column of the pool; it has {COLUMNS}"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.graphmasal, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty


def test_a_probe_finds_the_planted_mastery():
    pool, student = planted({"x": 0.7}, rows=200)
    runs = simulate(
        partial(methods.graphmasal, probes=40),
        pool,
        budget=Budget(steps=1, max_total_tokens=10**6),
        batch_size=2,
        seed=range(10),
        learner=student,
    )
    assert runs.metrics.mastery.mean() == pytest.approx(0.7, abs=0.07)  # three standard errors of 400 answers


def test_what_is_neither_weak_nor_mastered_is_no_target_while_something_is_weak():
    # five probes a skill: a 3 of 5 right, between weak = .5 and mastered = .8; b none
    pool = make([1] * 26, topic="a").iloc[:25]
    both = pd.concat([pool, pool.assign(topic="b").set_axis([f"{i}2" for i in pool.index])])
    method = methods.graphmasal(both, Run(0, batch=4), by=None, items=4, most=2)
    request, trained = next(method), []
    while len(trained) < 3:
        if isinstance(request, Train):
            trained.append(request.rows.topic.iloc[0])
            request = method.send(reply(request, loss=0.1))
        else:
            place = request.rows.groupby("topic").cumcount().to_numpy()
            right = (request.rows.topic == "a").to_numpy() & (place < 3)
            request = method.send(reply(request, correct=right.astype(float)))
    assert trained == ["b", "b", "a"]  # two blocks of b count as met; only then is a wanted
