"""Seeds and rows crossed: against statsmodels' mixed model and analysis of variance, by hand, and by simulation."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, t

from curriculab.statistics import crossed, paired_t, rows_test
from curriculab.statistics.crossed import grouped


def made(n: int = 5, m: int = 30, *, seed: int = 0, rows: float = 0.15) -> np.ndarray:
    rng = np.random.default_rng(seed)
    between = rng.normal(0, 0.1, (n, 1)) + rng.normal(0, rows, m)
    return 0.05 + between + rng.normal(0, 0.3, (n, m))


def test_by_hand():
    # rows (1, 0, 1, 0), (1, 1, 0, 0), (1, 0, 0, 0): mean 5/12; MS seeds 1/12, rows 19/36, rest 7/36
    found = crossed([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    variance = (1 / 12 + 19 / 36 - 7 / 36) / 12
    df = variance**2 / ((1 / 144) ** 2 / 2 + (19 / 432) ** 2 / 3 + (7 / 432) ** 2 / 6)
    assert found.mean == pytest.approx(5 / 12) and found.error == pytest.approx(variance**0.5)
    assert found.df == pytest.approx(df)
    assert found.high == pytest.approx(5 / 12 + t.ppf(0.975, df) * variance**0.5)
    assert found.p == pytest.approx(2 * t.sf(5 / 12 / variance**0.5, df))
    assert (found.n, found.groups) == (3, 4)
    assert found.seeds == pytest.approx((1 / 12 - 7 / 36) / 4)
    assert found.negative == "the component between seeds came out negative"


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_error_and_components_are_those_of_a_mixed_model(seed: int):
    """REML of a balanced table is its analysis of variance wherever no component comes out negative."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    d = made(seed=seed)
    n, m = d.shape
    long = pd.DataFrame({"d": d.ravel(), "seed": np.repeat(np.arange(n), m), "row": np.tile(np.arange(m), n), "all": 1})
    parts = {"seed": "0 + C(seed)", "row": "0 + C(row)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = MixedLM.from_formula("d ~ 1", long, groups="all", re_formula="0", vc_formula=parts).fit(reml=True)
    found, theirs = crossed(d), dict(zip(fit.model.exog_vc.names, fit.vcomp, strict=True))
    assert min(found.seeds, found.rows) > 0 and found.negative == ""
    assert found.mean == pytest.approx(fit.params["Intercept"], abs=1e-6)
    assert found.error == pytest.approx(fit.bse["Intercept"], rel=1e-3)
    assert found.seeds == pytest.approx(theirs["seed"], rel=1e-3)
    assert found.rows == pytest.approx(theirs["row"], rel=1e-3)
    assert found.rest == pytest.approx(fit.scale, rel=1e-3)


def test_mean_squares_are_those_of_an_analysis_of_variance():
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    d = made(4, 12, seed=5)
    long = pd.DataFrame({"d": d.ravel(), "seed": np.repeat(np.arange(4), 12), "row": np.tile(np.arange(12), 4)})
    square = anova_lm(ols("d ~ C(seed) + C(row)", long).fit()).mean_sq
    found = crossed(d)
    parts = np.array([square["C(seed)"], square["C(row)"], -square["Residual"]]) / d.size
    assert found.error == pytest.approx(parts.sum() ** 0.5)
    assert found.df == pytest.approx(parts.sum() ** 2 / (parts**2 / [3, 11, 33]).sum())


def test_rows_that_add_nothing_leave_the_interval_of_the_seeds():
    """Each row has the same mean over seeds: the mean square between rows is 0."""
    steps = np.array([0.02, -0.01, 0.03, 0.04])
    d = steps[:, None] + np.where(np.arange(6) % 2, 1, -1) * np.array([1, -1, 1, -1])[:, None] * 0.01
    found, seeds = crossed(d), paired_t(steps)
    assert (found.df, found.error) == (pytest.approx(3), pytest.approx(np.std(steps, ddof=1) / 2))
    assert (found.low, found.high, found.p) == pytest.approx((seeds.low, seeds.high, seeds.p))
    assert found.rows < 0 and found.negative == "the component between rows came out negative and counts as none"


def test_many_at_once_are_each_as_alone():
    d = np.random.default_rng(2).integers(-1, 2, (3, 4, 5, 20)).astype(float)
    levels = np.random.default_rng(3).uniform(0.9, 0.99, (3, 4))
    found = crossed(d, confidence=levels, groups=np.arange(20) // 4)
    alone = crossed(d[2, 1], confidence=levels[2, 1], groups=np.arange(20) // 4)
    for name in ("mean", "error", "df", "low", "high", "p", "seeds", "rows", "rest"):
        assert getattr(found, name).shape == (3, 4)
        assert getattr(found, name)[2, 1] == pytest.approx(getattr(alone, name))


def test_groups_of_one_size_are_their_means():
    d = made(4, 12, seed=1)
    names = np.repeat(["x", "a", "k"], 4)
    found, means = crossed(d, groups=names), crossed(d.reshape(4, 3, 4).mean(axis=2))
    for name in ("mean", "error", "df", "low", "high", "p", "groups"):
        assert getattr(found, name) == pytest.approx(getattr(means, name))


def test_groups_of_unequal_size_keep_the_mean_and_its_error_over_groups():
    """The variance between groups is that of the weighted mean: sum over groups of (size (mean - whole))^2."""
    d, names = made(3, 10, seed=4), np.array(["a"] * 5 + ["b"] * 3 + ["c", "c"])
    table = grouped(d, names)
    assert table.mean(axis=1) == pytest.approx(d.mean(axis=1))
    sizes, means = np.array([5, 3, 2]), np.array([d[:, names == g].mean() for g in "abc"])
    assert table.mean(axis=0).var(ddof=1) / 3 == pytest.approx(
        3 / 2 * ((sizes * (means - d.mean())) ** 2).sum() / 10**2
    )


def test_groups_are_one_for_each_row():
    with pytest.raises(ValueError) as error:
        crossed(made(3, 10), groups=["a"] * 9)
    assert str(error.value) == "9 groups for 10 rows; give one group for each row"


@pytest.mark.parametrize("d", [np.zeros((0, 5)), np.ones((1, 5)), np.ones((3, 1)), np.full((3, 5), 0.2)])
def test_no_interval_without_seeds_rows_or_spread(d: np.ndarray):
    found = crossed(d)
    assert np.isnan([found.low, found.high, found.p]).all()


@pytest.mark.parametrize(("seeds", "rows"), [(3, 0.0), (5, 0.15), (10, 0.15)])
def test_error_of_equal_variants(seeds: int, rows: float):
    """Asked 5%, on 4,000 tables; within four standard errors, 3 seeds allowed to be careful."""
    rng = np.random.default_rng(seeds)
    d = rng.normal(0, 0.05, (4000, seeds, 1)) + rng.normal(0, rows, (4000, 1, 60)) * (rows > 0)
    p = crossed(d + rng.normal(0, 0.6, (4000, seeds, 60))).p
    assert 0.05 - 0.02 < np.mean(p < 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_nine_thousand_observations_take_milliseconds():
    d = np.random.default_rng(0).integers(-1, 2, (30, 300)).astype(float)
    best = min(_seconds(lambda: crossed(d)) for _ in range(5))
    assert best < 0.02


def _seconds(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def test_rows_test_is_the_exact_binomial_of_row_means():
    d = np.random.default_rng(7).integers(-1, 2, (3, 80))
    means = d.sum(axis=0)
    more, less = int((means > 0).sum()), int((means < 0).sum())
    assert rows_test(d) == pytest.approx(binomtest(more, more + less).pvalue)
    assert rows_test(np.ones((3, 300))) == pytest.approx(2.0**-299)
    assert rows_test(np.zeros((3, 5))) == 1.0 and np.isnan(rows_test(np.empty((0, 5))))


def test_rows_test_is_mcnemar_at_one_seed():
    from curriculab.statistics import mcnemar

    a, b = np.random.default_rng(8).integers(0, 2, (2, 50))
    assert rows_test((a - b)[None]) == pytest.approx(mcnemar(a, b).p)


def test_rows_of_a_group_are_counted_once():
    d = np.array([[1, 1, 1, 1, 1, 1, -1, -1]])
    assert rows_test(d, list("aaaabbcc")) == pytest.approx(binomtest(2, 3).pvalue)
