"""A pool checked against itself: who judges, and whose own answers do not pass."""

from __future__ import annotations

import pandas as pd

import curriculab as cl
from curriculab.rewards import judging_of


def rows(**columns) -> pd.DataFrame:
    count = len(columns["answer"])
    return pd.DataFrame({"prompt": [f"Question {i}?" for i in range(count)], **columns}, index=list("abcdef")[:count])


def test_the_verifier_is_chosen_by_the_answers_and_told():
    pool = rows(
        answer=["72", r"\\frac{\\pi}{2}", "New York", "Paris", "3 7", None],
        options=[None, None, None, ["Rome", "Paris"], None, None],
        task=[None, None, None, None, "ladder", None],
    )
    found = judging_of(pool)
    assert found.rows == 5 and found.tasks == {"ladder": 1}
    assert found.kinds == {"number": 1, "latex": 1, "text": 1, "option": 1}
    assert found.line == (
        "1 answers are judged as numbers; 1 answers are judged as mathematics (LaTeX); 1 answers are judged as words; "
        "1 answers are judged as options; 1 answers are judged by the task ladder"
    )
    assert found.problem == "" and found.checked == 5


def test_rows_whose_own_answer_or_solution_is_judged_wrong_are_counted_and_shown():
    pool = rows(
        answer=["72", "12 of them, or 13", "5"],
        task=["number", "ladder", None],
        solution=["48 + 24 = 72", "none", "2 + 2 = 4\n#### 4"],
    )
    found = judging_of(pool)
    assert found.wrong_answers == () and found.wrong_solutions == ("c",)
    assert found.problem == (
        "1 of 3 rows judge their own solution wrong, such as 'c' (answer '5'); name another verifier in a column "
        "`task`, or map the answers with columns="
    )
    whole = rows(
        answer=["She has 48 / 2 = 24, and 24 + 48 = 72 in all, which she sells for 3 each or 4"], task=["number"]
    )
    assert judging_of(whole).wrong_answers == ()  # the same characters
    spoken = rows(answer=["a great many"], task=["math"], solution=["#### 72"])
    assert judging_of(spoken).wrong_solutions == ("a",)
    assert found.record()["own_judged_wrong"] == {"answers": 0, "solutions": 1}
    assert found.record()["tolerance"] == 1e-12


def test_text_to_study_is_not_judged():
    pool = rows(answer=["The answer is 5.\nQuestion: which?", "72"]).assign(prompt=["", "48 + 24?"])
    assert judging_of(pool).rows == 1 and judging_of(pool).problem == ""


def test_embedded_tasks_pass_and_an_empty_pool_is_no_error():
    for name in ("ladder", "clinic"):
        assert judging_of(cl.load_pool(name, n=20, seed=0)).problem == ""
    none = judging_of(rows(answer=[]))
    assert none.rows == 0 and none.line == "no answers are judged" and none.problem == ""
