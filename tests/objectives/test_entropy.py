"""Weights of tokens in the bonus for entropy, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.objectives.entropy import entropy_slope, entropy_weights


def test_weights_by_covariance_by_hand():
    """A - mean A = (2, -1, -1), logp - mean = (1, 0, -1): covariances 2, 0 and 1."""
    advantage, logp = np.array([1.0, -2.0, -2.0]), np.array([-1.0, -2.0, -3.0])
    whole = np.exp([2.0, 0.0, 1.0]).sum()  # 7.389 + 1 + 2.718 = 11.107
    due = [5.0, 10 / whole, 10 * np.e / whole]  # the first would be 6.65
    assert entropy_weights(advantage, logp, "covariance") == pytest.approx(due)
    assert entropy_weights(advantage, logp, "tokens").tolist() == [1.0, 1.0, 1.0]


def test_a_token_whose_log_probability_is_not_known_counts_as_the_mean():
    """The mean of those known is -2: (1, 0, -1) of the advantages times (1, 0, -1) is 1, 0, 1."""
    found = entropy_weights(np.array([2.0, 1.0, 0.0]), np.array([-1.0, np.nan, -3.0]), "covariance")
    share = np.exp([1.0, 0.0, 1.0]) / np.exp([1.0, 0.0, 1.0]).sum()
    assert found == pytest.approx(np.minimum(10 * share, 5))
    nothing = entropy_weights(np.array([2.0, 1.0]), np.array([np.nan, np.nan]), "covariance")
    assert nothing.tolist() == [5.0, 5.0]  # half of ten each
    assert entropy_weights(np.empty(0), np.empty(0), "covariance").tolist() == []


def test_large_covariances_do_not_overflow():
    assert entropy_weights(np.array([1e6, -1e6]), np.array([-1.0, -9.0]), "covariance").tolist() == [5.0, 5.0]


def test_the_slope_is_that_of_the_entropy_of_two_outcomes():
    def entropy(logit):
        p = 1 / (1 + np.exp(-logit))
        return -p * np.log(p) - (1 - p) * np.log(1 - p)

    logits = np.array([-3.0, -0.5, 0.0, 1.0, 2.5])
    slope = (entropy(logits + 1e-5) - entropy(logits - 1e-5)) / 2e-5
    assert entropy_slope(1 / (1 + np.exp(-logits))) == pytest.approx(slope, abs=1e-8)
