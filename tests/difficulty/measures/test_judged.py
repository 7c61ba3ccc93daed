"""Judges by script, and Bradley-Terry by hand and by an independent fit."""

from __future__ import annotations

import re
from math import log

import numpy as np
import pandas as pd
import pytest

from curriculab.difficulty import bradley_terry
from curriculab.difficulty.estimation import answer_measures
from curriculab.difficulty.measures import judged
from curriculab.protocol import Answer


class Judge:
    """Says a text to every prompt, or how likely the first option is by the tasks it reads."""

    def __init__(self, says):
        self.says, self.asked = says, []

    def answer(self, asks):
        (ask,) = asks
        rows = ask.request.rows
        self.asked.append(ask.request)
        if "options" in rows:
            p = np.array([self.says(prompt) for prompt in rows["prompt"]])
            logp = [np.log([x, 1 - x]) for x in p]
            return [Answer(pd.DataFrame({"options": pd.Series(logp, index=rows.index, dtype=object)}))]
        out = rows.loc[rows.index.repeat(ask.request.n)]
        return [Answer(out.assign(text=[self.says(p) for p in out["prompt"]]))]


POOL = pd.DataFrame({"prompt": ["easy one", "middle one", "hard one"], "answer": "x"}, index=["e", "m", "h"])


def found(name, judge, **knobs):
    raw, _ = answer_measures({name: getattr(judged, name).requests(POOL, **knobs)}, judge)
    return raw[name]


def test_ratings_are_the_first_number():
    said = {"easy one": "Rating: 2 of 10", "middle one": "4.5", "hard one": "I say 9, not 3."}
    judge = Judge(lambda prompt: next(v for k, v in said.items() if k in prompt))
    assert found("rating", judge).to_dict() == {"e": 2.0, "m": 4.5, "h": 9.0}
    (request,) = judge.asked
    assert request.rows["prompt"].iloc[0].endswith("Task: easy one") and request.temperature == 0.0


def test_several_ratings_have_an_error():
    texts = iter(["1", "3", "5", "5", "8", "9"])
    score, error = found("rating", Judge(lambda prompt: next(texts)), n=2)
    assert score.tolist() == [2, 5, 8.5] and error.tolist() == pytest.approx([1, 0, 0.5])


def test_a_rating_without_a_number_is_refused():
    message = (
        "rating: row 'm' was rated 'hard to say', without a number from 1 to 10; ask another judge, or with another "
        "template (2 such rows)"
    )
    judge = Judge(lambda prompt: "3" if "easy one" in prompt else "hard to say" if "middle" in prompt else "11")
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        found("rating", judge)


def strength(prompt, order=("easy", "middle", "hard")):
    one, two = re.search(r"first: (\w+) one.*second: (\w+) one", prompt, re.DOTALL).groups()
    return 1 / (1 + np.exp(order.index(two) - order.index(one)))


def test_comparisons_find_the_order_and_a_judge_who_likes_the_first_tells_nothing():
    score, error = found("comparisons", Judge(strength))
    assert score.sort_values().index.tolist() == ["e", "m", "h"] and (error > 0).all()
    assert score["m"] == pytest.approx(0, abs=1e-8) and score["h"] == pytest.approx(1, abs=0.07)  # the prior pulls
    score, _ = found("comparisons", Judge(lambda prompt: 0.9))
    assert score.abs().max() < 1e-8


def test_two_rows_by_hand():
    """Three to one: a difference of log 3; its variance 1 / (4 * 3/4 * 1/4), a quarter of it is each one's."""
    table = pd.DataFrame({"harder": ["a", "a", "a", "b"], "easier": ["b", "b", "b", "a"]})
    fit = bradley_terry(table, prior=1e3)
    assert fit.strength.tolist() == pytest.approx([log(3) / 2, -log(3) / 2], abs=1e-5)
    assert fit.se.tolist() == pytest.approx([(1 / 3) ** 0.5] * 2, rel=1e-3)


def test_many_rows_as_logistic_regression_finds_them():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(6)
    i, j = rng.integers(0, 6, 400), rng.integers(0, 6, 400)
    i, j = i[i != j], j[i != j]
    won = rng.random(len(i)) < 1 / (1 + np.exp(truth[j] - truth[i]))
    table = pd.DataFrame({"harder": np.where(won, i, j), "easier": np.where(won, j, i)})
    design = np.zeros((len(i), 6))
    design[np.arange(len(i)), i] += 1
    design[np.arange(len(i)), j] -= 1
    other = sm.GLM(won.astype(float), design[:, 1:], family=sm.families.Binomial()).fit()
    expected = np.r_[0, other.params]
    centre = np.eye(6) - 1 / 6
    covariance = np.zeros((6, 6))
    covariance[1:, 1:] = other.cov_params()
    fit = bradley_terry(table, prior=1e3)
    np.testing.assert_allclose(fit.strength, expected - expected.mean(), atol=1e-4)
    np.testing.assert_allclose(fit.se, np.sqrt(np.diag(centre @ covariance @ centre)), rtol=1e-3)


def test_the_prior_holds_a_row_that_always_wins():
    fit = bradley_terry(pd.DataFrame({"harder": ["a"] * 5, "easier": ["b"] * 5}), prior=1.0)
    s = fit.strength["a"]
    assert s == pytest.approx(5 / (1 + np.exp(2 * s)))  # the slope is 0: 5 (1 - p) = s / prior^2


@pytest.mark.parametrize(
    ("name", "knobs", "message"),
    [
        ("rating", {"template": "how hard?"}, "rating: the template has no {prompt}, or n is below 1; give both"),
        (
            "comparisons",
            {"rounds": 0},
            "comparisons: 3 rows, 0 rounds; give at least 2 rows, 1 round, and a template with {first} and {second}",
        ),
    ],
)
def test_a_judge_needs_something_to_judge(name, knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        found(name, Judge(lambda prompt: "1"), **knobs)
