"""Re-reading: its prompts, word for word, and the question that is read in the place of the own one."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab import methods
from curriculab.protocol import Run, Use, advance
from tests.methods.made import make

QUESTIONS = ["1 + 1", "what is 2 * 3", "7 - 2"]


def asked(rows, **knobs):
    """What the solvers of re-reading ask of rows, by solver."""
    pool = make([1, 2, 3], prompt=QUESTIONS)
    use = next(methods.re_reading(pool, Run(0, batch=2), **knobs))
    assert isinstance(use, Use) and not use.with_answers
    return {name: advance(solve(rows)) for name, solve in use.solvers.items()}


def test_a_question_is_read_as_often_as_its_solver_says():
    found = asked(make([1], prompt="3 + 4"), times=(1, 2, 3), trigger="Think.")
    assert [request.rows.prompt.tolist() for request in found.values()] == [
        ["Q: 3 + 4\nThink."],
        ["Q: 3 + 4\nRead the question again: 3 + 4\nThink."],
        ["Q: 3 + 4\nRead the question again: 3 + 4\nRead the question again: 3 + 4\nThink."],
    ]
    assert list(found) == ["read 1", "read 2", "read 3"]
    assert {(request.temperature, request.purpose, request.n) for request in found.values()} == {(0.0, "test", 1)}


def test_without_words_that_ask_for_steps_nothing_stands_behind_the_question():
    assert asked(make([1], prompt="3 + 4"), times=(1,), trigger="")["read 1"].rows.prompt.tolist() == ["Q: 3 + 4"]
    assert list(asked(make([1]))) == [f"read {k}" for k in (1, 2, 3, 4, 5)]
    assert asked(make([1]))["read 1"].rows.prompt.tolist() == ["Q: q\nLet's think step by step."]


def test_the_control_reads_another_question_of_nearly_its_length():
    rows = make([1, 1], prompt=["1 + 1", "what is 4 * 5?"])  # 5 characters, of which there is another; 14, of which 13
    found = asked(rows, times=(2,), again="other", trigger="")["read 2"].rows.prompt.tolist()
    assert found == [
        "Q: 1 + 1\nRead the question again: 7 - 2",
        f"Q: what is 4 * 5?\nRead the question again: {QUESTIONS[1]}",
    ]


def test_it_ends_when_it_has_said_how_it_is_tested():
    method = methods.re_reading(make([1]), Run(0, batch=2))
    next(method)
    with pytest.raises(StopIteration):
        method.send(None)


@pytest.mark.parametrize(
    ("knobs", "line"),
    [
        ({"again": "mine"}, "again='mine' is unknown; give 'own' or 'other'"),
        ({"times": (0, 2)}, "times=(0, 2); give whole numbers of at least 1, such as (1, 2)"),
        ({"times": ()}, "times=(); give whole numbers of at least 1, such as (1, 2)"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(knobs, line):
    with pytest.raises(ValueError) as error:
        next(methods.re_reading(pd.DataFrame(), Run(0, batch=2), **knobs))
    assert str(error.value) == line
