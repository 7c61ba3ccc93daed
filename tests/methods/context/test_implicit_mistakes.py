"""Implicit mistakes: where wrong answers come from, and the examples word for word."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.context.implicit_mistakes import example, lengthened, mistakes
from curriculab.protocol import Run, Sample, Use, advance
from tests.methods.made import make

POOL = make([1] * 6, prompt=[f"p{i}" for i in range(6)], answer=[f"a{i}" for i in range(6)])
TESTS = pd.DataFrame({"prompt": ["t0"]}, index=["one"])


def answered(request: Sample, right=()) -> pd.DataFrame:
    """The last two of each row's answers are wrong; all of a row's are right where it is one of `right`."""
    rows = request.rows.loc[request.rows.index.repeat(request.n)]
    number = [k for _ in request.rows.index for k in range(request.n)]
    correct = [float(k < request.n - 2 or row in right) for row, k in zip(rows.index, number, strict=True)]
    text = [a if ok else f"w{a[1]}.{k}" for a, ok, k in zip(rows.answer, correct, number, strict=True)]
    return rows.assign(text=text, correct=correct)


def test_examples_word_for_word():
    assert example("1 + 1?", "2") == "Question: 1 + 1?\nAnswer: 2"
    assert example("1 + 1?", "2", wrong="3") == "Question: 1 + 1?\nWrong answer: 3\nCorrect answer: 2"
    assert example("1 + 1?", "2", wrong="3", why="One too many.") == (
        "Question: 1 + 1?\nWrong answer: 3\nRationale: One too many.\nCorrect answer: 2"
    )


def test_the_first_wrong_answer_of_a_row_is_taken_and_rows_without_one_are_left_out():
    request = Sample(POOL.iloc[:3], 4)
    found = mistakes(request.rows, answered(request, right=("b",)))
    assert found.wrong.to_dict() == {"a": "w0.2", "c": "w2.2"}  # the third of four answers


def forms(shots=2, right=(), **knobs):
    """The solvers after rows were asked until there are enough mistakes, and what was asked on the way."""
    made, asked = methods.implicit_mistakes(POOL, Run(0, batch=2), shots=shots, **knobs), []
    request = advance(made)
    while isinstance(request, Sample):
        asked.append(request)
        if request.purpose == "rationale":
            request = advance(made, request.rows.assign(text="Slipped."))
        else:
            request = advance(made, answered(request, right))
    assert isinstance(request, Use) and not request.with_answers
    return {name: advance(solve(TESTS)) for name, solve in request.solvers.items()}, asked


def test_rows_are_asked_until_there_are_enough_wrong_answers():
    _, asked = forms(shots=2)
    assert [(len(r.rows), r.n, r.temperature, r.purpose) for r in asked] == [(2, 4, 1.0, "probe")]
    order = asked[0].rows.index.tolist()
    _, asked = forms(shots=2, right=order)  # the first two rows are answered right each time
    assert len(asked) == 2 and not {*asked[1].rows.index} & {*order}


def test_each_wrong_answer_stands_between_its_own_question_and_the_right_one():
    found, asked = forms(shots=2)
    numbers = [int(prompt[1:]) for prompt in asked[0].rows.prompt]
    implicit = [f"Question: p{i}\nWrong answer: w{i}.2\nCorrect answer: a{i}" for i in numbers]
    assert found["implicit"].rows.prompt.tolist() == ["\n\n".join([*implicit, "Question: t0\nCorrect answer:"])]
    cot = [f"Question: p{i}\nAnswer: a{i}" for i in numbers]
    assert found["cot"].rows.prompt.tolist() == ["\n\n".join([*cot, "Question: t0\nAnswer:"])]
    assert {(r.temperature, r.purpose) for r in found.values()} == {(0.0, "test")}


def test_more_right_examples_bring_the_length_of_those_with_mistakes():
    texts = lengthened(["1234567890"], ["abcdefgh", "12345678", "x"], 20)
    assert texts == ["1234567890", "abcdefgh"]  # 2 are missing then, less than half of 8
    assert lengthened(["1234567890"], ["abcdefgh", "12345678"], 22) == ["1234567890", "abcdefgh", "12345678"]
    found, _ = forms(shots=2)
    plus, cot = found["cot plus"].rows.prompt.iloc[0], found["cot"].rows.prompt.iloc[0]
    assert plus.startswith(cot.removesuffix("Question: t0\nAnswer:"))
    assert plus.count("Answer: a") == 4  # 2 x 45 characters against 22 an example: 44, 66, 88


def test_a_teacher_says_what_was_wrong_before_the_right_answer():
    found, asked = forms(shots=1, teacher="expert")
    assert (asked[-1].role, asked[-1].purpose) == ("expert", "rationale")
    i = int(asked[0].rows.prompt.iloc[0][1:])
    assert f"p{i}\nA student answered: w{i}.2\nThe right answer is: a{i}\n" in asked[-1].rows.prompt.iloc[0]
    assert f"Wrong answer: w{i}.2\nRationale: Slipped.\nCorrect answer: a{i}" in found["explicit"].rows.prompt.iloc[0]
    assert "explicit" not in forms(shots=1)[0]


def test_without_a_wrong_answer_it_says_so():
    with pytest.raises(ValueError, match="^no wrong answer to 6 rows, 4 each; give harder rows, or more tries$"):
        forms(right=tuple(POOL.index))
