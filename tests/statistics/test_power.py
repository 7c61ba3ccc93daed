"""What a design can find: against statsmodels and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.statistics import minimum_detectable_effect, paired_t, seeds_needed
from curriculab.statistics.pooled import dunnett_critical, pool


@pytest.mark.parametrize(("n", "m", "power"), [(3, 1, 0.8), (3, 5, 0.8), (5, 2, 0.9), (20, 1, 0.8)])
def test_minimum_detectable_effect_agrees_with_statsmodels(n: int, m: int, power: float):
    from statsmodels.stats.power import TTestPower

    effect = minimum_detectable_effect(0.05, n, m=m, power=power)
    assert TTestPower().power(effect / 0.05, n, 0.05 / m, alternative="two-sided") == pytest.approx(power, abs=1e-4)


@pytest.mark.parametrize(("n", "m"), [(2, 1), (2, 10), (3, 1), (3, 20), (10, 3)])
def test_minimum_detectable_effect_is_found_by_simulation(n: int, m: int):
    effect = minimum_detectable_effect(0.05, n, m=m)
    p = paired_t(np.random.default_rng(2).normal(effect, 0.05, (20_000, n))).p
    assert np.mean(p < 0.05 / m) == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 20_000))


def test_minimum_detectable_effect_needs_seeds_and_a_spread():
    assert np.isnan(minimum_detectable_effect(0.05, 1)) and np.isnan(minimum_detectable_effect(0.0, 3))


@pytest.mark.parametrize(("effect", "m", "power"), [(0.02, 1, 0.8), (0.05, 5, 0.8), (0.01, 2, 0.9), (-0.03, 1, 0.8)])
def test_seeds_needed_agree_with_statsmodels(effect: float, m: int, power: float):
    from statsmodels.stats.power import TTestPower

    n = seeds_needed(effect, 0.02, m=m, power=power)
    found = [TTestPower().power(abs(effect) / 0.02, k, 0.05 / m, alternative="two-sided") for k in (n, n - 1) if k > 1]
    assert found[0] >= power and all(x < power for x in found[1:])


def test_seeds_needed_by_hand_and_at_its_limits():
    # an effect of one spread: the tables of Cohen 1988 (and G*Power) give 10 pairs
    assert seeds_needed(0.02, 0.02) == 10
    assert seeds_needed(1e-4, 0.02, most=100) is None
    with pytest.raises(ValueError) as error:
        seeds_needed(0.0, 0.02)
    said = "effect=0.0, sd=0.02; give the difference to plan for, such as 0.02, and a spread above 0"
    assert str(error.value) == said


@pytest.mark.parametrize(("n", "m", "orders"), [(3, 5, 6), (5, 2, 1), (2, 3, 4)])
def test_a_pooled_spread_finds_its_effect_in_four_of_five_benches(n: int, m: int, orders: int):
    """20,000 benches drawn as runs: seeds as blocks, `m` variants of which the first is better, `orders` references."""
    run, rng = 0.03, np.random.default_rng(m)
    effect = minimum_detectable_effect(run * (1 + 1 / orders) ** 0.5, n, m=m, spread="pooled", orders=orders)
    y = rng.normal(0, 0.1, (20_000, n, 1)) + rng.normal(0, run, (20_000, n, m + orders))
    y[..., orders] += effect
    names = ["random"] * orders + [f"variant {i}" for i in range(m)]
    found = pool(y, names, "random")
    d = y[..., orders].mean(axis=1) - y[..., :orders].mean(axis=(1, 2))
    power = np.mean(d / found.error(n) > dunnett_critical(m, found.df, found.correlation))
    assert power == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 20_000))


def test_fewer_seeds_are_needed_with_a_pooled_spread():
    sd = 0.034 * (1 + 1 / 6) ** 0.5  # a run's spread, and the mean of six orders as reference
    own, few = (seeds_needed(0.05, sd, m=5, spread=spread, orders=6) for spread in ("own", "pooled"))
    effects = [minimum_detectable_effect(sd, n, m=5, spread="pooled", orders=6) for n in (few - 1, few)]
    assert few < own and effects[0] > 0.05 >= effects[1]


def test_a_spread_that_there_is_not_is_refused():
    with pytest.raises(ValueError) as error:
        minimum_detectable_effect(0.02, 3, spread="equal")
    assert str(error.value) == "spread='equal'; choose 'own' (each variant's) or 'pooled' (one for all)"
