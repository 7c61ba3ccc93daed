"""Baby steps: bucket after bucket, written out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from tests.methods.made import drawn, make


def test_baby_steps_add_bucket_after_bucket():
    pool = make([1, 2, 3, 4, 5, 6])  # three buckets: ab, cd, ef; 9 steps: stage 0 for 3, then 1, then 2
    steps = drawn(methods.baby_steps, pool, 9, buckets=3)
    assert [set("".join(steps[i : i + 3])) for i in (0, 3, 6)] == [set("ab"), set("abcd"), set("abcdef")]
    assert sorted("".join(steps[3:5])) == list("abcd")  # a pass over the grown set has no repeats
    assert sorted("".join(steps[6:9])) == list("abcdef")


def test_baby_steps_with_one_bucket_a_value():
    pool = make([2, 1, 1, 1, 7, 7])
    steps = drawn(methods.baby_steps, pool, 6, buckets=None)
    assert [set("".join(steps[i : i + 2])) for i in (0, 2)] == [set("bcd"), set("abcd")]
    assert set("".join(steps[4:6])) <= set("abcdef") and set("".join(steps[4:6])) & set("ef")


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"by": "topic"}, "by='topic' holds 'x'; an order needs a column of numbers"),
        ({"buckets": 5}, "buckets=5 for 4 rows; give 1 to 4, or None: one per value of `by`"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.baby_steps, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty


def test_a_budget_in_tokens_paces_as_well():
    pool = make([1, 2, 3, 4])
    runs = simulate(partial(methods.baby_steps, buckets=2), pool, budget=Budget(tokens=32), batch_size=2)
    steps = runs.exposure.groupby("step").id.agg("".join).tolist()  # progress 0, 1/4, 2/4, 3/4
    assert set(steps[0] + steps[1]) == set("ab") and sorted(steps[2] + steps[3]) == list("abcd")
    assert runs.metrics.tokens.tolist() == [8, 16, 24, 32]
