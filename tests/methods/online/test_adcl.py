"""ADCL: its inversion rate, its probes and its chunks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.methods.online.adcl import failures, inversion_rate
from curriculab.protocol import Copy, Sample, Train
from curriculab.simulation.pools import planted
from tests.methods.made import answered, asked_by, make


def test_inversion_rate_counts_pairs_turned_round():
    old = np.array([1, 2, 3, 4])
    assert inversion_rate(old, np.array([1, 2, 3, 4])) == 0.0
    assert inversion_rate(old, np.array([4, 3, 2, 1])) == 1.0
    assert inversion_rate(old, np.array([2, 1, 3, 4])) == pytest.approx(1 / 6)
    assert inversion_rate(old, np.array([1, 1, 1, 1])) == 0.0  # ties are no order
    assert inversion_rate(np.array([1, 1, 2]), np.array([9, 1, 5])) == pytest.approx(1 / 3)  # only 9 before 5
    assert inversion_rate(np.array([1]), np.array([1])) == 0.0


def test_inversion_rate_equals_counting_all_pairs():
    rng = np.random.default_rng(0)
    old, new = rng.integers(0, 5, 40), rng.integers(0, 5, 40)
    turned = sum((old[i] < old[j]) & (new[i] > new[j]) for i in range(40) for j in range(40))
    assert inversion_rate(old, new) == pytest.approx(turned / (40 * 39 / 2))


def test_failures_of_rows_that_share_an_id():
    rows = make([1, 1]).iloc[[0, 1, 0]]
    assert failures(answered(rows, [[1, 1], [1, 0], [0, 0]]), 3).tolist() == [0.0, 0.5, 1.0]


def test_adcl_measures_all_rows_once_and_then_only_the_next_chunk():
    pool, student = planted({"easy": 0.95, "middling": 0.5, "hard": 0.05}, rows=8)
    seen, runs = asked_by(methods.adcl, pool, 12, student=student, chunks=3, probe=4)
    probes = [set(r.rows.index) for r in seen if isinstance(r, Sample)]
    assert [len(p) for p in probes] == [24, 8, 8] and not probes[1] & probes[2]
    trained = [set(r.rows.index) for r in seen if isinstance(r, Train)]
    assert set.union(*trained[4:8]) == probes[1] and set.union(*trained[8:]) == probes[2]
    found = runs.findings["v", 0]
    assert found.chunk.tolist() == [2, 3] and found.step.tolist() == [4, 8] and found.floor.isna().all()
    assert runs.metrics.chunk.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert runs.metrics.nir.iloc[4] == found.nir.iloc[0]
    assert not any(isinstance(r, Copy) for r in seen)


def test_chunks_share_the_answers_that_measuring_leaves():
    # 24 rows and then twice 8 are measured by 4 answers each: 160 of 256, which leaves 12 steps of 2 rows by 4 answers
    pool, student = planted({"easy": 0.95, "middling": 0.5, "hard": 0.05}, rows=8)
    runs = simulate(
        partial(methods.adcl, chunks=3, probe=4),
        pool,
        budget=Budget(rollouts=256),
        batch_size=2,
        num_generations=4,
        objective="grpo",
        learner=student,
        name="v",
    )
    assert runs.metrics.chunk.tolist() == [1] * 4 + [2] * 4 + [3] * 4


def test_adcl_by_a_column_and_with_its_floor():
    pool = make([3, 1, 2, 4])
    seen, runs = asked_by(methods.adcl, pool, 4, batch_size=1, chunks=2, by="level", floor=True, probe=2)
    assert [r.rows.index.tolist() for r in seen if isinstance(r, Train)][:2] == [["b"], ["c"]]
    assert [(sorted(r.rows.index), r.role) for r in seen if isinstance(r, Sample)] == [
        (["a", "d"], "learner"),
        (["a", "d"], "start"),
    ]
    assert runs.findings["v", 0].floor.notna().all()


POOL = make([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"chunks": 9}, "chunks=9 for 4 rows; give 1 to 4"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.adcl, **knobs), POOL, steps=3, batch_size=2, name="v", objective="grpo")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
