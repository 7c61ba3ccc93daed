"""VL-Cogito: weight curves, length rewards and stages, worked out by hand."""

from __future__ import annotations

from functools import partial
from math import cos, pi, sin, sqrt

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.reward.vl_cogito import binary_weight, length_reward, shares, soft_weight
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Copy, Sample, Train
from curriculab.simulation.pools import planted
from curriculab.simulation.student import Student
from tests.methods.made import asked_by

POOL, STUDENT = planted({"easy": 0.9, "middling": 0.5, "hard": 0.1}, rows=8)
ACC = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
BOW = sin(pi / 4)  # = sin(3 pi / 4) = .7071


@pytest.mark.parametrize(
    ("stage", "soft", "binary"),
    [
        ("easy", [0, BOW, 1, 1, 1], [0, 0, 1, 1, 1]),
        ("medium", [0, BOW, 1, BOW, 0], [0, 1, 1, 1, 0]),
        ("hard", [1, 1, 1, BOW, 0], [1, 1, 1, 0, 0]),
    ],
)
def test_weight_curves(stage, soft, binary):
    assert soft_weight(ACC, stage) == pytest.approx(soft, abs=1e-12)
    assert binary_weight(ACC, stage).tolist() == binary
    assert BOW == pytest.approx(sqrt(0.5))


def groups(lengths, correct, ended="eos") -> pd.DataFrame:
    """Answers of groups: one list a group."""
    group = np.repeat(np.arange(len(lengths)), [len(part) for part in lengths])
    table = {"length": np.concatenate(lengths), "correct": np.concatenate(correct).astype(float), "ended": ended}
    return pd.DataFrame({**table, "group": group}, index=[f"r{g}" for g in group])


def accuracy(out):
    return out.groupby("group").correct.transform("mean").to_numpy()


def test_length_reward_of_the_paper():
    out = groups([[10, 20, 5, 40], [6, 12]], [[1, 1, 0, 0], [0, 0]])
    # targets: (10 + 20) / 2 = 15 in the first group; 24 tokens where none is right
    r = [-1 + 0.5 * (1 - cos(pi * share)) for share in (10 / 15, 20 / 15, 5 / 15, 2, 6 / 24, 12 / 24)]
    assert length_reward(out, accuracy(out), "paper", 24) == pytest.approx(r)
    assert r[3] == -1 and r[5] == pytest.approx(-0.5)
    longest = length_reward(out, accuracy(out), "paper", None)  # the longest answer: 40 tokens
    assert longest[5] == pytest.approx(-1 + 0.5 * (1 - cos(pi * 12 / 40)))


def test_length_reward_of_the_code():
    out = groups([[10, 20, 5, 40], [6, 12, 30]], [[1, 1, 0, 0], [0, 0, 0]])
    got = length_reward(out, accuracy(out), "code", 24)
    assert got[:2].tolist() == [0, 0]  # right answers have none
    assert got[2] == pytest.approx(-0.25 * (1 + cos(pi * 5 / 15))) and got[3] == -0.5  # from twice the target on -1/2
    assert got[4] == pytest.approx(-0.125 * (1 + cos(pi * 6 / 24))) and got[5] == pytest.approx(-0.125)
    assert got[6] == 0  # beyond the target, nothing is lost in a group without right answers,
    cut = length_reward(out.assign(ended="length"), accuracy(out), "code", 24)
    assert cut[6] == -0.25  # but at the limit: half of -1/2


def test_shares_of_squared_advantages():
    acc, advantage = np.array([0.25, 0.25, 0.5, 0.75]), np.array([1.0, -1.0, 1.0, 1.0])
    assert shares(acc, advantage) == {"mass below": 0.5, "mass middle": 0.25, "mass above": 0.25}
    assert set(shares(acc, 0 * advantage).values()) == {0.0}


def test_advantages_are_those_of_grpo_times_the_weight():
    seen, runs = asked_by(methods.vl_cogito, POOL, 8, student=STUDENT, batch_size=6, rule="none", best=False)
    assert runs.metrics.stage.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    trained = [r.rows for r in seen if isinstance(r, Train)]
    for rows, stage in zip(trained, ["easy"] * 2 + ["medium"] * 2 + ["hard"] * 4, strict=True):
        F = soft_weight(accuracy(rows), stage)
        assert rows.advantage.to_numpy() == pytest.approx(F * Grpo().advantages(rows.drop(columns="advantage")))
        assert rows.reward.equals(rows.correct)


def test_the_hard_stage_counts_lengths_and_weighs_hopeless_groups_less():
    student = Student(words=6.0, rate=0.0, start=-30.0)  # never right
    seen, _ = asked_by(methods.vl_cogito, POOL, 4, student=student, batch_size=4, stages=(0.5, 0.0, 0.5), best=False)
    easy, _, hard, _ = (r.rows for r in seen if isinstance(r, Train))
    assert (easy.reward == 0).all()  # lengths count in the hard stage only
    assert (easy.advantage == 0).all() and hard.reward.max() <= 0 and hard.reward.nunique() > 4
    whole = Grpo().advantages(hard.drop(columns="advantage"))
    assert hard.advantage.to_numpy() == pytest.approx(0.25 * whole) and np.abs(whole).max() > 1
    longest = hard.length.max()
    assert hard.reward.to_numpy() == pytest.approx(-0.5 * (1 + np.cos(np.pi * hard.length / longest)))


def test_stages_start_from_the_best_checkpoint():
    seen, runs = asked_by(methods.vl_cogito, POOL, 12, student=STUDENT, window=2)
    copies = [(i, r.source, r.to) for i, r in enumerate(seen) if isinstance(r, Copy)]
    back = [i for i, source, _ in copies if source == "best"]
    assert len(back) == 2  # before the stages medium and hard
    means = runs.metrics.accuracy.rolling(2).mean()
    snapshots, peak = [], -1.0
    for step, stage, value in zip(runs.metrics.step, runs.metrics.stage, means, strict=True):
        first = (runs.metrics.stage == stage).idxmax() + 1
        peak = -1.0 if step == first else peak
        if step > first and value > peak:
            peak = value
            snapshots.append(step)
    made = [1 + sum(isinstance(r, Train) for r in seen[:i]) for i, _, to in copies if to == "best"]
    assert made == snapshots  # what wrote the answers is kept, before it learns from them
    for i, _, to in copies:
        assert isinstance(seen[i - 1], Sample) if to == "best" else isinstance(seen[i - 1], Train)


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"rule": "kimi"}, "rule='kimi' is unknown; give one of 'paper', 'code', 'none'"),
        (
            {"stages": (0.5, 0.5, 0.5)},
            "stages=(0.5, 0.5, 0.5); give the shares of the budget of easy, medium, hard, which add up to 1",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.vl_cogito, **knobs), POOL, steps=3, batch_size=2, name="v", objective="grpo")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
