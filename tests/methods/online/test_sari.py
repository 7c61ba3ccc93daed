"""SARI: its warm-up, its one probe, its bins and its reward."""

from __future__ import annotations

import pytest

from curriculab import methods
from curriculab.protocol import Piece, Run, Sample, Train
from curriculab.simulation.pools import planted
from tests.methods.made import answered, asked_by, make


def test_sari_warms_up_measures_once_and_walks_its_bins():
    pool, student = planted({"easy": 0.95, "middling": 0.5, "never": 1e-9}, rows=8)
    seen, runs = asked_by(methods.sari, pool, 16, student=student, warm=0.25, bins=2)
    probe = [r for r in seen if isinstance(r, Sample)]
    assert [(len(r.rows), r.n, r.role, r.purpose) for r in probe] == [(22, 8, "base", "probe")]  # 2 of 24: a batch
    kinds = [r.objective for r in seen if isinstance(r, Train)][:16]  # the last is asked when the budget is spent
    assert kinds == ["sft"] * 4 + [None] * 12
    assert runs.metrics.bin.tolist() == [-1] * 4 + [0] * 6 + [1] * 6
    early, late = (
        runs.exposure[side].join(pool, on="id") for side in (runs.exposure.step <= 4, runs.exposure.step > 4)
    )
    assert early.id.nunique() == 2 and not set(early.id) & set(late.id) | set(early.id) & set(probe[0].rows.index)
    dropped = (probe[0].rows.topic == "never").mean()
    assert "never" not in set(late.topic) and runs.metrics.dropped.iloc[-1] == pytest.approx(dropped)
    assert (late[late.step <= 10].topic == "easy").mean() > 0.8 > 0.2 > (late[late.step > 10].topic == "easy").mean()


def test_sari_by_a_column_drops_nothing_and_measures_nothing():
    seen, _ = asked_by(methods.sari, make([2, 1]), 4, batch_size=1, warm=0.0, bins=2, by="level")
    assert [r.rows.index[0] for r in seen[:4]] == ["b", "b", "a", "a"]


def test_sari_rewards_sections_in_their_order():
    seen, runs = asked_by(methods.sari, make([1, 1]), 2, warm=0.0, bins=1, by="level", tags=("plan", "summary"))
    trained = [r.rows for r in seen if isinstance(r, Train)]
    assert all({"reward/correct", "reward/tags"} <= set(rows) for rows in trained)
    assert (trained[0].reward == trained[0]["reward/correct"]).all()  # no simulated answer holds a tag


def test_sections_in_their_order_are_worth_tag_weight():
    knobs = dict(warm=0.0, bins=1, by="level", tags=("plan", "summary"), tag_weight=0.25)
    made = methods.sari(make([1, 1]), Run(0, batch=2, rollouts=2), **knobs)
    text = ["<plan>a</plan><summary>b</summary>", "c", "<plan>a</plan><summary>b</summary>", "<plan>a</plan>"]
    out = answered(next(made).rows, [[1, 1], [0, 0]])
    train = made.send(out.assign(text=text, turns=[(Piece(t, learn=True),) for t in text]))
    assert train.rows["reward/tags"].iloc[:3].tolist() == [1.0, 0.0, 1.0]
    assert train.rows.reward.iloc[:3].tolist() == [1.25, 1.0, 0.25]


def test_rows_are_shuffled_within_a_bin():
    knobs = dict(warm=0.0, bins=1, by="level")
    first = [next(methods.sari(make(range(4)), Run(seed, batch=1), **knobs)).rows.index[0] for seed in range(400)]
    assert [first.count(i) / 400 for i in "abcd"] == pytest.approx([0.25] * 4, abs=0.065)  # three standard errors


def test_a_pool_that_is_never_answered_rightly_says_so():
    pool, student = planted({"never": 1e-9}, rows=4)
    _, runs = asked_by(methods.sari, pool, 4, student=student)
    why = "no row was answered rightly in 8 tries; train an easier pool, or order it by=..."
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}


def test_a_sixteenth_of_the_rows_is_set_aside_for_the_warm_start():
    pool, student = planted({"easy": 0.95, "middling": 0.5}, rows=160)
    seen, _ = asked_by(methods.sari, pool, 64, student=student, warm=0.5)
    lessons = [r.rows for r in seen if isinstance(r, Train) and r.objective == "sft"]
    assert len({i for rows in lessons for i in rows.index}) == 20  # 320 / 16; 64 places were to be filled
    later = {i for r in seen if isinstance(r, Train) and r.objective is None for i in r.rows.index}
    assert later and not later & {i for rows in lessons for i in rows.index}
