"""Areas and censored times: values derived by hand, statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.statistics import area_under_curve, kaplan_meier, median_time, restricted_mean, time_to_threshold


def test_area_by_hand():
    # 50 steps at a mean height of .35 and 50 at .55
    assert area_under_curve([0, 50, 100], [0.2, 0.5, 0.6], 0, 100) == pytest.approx(0.45)
    # from 25 (.35) to 50 (.5) at .425, from 50 to 75 (.55) at .525
    assert area_under_curve([0, 50, 100], [0.2, 0.5, 0.6], 25, 75) == pytest.approx(0.475)
    with pytest.raises(ValueError, match="^an area from 0 to 120 needs points on both sides; they go from 0 to 100$"):
        area_under_curve([0, 100], [0, 1], 0, 120)


def test_time_by_hand():
    assert time_to_threshold([0, 50, 100], [0.2, 0.5, 0.4], 0.5) == (50.0, True)
    assert time_to_threshold([0, 50, 100], [0.2, 0.5, 0.4], 0.6) == (100.0, False)


def test_kaplan_meier_by_hand():
    # 10: 1 of 4 arrives; 20: one is lost from sight; 30: 1 of 2; 40: the last is lost
    table = kaplan_meier([10, 20, 30, 40], [True, False, True, False])
    assert table.time.tolist() == [10, 30] and table.at_risk.tolist() == [4, 2] and table.arrived.tolist() == [1, 1]
    assert table.waiting.tolist() == pytest.approx([3 / 4, 3 / 8])
    assert median_time([10, 20, 30, 40], [True, False, True, False]) == 30
    # 10 whole, 20 at 3/4, 10 at 3/8; nobody to make up beyond
    assert restricted_mean([10, 20, 30, 40], [True, False, True, False], 40) == pytest.approx(10 + 15 + 3.75)
    assert np.isnan(restricted_mean([10, 20], [True, False], 40))
    assert np.isnan(median_time([10, 20, 20], [True, False, False]))


def test_kaplan_meier_agrees_with_statsmodels():
    from scipy.stats import norm
    from statsmodels.duration.survfunc import SurvfuncRight

    rng = np.random.default_rng(0)
    time, reached = rng.integers(1, 12, 40) * 10.0, rng.random(40) < 0.7
    ours, theirs = kaplan_meier(time, reached), SurvfuncRight(time, reached)
    assert ours.waiting.to_numpy() == pytest.approx(theirs.surv_prob)
    assert ours.at_risk.tolist() == list(theirs.n_risk)
    inside = (theirs.surv_prob > 0) & (theirs.surv_prob < 1)
    s, error = theirs.surv_prob[inside], theirs.surv_prob_se[inside]
    half = norm.ppf(0.975) * error / (s * np.log(s))  # the delta method, on log(-log)
    assert ours.low[inside].to_numpy() == pytest.approx(np.exp(np.log(s) * np.exp(-half)))
    assert ours.high[inside].to_numpy() == pytest.approx(np.exp(np.log(s) * np.exp(half)))


def test_without_censoring_the_restricted_mean_is_a_mean():
    time = np.array([10.0, 30, 50, 90])
    assert restricted_mean(time, [True] * 4, 60) == pytest.approx(np.minimum(time, 60).mean())
