"""Rows that travel: what say, tell, splice and ask put behind a prompt, and what identifies a request."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab.environments.turns import ask, say, splice, tell
from curriculab.protocol import Copy, Piece, Run, Sample, Score, Train, digest, method_name


@pytest.fixture
def rows() -> pd.DataFrame:
    index = pd.Index(["r0", "r1"], name="id")
    return pd.DataFrame({"prompt": ["1+1?", "2+2?"], "answer": ["2", "4"], "level": [1, 2]}, index=index)


def test_pieces_stand_behind_each_other(rows):
    out = say(tell(splice(rows, ["a", "b"]), "hint"), "2", end=False)
    assert out.turns["r0"] == (Piece("a"), Piece("hint", turn=True), Piece("2", learn=True))
    assert out.turns["r1"][0] == Piece("b")
    assert "turns" not in rows


def test_said_words_end_unless_told_otherwise(rows):
    assert say(rows, "2").turns["r0"] == (Piece("2", learn=True, end=True),)


def test_texts_are_matched_by_id_and_refused_otherwise(rows):
    other = pd.Series(["x", "y"], index=["r1", "r0"])
    message = (
        "the texts belong to other rows: ['r1', 'r0'] beside ['r0', 'r1']; "
        "take them from the same table, or pass a plain list in the rows' order"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        say(rows, other)
    message = "3 texts for 2 rows; give one per row, or one string for all"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        tell(rows, ["a", "b", "c"])


def test_another_question_has_nothing_said_and_nothing_to_verify(rows):
    answered = say(rows, "2").assign(text="2", correct=1.0, group=0, options=[["a"], ["b"]])
    out = ask(answered, "Why?", group=[7, 8])
    assert list(out.columns) == ["prompt", "answer", "level", "group"]
    assert out.prompt.tolist() == ["Why?", "Why?"]
    assert out.answer.isna().all()
    assert ask(rows, "Why?", answer=rows.answer).answer.tolist() == ["2", "4"]


def test_a_digest_tells_requests_apart(rows):
    requests = [
        Train(rows),
        Train(rows, objective="sft"),
        Train(rows.iloc[::-1]),
        Train(rows.assign(weight=[1.0, 2.0])),
        Train(rows.assign(solution="1+1=2")),
        Train(say(rows, "2")),
        Sample(rows),
        Sample(rows, n=2),
        Sample(rows, n=[1, 2]),
        Sample(rows, n=np.array([2, 1])),
        Score(rows, "nll"),
        Copy("learner", to="best"),
        Copy({"learner": 0.5, "best": 0.5}, to="best"),
    ]
    assert len({digest(r) for r in requests}) == len(requests)
    assert digest(Train(rows, note={"loss": 1.0})) == digest(Train(rows.copy()))
    assert digest(Sample(rows, n=[1, 2])) == digest(Sample(rows, n=np.array([1, 2])))


def test_a_run_is_read_only_and_its_chance_is_the_seeds():
    run = Run(3, batch=8)
    assert (run.progress, run.step, run.batch, run.rollouts) == (0.0, 0, 8, 8)
    with pytest.raises(AttributeError):
        run.step = 5
    assert Run(3, batch=2).rng.random() == Run(3, batch=8).rng.random() != Run(4, batch=8).rng.random()


def test_the_name_behind_partials():
    def method(pool, run, *, by="level", span="pass"):
        yield

    assert method_name(partial(partial(method, by="loss"), span="budget")) == "method"
