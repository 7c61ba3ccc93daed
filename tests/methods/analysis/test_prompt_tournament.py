"""Prompt tournament: Glicko-2 by its author's example and by a root finder, scores and tables worked out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.environments import Judge
from curriculab.methods.analysis.prompt_tournament import (
    PROMPTS,
    SCALE,
    glicko,
    rated,
    scored,
    table,
    verdicts,
    volatility,
)
from curriculab.protocol import Run, Script
from curriculab.simulation.student import Student
from tests.methods.made import make

BUDGET = Budget(steps=1, max_total_tokens=10**6)


def test_one_period_is_the_example_of_glickmans_paper():
    """1500, 200 against 1400, 30 (won), 1550, 100 and 1700, 300 (lost): 1464.06, 151.52, 0.05999."""
    mu = (np.array([1500.0, 1400, 1550, 1700]) - 1500) / SCALE
    phi, sigma = np.array([200.0, 30, 100, 300]) / SCALE, np.full(4, 0.06)
    foe, score = np.array([1, 2, 3]), np.array([1.0, 0, 0])
    new = rated(mu, phi, sigma, np.zeros(3, int), foe, score)
    assert 1500 + SCALE * new[0][0] == pytest.approx(1464.06, abs=0.01)
    assert SCALE * new[1][0] == pytest.approx(151.52, abs=0.01)
    assert new[2][0] == pytest.approx(0.05999, abs=1e-5)
    assert new[0][1:] == pytest.approx(mu[1:])  # who did not play keeps the rating,
    assert new[1][1:] == pytest.approx(np.sqrt(phi[1:] ** 2 + 0.06**2))  # of which less is known


@pytest.mark.parametrize("delta", [0.0, -0.48, 3.0, 8.0])
def test_volatility_is_the_root_of_step_5(delta):
    phi, v, sigma, tau = 1.15, 1.78, 0.06, 0.5

    def f(x):
        top = np.exp(x) * (delta**2 - phi**2 - v - np.exp(x))
        return top / (2 * (phi**2 + v + np.exp(x)) ** 2) - (x - np.log(sigma**2)) / tau**2

    assert volatility(sigma, phi, v, delta) == pytest.approx(np.exp(brentq(f, -20, 5, xtol=1e-12) / 2), abs=1e-6)


def test_two_equal_players_who_draw_stay_where_they_are():
    games = pd.DataFrame({"a": ["x"] * 4, "b": ["y"] * 4, "score": [0.5] * 4})
    found = glicko(games, ["x", "y"])
    g = 1 / np.sqrt(1 + 3 * (350 / SCALE) ** 2 / np.pi**2)  # .669
    known = 4 * g**2 / 4  # 1 / v, with E = 1/2
    phi = 1 / np.sqrt(1 / ((350 / SCALE) ** 2 + found["volatility"].iloc[0] ** 2) + known)
    assert found["rating"].tolist() == [1500, 1500]
    assert found["deviation"].to_numpy() == pytest.approx(SCALE * phi)


def test_games_are_rated_period_by_period_in_their_order():
    games = pd.DataFrame({"a": ["x", "x"], "b": ["y", "y"], "score": [1.0, 0.0]})
    first = glicko(games.iloc[:1], ["x", "y"])
    after = rated(
        *((first[c].to_numpy() - middle) / scale for c, middle, scale in COLUMNS),
        np.array([0, 1]),
        np.array([1, 0]),
        np.array([0.0, 1.0]),
    )
    both = glicko(games, ["x", "y"], periods=2)
    assert both["rating"].to_numpy() == pytest.approx(1500 + SCALE * after[0])
    assert both["rating"]["x"] < 1500 < both["rating"]["y"]  # the later game counts more
    assert glicko(games, ["x", "y"])["rating"].tolist() == [1500, 1500]
    assert both["deviation"]["x"] < first["deviation"]["x"] < 350


COLUMNS = (("rating", 1500, SCALE), ("deviation", 0, SCALE), ("volatility", 0, 1))


def test_verdicts_are_the_first_1_or_2():
    assert verdicts(["1", "Answer 2 is better than 1", "12", "neither", "The 1st? No: 2."]).tolist()[:2] == [1, 2]
    assert np.isnan(verdicts(["12", "neither"])).all()


def test_a_verdict_that_follows_the_place_is_a_draw():
    one = np.array([1.0, 2, 1, 2, np.nan])  # with a first
    other = np.array([2.0, 1, 1, 2, 2])  # with b first
    found = scored(one, other)
    assert found["score"].tolist() == [1, 0, 0.5, 0.5, 0.75]
    assert found["flip"].tolist() == [False, False, True, True, False]
    assert found["first"].tolist() == [0.5, 0.5, 1, 0, 0]


def test_the_table_holds_what_each_scored_against_each():
    games = pd.DataFrame({"a": ["x", "x", "y"], "b": ["y", "y", "z"], "score": [1.0, 0.5, 0.0]})
    ratings = glicko(games, ["x", "y", "z"]).assign(deviation=100.0)
    found = table(games, ratings).set_index("prompt")
    assert found.loc["x", "wins against y"] == 0.75 and found.loc["y", "wins against x"] == 0.25
    assert found.loc["z", "wins against y"] == 1 and np.isnan(found.loc["z", "wins against x"])
    assert found.loc["y", "wins"] == (0.25 + 0) / 2
    assert (found["high"] - found["low"]).tolist() == pytest.approx([392.0] * 3)
    assert "flips" not in found


def _context(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
    return np.where(rows["prompt"].str.contains("Think step"), 30.0, -30.0)


def test_without_a_judge_the_right_answer_wins():
    pool = make([1] * 12)
    runs = simulate(methods.prompt_tournament, pool, steps=1, batch_size=2, learner=Student(context=_context), name="v")
    assert runs.failed == {} and runs.metrics.empty
    (found,) = (record.findings.set_index("prompt") for record in runs.records)
    assert list(found.index) == list(PROMPTS) and found["rating"].idxmax() == "steps"
    assert found.loc["steps", "wins"] == 1 and found.loc["plain", "wins against brief"] == 0.5


def test_a_judge_is_asked_in_both_orders_without_names():
    seen = []

    def judge(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
        seen.append(rows)
        return ["1"] * len(rows)

    made = partial(methods.prompt_tournament, prompts={"x": "X {prompt}", "y": "Y {prompt}"}, judge="judge", contexts=5)
    runs = simulate(
        made,
        make([1] * 12),
        budget=BUDGET,
        batch_size=2,
        reference_models={"judge": Script(judge, name="always the first")},
        name="v",
    )
    one, other = seen
    assert one["first"].tolist() == other["second"].tolist() and one["second"].tolist() == other["first"].tolist()
    assert (one["better"] + other["better"] == 3).all() and len(one) == 5
    assert one["prompt"].str.contains("Answer 1: ").all() and not {"a", "b", "text_a"} & {*one}
    (found,) = (record.findings for record in runs.records)
    assert found["flips"].tolist() == [1, 1] and found["first"].tolist() == [1, 1]
    assert found["rating"].tolist() == [1500, 1500]
    assert runs.ledger[runs.ledger.role == "judge"].rollouts.sum() == 10


def test_the_base_can_judge_and_so_can_one_of_known_skill():
    for how in ({"judge": "base"}, {"judge": "judge"}):
        runs = simulate(
            partial(methods.prompt_tournament, **how),
            make([1] * 12),
            budget=BUDGET,
            batch_size=2,
            reference_models={"judge": Script(Judge(accuracy=1.0))},
            name="v",
        )
        assert runs.failed == {} and "flips" in runs.records[0].findings


def test_what_is_no_tournament_is_refused():
    run = Run(0, batch=2, rollouts=2)
    with pytest.raises(ValueError, match=r"^prompts=\{'x': '\{prompt\}'\}: a tournament needs two at least$"):
        next(methods.prompt_tournament(make([1]), run, prompts={"x": "{prompt}"}))
    why = r"^the prompt 'y' \('go'\) has no \{prompt\}, where the question is to stand$"
    with pytest.raises(ValueError, match=why):
        next(methods.prompt_tournament(make([1]), run, prompts={"x": "{prompt}", "y": "go"}))
