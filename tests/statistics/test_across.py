"""Splits and base models as a factor: by hand, against statsmodels' mixed model, and by simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from curriculab.statistics import across, compare
from tests.statistics.made import right, runs_of


def parts_of(gains: list[list[int]]) -> dict:
    """A part for each list: by how many of 20 rows easy is better in each seed."""
    return {
        f"split {k}": runs_of({"random": [right(8)] * len(own), "easy": [right(8 + gain) for gain in own]})
        for k, own in enumerate(gains)
    }


def test_by_hand():
    found = across(parts_of([[2, 4], [1, 3], [5, 5]])).loc["easy"]  # means of 0.15, 0.10 and 0.25
    means = np.array([0.15, 0.10, 0.25])
    error = means.std(ddof=1) / 3**0.5
    assert found.difference == pytest.approx(1 / 6) and (found.parts, found.seeds) == (3, 6)
    assert (found.low, found.high) == pytest.approx((1 / 6 - t.ppf(0.975, 2) * error, 1 / 6 + t.ppf(0.975, 2) * error))
    assert found.p == pytest.approx(2 * t.sf(1 / 6 / error, 2)) and found.p_holm == found.p
    within = (0.005 + 0.005 + 0) / 3  # variances of (0.1, 0.2), (0.05, 0.15) and (0.25, 0.25)
    of_parts = means.var(ddof=1) - within / 2
    assert found.sd_parts == pytest.approx(means.std(ddof=1)) and found.sd_seeds == pytest.approx(within**0.5)
    assert found.share_parts == pytest.approx(of_parts / (of_parts + within))


def test_splits_of_one_pool_count_for_less():
    plain, shared = (across(parts_of([[2, 4], [1, 3], [5, 5]]), overlap=o).loc["easy"] for o in (0.0, 0.25))
    assert shared.high - shared.difference == pytest.approx((plain.high - plain.difference) * (1 + 3 * 0.25) ** 0.5)


def test_the_error_is_that_of_a_mixed_model():
    """Parts as random intercepts, balanced: the error of the mean by REML."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    gains = [[1, 2, 4], [6, 7, 6], [3, 3, 5], [9, 8, 8], [2, 4, 3]]
    long = pd.DataFrame({"d": np.ravel(gains) / 20, "part": np.repeat(range(5), 3)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = MixedLM.from_formula("d ~ 1", long, groups="part").fit(reml=True)
    found = across(parts_of(gains)).loc["easy"]
    assert found.sd_parts / 5**0.5 == pytest.approx(fit.bse["Intercept"], rel=1e-3)
    assert found.sd_seeds**2 == pytest.approx(fit.scale, rel=1e-3)
    assert found.share_parts == pytest.approx(fit.cov_re.iloc[0, 0] / (fit.cov_re.iloc[0, 0] + fit.scale), rel=1e-2)


def test_what_differs_in_every_seed_of_two_splits_need_not_for_new_splits():
    parts = parts_of([[2, 3, 2, 3], [9, 10, 9, 10]])
    assert all(compare(runs).table.differs["easy"] for runs in parts.values())
    found = across(parts).loc["easy"]
    assert found.low < 0 < found.high and found.share_parts > 0.9


def test_no_spread_over_parts_is_no_interval():
    found = across(parts_of([[2, 4], [3, 3]])).loc["easy"]
    assert np.isnan(found.low) and np.isnan(found.p) and found.difference == pytest.approx(0.15)


def test_one_part_is_refused():
    with pytest.raises(ValueError) as error:
        across(parts_of([[1, 2]]))
    assert str(error.value) == (
        "1 parts, overlap=0.0; give at least two, {name: runs}, and test rows over training rows"
    )
