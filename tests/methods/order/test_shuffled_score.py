"""Shuffled scores: the same sizes without the meaning."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from tests.methods.made import drawn, make


def test_shuffled_scores_keep_the_sizes_and_lose_the_meaning():
    pool = make([1, 1, 1, 2, 2, 2, 3, 3, 3])
    first = [set(drawn(methods.shuffled_score, pool, 3, batch_size=3, seed=seed)[0]) for seed in range(40)]
    assert len({frozenset(f) for f in first}) > 20
    buckets = drawn(methods.shuffled_score, pool, 9, batch_size=3, method=partial(methods.baby_steps, buckets=3))
    assert len(set("".join(buckets[:3]))) == 3 and len(set("".join(buckets[3:6]))) == 6


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"method": methods.random_order},
            "random_order has no knob `by`, so there is no score to be shuffled; give a method that orders by one",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.shuffled_score, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
