"""SOAR: what a lesson is paid, how that moves the teacher, which student is promoted, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.generated.soar import hardest, learnability, median_place, step, within
from curriculab.protocol import Copy, Run, Sample, Train
from tests.methods.made import make


def test_the_teacher_moves_along_rloo():
    pi, picks, reward = np.array([0.5, 0.3, 0.2]), np.array([0, 0, 1]), np.array([0.3, 0.0, 0.6])
    advantage = [0.3 - 0.3, 0.0 - 0.45, 0.6 - 0.15]  # each less the mean of the two others
    score = np.array([[0.5, -0.3, -0.2], [0.5, -0.3, -0.2], [-0.5, 0.7, -0.2]])  # one-hot less pi
    due = sum(a * s for a, s in zip(advantage, score, strict=True)) / 3
    assert step(reward, picks, pi) == pytest.approx(due)
    assert step(np.full(3, 0.4), picks, pi) == pytest.approx([0, 0, 0])


def test_the_hard_rows_are_those_without_a_right_answer():
    pool = make([1, 2, 3])
    probe = pool.take([0, 0, 1, 1, 2, 2]).assign(correct=[0, 1, 0, 0, 0, 0])
    assert hardest(probe, pool).index.tolist() == ["b", "c"]
    probe["correct"] = [1, 1, 1, 0, 1, 1]
    assert hardest(probe, pool).index.tolist() == ["b"]  # without any, those right the least often


def test_learnability_is_the_share_wrong_and_nothing_where_all_are_wrong():
    rows = make([1, 2, 3])
    asking = learnability([rows], Run(0, batch=2, rollouts=4))
    (request,) = next(asking)
    out = request.rows.take(np.repeat([0, 1, 2], 4)).assign(group=np.repeat([7, 8, 9], 4))
    with pytest.raises(StopIteration) as stop:
        asking.send([out.assign(correct=[0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1])])
    assert stop.value.value == pytest.approx([(0 + 0.75 + 0) / 3])


def test_the_median_student_and_of_two_the_lower():
    assert median_place(np.array([0.3, 0.1, 0.2])) == 2
    assert median_place(np.array([0.3, 0.1])) == 1
    assert median_place(np.array([0.0])) == 0


def test_noise_is_between_lessons_of_one_arm():
    assert within(np.array([0.1, 0.3, 0.9]), np.array([2, 2, 0])) == pytest.approx(np.sqrt(0.02))  # (.1^2 + .1^2) / 1
    assert within(np.array([0.1, 0.3]), np.array([0, 1])) == 0


def right(rows: pd.DataFrame, share: float, n: int = 1) -> pd.DataFrame:
    """A reply of which a share is right."""
    out = rows.take(np.repeat(np.arange(len(rows)), n))
    correct = (np.arange(len(out)) < round(share * len(out))).astype(float)
    return out.assign(correct=correct, reward=correct, turns=[()] * len(out), group=np.arange(len(out)) // n)


def test_a_round_teaches_copies_tries_them_and_promotes_the_best_lesson():
    pool = make([1] * 8, topic=["x"] * 4 + ["y"] * 4)
    how = {"sets": 2, "questions": 2, "inner": 1, "repeats": 2, "tested_on": 10, "tries": 1, "lr": 30.0, "rounds": 1}
    clock = Run(0, batch=2, rollouts=2)
    made = methods.soar(pool, clock, **how)
    probe = next(made)
    assert isinstance(probe, Sample) and (probe.n, probe.purpose, len(probe.rows)) == (1, "probe", 8)
    before = made.send(right(probe.rows, 0.0))
    assert before.temperature == 0.0 and before.role == "learner" and len(before.rows) == 8  # all are hard
    copies = made.send(right(before.rows, 0.25))
    names = ["student 0.0", "student 0.1", "student 1.0", "student 1.1"]
    assert [(c.source, c.to) for c in copies] == [("learner", name) for name in names]
    lessons = made.send([None] * 4)
    assert [(s.role, s.n, len(s.rows)) for s in lessons] == [(name, 2, 2) for name in names]
    topics = [set(s.rows["topic"]) for s in lessons]
    assert all(len(one) == 1 for one in topics) and topics[0] == topics[1] and topics[2] == topics[3]
    trains = made.send([right(s.rows, 0.5, 2) for s in lessons])
    assert all(isinstance(t, Train) and t.objective == "grpo" for t in trains) and [t.role for t in trains] == names
    assert trains[0].note == {"p/x": 0.5, "p/y": 0.5}
    after = made.send([t.rows for t in trains])
    assert [s.role for s in after] == names and all(s.temperature == 0.0 for s in after)
    promotion = made.send([right(s.rows, share) for s, share in zip(after, (0.25, 0.25, 0.75, 0.5), strict=True)])
    # gains 0, 0 and .5, .25: .1875 in the mean, above tau; the second lesson is the best, the lower of its two promoted
    assert isinstance(promotion, Copy) and (promotion.source, promotion.to) == ("student 1.1", "learner")
    forgotten = made.send(None)
    assert [(c.source, c.to) for c in forgotten] == [(None, name) for name in names]
    fresh = made.send([None] * 4)
    assert (fresh.source, fresh.to) == ("init", "learner")
    own = made.send(None)  # on the promoted lesson
    assert isinstance(own, Train) and own.role == "learner" and set(own.rows["topic"]) == topics[2]


def test_without_a_gain_nobody_is_promoted():
    pool = make([1] * 8, topic=["x"] * 4 + ["y"] * 4)
    how = {"sets": 2, "questions": 2, "inner": 1, "repeats": 1, "tries": 1, "rounds": 1}
    made = methods.soar(pool, Run(0, batch=2, rollouts=2), **how)
    before = made.send(right(next(made).rows, 0.0))
    copies = made.send(right(before.rows, 0.25))
    lessons = made.send([None] * len(copies))
    trains = made.send([right(s.rows, 0.5, 2) for s in lessons])
    after = made.send([t.rows for t in trains])
    forgotten = made.send([right(s.rows, 0.25) for s in after])
    assert [c.source for c in forgotten] == [None, None]


def test_what_pays_is_one_of_three():
    with pytest.raises(ValueError, match="^pays='praise' is unknown; give one of 'gain', 'learnability', 'shuffled'$"):
        next(methods.soar(make([1]), Run(0, batch=1, rollouts=1), pays="praise"))
