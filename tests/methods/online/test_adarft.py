"""AdaRFT: its target and the rows nearest to it, worked out by hand."""

from __future__ import annotations

from math import tanh

import numpy as np
import pytest

from curriculab import methods
from curriculab.methods.online.adarft import nearest, stretched
from tests.methods.made import make, talk


def test_adarft_moves_its_target_by_eta_tanh():
    pool = make([1, 2, 3, 4, 5])  # difficulties 0, 25, 50, 75, 100
    asked = talk(methods.adarft, pool, [[[1, 1], [1, 1]], [[1, 0], [0, 0]], [[0, 0], [0, 0]]])
    up = 50 * tanh(2 * (1 - 0.5))  # 38.08: two right answers of two
    targets = [r.note["target"] for r in asked]
    assert targets == pytest.approx([0.0, up, up - 50 * tanh(0.5), 0.0])  # 38.08 - 23.11 = 14.97, and no further than 0
    assert [sorted(r.rows.index) for r in asked] == [["a", "b"], ["b", "c"], ["a", "b"], ["a", "b"]]


def test_adarft_stretches_any_scores_over_0_to_100():
    assert stretched(np.array([3.0, 5.0, 4.0])).tolist() == [0.0, 100.0, 50.0]
    assert stretched(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_nearest_takes_a_random_part_of_the_farthest_difficulty_only():
    values, ends = np.array([0.0, 50.0, 100.0]), np.array([0, 2, 6, 9])  # ranks 0-1, 2-5, 6-8
    rng = np.random.default_rng(0)
    drawn = [nearest(values, ends, 10.0, 4, rng) for _ in range(200)]
    assert all(set(r[:2]) == {0, 1} and set(r[2:]) <= {2, 3, 4, 5} and len(set(r)) == 4 for r in drawn)
    counts = np.bincount(np.concatenate([r[2:] for r in drawn]), minlength=6)[2:]
    assert counts.tolist() == pytest.approx([100] * 4, abs=30)  # 200 draws of 2 of 4: sd 7
    assert sorted(nearest(values, ends, 100.0, 12, rng)[:9]) == list(range(9))  # a pool smaller than the batch
    between = np.concatenate([nearest(values, ends, 25.0, 1, rng) for _ in range(400)])  # 0 and 50 are equally near
    assert np.mean(between < 2) == pytest.approx(0.5, abs=0.1)


def test_adarft_with_distinct_scores_equals_sorting_all_distances():
    rng = np.random.default_rng(1)
    d = np.sort(rng.random(500)) * 100
    for target in (0.0, 3.3, 50.0, 99.9, 100.0):
        mine = nearest(d, np.arange(501), target, 16, rng)
        assert set(mine) == set(np.argsort(np.abs(d - target))[:16])
