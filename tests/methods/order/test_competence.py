"""Competence: even draws from below the pacing."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.pacing import Geometric, Linear
from tests.methods.made import drawn, make


def test_competence_draws_evenly_from_below_the_pacing():
    pool = make([3, 1, 2, 4, 6, 5, 8, 7])  # from easy to hard: b c a d f e h g
    ranks = {i: rank for rank, i in enumerate("bcadfehg", start=1)}
    # Linear(.25) over the whole budget of 4 steps: shares .25, .4375, .625, .8125 -> 2, 3, 5, 6 rows in use
    seen = np.zeros((4, 9), int)
    for seed in range(60):
        for step, ids in enumerate(drawn(methods.competence, pool, 4, seed=seed, pacing=Linear(0.25), until=1.0)):
            assert len(set(ids)) == 2
            for i in ids:
                seen[step, ranks[i]] += 1
    assert [int(np.flatnonzero(row).max()) for row in seen] == [2, 3, 5, 6]
    assert seen[3, 1:7].min() > 5  # 20 expected


def test_competence_uses_at_least_a_batch_and_at_most_the_pool():
    pool = make([1, 2, 3, 4])
    assert sorted(drawn(methods.competence, pool, 4, pacing=Geometric())[0]) == ["a", "b"]
    assert len(drawn(methods.competence, make([1, 2]), 2, batch_size=5)[0]) == 5


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"pacing": "linear"},
            "pacing='linear' is no pacing; give Linear(), Root(p=2) or Geometric() of cl.methods.pacing",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.competence, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
