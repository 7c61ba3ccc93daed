"""Claims on the pocket model: their figures by hand, and that each can fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from curriculab.bench.pocket_claims import (
    CLAIMS,
    PocketBench,
    auc_of,
    partial_rank_correlation,
    rank_correlation,
    shared_top,
    verdict,
    worst_step,
)
from curriculab.methods.check import RESULTS


def test_a_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    x, y = rng.random(40), rng.integers(0, 6, 40)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_with_one_thing_held_constant_it_is_the_textbook_formula():
    """(r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2)), of ranks."""
    rng = np.random.default_rng(1)
    z = rng.random(60)
    x, y = z + rng.random(60), z + rng.random(60)
    xy, xz, yz = spearmanr(x, y).statistic, spearmanr(x, z).statistic, spearmanr(y, z).statistic
    by_hand = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_rank_correlation(x, y, z[:, None]) == pytest.approx(by_hand)
    assert abs(by_hand) < 0.25 < xy  # what both have from z is gone


def test_the_shared_top_is_counted():
    """Of eight rows the top quarter is two: {7, 6} and {7, 0} share one."""
    assert shared_top(np.arange(8.0), np.array([9, 1, 2, 3, 4, 5, 6, 10.0])) == 0.5
    assert shared_top(np.arange(8.0), np.arange(8.0)) == 1.0 and shared_top(np.arange(8.0), -np.arange(8.0)) == 0.0


def test_the_worst_step_is_the_line_of_the_largest_mean_behind_the_first():
    """Lines of 3, 2 and 2 bytes with what ends them; the first, 9 nats a byte, does not count."""
    assert worst_step("ab\nc\nd", np.array([9, 9, 9, 1, 2, 4, 1.0])) == 2.5


def test_an_auc_counts_pairs_and_half_of_equal_ones():
    own = pd.DataFrame({"right": [1, 1, 0, 0], "score": [3, 1, 1, 0]})
    assert auc_of(own, "score") == 0.875  # three of four pairs, and a half
    assert np.isnan(auc_of(own.iloc[:2], "score"))


def test_the_critic_is_asked_about_an_answer():
    said = pd.DataFrame({"prompt": ["1+1"], "answer": ["2"], "text": ["3"]}, index=["a"])
    asked = verdict(said, "no")
    assert asked["prompt"].tolist() == ["1+1\n3\nRight?"] and asked["turns"].iloc[0][0].text == "no"


@pytest.mark.slow
@pytest.mark.pocket
@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_says_what_came_of_it(name):
    """At a size that shows no more than that it runs: the figures that count are recorded by `make proof`."""
    check = CLAIMS[name](PocketBench(seeds=(0, 1), rows=24, steps=2))
    assert check.tier == "pocket" and check.result in RESULTS and check.claim and check.refuted_by
    assert all(np.isfinite(value) for value in check.measured.values()), check.measured
