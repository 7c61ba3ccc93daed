"""Cyclical: sizes of subsets, and draws in proportion to the ease."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.order.cyclical import sizes
from curriculab.protocol import Run
from tests.methods.made import drawn, make


def test_cyclical_sizes():
    assert sizes(0.25, 1.0, 0.5) == [0.25, 0.5, 1.0, 0.5]
    assert sizes(0.1, 0.5, 0.5) == [0.1, 0.2, 0.4, 0.5, 0.4, 0.2]
    assert sizes(1.0, 1.0, 0.5) == [1.0]


def test_cyclical_draws_subsets_without_repeats():
    pool = make([1, 2, 3, 4, 5, 6, 7, 8])
    taken = "".join(drawn(methods.cyclical, pool, 9))  # sizes 2, 4, 8, 4
    for start, end in ((0, 2), (2, 6), (6, 14), (14, 18)):
        assert len(set(taken[start:end])) == end - start
    assert sorted(taken[6:14]) == list("abcdefgh")


def test_cyclical_draws_in_proportion_to_one_over_the_score():
    pool = make([1, 2, 4, 4])  # p = 1/2, 1/4, 1/8, 1/8; the first subset is one row
    first = [next(methods.cyclical(pool, Run(seed, batch=1))).rows.index[0] for seed in range(400)]
    shares = [first.count(i) / 400 for i in "abcd"]
    assert shares == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.075)  # three standard errors
    even = [next(methods.cyclical(pool, Run(s, batch=1), ease="uniform")).rows.index[0] for s in range(400)]
    assert even.count("a") / 400 == pytest.approx(0.25, abs=0.075)


def test_a_subset_is_trained_in_random_order():
    # all four rows from the start: the easiest comes first as often as any other, though it is drawn more readily
    pool = make([1, 2, 4, 4])
    first = [next(methods.cyclical(pool, Run(seed, batch=1), start=1.0)).rows.index[0] for seed in range(600)]
    assert [first.count(i) / 600 for i in "abcd"] == pytest.approx([0.25] * 4, abs=0.053)  # three standard errors


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"ease": "hard"}, "ease='hard' is unknown; give 'inverse' (1 / score) or 'uniform' (the control)"),
        (
            {"by": "minus"},
            "by='minus' reaches down to -1; 1 / score needs losses: at least 0, some above",
        ),
        ({"start": 0.5, "end": 0.4}, "start=0.5, end=0.4; give a start of at most the end"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.cyclical, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
