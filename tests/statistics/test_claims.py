"""What may be claimed of several variants together: against the parts it is made of, each asked alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from curriculab.statistics import crossed, holm, holm_levels, paired_t
from curriculab.statistics.claims import claims
from curriculab.statistics.pooled import Pooled, dunnett_critical


def made(*gains: float, seeds: int = 5, rows: int = 80, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.choice([-1.0, 0.0, 1.0], (seeds, rows), p=[0.2 - g / 2, 0.6, 0.2 + g / 2]) for g in gains]


def test_on_these_rows_it_is_student_t_at_the_levels_of_holm():
    differences = made(0.3, 0.1, 0.0)
    found = claims(differences)
    alone = [paired_t(d.mean(axis=1)) for d in differences]
    levels = holm_levels([e.p for e in alone])
    at = [paired_t(d.mean(axis=1), confidence=level) for d, level in zip(differences, levels, strict=True)]
    assert found.p.tolist() == [e.p for e in alone] and found.low.tolist() == [e.low for e in alone]
    assert found.low_family.tolist() == [e.low for e in at] and found.high_family.tolist() == [e.high for e in at]
    assert found.differs.tolist() == (holm([e.p for e in alone]) < 0.05).tolist()
    assert found.error == pytest.approx([e.sd / 5**0.5 for e in alone])


def test_with_a_pooled_spread_new_rows_are_never_surer_than_these():
    """Rows alike and the first variant sure: for the second Holm's last step asks for less than Dunnett does."""
    by_seed = np.array([[0.50, 0.52, 0.48, 0.51, 0.49], [0.02, 0.04, 0.00, 0.03, 0.01]])
    found = claims([np.repeat(means[:, None], 80, axis=1) for means in by_seed], pooled=Pooled(0.0004, 8, 1))
    error = (0.0004 / 5 * 2) ** 0.5
    reach = dunnett_critical(2, 8, 0.5) * error  # 2.67 errors; Holm's last step: 2.31
    assert t.isf(0.025, 8) * error < reach
    assert (found.low_new[1], found.high_new[1]) == pytest.approx((0.02 - reach, 0.02 + reach))


def test_for_new_rows_it_is_the_wider_of_both_at_the_levels_of_holm():
    differences = made(0.3, 0.1, 0.0, seed=3)
    found = claims(differences)
    p = [max(paired_t(d.mean(axis=1)).p, crossed(d).p) for d in differences]
    levels = holm_levels(p)
    for i, d in enumerate(differences):
        own, wide = paired_t(d.mean(axis=1), confidence=levels[i]), crossed(d, confidence=levels[i])
        assert found.low_new[i] == min(own.low, wide.low) and found.high_new[i] == max(own.high, wide.high)
    assert found.p_new.tolist() == p
    assert found.differs_new.tolist() == (holm(p) < 0.05).tolist()


def test_the_level_for_new_rows_is_that_of_the_p_for_new_rows():
    """The first variant differs on these rows most surely, the second for new ones: the order of Holm turns round."""
    rng = np.random.default_rng(0)
    by_row = np.repeat([1.0, -1.0], [42, 38])  # the same rows in every seed
    first = np.tile(by_row, (5, 1))
    first[np.arange(5), np.arange(5)] = 0.0
    first[0, 79] = 0.0
    second = rng.choice([-1.0, 0.0, 1.0], (5, 80), p=[0.1, 0.7, 0.2])
    found = claims([first, second])
    assert found.p[0] < found.p[1] and found.p_new[0] > found.p_new[1]
    levels = holm_levels(found.p_new)
    for i, d in enumerate((first, second)):
        own, wide = paired_t(d.mean(axis=1), confidence=levels[i]), crossed(d, confidence=levels[i])
        assert found.low_new[i] == min(own.low, wide.low)


def test_who_differs_for_new_rows_differs_on_these():
    for seed in range(300):
        found = claims(made(0.25, 0.15, 0.0, seeds=3, rows=40, seed=seed))
        assert not (found.differs_new & ~found.differs).any()


def test_controls_are_tested_alone():
    differences = made(0.3, 0.1, 0.2)
    found, both = claims(differences, claimed=[True, False, True]), claims([differences[0], differences[2]])
    assert found.low_family[[0, 2]].tolist() == both.low_family.tolist()
    assert found.low_family[1] == found.low[1] == paired_t(differences[1].mean(axis=1)).low


def test_a_pooled_spread_has_dunnetts_intervals():
    differences = made(0.3, 0.1, 0.0)
    pooled = Pooled(variance=0.002, df=14, orders=6)
    found = claims(differences, claimed=[True, True, False], pooled=pooled)
    error = (0.002 / 5 * (1 + 1 / 6)) ** 0.5
    critical = dunnett_critical(2, 14, 1 / 7)
    mean = differences[0].mean()
    assert found.low[0] == pytest.approx(mean - t.ppf(0.975, 14) * error)
    assert (found.low_family[0], found.high_family[0]) == pytest.approx(
        (mean - critical * error, mean + critical * error)
    )
    assert found.low_family[2] == found.low[2]  # a control
    assert found.p[0] == pytest.approx(2 * t.sf(mean / error, 14)) and found.error[0] == pytest.approx(error)
    wide = crossed(differences[0], over_seeds=(error**2, 14))
    assert found.p_new[0] == pytest.approx(max(found.p[0], wide.p))


def test_a_pooled_spread_tests_a_variant_that_has_none_of_its_own():
    flat = np.tile(np.random.default_rng(2).choice([0.0, 1.0], 60), (3, 1))
    found = claims([flat, *made(0.0, seeds=3, rows=60)], pooled=Pooled(variance=0.001, df=10, orders=4))
    assert np.isfinite(found.low_new).all() and found.differs_new[0]
    assert np.isnan(claims([flat]).low_new[0])


def test_many_benches_at_once_are_each_as_alone():
    many = [np.stack(pair) for pair in zip(made(0.3, 0.0, seed=1), made(0.1, 0.2, seed=2), strict=True)]
    pooled = Pooled(variance=np.array([0.001, 0.003]), df=8, orders=1)
    for how in ({}, {"groups": np.arange(80) // 10}, {"claimed": [True, False]}, {"pooled": pooled}):
        found = claims(many, **how)
        alone = how | ({"pooled": Pooled(0.003, 8, 1)} if "pooled" in how else {})
        one = claims([d[1] for d in many], **alone)
        for name in ("difference", "error", "low", "p", "low_family", "high_family", "low_new", "high_new", "p_new"):
            assert getattr(found, name).shape == (2, 2)
            assert getattr(found, name)[1] == pytest.approx(getattr(one, name)), (how, name)


def test_a_variant_without_seeds_or_spread_claims_nothing():
    found = claims([np.empty((0, 20)), np.full((3, 20), 0.5), *made(0.3, rows=20)])
    assert not found.differs[:2].any() and not found.differs_new[:2].any()
    assert np.isnan(found.p[:2]).all() and np.isnan(found.low_new[:2]).all()
    assert found.low_family[2] == found.low[2]  # the only test of its family
