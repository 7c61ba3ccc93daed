"""Looking while it goes on: the error at 1,000 looks, against a plain loop, and runs made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.runs import Runs
from curriculab.statistics import confidence_sequence, look_levels, looks, paired_t
from tests.statistics.made import last_test, right, runs_of


@pytest.mark.slow
@pytest.mark.parametrize("differ", [0.05, 0.3, 1.0])
def test_the_error_at_1000_looks(differ: float):
    """1,000 studies without a difference, a look after each of 1,000 rows: at most 5% ever leave out zero; seed 0."""
    rng = np.random.default_rng(0)
    step = rng.choice([-1.0, 0.0, 1.0], (1000, 1000), p=[differ / 2, 1 - differ, differ / 2])
    low, high = confidence_sequence(step, grid=60)
    wrong = ((low > 0) | (high < 0)).any(axis=1).mean()
    assert wrong < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)
    fixed = 1.96 * step.std(axis=0)[0] / np.sqrt(np.arange(1, 1001))  # made for one look, and wrong at some of many
    mean = step.cumsum(axis=1) / np.arange(1, 1001)
    assert (np.abs(mean) > fixed)[:, 20:].any(axis=1).mean() > 0.2


def test_the_error_at_1000_evaluations_of_the_same_rows():
    """1,000 studies of three seeds and no difference, whose luck wanders over 1,000 evaluations; seed 1."""
    rng, luck, wrong = np.random.default_rng(1), np.zeros((1000, 3)), np.zeros(1000, bool)
    for level in look_levels(1000):
        luck = 0.9 * luck + rng.normal(0, 0.03, (1000, 3))
        wrong |= paired_t(luck).p < 1 - level
    assert wrong.mean() < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


def test_a_confidence_sequence_is_that_of_a_plain_loop():
    """Bets by hand, one value and one mean at a time: what has made 2 / 0.05 = 40 of 1 is ruled out."""
    x = np.random.default_rng(2).choice([0.0, 1.0], 200, p=[0.4, 0.6])
    low, high = confidence_sequence(x, low=0.0, high=1.0, grid=10)
    means = [0.05 + 0.1 * i for i in range(10)]
    up, down, squares, total = dict.fromkeys(means, 1.0), dict.fromkeys(means, 1.0), 0.25, 0.5
    ruled: tuple[set, set] = (set(), set())
    for t, value in enumerate(x, start=1):
        variance = squares / t  # of the values before, with one of 1/4 to begin with
        bet = np.sqrt(2 * np.log(2 / 0.05) / (variance * t * np.log(t + 1)))
        for m in means:
            up[m] *= 1 + min(bet, 0.5 / m) * (value - m)
            down[m] *= 1 - min(bet, 0.5 / (1 - m)) * (value - m)
            ruled[0].update([m] if up[m] >= 40 else [])
            ruled[1].update([m] if down[m] >= 40 else [])
        total += value
        squares += (value - total / (t + 1)) ** 2
        assert low[t - 1] == pytest.approx(max((m - 0.05 for m in ruled[0]), default=0.0))
        assert high[t - 1] == pytest.approx(min((m + 0.05 for m in ruled[1]), default=1.0))
    assert 0.3 < low[-1] < 0.6 < high[-1] < 0.9


def test_a_difference_is_found_and_bounds_never_widen():
    step = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], 2000, p=[0.1, 0.6, 0.3])
    low, high = confidence_sequence(step)
    assert 0 < low[-1] < 0.2 < high[-1] < 0.4
    assert (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all() and (low[0], high[0]) == (-1, 1)
    with pytest.raises(ValueError, match=r"^values from 0 to 2; they lie in \[-1, 1\]$"):
        confidence_sequence(np.array([0.0, 2.0]))


def test_a_sorted_set_is_refused_and_a_shuffled_one_holds_its_mean():
    values = np.repeat([1.0, 0.0, -1.0], [400, 300, 300])  # sorted by what came of it: mean 0.1
    with pytest.raises(ValueError) as error:
        confidence_sequence(values)
    first = int(str(error.value).split("number ")[1].split(":")[0])
    assert 400 < first <= 1000
    low, high = confidence_sequence(values[: first - 1])  # those before leave a mean
    assert low[-1] <= high[-1]
    assert str(error.value) == (
        f"no mean fits all values up to number {first}: early and late ones differ, so that they are in no random "
        "order; give shuffle=0"
    )
    wrong = 0
    for seed in range(200):
        low, high = confidence_sequence(values, shuffle=seed, grid=100)
        wrong += bool((low > 0.1).any() or (high < 0.1).any())
    assert wrong / 200 < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_a_cluster_is_one_value_in_the_order_of_its_first():
    values, names = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]), list("bababc")
    means = [(1 + 1 + 0) / 3, (0 + 1) / 2, 0.0]  # of b, a and c
    for ours, theirs in zip(
        confidence_sequence(values, low=0, high=1, cluster=names),
        confidence_sequence(means, low=0, high=1),
        strict=True,
    ):
        assert ours.tolist() == pytest.approx(theirs.tolist()) and len(ours) == 3
    with pytest.raises(ValueError, match="^2 clusters for 6 values; give one for each value$"):
        confidence_sequence(values, cluster=[1, 2])


@pytest.mark.slow
def test_the_same_row_in_three_seeds_counts_once():
    """500 studies of 200 rows answered in 3 seeds by variants that differ by row alone: clustered, 5% err at most."""
    rng = np.random.default_rng(5)
    rows = rng.choice([-1.0, 0.0, 1.0], (500, 200), p=[0.3, 0.4, 0.3])
    values, names = np.repeat(rows, 3, axis=1), np.repeat(np.arange(200), 3)
    low, high = confidence_sequence(values, cluster=names, grid=60)
    assert ((low > 0) | (high < 0)).any(axis=1).mean() < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 500)
    plain = [confidence_sequence(own, grid=60) for own in values[:100]]
    assert np.mean([(low > 0).any() or (high < 0).any() for low, high in plain]) > 0.1


def test_levels_share_the_error():
    assert look_levels(3) == pytest.approx([1 - 0.05 / 2, 1 - 0.05 / 6, 1 - 0.05 / 12])
    assert look_levels(2, planned=5) == pytest.approx([0.99, 0.99])
    assert (1 - look_levels(10_000)).sum() < 0.05
    with pytest.raises(ValueError, match="^planned=2 looks, but there are 3; give at least that many, or None$"):
        look_levels(3, planned=2)


def course_of(*at: tuple[float, int]) -> pd.DataFrame:
    tests = [last_test(right(k), share=share).assign(step=round(100 * share)) for share, k in at]
    return pd.concat(tests, ignore_index=True)


def test_looks_by_hand():
    random = [course_of((0, 4), (0.5, k), (1, k + 1)) for k in (8, 10, 9)]
    easy = [course_of((0, 4), (0.5, k), (1, k + 1)) for k in (13, 14, 14)]
    table = looks(runs_of({"random": random, "easy": easy}), planned=2)
    assert table.variant.tolist() == ["easy"] * 2 and table.share.tolist() == [0.5, 1.0]
    e = paired_t([0.25, 0.2, 0.25], confidence=0.975)  # 5% for two looks, one variant
    assert table.loc[0, ["low", "high"]].tolist() == pytest.approx([e.low, e.high])
    assert table.differs.tolist() == [True, True]
    assert looks(runs_of({"random": random, "easy": easy, "hard": easy}), planned=2).low[0] < e.low  # shared among two
    with pytest.raises(ValueError, match="^looks need 'rnd' and another variant; tested are random and easy: pass one"):
        looks(runs_of({"random": random, "easy": easy}), to="rnd")
    with pytest.raises(ValueError, match=r"^no test was made \(runs.items is empty\); give the bench test rows$"):
        looks(Runs(()))
