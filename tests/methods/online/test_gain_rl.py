"""GAIN-RL: its walk over ranks by accuracy and angle, worked out by hand."""

from __future__ import annotations

from math import tanh

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.online import gain_rl
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Piece, Run, Sample, Score, Train
from curriculab.simulation.student import Student
from tests.methods.made import numbered, sampled, trained


def test_gain_rl_walks_by_accuracy_and_angle():
    pool = numbered(np.arange(160), difficulty=np.arange(160) % 7)
    made = methods.gain_rl(pool, Run(0, batch=4))
    request = next(made)
    assert isinstance(request, Score) and request.measure == ("angle", "angle_across") and len(request.rows) == 160
    # row 0 is the most concentrated by the sum; neither part has this order alone
    across = (np.arange(160.0) * 37) % 160
    request = made.send(request.rows[[]].assign(angle=-np.arange(160.0) - across, angle_across=across))
    mu = 0.0
    for right, ang in ((8, 0.4), (4, 0.2), (0, 0.1), (8, 0.9)):
        assert isinstance(request, Sample) and len(request.rows) == 4 and request.n == 8
        assert abs(request.rows.level - mu).max() < 6 * 20 + 4
        out = sampled(request.rows, 8, right)
        request = made.send(out)
        assert isinstance(request, Score) and request.measure == "angle" and len(request.rows) == 32
        request = made.send(out[[]].assign(angle=ang))
        assert isinstance(request, Train) and request.note == {
            "mu": pytest.approx(mu),
            "accuracy": right / 8,
            "angle": pytest.approx(ang),
        }
        request = made.send(trained(request.rows))
        # n = 160 / 16 = 10 ranks, at most 20: 10 tanh(2 (acc - .5)) + 10 tanh(2 ang)
        mu += min(max(10 * tanh(2 * (right / 8 - 0.5)) + 10 * tanh(2 * ang), 0), 20)
    # 10 tanh(1) + 10 tanh(.8) = 14.26; 0 + 3.80; -7.62 + 1.97 < 0; 7.62 + 9.47
    assert mu == pytest.approx(14.26 + 3.80 + 0 + 17.08, abs=0.02)


def test_a_step_of_the_walk_is_at_most_longest():
    # all right: .5 tanh(2 (1 - .5)) = .38 of the ranks, cut to an eighth of 64
    made = methods.gain_rl(numbered(range(64)), Run(0, batch=4, rollouts=4), by="level", angle=False, pace=0.5)
    request, mu = next(made), []
    for _ in range(3):
        train = made.send(sampled(request.rows, 4, 4))
        mu.append(train.note["mu"])
        request = made.send(trained(train.rows))
    assert mu == pytest.approx([0.0, 8.0, 16.0])


def test_gain_rl_stays_at_the_last_rank():
    pool = numbered([1] * 30)
    runs = simulate(
        methods.gain_rl, pool, steps=60, batch_size=4, rollouts=4, objective=Grpo(), learner=Student(start=3.0)
    )
    assert runs.failed == {} and runs.metrics["mu"].iloc[-1] == 29.0
    assert runs.metrics["mu"].is_monotonic_increasing and runs.metrics["mu"].diff().max() <= 30 / 8 + 1e-9


def test_gain_rl_walks_over_any_column_and_may_leave_the_answers_unread():
    pool = numbered([5, 3, 1, 4, 2])
    made = methods.gain_rl(pool, Run(0, batch=2), by="level", sigma=0.01, angle=False)
    request = next(made)
    assert isinstance(request, Sample) and request.rows.level.tolist() == [1, 2]  # lowest first
    request = made.send(sampled(request.rows, 8, 8))
    assert isinstance(request, Train) and request.note["angle"] == 0.0
    small = methods.gain_rl(numbered([1, 2]), Run(0, batch=5), by="level")
    assert sorted(set(next(small).rows.index)) == ["r0", "r1"]


def test_questions_are_segments_of_their_own_behind_one_demonstration():
    pool = pd.DataFrame(
        {"prompt": ["1+1", "pick one"], "answer": ["2", "b"], "options": [None, ["a", "b"]], "level": [1, 2]},
        index=["x", "y"],
    )
    rows = gain_rl.behind_demonstration(pool, 0)
    assert rows.prompt.tolist() == ["1+1", "1+1"] and "options" not in rows and rows.index.tolist() == ["x", "y"]
    assert rows.turns["x"] == (Piece("2", end=True), Piece("1+1", learn=True, turn=True))
    question = rows.turns["y"][1]
    assert question.learn and question.turn and question.text == "pick one\nA) a\nB) b"


@pytest.mark.parametrize(("inter", "first"), [(1.0, "r1"), (8.0, "r2"), (0.0, "r0")])
def test_the_rank_adds_what_is_within_and_across(inter, first):
    pool = numbered([1, 2, 3])
    made = methods.gain_rl(pool, Run(0, batch=1), sigma=1e-3, inter=inter)
    request = next(made)
    # angle + inter across: 1: .5, .7, .65; 8: .5, 2.1, 2.75; 0: .5, just below it, .35
    request = made.send(request.rows[[]].assign(angle=[0.5, 0.5 - 1e-6, 0.35], angle_across=[0.0, 0.2, 0.3]))
    assert request.rows.index.tolist() == [first]


def test_a_step_of_the_walk_is_bounded():
    pool = numbered(range(160))
    made = methods.gain_rl(pool, Run(0, batch=4), by="level", longest=1 / 32, angle=False)
    request = made.send(sampled(next(made).rows, 8, 8))  # all right: tanh(1) / 16 = .048 of the ranks, bounded to .031
    request = made.send(trained(request.rows))
    request = made.send(sampled(request.rows, 8, 8))
    assert isinstance(request, Train) and request.note["mu"] == pytest.approx(160 / 32)
