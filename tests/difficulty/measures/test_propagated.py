"""Rows nobody tried: graphs and regressions by hand, and by brute force."""

from __future__ import annotations

import re
from math import log

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.difficulty.measures.propagated import neighbourhood, ridge, spread

D = cl.difficulty


def test_cosines_of_weighted_words():
    """Weights log((1 + 3) / (1 + rows)) + 1: a and b are in 2 rows, c, d and e in 1. Row 0 shares one word with each of
    the others, so its cosines go as one over their lengths."""
    graph = neighbourhood(pd.Series(["a b", "a c", "b d e"]), 5).toarray()
    two, one = log(4 / 3) + 1, log(4 / 2) + 1
    near, far = (two**2 + one**2) ** -0.5, (two**2 + 2 * one**2) ** -0.5
    np.testing.assert_allclose(graph, [[0, near / (near + far), far / (near + far)], [1, 0, 0], [1, 0, 0]])


def test_only_the_nearest_neighbours_stay():
    graph = neighbourhood(pd.Series(["a b c", "a b c", "a", "z"]), 1).toarray()
    assert graph[0].tolist() == [0, 1, 0, 0] and graph[2].sum() == 1 and graph[3].sum() == 0


def test_one_round_by_hand():
    """Known 1 and 0, unknown between them; after a round: .8 * neighbours + .2 * known, and the neighbours' mean."""
    graph = np.array([[0, 0, 1.0], [0, 0, 1.0], [0.5, 0.5, 0]])
    known = pd.Series([1.0, 0.0, np.nan])
    assert spread(graph, known, rounds=1).tolist() == pytest.approx([0.8 * 0.5 + 0.2, 0.8 * 0.5, 0.5])
    assert spread(graph, known, rounds=1000, epsilon=0).iloc[2] == pytest.approx(0.5)


def test_what_is_alone_keeps_the_mean():
    graph = np.zeros((3, 3))
    assert spread(graph, pd.Series([0.2, 0.4, np.nan])).tolist() == pytest.approx([0.2, 0.4, 0.3])


def test_propagation_needs_no_model_and_a_shuffled_graph_ends_it():
    """Wiki-R1's own control: difficulty belongs to words; what is known of half the rows tells of the others."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 6, 240)
    words = [" ".join(f"w{t}{i}" for i in rng.choice(8, 5)) for t in topic]
    truth = pd.Series(topic / 6 + 0.1 * rng.standard_normal(240), index=[f"r{i}" for i in range(240)])
    pool = pd.DataFrame({"prompt": words, "answer": "x"}, index=truth.index)
    hidden = rng.permutation(240) < 120
    pool["tried"] = truth.where(~hidden)
    score = D.propagated_difficulty(pool, observed="tried")
    assert score[hidden].rank().corr(truth[hidden].rank()) > 0.8
    shuffled = pool.assign(prompt=rng.permutation(words))
    assert abs(D.propagated_difficulty(shuffled, observed="tried")[hidden].rank().corr(truth[hidden].rank())) < 0.3


def test_ridge_by_brute_force():
    """The penalty with the least error when every row is left out in turn and the rest fitted anew."""
    rng = np.random.default_rng(1)
    x, new = rng.standard_normal((20, 5)), rng.standard_normal((4, 5))
    y = x @ rng.standard_normal(5) + rng.standard_normal(20)

    def fit(a, b, at, penalty):
        middle = a.mean(0)
        beta = np.linalg.solve((a - middle).T @ (a - middle) + penalty * np.eye(5), (a - middle).T @ (b - b.mean()))
        return b.mean() + (at - middle) @ beta

    score, error = ridge(x, y, new)
    grid = np.geomspace(1e-4, 1e4, 41) * np.mean(np.linalg.svd(x - x.mean(0))[1] ** 2)
    best, least = None, np.inf
    for penalty in grid:
        kept = [np.delete(np.arange(20), i) for i in range(20)]
        wrong = np.mean([(y[i] - fit(x[k], y[k], x[i], penalty)) ** 2 for i, k in enumerate(kept)])
        if wrong < least:
            best, least = penalty, wrong
    np.testing.assert_allclose(score, fit(x, y, new, best), rtol=1e-6)
    assert error.min() > least**0.5 * 0.99


def test_prompt_values_of_what_a_state_can_tell():
    """On simulated students a prompt's state is its skill and difficulty: what was seen of half the rows, tells all."""
    pool = cl.load_pool("ladder", n=160, seed=0)
    hard = pool["level"] / 6

    def method(rows, run):
        observed = (rows["level"] / 6).where(np.arange(len(rows)) % 2 == 0)
        score, error = yield from D.request_scores("prompt_value", rows, observed=observed, uncertainty=True)
        yield cl.Train(rows.iloc[:2])
        return pd.DataFrame({"score": score, "error": error})

    runs = cl.simulate(method, pool, budget=cl.Budget(steps=1, max_total_tokens=10**9), batch_size=2)
    found = runs.findings["method", 0]
    assert found.score.reindex(pool.index).corr(hard) > 0.95 and (found.error > 0).all()
    assert runs.ledger.query("request == 'Score'").purpose.tolist() == ["prompt_value"]


@pytest.mark.pocket
def test_the_gap_to_a_teacher_is_a_difference_of_losses():
    model, pool = cl.load_model("pocket", bits=32), cl.load_pool("ladder", n=8, seed=0)
    student = model.adapter(0)
    with torch.no_grad():
        student.weights += 0.02
    gap = D.teacher_gap(pool, model, adapter=student, teacher=model)
    np.testing.assert_allclose(gap, D.answer_loss(pool, model, adapter=student) - D.answer_loss(pool, model))
    score, error = D.teacher_gap(pool, model, adapter=student, teacher=model, how="answers", n=2, uncertainty=True)
    assert score.between(-1, 1).all() and (error > 0).all()


@pytest.mark.parametrize(
    ("name", "knobs", "message"),
    [
        ("teacher_gap", {}, "teacher_gap: nobody to ask; give teacher=, a model or an adapter of the model"),
        (
            "teacher_gap",
            {"teacher": "best"},
            "teacher_gap: teacher='best' is a role of methods; give the model or adapter itself",
        ),
        (
            "propagated_difficulty",
            {"observed": pd.Series({"a": 1.0})},
            "propagated_difficulty: 1 rows with something observed; it needs at least 3",
        ),
        (
            "propagated_difficulty",
            {"observed": "tried"},
            "propagated_difficulty: the pool has no column 'tried'; map one with load_pool(columns={'tried': ...})",
        ),
        (
            "propagated_difficulty",
            {},
            "propagated_difficulty: reads the rows with a model; give one, such as cl.load_model()",
        ),
        ("prompt_value", {"depth": 3}, "prompt_value has no knob 'depth'; it has role, observed, share, n, seed"),
    ],
)
def test_what_lacks_somebody_says_so(name, knobs, message):
    pool = pd.DataFrame({"prompt": ["x", "y"], "answer": "z"}, index=["a", "b"])
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        D.MEASURES[name](pool, None, **knobs)
