"""What was forgotten, what carried over: by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.runs import Record, Runs
from curriculab.statistics import forgetting, paired_t, transfer
from tests.statistics.made import course, last_test


def test_forgetting_by_hand():
    blocked = [
        {"a": [0.25, 0.75, 0.5], "b": [0.25, 0.25, 0.75]},  # a: 0.75 - 0.5 = 0.25, b: 0.25 - 0.75 = -0.5, mean -0.125
        {"a": [0.5, 1.0, 0.25], "b": [0.0, 0.5, 0.5]},  # a: 1 - 0.25 = 0.75, b: 0.5 - 0.5 = 0, mean 0.375
    ]
    bands = {f"null {k}": [{"a": [0.5, 0.5, x], "b": [0.0, 0.0, 0.0]}] * 2 for k, x in ((1, 0.25), (2, 1.0))}
    runs = Runs(course({"blocked": blocked, **bands}), null=("null 1", "null 2"))
    table = forgetting(runs).set_index(["variant", "topic"])
    assert list(table.index) == [("blocked", "a"), ("blocked", "b"), ("blocked", "all")]
    assert list(table.forgetting) == pytest.approx([0.5, -0.25, 0.125])
    assert list(table.best) == pytest.approx([0.875, 0.375, 0.625])
    assert list(table.final) == pytest.approx([0.375, 0.625, 0.5])
    e = paired_t([0.25, 0.75])
    assert tuple(table.loc[("blocked", "a"), ["low", "high", "interval"]]) == (e.low, e.high, "t, n=2")
    # random orders: a forgets 0.25 and -0.5, b nothing, all together 0.125 and -0.25
    assert table.null_low.tolist() == pytest.approx([-0.5, 0.0, -0.25])
    assert table.null_high.tolist() == pytest.approx([0.25, 0.0, 0.125])


@pytest.mark.slow
def test_noise_alone_looks_like_forgetting():
    """The best of k tests of a model that stays as it is lies above the last: the caveat of the docstring."""
    rng = np.random.default_rng(0)
    still = [{"a": rng.binomial(4, 0.5, 5) / 4} for _ in range(60)]
    assert forgetting(Runs(course({"still": still}))).low.iloc[0] > 0.1


def test_transfer_by_hand():
    pool = pd.DataFrame({"level": [1, 1, 2]}, index=["x", "y", "z"])
    # first stretch: two rows of level 1; second: one of level 1, one of level 2; "new" is not in the pool
    rows = [(5, "x"), (10, "y"), (11, "x"), (20, "z"), (20, "new")]
    runs = Runs(course({"easy": [{1: [0, 0.5, 1.0], 2: [0.25, 0.25, 0.75]}]}, {"easy": rows}, by="level"))
    table = transfer(runs, pool).set_index(["trained", "tested"])
    # d_1 = 0.5 and 0.5, d_2 = 0 and 0.5; w_1 = 1 and 1/2, w_2 = 0 and 1/2
    assert table.change[(1, 1)] == pytest.approx((1 * 0.5 + 0.5 * 0.5) / 1.5)
    assert table.change[(1, 2)] == pytest.approx((1 * 0 + 0.5 * 0.5) / 1.5)
    assert table.change[(2, 1)] == pytest.approx(0.5)
    assert table.change[(2, 2)] == pytest.approx(0.5)
    assert table.stretches.tolist() == pytest.approx([1.5, 1.5, 0.5, 0.5])
    assert table.interval.unique().tolist() == ["none, n=1"]


def test_transfer_of_one_group_a_stretch_is_its_own_change():
    pool = pd.DataFrame({"topic": ["a", "b"]}, index=["x", "y"])
    path = [{"a": [0.0, 0.75, 0.5], "b": [0.5, 0.25, 1.0]}, {"a": [0.0, 0.25, 0.0], "b": [0.5, 0.25, 0.75]}]
    runs = Runs(course({"blocked": path}, {"blocked": [(1, "x"), (11, "y")]}))
    table = transfer(runs, pool, "topic").set_index(["trained", "tested"])
    assert table.change.to_dict() == pytest.approx(
        {
            ("a", "a"): 0.5,
            ("a", "b"): -0.25,
            ("b", "a"): -0.25,
            ("b", "b"): 0.625,
        }
    )
    e = paired_t([0.75, 0.25])
    assert (table.low[("a", "a")], table.high[("a", "a")]) == pytest.approx((e.low, e.high))


def test_forgetting_and_transfer_say_what_they_lack():
    pool = pd.DataFrame({"topic": ["a"]}, index=["x"])
    once, still = (Runs(course({"random": [{"a": path}]})) for path in ([0.5, 0.5], [0.5, 0.5, 0.5]))
    with pytest.raises(ValueError, match="no column 'lvl'; they have variant, seed, step"):
        forgetting(once, "lvl")
    with pytest.raises(ValueError, match="the pool has no column 'level'; it has topic"):
        transfer(once, pool)
    with pytest.raises(ValueError, match="no row was trained between two tests"):
        transfer(still, pool, "topic")
    short = Runs((Record(once.records[0].spec, {**once.records[0].tables, "items": last_test([1], topic="a")}),))
    with pytest.raises(ValueError, match="random, seed 0 was tested once: forgetting needs an earlier test"):
        forgetting(short)
    with pytest.raises(ValueError, match="no test was made"):
        forgetting(Runs(()))
