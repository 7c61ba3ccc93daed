"""Recorded runs in one call: against values derived by hand and the plain functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.runs import Runs
from curriculab.statistics import (
    aggregate,
    crossed,
    improvement,
    iqm,
    jackknife,
    mcnemar_by_seed,
    paired_t,
    profiles,
    seeds_and_rows,
    to_threshold,
)
from tests.statistics.made import last_test, right, runs_of

LEVEL = [1] * 10 + [2] * 10


def curve(*counts: int, spent: int = 100) -> pd.DataFrame:
    """Tests at steps 0, 10, 20 ... with so many of 20 rows right; `spent` tokens a step."""
    last = len(counts) - 1
    tests = [
        last_test(right(k), share=i / last, level=LEVEL).assign(step=10 * i, tokens=10 * i * spent)
        for i, k in enumerate(counts)
    ]
    return pd.concat(tests, ignore_index=True)


def bench(**keywords: object) -> Runs:
    random = [curve(4, 8, 10), curve(4, 6, 9), curve(4, 10, 11)]  # ends at 0.5 on average
    easy = [curve(4, 11, 12), curve(4, 9, 12), curve(4, 8, 9)]
    return runs_of({"random": random, "easy": easy, "order 1": random}, null=("order 1",), **keywords)


def test_aggregate_by_hand():
    table = aggregate(bench()).set_index(["variant", "quantity"])
    assert list(table.index[:4]) == [
        ("random", "accuracy"),
        ("random", "iqm by level"),
        ("random", "area over step"),
        ("random", "step to 0.500, at most 20"),
    ]
    assert table.value["random", "accuracy"] == pytest.approx(0.5)
    e = paired_t([0.1, 0.15, -0.1])
    row = table.loc[("easy", "accuracy")]
    assert row[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([e.mean, e.low, e.high])
    # level 1 is right but for .9 in seed 1 (easy's: 2), level 2 has the rest: of six values one is cut off at each end
    random, easy = np.array([[1.0, 0.0], [0.9, 0.0], [1.0, 0.1]]), np.array([[1.0, 0.2], [1.0, 0.2], [0.9, 0.0]])
    assert table.value["random", "iqm by level"] == pytest.approx((0.0 + 0.1 + 0.9 + 1.0) / 4)
    e = jackknife(easy, iqm)
    assert table.loc[("easy", "iqm by level"), ["low", "high"]].tolist() == pytest.approx([e.low, e.high])
    assert table.difference["easy", "iqm by level"] == pytest.approx(iqm(easy) - iqm(random))
    # areas: (4/2 + 8 + 10/2) / 2 = 7.5 of 20 rows, then 6.25 and 8.75
    assert table.value["random", "area over step"] == pytest.approx(22.5 / 3 / 20)


def test_times_to_a_threshold_by_hand():
    table = to_threshold(bench()).set_index("variant")
    assert table.threshold.tolist() == pytest.approx([0.5, 0.5]) and table.horizon.tolist() == [20, 20]
    # random reaches 10 of 20 at 20, never, at 10; easy at 10, at 20, never: who never does counts with the horizon
    assert table.reached.tolist() == [2, 2] and table.censored.tolist() == [1, 1]
    assert table.restricted_mean.tolist() == pytest.approx([50 / 3, 50 / 3])
    e = paired_t([-10, 0, 10])
    assert table.loc["easy", ["difference", "difference_low"]].tolist() == pytest.approx([0, e.low])
    assert table["median"].tolist() == [20, 20]
    never = to_threshold(bench(), 0.9).set_index("variant")
    assert never.reached.tolist() == [0, 0] and never.restricted_mean.tolist() == [20, 20]
    assert never.interval.tolist() == ["none, n=3"] * 2 and never["median"].isna().all()


def test_other_axes_are_compared_where_all_were_seen():
    random, easy = [curve(4, 8, 12)] * 2, [curve(4, 8, 12, spent=50)] * 2  # seen until 2000 and 1000 tokens
    table = to_threshold(runs_of({"random": random, "easy": easy}), 0.6, x="tokens").set_index("variant")
    assert table.horizon.tolist() == [1000, 1000] and table.reached.tolist() == [0, 2]
    table = aggregate(runs_of({"random": random, "easy": easy}), x="tokens").set_index(["variant", "quantity"])
    # to 1000 tokens random rises from 4 to 8 rows, easy by 8 over 500 to 12
    assert table.value["random", "area over tokens"] == pytest.approx(6 / 20)
    assert table.value["easy", "area over tokens"] == pytest.approx((6 + 10) / 2 / 20)


def test_improvement_and_profiles_by_hand():
    table = improvement(bench())
    # level 1: (1, 1, .9) against (1, .9, 1): wins 1 + 1 + 0, ties 2 + 2 + 1 of 9; level 2: (.2, .2, 0) against
    # (0, 0, .1): wins 3 + 3 + 0, ties 2
    assert table.probability[0] == pytest.approx(((2 + 5 / 2) / 9 + (6 + 2 / 2) / 9) / 2)
    shares = profiles(bench(), [0.05, 0.95], resamples=200)
    assert shares[shares.variant == "easy"].share.tolist() == pytest.approx([5 / 6, 2 / 6])
    assert (shares.low >= 0).sum() + shares.low.isna().sum() == 4


def test_rows_within_a_seed_by_hand():
    table = mcnemar_by_seed(bench()).set_index("seed")
    assert table.variant_only.tolist() == [2, 3, 0] and table.to_only.tolist() == [0, 0, 2]
    assert table.p.tolist() == pytest.approx([0.5, 0.25, 0.5]) and table.p_holm.tolist() == pytest.approx([1, 0.75, 1])
    assert table.answers_for.str.contains("not to new training runs").all() and (table.rows == 20).all()


def test_seeds_and_rows_are_the_wider_of_both_intervals():
    d = np.array([np.subtract(right(a), right(b)) for a, b in ((12, 10), (12, 9), (9, 11))])
    new, these, row = crossed(d), paired_t(d.mean(axis=1)), seeds_and_rows(bench()).iloc[0]
    ends = (min(new.low, these.low), max(new.high, these.high), max(new.p, these.p))
    assert row[["low", "high", "p"]].tolist() == pytest.approx(ends) and row.difference == pytest.approx(d.mean())
    assert row.interval == "seeds and rows crossed, n=3"


def test_a_failed_run_is_left_out_everywhere():
    runs = bench(ended={("easy", 2): "failed: ValueError: no rows left"})
    assert aggregate(runs).set_index(["variant", "quantity"]).seeds["easy"].tolist() == [2, 2, 2, 2]
    assert mcnemar_by_seed(runs).seed.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda r: aggregate(r, x="epoch"),
            "x='epoch' is no axis of tests; choose among step, share, tokens, rollouts, generated or seconds",
        ),
        (lambda r: aggregate(r, by="skill"), "the test rows have no column 'skill'; they have variant, seed, step"),
        (
            lambda r: to_threshold(r, 60),
            "threshold=60 is not an accuracy; give a share above 0 and up to 1, such as 0.6",
        ),
        (
            lambda r: to_threshold(r, to="rnd"),
            "no runs of 'rnd' to take a threshold from; give threshold=, or pass a variant as to=",
        ),
        (
            lambda r: improvement(r, to="rnd"),
            "no variant 'rnd' to compare with; there are random and easy: pass one as to=",
        ),
        (
            lambda r: to_threshold(runs_of({"random": [right(4)]})),
            "random, seed 0 has one test on the axis 'step': a curve needs two; give evaluate_every=, or another x",
        ),
    ],
)
def test_bad_requests(call, message: str):
    with pytest.raises(ValueError) as error:
        call(bench())
    assert str(error.value).startswith(message)


def test_every_summary_says_what_it_answers_for_and_refuses_what_compare_refuses():
    for summary in (aggregate, to_threshold, improvement):
        assert set(summary(bench()).answers_for) == {"new training runs, on these test rows"}
    assert set(seeds_and_rows(bench()).answers_for) == {"new training runs, on new test rows of this kind"}
    runs = bench()
    for summary in (aggregate, to_threshold, improvement, profiles, mcnemar_by_seed, seeds_and_rows):
        with pytest.raises(ValueError, match="'easy' has seed 0 twice"):
            summary(Runs((*runs.records, runs.records[3])))
