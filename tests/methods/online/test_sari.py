"""SARI: its warm-up, its one probe, its bins and its reward."""

from __future__ import annotations

import pytest

from curriculab import methods
from curriculab.protocol import Sample, Train
from curriculab.simulation.pools import planted
from tests.methods.made import asked_by, make


def test_sari_warms_up_measures_once_and_walks_its_bins():
    pool, student = planted({"easy": 0.95, "middling": 0.5, "never": 1e-9}, rows=8)
    seen, runs = asked_by(methods.sari, pool, 16, student=student, warm=0.25, bins=2)
    probe = [r for r in seen if isinstance(r, Sample)]
    assert [(len(r.rows), r.n, r.role, r.purpose) for r in probe] == [(24, 8, "base", "probe")]
    kinds = [r.objective for r in seen if isinstance(r, Train)][:16]  # the last is asked when the budget is spent
    assert kinds == ["sft"] * 4 + [None] * 12
    assert runs.metrics.bin.tolist() == [-1] * 4 + [0] * 6 + [1] * 6
    late = runs.exposure[runs.exposure.step > 4].join(pool, on="id")
    assert "never" not in set(late.topic) and runs.metrics.dropped.iloc[-1] == pytest.approx(1 / 3)
    assert (late[late.step <= 10].topic == "easy").mean() > 0.8 > 0.2 > (late[late.step > 10].topic == "easy").mean()


def test_sari_by_a_column_drops_nothing_and_measures_nothing():
    seen, _ = asked_by(methods.sari, make([2, 1]), 4, batch_size=1, warm=0.0, bins=2, by="level")
    assert [r.rows.index[0] for r in seen[:4]] == ["b", "b", "a", "a"]


def test_sari_rewards_sections_in_their_order():
    seen, runs = asked_by(methods.sari, make([1, 1]), 2, warm=0.0, bins=1, by="level", tags=("plan", "summary"))
    trained = [r.rows for r in seen if isinstance(r, Train)]
    assert all({"reward/correct", "reward/tags"} <= set(rows) for rows in trained)
    assert (trained[0].reward == trained[0]["reward/correct"]).all()  # no simulated answer holds a tag


def test_a_pool_that_is_never_answered_rightly_says_so():
    pool, student = planted({"never": 1e-9}, rows=4)
    _, runs = asked_by(methods.sari, pool, 4, student=student)
    why = "no row was answered rightly in 8 tries; train an easier pool, or order it by=..."
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
