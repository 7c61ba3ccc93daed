"""Learning by teaching: who is taught by what, scores and votes worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.feedback.learning_by_teaching import auc, behind, chosen, judged, nearest, of_next_rows
from curriculab.protocol import Run, Sample
from tests.methods.made import make


def test_scores_tell_right_from_wrong_by_pairs():
    score, right = pd.Series([3.0, 1.0, 1.0, 0.0]), pd.Series([1.0, 1.0, 0.0, 0.0])
    assert auc(score, right) == (1 + 1 + 0.5 + 1) / 4  # 3 > 1, 3 > 0, 1 = 1, 1 > 0
    assert np.isnan(auc(score, pd.Series([1.0] * 4)))


def test_a_vote_takes_the_most_then_the_most_frequent_then_the_first():
    worth, count = pd.Series({"a": 2.0, "b": 3.0, "c": 3.0}), pd.Series({"a": 9, "b": 1, "c": 2})
    assert chosen(worth, count) == "c"
    assert chosen(worth, pd.Series({"a": 9, "b": 2, "c": 2})) == "b"


def test_votes_by_hand():
    rows = make([1, 2]).take([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    text = ["5", "5", "5", "1", "6", "1", "1", "2", "2", "2"]
    right = [float(one == "1") for one in text]
    said = rows.assign(text=text, correct=right, logprob=[-1.0] * 10)
    score = np.array([1, 1, 0, 3, 4, 2, 2, 3, 1, 1], float)
    found = judged(said, score).set_index("id")
    # a: 5 three times, sum 2, largest 1, mean 2/3; 1: once, 3; 6: once, 4.   b: 1 twice, sum 4; 2 three times, sum 5
    assert found.loc["a", ["majority", "sum", "largest", "mean"]].tolist() == [0, 0, 0, 0]
    assert found.loc["b", ["majority", "sum", "largest", "mean"]].tolist() == [0, 0, 0, 1]  # means 2 and 5/3
    assert found["right"].tolist() == [0.2, 0.4]
    assert (
        found.loc["a", "auc"] == 3 / 4 and found.loc["b", "auc"] == (4 + 0) / 6 and found["auc_logprob"].eq(0.5).all()
    )
    better = judged(said, np.array([1, 1, 0, 5, 4, 2, 2, 0, 1, 1], float)).set_index("id")
    assert better.loc["a", ["majority", "sum", "largest", "mean"]].tolist() == [0, 1, 1, 1]
    assert better.loc["b", ["majority", "sum", "largest", "mean"]].tolist() == [0, 1, 1, 1]


def test_exam_rows_are_others_of_the_topic_nearest_by_level():
    pool = make([1, 5, 2, 1, 9], topic=["x", "x", "x", "y", "x"])
    rng = np.random.default_rng(0)
    assert nearest(pool, "a", 4, rng).tolist() == ["c", "b", "e", "d"]
    assert nearest(pool, "a", 2, rng).tolist() == ["c", "b"]


def test_each_rationale_is_the_one_example_before_its_exam():
    pool = make([1, 2, 3], prompt=["A?", "B?", "C?"])
    lessons = pool.take([0, 0, 2]).assign(text=["so 1", "so 2", "so 3"])
    asked = behind(lessons, pool, 1, np.random.default_rng(0))
    assert asked["prompt"].tolist() == ["A?\nso 1\n\nB?", "A?\nso 2\n\nB?", "C?\nso 3\n\nB?"]
    assert asked["lesson"].tolist() == [0, 1, 2] and asked.index.tolist() == ["b", "b", "b"]
    assert "text" not in asked and "turns" not in asked


def test_the_control_shows_the_rationales_of_the_next_row():
    said = make([1, 2, 3]).take([0, 0, 1, 1, 2, 2]).assign(text=list("uvwxyz"))
    assert of_next_rows(said, 2)["text"].tolist() == list("wxyzuv")


@pytest.mark.parametrize("shown", ["own", "other"])
def test_scores_are_of_the_rationale_that_was_read(shown):
    pool = make([1, 1, 1])
    how = {"rationales": 2, "questions": 1, "contexts": 3, "shown": shown}
    made = methods.learning_by_teaching(pool, Run(0, batch=2, rollouts=2), **how)
    first = next(made)
    assert isinstance(first, Sample) and (first.role, first.n, first.temperature) == ("learner", 2, 0.7)
    rows = first.rows.take([0, 0, 1, 1, 2, 2])
    said = rows.assign(text=["1", "no"] * 3, correct=[1.0, 0.0] * 3, logprob=0.0)
    second = made.send(said)
    assert (second.role, second.n, len(second.rows)) == ("base", 1, 6)
    helped = second.rows["prompt"].str.contains("\n1\n", regex=False).astype(float)
    with pytest.raises(StopIteration) as stop:
        made.send(second.rows.assign(correct=helped))
    found = stop.value.value
    assert found["auc"].tolist() == [1, 1, 1] and found["sum"].tolist() == [1, 1, 1]


def test_whose_rationale_is_one_of_two():
    with pytest.raises(ValueError, match="^shown='mine' is unknown; give one of 'own', 'other'$"):
        next(methods.learning_by_teaching(make([1]), Run(0, batch=1, rollouts=1), shown="mine"))
