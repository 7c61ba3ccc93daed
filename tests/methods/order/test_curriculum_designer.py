"""Curriculum Designer: scores of orders worked out by hand, and blocks over the budget."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.order import curriculum_designer
from curriculab.protocol import Score
from curriculab.simulation.pools import planted
from tests.methods.made import asked


def test_orders_are_scored_by_distances():
    angles = np.deg2rad([0, 30, 90])  # cosines: .866, 0, .5
    d = curriculum_designer.distances(np.column_stack([np.cos(angles), np.sin(angles)]))
    assert d == pytest.approx(np.array([[0, 0.1181, 0.8819], [0.2113, 0, 0.7887], [0.6667, 0.3333, 0]]), abs=1e-4)
    # v: ((.8819 - .1181) / 2)^2 = .14585, .08334, .02778, over their sum .25697: .5676, .3243, .1081
    orders = np.array(list(permutations(range(3))))
    # K = 3: w = -1, 1: score = - v + d[first, second] - d[first, third]
    expected = [
        -0.5676 - 0.7639,
        -0.5676 + 0.7639,
        -0.3243 - 0.5774,
        -0.3243 + 0.5774,
        -0.1081 + 0.3333,
        -0.1081 - 0.3333,
    ]
    assert curriculum_designer.order_scores(d, orders) == pytest.approx(expected, abs=1e-3)


def test_blocks_follow_each_other_once_over_the_budget():
    pool, student = planted({"a": 0.9, "b": 0.5, "c": 0.1}, rows=20)
    requests = asked("curriculum_designer", pool, 30, batch_size=4, learner=student)
    assert isinstance(requests[0], Score) and requests[0].role == "base" and requests[0].measure == "embedding"
    topics = [set(r.rows.topic) for r in requests[1:]]
    assert all(len(t) == 1 for t in topics)
    blocks = [next(iter(t)) for t in topics]
    assert sum(a != b for a, b in zip(blocks, blocks[1:], strict=False)) == 2 and set(blocks) == set("abc")
    ids = [i for r in requests[1:6] for i in r.rows.index]
    assert len(set(ids)) == 20


def test_the_worst_order_is_the_last_and_the_findings_hold_them_all():
    pool, student = planted({"a": 0.9, "b": 0.6, "c": 0.4, "d": 0.1}, rows=10)
    found = {}
    for rank in (0.0, 1.0):
        runs = simulate(partial(methods.curriculum_designer, rank=rank), pool, steps=20, batch_size=2, learner=student)
        table = runs.records[0].findings
        assert len(table) == 24 and table.score.is_monotonic_decreasing
        topics = runs.exposure.join(pool, on="id").topic
        found[rank] = " > ".join(dict.fromkeys(topics))
        assert found[rank] == table.order.iloc[0 if rank == 0 else -1]
    assert found[0.0] != found[1.0]


def test_replay_keeps_a_share_for_earlier_blocks():
    pool, student = planted({"a": 0.9, "b": 0.5}, rows=20)
    trained = asked("curriculum_designer", pool, 20, batch_size=4, learner=student, replay=0.25)[1:]
    old = trained[0].rows.topic.iloc[0]
    shares = [(r.rows.topic == old).sum() for r in trained]
    assert shares[:10] + shares[11:] == [4] * 10 + [1] * 9  # reading moves the seam by a step at most


def test_many_classes_are_sampled():
    assert len(curriculum_designer._orders(5, 200, np.random.default_rng(0))) == 120
    some = curriculum_designer._orders(8, 200, np.random.default_rng(0))
    assert some.shape == (200, 8) and all(sorted(order) == list(range(8)) for order in some.tolist())
