"""What methods with worked solutions share."""

from __future__ import annotations

import pytest

from curriculab.methods.solutions import answered_last, ends_right, solutions, step_by_step
from tests.methods.made import answered, make


def test_rows_without_a_solution_have_their_answer():
    pool = make([1, 1, 1]).assign(solution=["<<1*1=1>>", None, " "])
    assert solutions(pool, "solution", "m") == ["<<1*1=1>>", "1", "1"]
    with pytest.warns(UserWarning) as caught:
        assert solutions(make([1]), "solution", "m") == ["1"]
    assert [str(one.message) for one in caught] == [
        "m: the pool has no column 'solution', so that answers count as solutions; load it with worked ones"
    ]


def test_a_text_is_right_by_what_it_ends_with():
    rows = make([1] * 5).assign(answer=["5", "rup", "7", "5", None])
    texts = ["2 + 3 = 5\n#### 5", "pur -> rup", "7", "5\n2 + 4 = 6", "5"]
    assert ends_right(rows, texts).tolist() == [1, 1, 1, 0, 0]
    assert ends_right(rows.assign(task="ladder")[:1], ["<<2+3=5>>"]).tolist() == [1]


def test_a_text_is_judged_by_all_that_its_row_says():
    rows = make([1, 1]).assign(answer=["Paris", "x"], task="choice", options=[["Rome", "Paris"]] * 2)
    assert ends_right(rows, ["It is no town of Italy.\nThe answer is B", "A"]).tolist() == [1, 0]


def test_the_last_line_is_a_piece_of_its_own_and_all_is_learned():
    pieces = step_by_step(make([1, 1]), ["a\nb\nc", "c"])["turns"]
    assert [[(p.text, p.learn, p.end) for p in said] for said in pieces] == [
        [("a\nb\n", True, False), ("c", True, True)],
        [("", True, False), ("c", True, True)],
    ]
    assert [len(said) for said in step_by_step(make([1]), ["c"])["turns"]] == [1]


def test_tests_read_the_answer_that_a_text_ends_with():
    asking = answered_last(make([1, 1]))
    request = next(asking)
    assert request.temperature == 0.0 and request.purpose == "test"
    out = answered(request.rows, [[1], [0]]).assign(text=["<<2-1=1>>", "1"])
    with pytest.raises(StopIteration) as stop:
        asking.send(out)
    assert stop.value.value["text"].tolist() == ["1", "1"]
