"""Many tests at once: against statsmodels and values derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.statistics import benjamini_hochberg, holm, holm_levels, mcnemar, paired_t


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, np.nan, 0.02]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert holm([]).shape == (0,)


@pytest.mark.slow
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
        wide = [paired_t(x, confidence=level) for x, level in zip(d, levels, strict=True)]
        assert [e.low > 0 or e.high < 0 for e in wide] == list(holm(p) < 0.05)


def test_benjamini_hochberg_by_hand():
    # sorted .005 .01 .03 .04, times 4/1 4/2 4/3 4/4: .02 .02 .04 .04
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert benjamini_hochberg([0.01, np.nan, 0.03]) == pytest.approx([0.02, np.nan, 0.03], nan_ok=True)
    assert benjamini_hochberg([]).shape == (0,)


def test_benjamini_hochberg_agrees_with_scipy_and_statsmodels():
    from scipy.stats import false_discovery_control
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(0).random((50, 6)) ** 3
    ours = benjamini_hochberg(p)
    assert ours == pytest.approx(false_discovery_control(p, axis=-1))
    assert ours == pytest.approx(np.array([multipletests(row, method="fdr_bh")[1] for row in p]))


def test_mcnemar_by_hand():
    # six rows that only one gets right, one of them the second's: 2 (1 + 6) / 2^6
    found = mcnemar([1, 1, 1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1, 1, 0])
    assert (found.first_only, found.second_only, found.p) == (5, 1, pytest.approx(14 / 64))
    assert "not to new training runs" in found.answers_for
    assert mcnemar([1, 0], [1, 0]).p == 1.0


def test_mcnemar_agrees_with_scipy_and_statsmodels():
    from scipy.stats import binomtest
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    rng = np.random.default_rng(0)
    a, b = rng.random((2, 20, 40)) < np.array([0.7, 0.5])[:, None, None]
    found = mcnemar(a, b)
    for i in range(20):
        table = [[np.sum(a[i] == b[i]), found.first_only[i]], [found.second_only[i], 0]]
        assert found.p[i] == pytest.approx(theirs(table, exact=True).pvalue)
        differ = int(found.first_only[i] + found.second_only[i])
        assert found.p[i] == pytest.approx(binomtest(int(found.first_only[i]), differ).pvalue)


def test_mcnemar_takes_right_and_wrong_only():
    with pytest.raises(ValueError) as error:
        mcnemar([1, 0.5], [1, 0])
    said = "McNemar of shapes (2,) and (2,); give two equal shapes (..., rows) of 0 (wrong) and 1 (right)"
    assert str(error.value) == said


def test_levels_of_many_families_at_once_are_those_of_each():
    p = np.random.default_rng(6).beta(0.4, 3, (40, 5))
    p[np.random.default_rng(7).random(p.shape) < 0.2] = np.nan
    levels = holm_levels(p)
    for own, at in zip(p, levels, strict=True):
        alone, order = np.full(5, np.nan), [i for i in np.argsort(own) if np.isfinite(own[i])]
        level = None
        for rank, i in enumerate(order):  # the first that is not rejected holds the rest to its level
            level = 0.05 / (len(order) - rank) if level is None or own[order[rank - 1]] < level else level
            alone[i] = 1 - level
        assert at == pytest.approx(alone, nan_ok=True)
