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
    # rows with the 0 of a class with itself, mean 1/3: sum d^2 = .7917, .6667, .5556; / 3 - 1/9: .1528, .1111, .0741,
    # over their sum .3380: v = .4521, .3288, .2192
    orders = np.array(list(permutations(range(3))))
    # K = 3: one shell: 1 - v + 1 - d[first, last] + d[first, next]
    expected = [
        2 - 0.4521 - 0.8819 + 0.1181,
        2 - 0.4521 - 0.1181 + 0.8819,
        2 - 0.3288 - 0.7887 + 0.2113,
        2 - 0.3288 - 0.2113 + 0.7887,
        2 - 0.2192 - 0.3333 + 0.6667,
        2 - 0.2192 - 0.6667 + 0.3333,
    ]
    assert curriculum_designer.order_scores(d, orders) == pytest.approx(expected, abs=3e-4)


def test_the_walk_goes_on_from_class_to_class():
    # rows sum to 1; no two entries of a row are alike, and the matrix is not symmetric
    d = np.array(
        [
            [0.0, 0.1, 0.2, 0.3, 0.4],
            [0.15, 0.0, 0.25, 0.05, 0.55],
            [0.5, 0.2, 0.0, 0.1, 0.2],
            [0.3, 0.3, 0.3, 0.0, 0.1],
            [0.22, 0.28, 0.12, 0.38, 0.0],
        ]
    )
    # variance of a row: sum of squares / 5 - .2^2; order 2 0 3 1 4:
    squares = [0.01 + 0.04 + 0.09 + 0.16, 0.0225 + 0.0625 + 0.0025 + 0.3025, 0.25 + 0.04 + 0.01 + 0.04]
    squares += [0.09 * 3 + 0.01, 0.0484 + 0.0784 + 0.0144 + 0.1444]
    v = [s / 5 - 0.04 for s in squares]
    # first shell: 2 against the last, 4, and the next, 0; second: 0 against 1, mirrored, and 3, the next
    first = 1 - v[2] / sum(v)
    expected = first + (1 - 0.2 + 0.5) + (1 - 0.1 + 0.3)
    # 4 0 1 3 2: 4 against 2 and 0; then 0 against 3 and 1
    other = 1 - v[4] / sum(v) + (1 - 0.12 + 0.22) + (1 - 0.3 + 0.1)
    orders = np.array([[2, 0, 3, 1, 4], [4, 0, 1, 3, 2]])
    assert curriculum_designer.order_scores(d, orders) == pytest.approx([expected, other])


def test_few_and_even_numbers_of_classes_are_scored():
    assert curriculum_designer.order_scores(np.zeros((1, 1)), np.array([[0]])) == pytest.approx([1.0])
    pair = np.array([[0.0, 1.0], [1.0, 0.0]])  # both variances 1/4: v = 1/2; the other class is next and last: 1
    assert curriculum_designer.order_scores(pair, np.array([[0, 1], [1, 0]])) == pytest.approx([1.5, 1.5])


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
