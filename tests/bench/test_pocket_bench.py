"""Figures of claims on the pocket model, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from curriculab.bench.pocket_bench import auc_of, partial_rank_correlation, rank_correlation, shared_top


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


def test_an_auc_counts_pairs_and_half_of_equal_ones():
    own = pd.DataFrame({"right": [1, 1, 0, 0], "score": [3, 1, 1, 0]})
    assert auc_of(own, "score") == 0.875  # three of four pairs, and a half
    assert np.isnan(auc_of(own.iloc[:2], "score"))
