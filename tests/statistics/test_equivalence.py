"""Two one-sided tests, against those of statsmodels' formula worked out by hand, and what the verdict makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from curriculab.statistics import compare, holm
from curriculab.statistics.equivalence import within_margin
from tests.statistics.made import right, runs_of

DIFFERENCES = {"easy": [0.004, -0.002, 0.001, 0.003], "hard": [0.02, -0.03, 0.04, 0.01]}


def one_sided(d: list[float], margin: float) -> float:
    """The larger p of two one-sided t tests, as scipy has them."""
    above = ttest_1samp(d, -margin, alternative="greater").pvalue
    below = ttest_1samp(d, margin, alternative="less").pvalue
    return max(above, below)


def test_p_is_that_of_two_one_sided_tests_after_holm():
    found = within_margin(DIFFERENCES, 0.02)
    p = [one_sided(d, 0.02) for d in DIFFERENCES.values()]
    assert found.p_margin.tolist() == pytest.approx(holm(p).tolist())
    assert found.within_margin.tolist() == [True, False]


@pytest.mark.parametrize("margin", [0.005, 0.006, 0.01, 0.02, 0.05, 0.1])
def test_it_is_within_exactly_where_the_interval_is(margin: float):
    found = within_margin(DIFFERENCES, margin)
    assert ((found.p_margin < 0.05) == found.within_margin).all()
    one = within_margin({"easy": DIFFERENCES["easy"]}, margin).loc["easy"]
    mean, half = np.mean(DIFFERENCES["easy"]), 2.353363 * np.std(DIFFERENCES["easy"], ddof=1) / 2  # t of 3 at 95%
    assert (one.low_margin, one.high_margin) == pytest.approx((mean - half, mean + half), abs=1e-6)


def test_without_a_spread_or_with_one_seed_nothing_is_equivalent():
    found = within_margin({"flat": [0.01, 0.01, 0.01], "one": [0.0], "none": []}, 0.02)
    assert not found.within_margin.any() and found.p_margin.isna().all()


def test_equal_variants_at_the_margin_pass_in_one_of_twenty_studies():
    """The true difference is the margin itself: 4,000 studies of five seeds, seed 0."""
    rng, passed = np.random.default_rng(0), 0
    draws = rng.normal(0.02, 0.01, (4000, 5))
    for d in draws:
        passed += within_margin({"v": d}, 0.02).within_margin["v"]
    assert passed / 4000 < 0.05 + 3 * (0.05 * 0.95 / 4000) ** 0.5


def test_the_verdict_says_what_is_within_and_what_is_not_ruled_out():
    answers = {
        "random": [right(500, 1000), right(510, 1000), right(505, 1000)],
        "easy": [right(501, 1000), right(510, 1000), right(507, 1000)],  # +1, +0, +2 thousandths
        "hard": [right(480, 1000), right(540, 1000), right(500, 1000)],
    }
    result = compare(runs_of(answers), margin=0.02)
    row = result.table.loc["easy"]
    assert row.within_margin and result.margin == 0.02
    assert (
        f"No difference larger than 0.02 from random on these 1,000 test rows for easy ({row.low_margin:+.3f} to "
        f"{row.high_margin:+.3f}) (two one-sided tests, 90% intervals, after Holm; 3 seeds).\nA difference larger than "
        "0.02 is not ruled out for hard."
    ) in result.verdict
    assert "No difference larger" not in compare(runs_of(answers)).verdict
