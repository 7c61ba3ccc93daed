"""Abilities on known items, by MAP and EAP."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from curriculab.difficulty import irt
from tests.difficulty.irt.made import NOT_BINARY, lsat


def test_the_map_is_that_of_pudf_and_the_eap_that_of_quadrature():
    from scipy.integrate import quad
    from scipy.optimize import minimize_scalar

    rng = np.random.default_rng(0)
    b, answers = rng.normal(size=200), rng.integers(0, 2, 200)

    def loss(theta: float) -> float:  # PUDF's: -log N(theta; 0, 1) - sum log(1 + (2 sigma - 1) r), r = 1 or -1
        sigma = 1 / (1 + np.exp(b - theta))
        return theta**2 / 2 - np.log(1 + (2 * sigma - 1) * (2 * answers - 1)).sum()

    best = minimize_scalar(loss, bracket=(-1, 1), tol=1e-10).x
    found, error = irt.ability(answers, b)
    assert isinstance(found, float) and found == pytest.approx(best, abs=1e-6)
    curvature = (loss(best + 1e-3) - 2 * loss(best) + loss(best - 1e-3)) / 1e-6
    assert error == pytest.approx(curvature**-0.5, rel=1e-4)

    a, c, mean, sd = np.exp(rng.normal(0, 0.3, 200)), rng.beta(5, 17, 200), 0.5, 2.0
    top = None

    def density(theta: float, power: int = 0) -> float:
        p = c + (1 - c) / (1 + np.exp(-a * (theta - b)))
        value = np.log(np.where(answers, p, 1 - p)).sum() - ((theta - mean) / sd) ** 2 / 2
        return theta**power * np.exp(value - top)

    top = 0.0
    top = max(np.log(max(density(t), 1e-300)) for t in np.linspace(-4, 4, 81))
    zero, one, two = (quad(density, -6, 6, args=(k,), points=[-1, 0, 1], limit=200)[0] for k in range(3))
    found, error = irt.ability(answers, b, a, c, prior_mean=mean, prior_sd=sd, method="eap")
    assert found == pytest.approx(one / zero, abs=1e-4)
    assert error == pytest.approx((two / zero - (one / zero) ** 2) ** 0.5, rel=1e-3)


def test_200_answers_are_scored_in_milliseconds():
    rng = np.random.default_rng(0)
    b, answers = rng.normal(size=200), rng.integers(0, 2, 200)
    began = time.process_time()
    for _ in range(20):
        irt.ability(answers, b)
    assert (time.process_time() - began) / 20 < 0.02  # 0.001 measured


@pytest.mark.parametrize("method", ["eap", "map"])
def test_all_right_all_wrong_and_no_answers_are_finite(method: str):
    x = np.vstack([np.ones(30), np.zeros(30), np.full(30, np.nan)])
    found, error = irt.ability(x, np.linspace(-2, 2, 30), method=method)
    assert found[0] == pytest.approx(-found[1]) and 1.5 < found[0] < 4
    assert found[2] == pytest.approx(0, abs=1e-9) and error[2] == pytest.approx(1, abs=1e-6)
    assert (error[:2] < 1).all()


def test_new_people_are_scored_as_the_fitted_ones_were():
    fit = irt.fit(lsat(), "2pl", method="map")
    again = fit.ability(lsat(), method="map")
    assert again.ability.to_numpy() == pytest.approx(fit.people.ability.to_numpy(), abs=1e-9)
    some = fit.ability(lsat().loc[:, ["item 5", "item 2"]])  # by name, and fewer
    assert len(some) == 1000 and (some.se_ability > 0.85).all()
    with pytest.raises(
        ValueError,
        match=re.escape(
            "item 'item 9' was not fitted; the 5 that were: 'item 1', 'item 2', 'item 3', 'item 4', 'item 5'"
        ),
    ):
        fit.ability(lsat().rename(columns={"item 1": "item 9"}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: irt.ability([1, 0], [0.0, 1.0, 2.0]),
            "answers (2,) to difficulties (3,): give (items,) or (people, items), and (items,)",
        ),
        (lambda: irt.ability([1, 2], [0.0, 1.0]), "responses hold 2.0 at place (1,)" + NOT_BINARY),
        (
            lambda: irt.ability([1, 0], [0.0, np.inf]),
            "difficulty of item 1 is inf; it must be finite: leave the item out",
        ),
        (
            lambda: irt.ability([1, 0], [0.0, 1.0], prior_sd=0),
            "prior_sd=0: abilities differ by more than 0; the standard scale has 1",
        ),
    ],
)
def test_bad_input_is_refused_with_one_clear_line(call, message: str):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
