"""Differential item functioning: against conditional maximum likelihood of statsmodels, by hand and by simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from curriculab.difficulty import irt
from curriculab.difficulty.irt.functioning import _contrasts


def planted(seed: int, *, people: int = 200, items: int = 15, impact: float = 1.0, apart: dict | None = None):
    """Answers of two groups, the second abler by `impact` logits; apart: what items are harder by for it."""
    rng, tuned = np.random.default_rng(seed), np.repeat([False, True], people)
    able = rng.normal(size=2 * people) * np.where(tuned, 1.3, 1.0) + impact * tuned
    hard, more = np.linspace(-1.5, 1.5, items), np.zeros(items)
    more[list(apart or {})] = list((apart or {}).values())
    chance = 1 / (1 + np.exp(-(able[:, None] - hard - tuned[:, None] * more)))
    answers = (rng.random(chance.shape) < chance).astype(float)
    return pd.DataFrame(answers, columns=[f"item {i}" for i in range(items)]), np.where(tuned, "tuned", "base")


def conditional(answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Difficulties less that of the first item, and their covariances, with abilities conditioned out (Andersen)."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    people, items = answers.shape
    item = np.tile(np.eye(items)[:, 1:], (people, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of people with all right or all wrong, who say nothing
        fit = ConditionalLogit(answers.ravel(), item, groups=np.repeat(np.arange(people), items)).fit(disp=False)
    covariance = np.zeros((items, items))
    covariance[1:, 1:] = fit.cov_params()
    return -np.r_[0.0, fit.params], covariance


def test_differences_and_errors_are_those_of_conditional_maximum_likelihood():
    """Another estimator, which knows no distribution of abilities; 7 items, so that it is quick."""
    answers, groups = planted(3, people=250, items=7, apart={2: 0.8})
    found = irt.dif(answers, groups, anchors=[*answers.columns])
    parts = [conditional(answers[groups == group].to_numpy()) for group in ("base", "tuned")]
    weights = _contrasts(np.ones(7, bool))
    difference = weights @ (parts[1][0] - parts[0][0])
    se = np.sqrt(np.diag(weights @ (parts[0][1] + parts[1][1]) @ weights.T))
    assert found.difference.tolist() == pytest.approx(difference.tolist(), abs=0.06)
    assert found.se.tolist() == pytest.approx(se.tolist(), rel=0.05)
    assert np.abs(found.difference / found.se - difference / se).max() < 0.25


def test_p_after_holm_is_that_of_statistics():
    from curriculab.statistics import holm

    found = irt.dif(*planted(1, items=6, apart={4: 0.5}))
    assert found.p_holm.tolist() == pytest.approx(holm(found.p).tolist())


def test_contrasts_by_hand():
    assert _contrasts(np.array([True, True, True, False])).tolist() == [
        [1.0, -0.5, -0.5, 0.0],
        [-0.5, 1.0, -0.5, 0.0],
        [-0.5, -0.5, 1.0, 0.0],
        [pytest.approx(-1 / 3)] * 3 + [1.0],
    ]


def test_an_item_that_differs_is_found_and_is_no_anchor():
    answers, groups = planted(1, apart={4: 1.2, 9: 1.2})
    found = irt.dif(answers, groups)
    assert found.index[found.differs].tolist() == ["item 4", "item 9"]
    assert found.anchor.tolist() == (~found.differs).tolist()
    assert (found.low["item 4"] < 1.2 < found.high["item 4"]) and found.p_holm["item 4"] < 0.01
    assert found.difficulty.corr(pd.Series(np.linspace(-1.5, 1.5, 15), found.index)) > 0.98


def test_that_one_group_is_abler_is_no_difference_of_items():
    wrong, p = 0, []
    for seed in range(60):
        found = irt.dif(*planted(seed, people=100, items=8, impact=1.5))
        wrong, p = wrong + found.differs.any(), [*p, *found.p]
    assert wrong <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(p))


def test_the_order_of_people_and_items_does_not_matter():
    answers, groups = planted(2, items=6)
    order = np.random.default_rng(0).permutation(len(answers))
    turned = irt.dif(answers.iloc[order, ::-1], groups[order])
    assert turned.p[answers.columns].tolist() == pytest.approx(irt.dif(answers, groups).p.tolist(), rel=1e-3)


def test_items_that_a_group_solved_alike_are_left_out():
    answers, groups = planted(5, items=6)
    answers.loc[groups == "tuned", "item 0"] = 1.0
    found = irt.dif(answers, groups)
    assert np.isnan(found.p["item 0"]) and not found.differs["item 0"] and not found.anchor["item 0"]
    assert found.p[1:].notna().all()


def test_what_cannot_be_compared_is_refused():
    answers, groups = planted(0, people=20, items=4)
    with pytest.raises(ValueError) as error:
        irt.dif(answers, np.repeat(["a", "b", "c", "d"], 10))
    assert str(error.value) == (
        "groups of 40 solvers: a (10), b (10), c (10), d (10); give one of two groups for each of 40 solvers, at least "
        "two solvers in each"
    )
    with pytest.raises(ValueError) as error:
        irt.dif(answers, groups, anchors=["item 1", "item 9"])
    assert str(error.value) == (
        "anchors=['item 1', 'item 9']: give at least 2 names of items; there are 'item 0', 'item 1', 'item 2', 'item 3'"
    )
    with pytest.raises(ValueError, match="^2 of 4 items were solved by some of each group and not by others; a"):
        irt.dif(answers.assign(**{"item 0": 1.0, "item 1": 0.0}), groups)
