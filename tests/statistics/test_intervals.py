"""Intervals of one difference: against scipy, statsmodels, values derived by hand, and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.statistics import bootstrap, estimate, intervals, paired_t


def test_paired_t_by_hand():
    # mean 0.02, sd 0.01, standard error 0.01 / sqrt(3) = 0.0057735; t(0.975, 2) = 4.3026527
    e = paired_t([0.01, 0.02, 0.03])
    assert (e.mean, e.sd, e.n, e.label) == (pytest.approx(0.02), pytest.approx(0.01), 3, "t, n=3")
    assert e.low == pytest.approx(0.02 - 4.3026527 * 0.0057735, abs=1e-7)
    assert e.high == pytest.approx(0.02 + 4.3026527 * 0.0057735, abs=1e-7)


@pytest.mark.parametrize("n", [2, 3, 5, 9, 30])
def test_paired_t_agrees_with_scipy_and_statsmodels(n: int):
    from scipy.stats import ttest_1samp
    from statsmodels.stats.weightstats import DescrStatsW

    d = np.random.default_rng(n).normal(0.02, 0.03, n)
    e, theirs = paired_t(d, level=0.9), ttest_1samp(d, 0)
    assert e.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (e.low, e.high) == pytest.approx(tuple(theirs.confidence_interval(0.9)))
    assert (e.low, e.high) == pytest.approx(DescrStatsW(d).tconfint_mean(0.1))


def test_paired_t_takes_many_at_once():
    d = np.random.default_rng(0).normal(size=(4, 5, 3))
    e = paired_t(d)
    assert e.low.shape == (4, 5)
    assert e.low[2, 3] == pytest.approx(paired_t(d[2, 3]).low)


@pytest.mark.parametrize(
    ("d", "p"), [([], np.nan), ([0.1], np.nan), ([0.1, 0.1, 0.1], np.nan), ([0.3 - 0.2, 0.1, 0.1], np.nan), ([0, 0], 1)]
)
def test_no_interval_without_seeds_or_spread(d: list[float], p: float):
    e = estimate(d)
    assert np.isnan(e.low) and np.isnan(e.high) and e.method == "none"
    assert e.p == pytest.approx(p, nan_ok=True)


def test_t_covers_at_three_seeds():
    rng = np.random.default_rng(5)
    for n in (3, 5, 10):
        e = paired_t(rng.normal(0.02, 0.05, (40_000, n)))
        covered = np.mean((e.low < 0.02) & (e.high > 0.02))
        assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 40_000)


def test_bootstrap_covers_at_ten_seeds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 2000)
    rng = np.random.default_rng(6)
    found = [bootstrap(rng.normal(0, 1, 10), seed=i) for i in range(1500)]
    covered = np.mean([e.low <= 0 <= e.high for e in found])
    assert 0.93 - 3 * np.sqrt(0.95 * 0.05 / 1500) < covered < 0.97
    assert np.mean([(e.p < 0.05) == (not e.low <= 0 <= e.high) for e in found]) > 0.995  # p and interval say the same


def test_bootstrap_is_the_exact_one():
    # ten values, all 2 ** 10 signs known: with differences of -1 and +1 a resampled mean is 2 B(10, k/10) / 10 - 1
    from scipy.stats import binom, norm, t

    d = np.array([1.0] * 8 + [-1.0] * 2)
    e = bootstrap(d)
    widen = np.sqrt(10 / 9)
    tail = norm.cdf(-widen * t.ppf(0.975, 9))
    assert e.low == pytest.approx(2 * binom.ppf(tail, 10, 0.8) / 10 - 1)
    assert e.p == pytest.approx(2 * t.cdf(norm.ppf(binom.cdf(5, 10, 0.8)) / widen, 9), rel=0.05)


def test_method_changes_at_ten_seeds():
    d = np.random.default_rng(0).normal(size=10)
    assert (estimate(d[:9]).label, estimate(d).label) == ("t, n=9", "bootstrap, n=10")
    assert estimate(d) == estimate(d)
