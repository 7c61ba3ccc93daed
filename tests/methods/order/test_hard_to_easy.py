"""Hard to easy: the mirror of easy to hard."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from tests.methods.made import drawn, make


def test_hard_to_easy_is_the_mirror():
    pool = make([3, 1, 2, 5, 4])
    assert drawn(methods.hard_to_easy, pool, 5, span="pass") == ["de", "ac", "bd", "ea", "cb"]
    assert drawn(methods.hard_to_easy, make([1, 2, 3, 4]), 2) == ["dc", "ba"]


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"by": "loss"},
            "by='loss' is nan for row 'b' (1 of 4 rows); every row needs a finite score: fill or drop these rows first",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.hard_to_easy, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
