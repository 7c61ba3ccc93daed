"""Answers that a script gives: counts by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from curriculab.difficulty.estimation import answer_measures
from curriculab.difficulty.measures import rollouts
from curriculab.protocol import Answer, Piece, Sample
from curriculab.rewards import verify_rows


class Scripted:
    """Answers every row with the next texts of its script, over and over, and keeps what it was asked."""

    def __init__(self, script):
        self.script, self.asked, self.at = script, [], dict.fromkeys(script, 0)

    def answer(self, asks):
        return [self._write(t.request) for t in asks]

    def _write(self, request):
        self.asked.append(request)
        out = request.rows.loc[request.rows.index.repeat(request.n)]
        texts = []
        for row in out.index:
            texts.append(self.script[row][self.at[row] % len(self.script[row])])
            self.at[row] += 1
        before = out["turns"] if "turns" in out else [()] * len(out)
        turns = [(*said, Piece(t, learn=True)) for said, t in zip(before, texts, strict=True)]
        turns = pd.Series(turns, index=out.index, dtype=object)
        return Answer(out.assign(turns=turns, text=texts, correct=verify_rows(out, texts)), 10, len(out), 5)


def pool(*ids):
    return pd.DataFrame({"prompt": "what?", "answer": "7"}, index=pd.Index(ids, name="id"))


def found(name, rows, learner, **knobs):
    raw, _ = answer_measures({name: getattr(rollouts, name).requests(rows, **knobs)}, learner)
    return raw[name]


def test_pass_rates_are_posteriors():
    """One of four right under Beta(1, 1): Beta(2, 4), mean wrong 4/6, variance 2 * 4 / (6^2 * 7)."""
    score, error = found("pass_rate", pool("a", "b"), Scripted({"a": "7123", "b": "7777"}), n=4)
    assert score.tolist() == pytest.approx([4 / 6, 1 / 6])
    assert error.tolist() == pytest.approx([(8 / 252) ** 0.5, (5 / 252) ** 0.5])


def test_expected_advantages_in_groups_of_two():
    """One right of two: rewards 1 and 0, mean 0.5, standard deviation sqrt(0.5): |advantage| 0.5 / (sqrt(0.5) + 1e-4),
    with probability 2 p (1 - p), whose mean under Beta(2, 4) is 2 * 2 * 4 / (6 * 7)."""
    score, error = found("expected_advantage", pool("a", "b"), Scripted({"a": "7123", "b": "7777"}), n=4, group=2)
    size = 0.5 / (0.5**0.5 + 1e-4)
    assert score.tolist() == pytest.approx([16 / 42 * size, 10 / 42 * size], rel=1e-5)
    fourth = 4 * 2 * 3 * 4 * 5 / (6 * 7 * 8 * 9)  # E (2 p (1 - p))^2 = 4 E p^2 (1 - p)^2
    assert error["a"] == pytest.approx(size * (fourth - (16 / 42) ** 2) ** 0.5, rel=1e-4)


def test_advantages_of_larger_groups_by_simulation():
    rng = np.random.default_rng(0)
    right = rng.random((40_000, 8)) < 0.3
    off = right - right.mean(1, keepdims=True)
    simulated = np.abs(off / (right.std(1, ddof=1, keepdims=True) + 1e-4)).mean()
    assert rollouts.mean_advantage(np.array([0.3]), 8)[0] == pytest.approx(simulated, abs=0.01)


def test_consistency_needs_no_right_answer():
    rows = pool("a", "b").assign(answer=None)
    script = {"a": ["#### 5", "so #### 5", "6", "answer: 5"], "b": ["1", "2", "3", "4"]}
    score, error = found("self_consistency", rows, Scripted(script), n=4)
    assert score.tolist() == [0.25, 0.75]
    assert error["a"] == pytest.approx((4 * 2 / (36 * 7)) ** 0.5)


def test_turns_to_solve_goes_on_with_those_who_were_wrong():
    learner = Scripted({"a": ["1", "7"], "b": ["1"], "c": ["7"]})
    score = found("turns_to_solve", pool("a", "b", "c"), learner, attempts=3, feedback="no")
    assert score.tolist() == [2, 4, 1]
    assert [list(request.rows.index) for request in learner.asked] == [["a", "b", "c"], ["a", "b"], ["b"]]
    said = [piece.text for piece in learner.asked[2].rows["turns"].iloc[0]]
    assert said == ["1", "no", "1", "no"]


def test_turns_to_solve_of_several_conversations():
    learner = Scripted({"a": ["1", "7", "7"], "b": ["7"]})  # a: wrong, right; then right in its second attempt
    score, error = found("turns_to_solve", pool("a", "b"), learner, attempts=2, n=2)
    assert score.tolist() == [1.5, 1.0] and error.tolist() == pytest.approx([0.5, 0.0])


def test_the_same_answers_serve_several_measures():
    names = ("pass_rate", "expected_advantage", "self_consistency", "turns_to_solve")
    generators = {n: getattr(rollouts, n).requests(pool("a", "b")) for n in names}
    learner = Scripted({"a": "7123", "b": "7777"})
    _, ledger = answer_measures(generators, learner)
    assert [r.n for r in learner.asked if isinstance(r, Sample)][:2] == [8, 1]
    assert ledger.measures.iloc[0] == "pass_rate, expected_advantage, self_consistency"


@pytest.mark.parametrize(
    ("name", "rows", "knobs", "message"),
    [
        (
            "pass_rate",
            pool("a").assign(answer=None),
            {},
            "row 'a' has no answer to verify by; leave it out, or choose a measure that needs none",
        ),
        ("pass_rate", pool("a").assign(prompt=""), {}, "row 'a' has an empty prompt; a plain text cannot be answered"),
        (
            "turns_to_solve",
            pool("a"),
            {"attempts": 1},
            "turns_to_solve(attempts=1, n=1); give at least 2 attempts in 1 conversation",
        ),
        ("pass_rate", pool("a"), {"n": 0}, "pass_rate(n=0); give at least 1 answer a row"),
    ],
)
def test_what_cannot_be_answered_says_so(name, rows, knobs, message):
    whole = message if message.startswith(name) else f"{name}: {message}"
    with pytest.raises(ValueError, match=f"^{re.escape(whole)}$"):
        found(name, rows, Scripted({"a": ["1"]}), **knobs)
