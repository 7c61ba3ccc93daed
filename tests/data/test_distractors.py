"""Wrong answers: groups of rows with different answers, and answers with a character changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.distractors import changed, grouped, wrong_answers


def made(answers: list[str], **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"prompt": "q", "answer": answers, **columns}, index=[f"r{i}" for i in range(len(answers))])


def test_groups_have_different_answers_of_one_topic_and_length():
    rows = made([str(i) for i in range(10, 50)], topic=["x", "y"] * 20)
    groups, alone = grouped(rows, 4, np.random.default_rng(0))
    assert groups.shape == (10, 4) and len(alone) == 0 and sorted(groups.ravel()) == list(range(40))
    assert all(rows.topic.iloc[group].nunique() == 1 for group in groups)


def test_an_answer_of_half_the_rows_never_meets_itself():
    rows = made(["77"] * 20 + [str(i) for i in range(20, 40)])
    groups, alone = grouped(rows, 2, np.random.default_rng(0))
    assert len(groups) == 20 and len(alone) == 0
    assert all(rows.answer.iloc[group].nunique() == 2 for group in groups)


def test_answers_that_the_verifier_takes_for_each_other_are_apart():
    rows = made(["0.5", "1/2", "50%", "8", "9", "10"])
    groups, _ = grouped(rows, 2, np.random.default_rng(1))
    assert all(len(set(group) & {0, 1}) < 2 for group in groups.tolist())


def test_every_member_of_a_group_gets_the_answers_of_the_others():
    rows = made(["11", "22", "33"])
    found = wrong_answers(rows, 2, np.random.default_rng(0))
    assert [set(one) for one in found] == [{"22", "33"}, {"11", "33"}, {"11", "22"}]


def test_changed_answers_form_a_path_with_the_answer_at_any_place():
    rng = np.random.default_rng(0)
    row, centre = made(["4821"]), 0
    for _ in range(300):
        texts = ["4821", *changed(row, 2, rng)]
        assert all(len(text) == 4 and text[0] != "0" for text in texts)
        apart = [[sum(a != b for a, b in zip(one, two, strict=True)) for two in texts] for one in texts]
        assert sorted(apart[0])[1] == 1
        centre += apart[0].count(1) == 2 and max(apart[1][2], apart[2][1]) == 2
    assert 60 <= centre <= 140  # a third of 300, and less where two changes hit one place: sd 8


def test_an_answer_that_cannot_be_changed_is_refused():
    with pytest.raises(
        cl.PoolError, match=r"^row 'r0': found no 1 wrong answers beside '\?'; give the row options, or"
    ):
        wrong_answers(made(["?"]), 1, np.random.default_rng(0))
