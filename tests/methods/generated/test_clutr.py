"""CLUTR: its space of tasks, regrets and the teacher's step, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.methods.generated.clutr import clutr, nearest, regrets, space
from curriculab.protocol import Copy, Run, Sample, Train
from tests.methods.made import answered, make


def rewards(rows: list[list[float]], first: int = 0) -> pd.DataFrame:
    group = np.repeat(np.arange(first, first + len(rows)), [len(r) for r in rows])
    return pd.DataFrame({"group": group, "reward": np.concatenate(rows)})


def test_regret_is_the_antagonists_best_less_the_learners_mean_and_never_negative():
    mine = rewards([[0, 0], [1, 0], [1, 1], [1, 0]], first=0)
    other = rewards([[1, 0], [1, 1], [0, 0], [0, 0]], first=4)
    assert regrets(mine, other, flexible=False).tolist() == [1.0, 0.5, 0.0, 0.0]
    # Flexible: whoever has the best answer is the antagonist; where they are level, the learner.
    assert regrets(mine, other, flexible=True).tolist() == [1.0, 0.0, 1.0, 1.0]


def test_the_space_has_an_axis_for_every_way_in_which_rows_differ():
    pool = make([1, 3, 1, 3], topic=["x", "x", "y", "y"])
    z = space(pool, ("topic", "level"), 8)
    # Level, 1 and 3 -> -1 and 1 in standard deviations; topic (1, 0), (0, 1) -> +-1/2 along one diagonal: the axes are
    # level (variance 1) and topic (variance 1/2), each stretched to standard deviation 1.
    assert z.shape == (4, 2)
    assert z.mean(axis=0) == pytest.approx([0, 0]) and z.std(axis=0) == pytest.approx([1, 1])
    assert np.abs(z) == pytest.approx(np.ones((4, 2)))
    assert np.sign(z[:, 0] * z[0, 0]).tolist() == [1, -1, 1, -1] and np.sign(z[:, 1] * z[0, 1]).tolist() == [
        1,
        1,
        -1,
        -1,
    ]
    assert space(pool, ("topic", "level"), 1).shape == (4, 1)
    assert space(make([2, 2]), ("topic", "level"), 8).tolist() == [[0.0], [0.0]]


def test_a_point_is_decoded_to_the_nearest():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    assert nearest(points, np.array([[0.6, 0.1], [0.2, 0.9], [-1.0, 1.2]])).tolist() == [1, 0, 2]


def follow(lr: float):
    """One round of a learner that is always wrong and an antagonist that is right on the harder row."""
    pool, run = make([1, 2]), Run(0, batch=4, rollouts=2)
    method = clutr(pool, run, lr=lr)
    copy = next(method)
    mine, other = method.send(None)
    wrong = answered(mine.rows, [[0, 0]] * 4)
    able = answered(other.rows, [[float(level == 2)] * 2 for level in other.rows.level], first=4)
    first = method.send([wrong, able])
    return copy, mine, other, able, (first, method.send(first.rows))


def test_both_answer_every_task_and_learn_from_their_own_answers():
    copy, mine, other, able, (first, second) = follow(0.2)
    assert isinstance(copy, Copy) and (copy.source, copy.to) == ("init", "antagonist")
    assert isinstance(mine, Sample) and (mine.role, other.role, mine.n) == ("learner", "antagonist", 2)
    assert list(mine.rows.index) == list(other.rows.index)
    assert isinstance(first, Train) and (first.role, second.role) == ("learner", "antagonist")
    assert (first.objective, second.objective) == ("grpo", "grpo")
    assert set(first.rows.group) == {0, 1, 2, 3} and second.rows is able


def test_the_teacher_takes_one_step_towards_regret():
    *_, (first, _) = follow(0.2)
    e = Run(0, batch=4).rng.normal(size=(4, 1))[:, 0]  # what the method drew
    z = e * 1.0
    level = space(make([1, 2]), ("topic", "level"), 8)[:, 0]  # -1 and 1, or 1 and -1
    regret = (np.abs(z - level[1]) < np.abs(z - level[0])).astype(float)  # 1 on the harder row, 0 on the other
    A = (regret - regret.mean()) / regret.std()
    assert 0 < regret.mean() < 1 and first.note["regret"] == regret.mean()
    assert first.note["centre"] == pytest.approx(0.2 * np.mean(A * e))
    assert np.sign(first.note["centre"]) == np.sign(level[1])
    assert first.note["width"] == pytest.approx(min(1.0, np.exp(0.2 * np.mean(A * (e**2 - 1)))))


def test_without_a_learning_rate_points_stay_random():
    *_, (first, _) = follow(0.0)
    assert (first.note["centre"], first.note["width"]) == (0.0, 1.0)


def test_what_it_cannot_use_is_refused_in_one_line():
    run = Run(0, batch=2)
    with pytest.raises(ValueError, match=r"^regret='best' is unknown; give 'paired' or 'flexible'$"):
        next(clutr(make([1, 2]), run, regret="best"))
    with pytest.raises(ValueError, match=r"^by=\('hops',\): 'hops' is no column of the pool; it has prompt, answer, t"):
        next(clutr(make([1, 2]), run, by=("hops",)))
