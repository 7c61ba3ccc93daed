"""Measures side by side: every number here is derived by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.difficulty import atlas

ROWS = pd.Index(["r1", "r2", "r3", "r4"], name="id")
SCORES = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [10.0, 30, 20, 40], "c": [4.0, 3, 2, 1]}, ROWS)
ERRORS = pd.DataFrame({"a": [0.5, 0.5, 0.5, 0.5], "b": np.nan, "c": [0.0, 0, 0, 0]}, ROWS)
PHI = {1: 0.15865525, 3: 0.00134990}  # Phi(-1), Phi(-3), of any table of the normal distribution


def test_one_swap_among_four_is_a_rho_of_0_8_and_a_tau_of_two_thirds():
    assert atlas.agreement(SCORES).loc["a", "b"] == pytest.approx(1 - 6 * 2 / (4 * 15))  # d = 0, 1, 1, 0
    assert atlas.agreement(SCORES, "kendall").loc["a", "b"] == pytest.approx((5 - 1) / 6)  # pairs: 5 alike, 1 not
    assert atlas.agreement(SCORES, "kendall").loc["a", "c"] == pytest.approx(-1)


def test_kendall_knows_ties():
    tied = pd.DataFrame({"a": [1.0, 1, 2], "b": [1.0, 2, 3]})
    # of 3 pairs two are alike and one is tied in a: tau-b = 2 / sqrt((3 - 1) * 3)
    assert atlas.agreement(tied, "kendall").loc["a", "b"] == pytest.approx(2 / 6**0.5)


def test_flips_in_closed_form():
    found = atlas.flips(SCORES, ERRORS)
    assert list(found.index) == ["a", "c"]  # b has no errors
    # the median is 2.5: r2 and r3 are one standard error away, r1 and r4 three
    assert found.loc["a", "flipped"] == pytest.approx((PHI[1] + PHI[3]) / 2, abs=1e-7)
    assert found.loc["a", "unsure"] == 0.5 and found.loc["a", "threshold"] == 2.5
    assert found.loc["c", "flipped"] == 0
    # at 2, r2 stands on the threshold: a half; r1, r3 two and r4 four standard errors away
    at = atlas.flips(SCORES, ERRORS, 2).loc["a", "flipped"]
    assert at == pytest.approx((0.5 + 2 * 0.02275013 + 0.00003167) / 4, abs=1e-7)


def test_flips_by_draws_come_to_the_same_where_the_threshold_is_held():
    exact = atlas.flips(SCORES, ERRORS, 2.5).loc["a", "flipped"]
    drawn = atlas.flips(SCORES, ERRORS, 2.5, draws=20000).loc["a", "flipped"]
    assert drawn == pytest.approx(exact, abs=0.006)
    moved = atlas.flips(SCORES, ERRORS, draws=2000)  # the median moves with the rows: other, and of the same size
    assert 0 < moved.loc["a", "flipped"] < 0.2 and moved.loc["c", "flipped"] == 0
    pd.testing.assert_frame_equal(moved, atlas.flips(SCORES, ERRORS, draws=2000))


def test_flips_refuses_what_is_no_threshold_and_no_error():
    with pytest.raises(ValueError, match="threshold='mean': give 'median' or a number"):
        atlas.flips(SCORES, ERRORS, "mean")
    with pytest.raises(ValueError, match="a: the standard error of row 'r2' is -1.0; give 0 or more"):
        atlas.flips(SCORES, ERRORS.assign(a=[0, -1.0, 0, 0]))


def test_split_half_of_two_answers_is_their_correlation_stepped_up():
    answers = np.array([[1, 1], [1, 1], [0, 0], [0, 1]])
    # means 1/2 and 3/4; covariance (2 - 4 * 3/8) / 4 = 1/8; variances 1/4 and 3/16: r = 1/8 / sqrt(3/64)
    r = (1 / 8) / (3 / 64) ** 0.5
    found = atlas.split_half(answers)
    assert found.half == pytest.approx(r) and found.reliability == pytest.approx(2 * r / (1 + r))
    assert found.answers == 2


def test_split_half_of_rows_that_are_never_between_is_one_and_of_noise_none():
    sure = np.repeat([[1], [0], [1], [0]], 8, axis=1)
    assert atlas.split_half(sure).reliability == pytest.approx(1)
    noise = np.random.default_rng(0).integers(0, 2, (400, 8))
    assert abs(atlas.split_half(noise).reliability) < 0.15
    assert np.isnan(atlas.split_half(np.ones((4, 4))).half)  # nobody differs: nothing to be reliable about
    with pytest.raises(ValueError, match=r"answers of shape \(4,\): give \(rows, answers\), 2 or more of each"):
        atlas.split_half(np.ones(4))


def test_calibration_by_hand():
    level = pd.Series([1, 1, 2, 2], ROWS)
    found = atlas.calibration(SCORES, level)
    # ranks as shares: (1, 2, 3, 4) - 0.5 over 4; b has the ranks 1, 3, 2, 4
    assert found.loc["a", ["level 1", "level 2"]].tolist() == [0.25, 0.75]
    assert found.loc["b", ["level 1", "level 2"]].tolist() == [0.375, 0.625]
    # a's ranks against the tied ranks 1.5, 1.5, 3.5, 3.5: covariance 4 / sqrt(5 * 4)
    assert found.loc["a", "rho"] == pytest.approx(4 / 20**0.5)
    assert found.loc["c", "rho"] == pytest.approx(-4 / 20**0.5)
    assert (found.low <= found.rho).all() and (found.rho <= found.high).all()


def test_the_interval_of_a_correlation_is_bonetts():
    rng = np.random.default_rng(1)
    level = pd.Series(rng.permutation(103))
    found = atlas.calibration(pd.DataFrame({"x": rng.permutation(103)}), level).loc["x"]
    half = 1.959964 * ((1 + found.rho**2 / 2) / 100) ** 0.5
    assert np.arctanh(found.high) - np.arctanh(found.low) == pytest.approx(2 * half, rel=1e-6)


def test_means_by_level_have_the_t_interval():
    found = atlas.by_level(SCORES[["a"]], pd.Series([1, 1, 1, 2], ROWS)).set_index("level")
    # 1, 2, 3: mean 2, sd 1, t(2, 0.975) = 4.302653
    assert found.loc[1, "mean"] == 2 and found.loc[1, "high"] == pytest.approx(2 + 4.302653 / 3**0.5, rel=1e-6)
    assert found.loc[2, "rows"] == 1 and np.isnan(found.loc[2, "low"])


def test_summary_is_one_line_a_measure():
    found = atlas.summary(SCORES.assign(d=[1.0, 1, 2, 3]), ERRORS)
    # 1 to 4: mean 2.5, variance 5/3, t(3, 0.975) = 3.182446
    assert found.loc["a", "mean"] == 2.5 and found.loc["a", "sd"] == pytest.approx((5 / 3) ** 0.5)
    assert found.loc["a", "high"] == pytest.approx(2.5 + 3.182446 * (5 / 12) ** 0.5, rel=1e-6)
    assert found.loc["a", "se"] == 0.5 and np.isnan(found.loc["b", "se"]) and np.isnan(found.loc["d", "se"])
    assert found.tied.to_dict() == {"a": 0, "b": 0, "c": 0, "d": 0.5}


def test_rows_that_disagree_most_come_first():
    found = atlas.disagreements(SCORES, "a", "c", 2, beside=pd.DataFrame({"topic": list("wxyz"), "a": 0}, ROWS))
    # ranks by a 1 to 4, by c 4 to 1, as shares: gaps of -3/4, -1/4, 1/4, 3/4
    assert found.index.tolist() == ["r1", "r4"] and found.gap.tolist() == [-0.75, 0.75]
    assert found.loc["r4", ["a", "c", "rank_a", "rank_c", "topic"]].tolist() == [4, 1, 0.875, 0.125, "z"]
    assert len(atlas.disagreements(SCORES, "a", "c", None)) == 4
    assert (atlas.disagreements(SCORES, "a", "a").gap == 0).all()
    assert atlas.furthest(SCORES) == ("a", "c")


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="method='pearson': give 'spearman' or 'kendall'"):
        atlas.agreement(SCORES, "pearson")
    with pytest.raises(ValueError, match="no measure 'd' among the scores; there are a, b, c"):
        atlas.disagreements(SCORES, "a", "d")
    with pytest.raises(ValueError, match="b: row 'r2' has the score nan; compare only rows that every measure has"):
        atlas.agreement(SCORES.assign(b=[1, np.nan, 2, 3]))


def test_a_crowd_member_that_is_no_member_is_refused():
    with pytest.raises(ValueError, match="odd: 'heat' makes no member; give temperature, adapter or before"):
        atlas.crowd(SCORES, None, {"odd": {"heat": 1.0}})
