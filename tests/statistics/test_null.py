"""The null band: what the best of several random orders gains, and a rank among them where there are enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.statistics.null import best_by_chance


def accuracies(means: dict[str, list[float]]) -> pd.Series:
    return pd.Series({(v, seed): value for v, seeds in means.items() for seed, value in enumerate(seeds)})


def band(k: int) -> dict[str, list[float]]:
    """k orders whose means are 0.500, 0.501, ...: mean over two seeds that lie 0.02 apart."""
    return {f"null {i}": [0.49 + i / 1000, 0.51 + i / 1000] for i in range(k)}


def test_a_rank_counts_orders_that_gained_as_much():
    variants = {"random": [0.50, 0.50], "easy": [0.52, 0.515], "as the best": [0.508, 0.528], "worst": [0.3, 0.3]}
    found = best_by_chance(accuracies(variants | band(19)), [*band(19)], "random")
    # easy: mean 0.5175 is passed by 0.518 alone; the second has that very mean; the last is below all 19
    assert dict(found.ranks) == pytest.approx({"easy": 2 / 20, "as the best": 2 / 20, "worst": 1.0})


def test_the_smallest_rank_of_nineteen_is_one_in_twenty():
    found = best_by_chance(accuracies({"random": [0.5, 0.5], "easy": [0.9, 0.9]} | band(19)), [*band(19)], "random")
    assert found.ranks["easy"] == pytest.approx(0.05)


def test_fewer_orders_give_no_rank():
    found = best_by_chance(accuracies({"random": [0.5, 0.5], "easy": [0.9, 0.9]} | band(18)), [*band(18)], "random")
    assert found.ranks == {} and found.gain == pytest.approx(0.017)


def test_equal_variants_are_ranked_first_as_often_as_p_says():
    """400 benches of one equal variant among 19 orders, three seeds, seed 1: p of 0.05 in one of twenty."""
    rng, first = np.random.default_rng(1), 0
    names = ["easy", *(f"null {i}" for i in range(19)), "random"]
    for _ in range(400):
        values = dict(zip(names, rng.normal(0.5, 0.03, (len(names), 3)).tolist(), strict=True))
        first += best_by_chance(accuracies(values), names[1:20], "random").ranks["easy"] <= 0.05
    assert abs(first / 400 - 0.05) < 3 * (0.05 * 0.95 / 400) ** 0.5
