"""The tables behind a comparison: differences paired by seed, and Holm over those that claim something."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from curriculab.statistics.paired import paired_table, scores_of

ACCURACY = {"random": (0.40, 0.50, 0.45), "easy": (0.55, 0.60, 0.62), "hard": (0.41, 0.47, 0.49)}


def accuracies() -> pd.Series:
    values = {(name, seed): value for name, seeds in ACCURACY.items() for seed, value in enumerate(seeds)}
    return pd.Series(values)


def answers() -> pd.DataFrame:
    """Right or wrong of 100 rows, (rows, label x seed), with these accuracies."""
    columns = {key: np.arange(100) < round(100 * share) for key, share in accuracies().items()}
    return pd.DataFrame(columns, dtype=float).rename_axis(columns=["label", "seed"])


def table_of(claims: list[str]) -> pd.DataFrame:
    labels = pd.DataFrame({"solver": "direct", "gold": False}, index=list(ACCURACY))
    return paired_table(answers(), labels, "random", claims, confidence=0.95)


def test_differences_are_to_the_same_seed_and_missing_where_that_one_is():
    scores = scores_of(accuracies().drop(("random", 1)), "random").set_index(["variant", "seed"]).difference
    assert scores["easy", 0] == pytest.approx(0.15) and scores["hard", 2] == pytest.approx(0.04)
    assert np.isnan(scores["easy", 1])


def test_p_is_that_of_scipy_and_holm_counts_claims_only():
    p = {name: ttest_rel(ACCURACY[name], ACCURACY["random"]).pvalue for name in ("easy", "hard")}
    both, one = table_of(["random", "easy", "hard"]), table_of(["random", "easy"])
    assert both.p[["easy", "hard"]].tolist() == pytest.approx(list(p.values()))
    assert both.p_holm["easy"] == pytest.approx(2 * p["easy"])  # the smaller of two
    assert one.p_holm["easy"] == pytest.approx(p["easy"])  # a control is not counted
