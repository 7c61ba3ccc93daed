"""Solved examples before a question, as text."""

from __future__ import annotations

import pandas as pd

from curriculab.methods.shots import behind, solved, worked
from tests.methods.made import make


def test_an_example_is_its_question_and_its_solution_or_else_its_answer():
    rows = make([1, 2], prompt=["1 + 1", "2 * 3"], answer=[2, 6], solution=[None, "2 + 2 + 2 = 6"])
    assert worked(rows) == ["2", "2 + 2 + 2 = 6"]
    assert solved(rows).tolist() == ["1 + 1\n2", "2 * 3\n2 + 2 + 2 = 6"]
    assert worked(rows.drop(columns="solution")) == ["2", "6"]


def test_examples_stand_before_the_question_with_an_empty_line_between():
    rows = make([1, 2], prompt=["1 + 1", "2 * 3"])
    shown = behind(rows, [["0 + 1\n1", "0 + 2\n2"], []])
    assert shown.prompt.tolist() == ["0 + 1\n1\n\n0 + 2\n2\n\n1 + 1", "2 * 3"]
    pd.testing.assert_frame_equal(shown.drop(columns="prompt"), rows.drop(columns="prompt"))
