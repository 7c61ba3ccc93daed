"""Queues, scores and pacing against values worked out by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from curriculab.draws import Geometric, Linear, Queue, Root, ranked, scores


def test_a_queue_repeats_nothing_within_a_pass_and_reaches_over_the_seam():
    queue = Queue.shuffled(range(5), np.random.default_rng(0))
    taken = np.concatenate([queue.take(3) for _ in range(5)])
    assert len(taken) == 15
    for start in (0, 5, 10):
        assert sorted(taken[start : start + 5]) == [0, 1, 2, 3, 4]


def test_a_queue_takes_more_than_a_pass():
    assert Queue(lambda: np.array([2, 0, 1])).take(7).tolist() == [2, 0, 1, 2, 0, 1, 2]


def test_ranks_rise_and_ties_are_random():
    score = np.array([2.0, 1.0, 1.0, 3.0])
    orders = {tuple(ranked(score, np.random.default_rng(seed)).tolist()) for seed in range(20)}
    assert orders == {(1, 2, 0, 3), (2, 1, 0, 3)}


# min(1, t (1 - .01) + .01); sqrt(t (1 - .0001) + .0001); .01^(1 - t)
@pytest.mark.parametrize(
    ("pacing", "expected"),
    [
        (Linear(), [0.01, 0.2575, 0.505, 1.0]),
        (Root(p=2), [0.01, 0.50007, 0.70714, 1.0]),
        (Root(p=1), [0.01, 0.2575, 0.505, 1.0]),
        (Geometric(), [0.01, 0.03162, 0.1, 1.0]),
    ],
)
def test_pacing_follows_its_formula(pacing, expected):
    assert np.allclose([pacing(t) for t in (0.0, 0.25, 0.5, 1.0)], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(start=0), "Linear(start=0) is no share of the pool; give one above 0, at most 1"),
        (lambda: Geometric(start=2), "Geometric(start=2) is no share of the pool; give one above 0, at most 1"),
        (lambda: Root(p=0.5), "Root(p=0.5) is no root; give p of at least 1 (1 is linear, 2 the square root)"),
    ],
)
def test_pacing_refuses_what_it_cannot_be(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


POOL = pd.DataFrame(
    {"prompt": ["p"] * 3, "answer": "a", "topic": "add", "level": [1, 2, 3], "loss": [0.1, np.nan, np.inf]},
    index=["r0", "r1", "r2"],
)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("lvl", "by='lvl' is no column of the pool; it has prompt, answer, topic, level, loss"),
        ("topic", "by='topic' holds 'add'; an order needs a column of numbers"),
        (
            "loss",
            "by='loss' is nan for row 'r1' (2 of 3 rows); "
            "every row needs a finite score: fill or drop these rows first",
        ),
    ],
)
def test_scores_name_what_is_wrong(by, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        scores(POOL, by)


def test_scores_are_numbers():
    assert scores(POOL, "level").tolist() == [1.0, 2.0, 3.0]
