"""Every test row is worth something once: all answers to it, or the one that a declared reducer chooses."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.grading import best, grade, majority
from curriculab.bench.provenance import Provenance, TrainingTexts
from curriculab.protocol import Piece, Sample


@pytest.fixture
def tests():
    rows = {"prompt": ["say a", "say b", "say c"], "answer": ["yes", "no", "7"]}
    return pd.DataFrame(rows, index=pd.Index(["r0", "r1", "r2"], name="id"))


def written(tests, *lines, solver="mine"):
    """What a model wrote, (row, text) each, as answers to the rows' own prompts; and those lines."""
    provenance = Provenance(solver, tests, TrainingTexts(tests.iloc[:0]))
    rows = tests.loc[[row for row, _ in lines]].drop(columns="answer")
    texts = [text for _, text in lines]
    turns = pd.Series([(Piece(text, sample=i),) for i, text in enumerate(texts)], index=rows.index, dtype=object)
    reply = rows.assign(text=texts, turns=turns)
    provenance.note(Sample(rows), reply)
    return reply, provenance


def test_a_rows_answers_count_by_their_share(tests):
    lines, provenance = written(tests, ("r0", "yes"), ("r0", "no"), ("r1", "no"), ("r2", "8"))
    assert grade(lines, tests, provenance).tolist() == [0.5, 1.0, 0.0]
    assert grade(lines.iloc[::-1], tests, provenance).tolist() == [0.5, 1.0, 0.0]  # in any order


def test_an_empty_text_leaves_a_row_unanswered(tests):
    lines, provenance = written(tests, ("r0", "yes"), ("r1", "no"))
    left = pd.concat([lines, tests.loc[["r2"]].assign(text="")])
    assert grade(left, tests, provenance).tolist() == [1.0, 1.0, 0.0]


MANY = [("r0", "no"), ("r0", "yes"), ("r0", "Yes "), ("r1", "no"), ("r2", "7")]


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [(None, [2 / 3, 1.0, 1.0]), ("majority", [1.0, 1.0, 1.0]), ("best", [0.0, 1.0, 1.0]),
     (lambda lines: lines.text.iloc[-1], [1.0, 1.0, 1.0])],
)  # fmt: skip
def test_a_reducer_chooses_one_of_all_answers(tests, reduce, expected):
    lines, provenance = written(tests, *MANY)
    assert grade(lines.assign(score=[3, 2, 1, 0, 0]), tests, provenance, reduce=reduce).tolist() == expected


def test_majority_is_by_the_final_answer_and_the_first_where_votes_are_equal():
    def says(*texts):
        return majority(pd.DataFrame({"text": texts}))

    assert says("1 + 2 = 3\n#### 3", "4", "#### 3") == "1 + 2 = 3\n#### 3"
    assert says("4", "3") == "4" and says("", "", "3") == "3" and says("", "") == ""


def test_best_wants_a_finite_score():
    lines = pd.DataFrame({"text": ["a", "b"], "score": [np.nan, 1.0]}, index=["r0", "r0"])
    with pytest.raises(ValueError, match="^reduce='best': a score of nan for the row 'r0'; give finite numbers$"):
        best(lines)
    with pytest.raises(ValueError, match="^reduce='best' takes the answer with the highest `score`; let the solver"):
        best(lines[["text"]])


PARTLY = (
    "returned 2 of the 3 answers that were written to the row 'r0'; return all of them: their mean counts, or what "
    "Use(..., reduce='majority') makes of them; a text on the way to an answer is asked for with a purpose of its own, "
    "Sample(..., purpose='plan')"
)
REFUSED = {
    "returned nothing for the row 'r1'; return every test row, with an empty text where it is left unanswered": (
        lambda lines: lines.drop(index="r1")
    ),
    PARTLY: lambda lines: lines.iloc[1:],
    "returned 'yes' for the row 'r0' more often than it was written; return each answer once": (
        lambda lines: lines.assign(text="yes")
    ),
    "returned 'no!' for the row 'r0', which no model wrote to it in this test; return the texts of its requests as "
    "they are": lambda lines: lines.assign(text=lines.text + "!"),
    "answered 'r9', which is no test row; keep the rows' ids": lambda lines: lines.rename(index={"r2": "r9"}),
    "returned list; it returns answered rows with a column 'text'": lambda lines: [1],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_not_all_that_was_written_is_refused(tests, message):
    lines, provenance = written(tests, *MANY)
    whole = re.escape(f"the solver 'mine' {message}")
    with pytest.raises(ValueError, match=f"^{whole}$"):
        grade(REFUSED[message](lines), tests, provenance)


def test_a_reducer_invents_nothing(tests):
    lines, provenance = written(tests, *MANY)
    message = "the reducer of the solver 'mine' gave '7' for the row 'r0', which is none of its answers"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}; return the text of one$"):
        grade(lines, tests, provenance, reduce=lambda lines: "7")


def test_an_unknown_reducer_is_refused_when_it_is_declared():
    def method(pool, run):
        yield cl.Use({"mine": lambda rows: (yield cl.Sample(rows))}, reduce="mode")

    pool = cl.load_pool("ladder", n=8, seed=0)
    with pytest.warns(UserWarning, match="Use\\(reduce='mode'\\); give 'majority', 'best', a function"):
        cl.simulate(method, pool, steps=1, batch_size=4, tests=pool)
