"""Aggregates of runs x tasks: against scipy, a plain loop, exact enumeration and values derived by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from curriculab.statistics import (
    improvement_bootstrap,
    iqm,
    mean,
    median,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    stratified_bootstrap,
)

SCORES = np.random.default_rng(0).normal(0.6, 0.2, (5, 12))


def test_by_hand():
    scores = [[0.61, 0.40], [0.58, 0.44], [0.66, 0.39]]  # sorted .39 .40 .44 .58 .61 .66: one is cut off at either end
    assert iqm(scores) == pytest.approx((0.40 + 0.44 + 0.58 + 0.61) / 4)
    assert mean(scores) == pytest.approx(3.08 / 6)
    assert median(scores) == pytest.approx((1.85 / 3 + 1.23 / 3) / 2)
    assert optimality_gap([[1.5, 0.5]]) == pytest.approx(1 - 1.5 / 2)
    assert performance_profile(scores, [0.40, 0.6]) == pytest.approx([4 / 6, 2 / 6])  # above, not at
    # task 1: 0.61 beats 0.5; 0.58 beats it; 0.66 too: 3 of 3. Task 2: 0.40 ties, 0.44 wins, 0.39 loses: 1.5 of 3
    assert probability_of_improvement(scores, [[0.5, 0.40]]) == pytest.approx((3 / 3 + 1.5 / 3) / 2)


def test_iqm_and_improvement_agree_with_scipy():
    from scipy.stats import mannwhitneyu, trim_mean

    other = np.round(SCORES[:4] + 0.05, 2)
    ours = np.round(SCORES, 2)
    assert iqm(SCORES) == pytest.approx(trim_mean(SCORES, 0.25, axis=None))
    shares = [mannwhitneyu(a, b).statistic / 20 for a, b in zip(ours.T, other.T, strict=True)]
    assert probability_of_improvement(ours, other) == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("statistic", [mean, median, iqm, optimality_gap])
def test_what_stands_in_front_stays(statistic):
    many = np.random.default_rng(1).random((4, 3, 5, 6))
    assert statistic(many).shape == (4, 3)
    assert statistic(many)[2, 1] == pytest.approx(statistic(many[2, 1]))


@pytest.mark.slow
@pytest.mark.parametrize("statistic", [mean, median, iqm])
def test_the_bootstrap_is_that_of_a_plain_loop(statistic):
    """Same distribution: ends within five Monte-Carlo errors of a loop with draws of its own."""
    rng, drawn = np.random.default_rng(7), []
    for _ in range(4000):
        resample = np.column_stack([rng.choice(task, len(task)) for task in SCORES.T])
        drawn.append(float(statistic(resample)))
    e = stratified_bootstrap(SCORES, statistic, resamples=20_000, widen=False)
    error = 5 * np.std(drawn) * 2.67 * np.sqrt(1 / 4000 + 1 / 20_000)  # sqrt(.025 * .975) / density at 1.96 = 2.67
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([e.low, e.high], abs=error)


def test_the_bootstrap_of_whole_runs_is_the_exact_one():
    """Three runs: all 27 draws, each as likely; the ends are quantiles of their means."""
    scores = np.array([[0.1, 0.2], [0.4, 0.3], [0.9, 0.8]])
    means = sorted(scores[list(draw)].mean() for draw in product(range(3), repeat=3))
    e = stratified_bootstrap(scores, mean, whole_runs=True, widen=False, confidence=0.8)
    assert (e.low, e.high) == pytest.approx((means[2], means[24]))  # the tenth: 2.7 of 27 lie at or below
    wide = stratified_bootstrap(scores, mean, whole_runs=True, confidence=0.8)
    # sqrt(3 / 2) times t(0.9, 2) / z(0.9) = 1.8856181 / 1.2815516
    assert wide.low - e.value == pytest.approx((e.low - e.value) * 1.5**0.5 * 1.8856181 / 1.2815516, rel=1e-6)


def test_whole_runs_are_wider_where_tasks_go_together():
    luck = np.random.default_rng(3).normal(0, 0.1, (6, 1)) + np.zeros((6, 8))
    together, apart = (stratified_bootstrap(luck, mean, resamples=4000, whole_runs=w) for w in (True, False))
    assert together.high - together.low > 2 * (apart.high - apart.low)  # sqrt(8) but for the smaller quantile of t


def test_several_statistics_and_algorithms_at_once():
    many = np.random.default_rng(2).random((3, 5, 6))
    e = stratified_bootstrap(many, lambda s: np.stack([mean(s), iqm(s)], axis=-1), resamples=500)
    assert e.value.shape == e.low.shape == (3, 2) and (e.low < e.value).all() and (e.value < e.high).all()
    assert e.label == "stratified bootstrap, n=5"
    again = stratified_bootstrap(many, lambda s: np.stack([mean(s), iqm(s)], axis=-1), resamples=500)
    assert (again.low == e.low).all()


def test_no_interval_of_one_run_or_without_a_spread():
    assert stratified_bootstrap([[0.1, 0.2]], mean).label == "none, n=1"
    assert stratified_bootstrap([[0.5], [0.5]], mean, resamples=50).label == "none, n=2"
    assert improvement_bootstrap([[0.5], [0.6]], [[0.1], [0.2]]).label == "none, n=2"  # wins every pair


def test_improvement_bootstrap_is_the_exact_one():
    """Two runs against two on one task: 16 draws; run a ties with none, b wins one pair."""
    first, second = np.array([[0.3], [0.7]]), np.array([[0.5], [0.1]])  # wins: .3 > .1, .7 > both: 3 of 4
    drawn = [
        np.mean([first[i, 0] > second[j, 0] for i in one for j in two])
        for one in product((0, 1), repeat=2)
        for two in product((0, 1), repeat=2)
    ]
    e = improvement_bootstrap(first, second, widen=False, confidence=0.6)
    assert e.value == 0.75 and (e.low, e.high) == pytest.approx(tuple(np.quantile(drawn, [0.2, 0.8])))
    many = improvement_bootstrap(SCORES, SCORES[:4] - 0.1, resamples=4000)
    assert 0 <= many.low < many.value < many.high <= 1
