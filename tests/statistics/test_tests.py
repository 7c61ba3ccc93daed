"""Many tests at once: against statsmodels and values derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.statistics import holm, holm_levels, paired_t


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, np.nan, 0.02]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert holm([]).shape == (0,)


def test_holm_agrees_with_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(0).random((50, 6)) ** 3
    assert holm(p) == pytest.approx(np.array([multipletests(row, method="holm")[1] for row in p]))


def test_an_interval_at_holms_level_leaves_out_zero_exactly_where_holm_rejects():
    rng = np.random.default_rng(1)
    for _ in range(300):
        d = rng.normal(rng.normal(0, 0.05, (4, 1)), 0.02, (4, 3))
        p = np.array([paired_t(x).p for x in d])
        levels = holm_levels(p)
        wide = [paired_t(x, level=level) for x, level in zip(d, levels, strict=True)]
        assert [e.low > 0 or e.high < 0 for e in wide] == list(holm(p) < 0.05)
