"""One spread for all, and Dunnett: against scipy, statsmodels, published critical values, and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.statistics.pooled import dunnett_critical, dunnett_p, pool, pool_of


# Two-sided 5% critical values at 10 degrees of freedom, Dunnett 1964, "New tables for multiple comparisons with a
# control", equal groups.
@pytest.mark.parametrize(("tests", "critical"), [(1, 2.23), (2, 2.57), (3, 2.76), (4, 2.89)])
def test_critical_values_are_those_of_the_table(tests: int, critical: float):
    assert dunnett_critical(tests, 10, 0.5) == pytest.approx(critical, abs=0.0051)


@pytest.mark.parametrize(("tests", "df", "correlation"), [(2, 8, 0.5), (5, 25, 1 / 7), (3, 2, 0.25)])
def test_p_is_that_of_a_multivariate_t(tests: int, df: int, correlation: float):
    from scipy.stats import multivariate_t

    shape = np.full((tests, tests), correlation)
    np.fill_diagonal(shape, 1.0)
    for c in (0.7, 2.5):
        box = multivariate_t(shape=shape, df=df, seed=0)
        theirs = 1 - box.cdf(np.full(tests, c), lower_limit=np.full(tests, -c), maxpts=50_000)
        assert dunnett_p(c, tests, df, correlation) == pytest.approx(theirs, abs=2e-5)


def test_p_is_that_of_scipys_dunnett_without_blocks():
    """scipy's has groups without blocks: its statistic, and the degrees of freedom of one-way groups, give its p."""
    from scipy.stats import dunnett

    rng = np.random.default_rng(3)
    *groups, control = (rng.normal(m, 1, 6) for m in (0.0, 0.4, 1.5, 0.0))
    theirs = dunnett(*groups, control=control, rng=np.random.default_rng(0))
    assert dunnett_p(theirs.statistic, 3, 20, 0.5) == pytest.approx(theirs.pvalue, abs=2e-3)


def test_one_test_is_student_t():
    from scipy.stats import t

    assert dunnett_p([2.3], 1, 7, 0.5)[0] == pytest.approx(2 * t.sf(2.3, 7), abs=1e-8)
    assert dunnett_critical(1, 7, 0.5) == pytest.approx(t.isf(0.025, 7))


def test_what_is_left_is_that_of_a_linear_model():
    """Variants and seeds as factors, three runs of the reference in each seed."""
    from statsmodels.formula.api import ols

    names = ["random", "easy", "hard", "random", "random"]
    y = np.random.default_rng(1).normal(size=(4, 5))
    long = pd.DataFrame({"y": y.ravel(), "seed": np.repeat(np.arange(4), 5), "variant": names * 4})
    fit, found = ols("y ~ C(seed) + C(variant, Treatment('random'))", long).fit(), pool(y, names, "random")
    assert found.variance == pytest.approx(fit.mse_resid) and found.df == fit.df_resid == 14
    assert found.orders == 3 and found.correlation == pytest.approx(1 / 4)
    name = "C(variant, Treatment('random'))[T.easy]"
    assert found.error(4) == pytest.approx(fit.bse[name])


def test_many_benches_at_once_are_each_as_alone():
    y = np.random.default_rng(2).normal(size=(6, 3, 4))
    names = ["random", "easy", "hard", "random"]
    assert pool(y, names, "random").variance[4] == pytest.approx(pool(y[4], names, "random").variance)
    assert np.isnan(pool(np.ones((2, 4)), names, "random").variance)


def test_family_wise_error_at_equal_spreads_and_what_one_wide_variant_does():
    """5 variants, 3 seeds, 6 orders a seed, 8,000 benches: 5% at equal spreads; far more where one spreads 3 times."""
    rng = np.random.default_rng(4)
    names = ["random"] * 6 + list("abcde")
    for ratio, least, most in ((1, 0.04, 0.06), (3, 0.13, 0.3)):
        y = rng.normal(size=(8000, 3, 1)) + rng.normal(size=(8000, 3, 11)) * np.r_[np.ones(10), ratio]
        found = pool(y, names, "random")
        t = (y[..., 6:].mean(axis=1) - y[..., :6].mean(axis=(1, 2))[:, None]) / found.error(3)[:, None]
        wrong = (np.abs(t) > dunnett_critical(5, found.df, found.correlation)).any(axis=1).mean()
        assert least < wrong < most, ratio


def test_seeds_that_lack_a_run_are_left_out_and_said():
    whole = pd.MultiIndex.from_product([["random", "easy", "null 1"], [0, 1, 2]], names=["label", "seed"])
    right = pd.DataFrame(np.random.default_rng(5).integers(0, 2, (10, 9)).astype(float), columns=whole)
    found, part, left_out = pool_of(right.drop(columns=("easy", 2)), ["random", "easy", "gone"], "random", ["null 1"])
    accuracy = right.mean().unstack()[[0, 1]].loc[["random", "easy", "null 1"]].to_numpy().T
    assert found.variance == pytest.approx(pool(accuracy, ["random", "easy", "random"], "random").variance)
    assert sorted(set(part.columns.get_level_values(1))) == [0, 1]
    assert left_out == ["left out, since not every variant has a test in it: seed 2"]
    with pytest.raises(ValueError) as error:
        pool_of(right[[("random", 0), ("easy", 0)]], ["random", "easy"], "random", [])
    assert str(error.value) == (
        "spread='pooled' needs two seeds that every variant was tested in, and two variants; there are 1 seeds and 2 "
        "variants: compare with spread='own'"
    )
