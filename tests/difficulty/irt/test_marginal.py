"""The maximum of the marginal likelihood against an independent optimiser, and its information."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from curriculab.difficulty import irt
from curriculab.difficulty.irt import marginal
from tests.difficulty.irt.made import lsat, marginal_value, of, planted


@pytest.mark.slow
@pytest.mark.parametrize("model", irt.MODELS)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_maximum_is_that_of_scipy(model: str, missing: float):
    """L-BFGS with numerical gradients on the textbook's function, from the true values."""
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    x, truth, _ = planted(model, 300, 6, seed=1)
    x[np.random.default_rng(2).random(x.shape) < missing] = np.nan

    def loss(v: np.ndarray) -> float:
        if model == "1pl":
            return -marginal_value(x, v[:6], np.full(6, v[6]))
        if model == "2pl":
            return -marginal_value(x, v[:6], v[6:])
        c = expit(v[12:])
        return -marginal_value(x, v[:6], v[6:12], c) - float((4 * np.log(c) + 16 * np.log1p(-c)).sum())  # Beta(5, 17)

    a, c = truth.discrimination.to_numpy(), np.clip(truth.guessing.to_numpy(), 0.05, 1)
    start = np.concatenate([-a * truth.difficulty, a[: 1 if model == "1pl" else 6], logit(c) if model == "3pl" else []])
    best = minimize(loss, start, method="L-BFGS-B", options={"maxfun": 100_000, "ftol": 1e-12, "gtol": 1e-5})
    fit = irt.fit(x, model, scale="standard")
    assert fit.converged and fit.log_likelihood == pytest.approx(of(fit, x), abs=1e-8)
    c = fit.items.guessing.to_numpy()
    mine = fit.log_likelihood + (float((4 * np.log(c) + 16 * np.log1p(-c)).sum()) if model == "3pl" else 0.0)
    assert mine == pytest.approx(-best.fun, abs=1e-3)
    slope, common = fit.items.discrimination.to_numpy(), best.x[6:7] if model == "1pl" else best.x[6:12]
    assert slope == pytest.approx(np.broadcast_to(common, 6), abs=0.02)
    assert -slope * fit.items.difficulty.to_numpy() == pytest.approx(best.x[:6], abs=0.02)


@pytest.mark.parametrize("model", irt.MODELS)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_information_is_minus_the_second_derivative(model: str, missing: float):
    rng = np.random.default_rng(0)
    x, _, _ = planted(model, 120, 4, seed=3)
    x[rng.random(x.shape) < missing] = np.nan
    at = np.stack([rng.normal(size=4), rng.normal(1, 0.3, 4), rng.normal(-1.5, 0.3, 4)])[: 3 if model == "3pl" else 2]
    if model == "1pl":
        at[1] = 0.9
    problem = marginal.Problem(model, marginal.group(x, model), True, irt.GUESSING_PRIOR)
    found = marginal.Found(problem, at, 61, 0, True)
    n, h = at.size, 1e-3

    def value(v: np.ndarray) -> float:
        v = v.reshape(at.shape)
        c = 1 / (1 + np.exp(-v[2])) if model == "3pl" else np.zeros(4)
        prior = float((4 * np.log(c) + 16 * np.log1p(-c)).sum()) if model == "3pl" else 0.0
        return marginal_value(x, v[0], v[1], c) + prior

    def second(i: int, j: int) -> float:
        steps = [np.eye(n)[i] * s * h + np.eye(n)[j] * t * h for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        signs = (1, -1, -1, 1)
        return sum(s * value(at.ravel() + step) for s, step in zip(signs, steps, strict=True)) / (4 * h * h)

    numeric = -np.array([[second(i, j) for j in range(n)] for i in range(n)])
    p, _ = found.posterior()
    z, _ = marginal.grid(61)
    full = marginal.information(problem, at, z, p)
    blocks = marginal.information_by_item(problem, at, z, p)
    exact = full.reshape(n, n)
    if model == "1pl":  # its lines are means of people who differ in single items: only the sum over slopes is right
        spread = np.hstack([np.eye(n)[:, :4], np.repeat([0.0, 1.0], 4)[:, None]])
        exact, numeric = spread.T @ exact @ spread, spread.T @ numeric @ spread
    assert exact == pytest.approx(numeric, abs=2e-4)
    each = np.arange(4)
    assert blocks == pytest.approx(full[:, each, :, each], abs=1e-9)


def test_long_tests_take_more_nodes():
    """1,000 items know an ability to 0.07: 61 nodes, 0.2 apart, would say 0."""
    x, _, able = planted("1pl", 60, 1000, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = irt.fit(x, scale="standard")
    assert fit.nodes > 100 and fit.errors == "item by item"
    assert fit.people.se_ability.between(0.06, 0.2).all()
    assert np.corrcoef(fit.people.ability, able)[0, 1] > 0.99


def test_a_fit_that_was_stopped_says_so(monkeypatch):
    monkeypatch.setattr(marginal, "CYCLES", 1)
    with pytest.warns(UserWarning, match=r"^1pl was still improving after \d+ steps of EM; its errors are not"):
        assert not irt.fit(lsat()).converged
