"""Intervals, Holm, power and verdicts: against scipy, statsmodels, values derived by hand, and simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from curriculab import statistics
from curriculab.runs import Record, Runs
from curriculab.statistics import (
    bootstrap,
    compare,
    estimate,
    filter_savings,
    forgetting,
    holm,
    holm_levels,
    minimum_detectable_effect,
    paired_t,
    transfer,
    waste,
)


def last_test(correct: list[float], **columns: object) -> pd.DataFrame:
    """The items of one last test: row ids a, b, c ... right (1) or wrong (0)."""
    ids = [chr(ord("a") + i) for i in range(len(correct))]
    fixed = dict(step=10, progress=1.0, share=1.0, solver="direct", gold=False, id=ids, tokens=100, seconds=1.0)
    return pd.DataFrame({**fixed, "correct": np.asarray(correct, float), **columns})


def runs_of(answers: dict[str, list], null: tuple[str, ...] = (), ended: dict | None = None, **columns: object) -> Runs:
    """Runs from {variant: [answers of seed 0, of seed 1, ...]}, each a list of right and wrong, or a finished table."""
    records = []
    for variant, seeds in answers.items():
        for seed, given in enumerate(seeds):
            if given is None:
                continue
            items = given if isinstance(given, pd.DataFrame) else last_test(given, **columns)
            empty = {name: pd.DataFrame() for name in ("metrics", "exposure", "ledger")}
            spec = {"variant": variant, "seed": seed, "ended": (ended or {}).get((variant, seed), "budget")}
            records.append(Record(spec, {"items": items, **empty}))
    return Runs(tuple(records), null)


def right(k: int, of: int = 20) -> list[int]:
    return [1] * k + [0] * (of - k)


# -- one difference -------------------------------------------------------------------------------------------------
def test_paired_t_by_hand():
    # mean 0.02, sd 0.01, standard error 0.01 / sqrt(3) = 0.0057735; t(0.975, 2) = 4.3026527
    e = paired_t([0.01, 0.02, 0.03])
    assert (e.mean, e.sd, e.n, e.label) == (pytest.approx(0.02), pytest.approx(0.01), 3, "t, n=3")
    assert e.low == pytest.approx(0.02 - 4.3026527 * 0.0057735, abs=1e-7)
    assert e.high == pytest.approx(0.02 + 4.3026527 * 0.0057735, abs=1e-7)


@pytest.mark.parametrize("n", [2, 3, 5, 9, 30])
def test_paired_t_agrees_with_scipy_and_statsmodels(n: int):
    from scipy.stats import ttest_1samp
    from statsmodels.stats.weightstats import DescrStatsW

    d = np.random.default_rng(n).normal(0.02, 0.03, n)
    e, theirs = paired_t(d, level=0.9), ttest_1samp(d, 0)
    assert e.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (e.low, e.high) == pytest.approx(tuple(theirs.confidence_interval(0.9)))
    assert (e.low, e.high) == pytest.approx(DescrStatsW(d).tconfint_mean(0.1))


def test_paired_t_takes_many_at_once():
    d = np.random.default_rng(0).normal(size=(4, 5, 3))
    e = paired_t(d)
    assert e.low.shape == (4, 5)
    assert e.low[2, 3] == pytest.approx(paired_t(d[2, 3]).low)


@pytest.mark.parametrize(
    ("d", "p"), [([], np.nan), ([0.1], np.nan), ([0.1, 0.1, 0.1], np.nan), ([0.3 - 0.2, 0.1, 0.1], np.nan), ([0, 0], 1)]
)
def test_no_interval_without_seeds_or_spread(d: list[float], p: float):
    e = estimate(d)
    assert np.isnan(e.low) and np.isnan(e.high) and e.method == "none"
    assert e.p == pytest.approx(p, nan_ok=True)


def test_t_covers_at_three_seeds():
    rng = np.random.default_rng(5)
    for n in (3, 5, 10):
        e = paired_t(rng.normal(0.02, 0.05, (40_000, n)))
        covered = np.mean((e.low < 0.02) & (e.high > 0.02))
        assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 40_000)


def test_bootstrap_covers_at_ten_seeds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 2000)
    rng = np.random.default_rng(6)
    found = [bootstrap(rng.normal(0, 1, 10), seed=i) for i in range(1500)]
    covered = np.mean([e.low <= 0 <= e.high for e in found])
    assert 0.93 - 3 * np.sqrt(0.95 * 0.05 / 1500) < covered < 0.97
    assert np.mean([(e.p < 0.05) == (not e.low <= 0 <= e.high) for e in found]) > 0.995  # p and interval say the same


def test_bootstrap_is_the_exact_one():
    # ten values, all 2 ** 10 signs known: with differences of -1 and +1 a resampled mean is 2 B(10, k/10) / 10 - 1
    from scipy.stats import binom, norm, t

    d = np.array([1.0] * 8 + [-1.0] * 2)
    e = bootstrap(d)
    widen = np.sqrt(10 / 9)
    tail = norm.cdf(-widen * t.ppf(0.975, 9))
    assert e.low == pytest.approx(2 * binom.ppf(tail, 10, 0.8) / 10 - 1)
    assert e.p == pytest.approx(2 * t.cdf(norm.ppf(binom.cdf(5, 10, 0.8)) / widen, 9), rel=0.05)


def test_method_changes_at_ten_seeds():
    d = np.random.default_rng(0).normal(size=10)
    assert (estimate(d[:9]).label, estimate(d).label) == ("t, n=9", "bootstrap, n=10")
    assert estimate(d) == estimate(d)


# -- many -----------------------------------------------------------------------------------------------------------
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


@pytest.mark.parametrize(("n", "m", "power"), [(3, 1, 0.8), (3, 5, 0.8), (5, 2, 0.9), (20, 1, 0.8)])
def test_minimum_detectable_effect_agrees_with_statsmodels(n: int, m: int, power: float):
    from statsmodels.stats.power import TTestPower

    effect = minimum_detectable_effect(0.05, n, m=m, power=power)
    assert TTestPower().power(effect / 0.05, n, 0.05 / m, alternative="two-sided") == pytest.approx(power, abs=1e-4)


@pytest.mark.parametrize(("n", "m"), [(2, 1), (2, 10), (3, 1), (3, 20), (10, 3)])
def test_minimum_detectable_effect_is_found_by_simulation(n: int, m: int):
    effect = minimum_detectable_effect(0.05, n, m=m)
    p = paired_t(np.random.default_rng(2).normal(effect, 0.05, (20_000, n))).p
    assert np.mean(p < 0.05 / m) == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 20_000))


def test_minimum_detectable_effect_needs_seeds_and_a_spread():
    assert np.isnan(minimum_detectable_effect(0.05, 1)) and np.isnan(minimum_detectable_effect(0.0, 3))


def test_identical_variants_are_rarely_called_different():
    """1,000 benches of five equal variants, three seeds, 100 rows, by the steps of `compare` taken at once."""
    rng = np.random.default_rng(3)
    share = np.clip(rng.beta(4, 4, (1000, 1, 1)) + rng.normal(0, 0.03, (1000, 5, 3)), 0.01, 0.99)
    accuracy = rng.binomial(100, share) / 100
    called = (holm(paired_t(accuracy[:, 1:] - accuracy[:, :1]).p) < 0.05).any(axis=1)
    assert called.mean() < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


def test_identical_variants_through_compare():
    rng = np.random.default_rng(4)
    called = 0
    for _ in range(40):
        runs = runs_of({v: [list(rng.random(40) < 0.5) for _ in range(3)] for v in ("random", "one", "two")})
        called += compare(runs).table.differs.any()
    assert called <= 6  # binomial(40, 0.05) is above 6 in 0.3% of cases


# -- a bench --------------------------------------------------------------------------------------------------------
def test_compare_by_hand():
    runs = runs_of({"random": [right(8), right(10), right(9)], "easy": [right(16), right(17), right(17)]})
    result = compare(runs)
    row = result.table.loc["easy"]  # differences 0.40, 0.35, 0.40: mean 0.38333, sd 0.0288675
    assert list(result.table.index) == ["random", "easy"]
    assert (row.seeds, row.n, row.interval) == (3, 3, "t, n=3")
    assert row.accuracy == pytest.approx(50 / 60)
    assert row.difference == pytest.approx(0.383333, abs=1e-6)
    assert row.low == pytest.approx(0.383333 - 4.3026527 * 0.0288675 / 3**0.5, abs=1e-6)
    assert bool(row.differs) and row.p == row.p_holm
    assert result.table.loc["random"].interval == "reference"
    assert result.verdict == (
        "easy is better than random by 0.383 (95% interval of the difference, after Holm, +0.312 to +0.455; t, n=3)."
    )
    assert list(result.scores.difference) == pytest.approx([0, 0, 0, 0.40, 0.35, 0.40])


def test_the_pairing_is_by_seed():
    # seeds differ a lot, variants by one row in each seed but one: paired, the spread is of that row only
    runs = runs_of({"random": [right(2), right(10), right(18)], "easy": [right(4), right(12), right(19)]})
    row = compare(runs).table.loc["easy"]
    assert row.sd == pytest.approx(np.std([0.2, 0.6, 0.95], ddof=1))
    assert row.sd_difference == pytest.approx(np.std([0.1, 0.1, 0.05], ddof=1))


def test_no_detectable_difference_says_what_could_have_been():
    runs = runs_of({"random": [right(8), right(10), right(9)], "easy": [right(9), right(9), right(10)]})
    result = compare(runs)
    effect = minimum_detectable_effect(result.table.sd_difference["easy"], 3)
    assert result.verdict == (
        "No detectable difference from random for easy (3 seeds, 20 test rows): "
        f"this design could have detected about {effect:.3f}."
    )


def test_one_seed_has_no_interval():
    result = compare(runs_of({"random": [right(8)], "easy": [right(16)]}))
    assert result.table.loc["easy"].interval == "none, n=1"
    assert result.table.low.isna().all() and not result.table.differs.any()
    assert result.verdict == (
        "One seed has no interval and says nothing about other seeds (easy +0.400 against random): run at least three."
    )


def test_equal_differences_are_never_certain():
    result = compare(runs_of({"random": [right(8), right(9), right(10)], "easy": [right(9), right(10), right(11)]}))
    assert not result.table.differs["easy"] and np.isnan(result.table.low["easy"])
    assert result.verdict == (
        "No detectable difference from random for easy (3 seeds, 20 test rows). Note: easy differs by exactly +0.050 "
        "in all 3 seeds: without a spread there is no interval."
    )


def test_a_failed_seed_is_left_out_and_named():
    early = last_test(right(0), share=0.25, step=3)
    runs = runs_of(
        {"random": [right(8), right(9), right(10)], "easy": [right(16), early, right(17)]},
        ended={("easy", 1): "failed: ValueError: no rows left"},
    )
    result = compare(runs)
    assert (result.table.seeds["easy"], result.table.interval["easy"]) == (2, "t, n=2")
    assert result.notes == ("easy, seed 1, failed: ValueError: no rows left, and is left out",)
    assert result.verdict.endswith("Note: easy, seed 1, failed: ValueError: no rows left, and is left out.")


def test_a_missing_and_an_early_seed_are_named():
    early = last_test(right(12), share=0.5)
    runs = runs_of({"random": [right(8), right(9), right(10)], "easy": [right(12), None, early]})
    assert compare(runs).notes == (
        "easy, seed 2, was last tested at 50% of its budget",
        "easy has no test in seed 1, which is left out of its difference",
    )


def test_a_variant_that_failed_in_every_seed_keeps_its_line():
    runs = runs_of({"random": [right(8)] * 2, "easy": [right(9)] * 2}, ended={("easy", s): "failed: x" for s in (0, 1)})
    result = compare(runs)
    assert list(result.table.seeds) == [2, 0]
    assert result.verdict.startswith("easy cannot be compared: no seed in common with random.")


def test_only_shared_rows_count():
    answers = right(10)
    runs = runs_of({"random": [right(8)] * 2, "easy": [[np.nan, *answers[1:]], answers]})
    result = compare(runs)
    assert result.notes[0] == "1 of 20 test rows have no result for some variant and are left out"
    assert result.table.accuracy["random"] == pytest.approx(7 / 19)


def test_the_null_band_is_reported_and_is_no_variant():
    answers = {"random": [right(8), right(10), right(9)], "easy": [right(9), right(9), right(11)]}
    nulls = {"order 2": [right(9), right(11), right(8)], "order 3": [right(7), right(12), right(10)]}
    result = compare(runs_of(answers | nulls, null=("order 2", "order 3")))
    assert list(result.table.index) == ["random", "easy"] and set(result.scores.variant) == {"random", "easy"}
    assert result.null.k == 2
    assert result.null.table.best.tolist() == pytest.approx([0.05, 0.10, 0.05])
    assert result.null.table.worst.tolist() == pytest.approx([-0.05, 0.05, -0.05])
    assert result.null.gain == pytest.approx(0.10 / 3)  # means over the seeds: 0.05 / 3 and 0.10 / 3
    assert result.null.worst == pytest.approx(0.05 / 3)
    assert result.verdict.endswith(
        "The best of 2 random orders gained +0.033 over random by chance alone; "
        "easy did not gain more than that."
    )


def test_gold_and_several_solvers_are_said():
    vote = [last_test(right(k), solver="vote", gold=True) for s, k in enumerate((12, 15, 13))]
    tree = [last_test(right(9), solver="tree") for s in range(3)]
    both = [pd.concat(pair, ignore_index=True) for pair in zip(vote, tree, strict=True)]
    result = compare(runs_of({"random": [right(8), right(10), right(9)], "easy": both}))
    assert list(result.table.index) == ["random", "easy / vote", "easy / tree"]
    assert list(result.table.gold) == [False, True, False]
    assert result.verdict.endswith("Tested by a solver that sees the answers: easy / vote.")
    assert "gold" in str(result)


def test_levels():
    runs = runs_of({"random": [right(8), right(10)], "easy": [right(16), right(17)]}, level=[1] * 10 + [2] * 10)
    levels = compare(runs).levels.set_index(["level", "variant"])
    assert levels.accuracy[1, "random"] == pytest.approx(0.9) and levels.accuracy[2, "easy"] == pytest.approx(0.65)
    assert levels.difference[2, "easy"] == pytest.approx(0.65)  # 0.6 - 0.0 and 0.7 - 0.0
    assert (levels.rows == 10).all() and levels.interval[2, "easy"] == "t, n=2"
    assert compare(runs_of({"random": [right(8)]})).levels.empty


def test_an_earlier_share_can_be_compared():
    items = [pd.concat([last_test(right(k)), last_test(right(3), share=0.5)]) for k in (8, 12)]
    runs = runs_of({"random": [items[0]] * 2, "easy": [items[1]] * 2})
    assert compare(runs, at=0.5).table.accuracy.tolist() == pytest.approx([0.15, 0.15])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"to": "rnd"}, "no variant 'rnd' to compare with; there are random and easy: pass one as to="),
        ({"at": 0.3}, "no test at=0.3; choose 'end', or one of the shares of the budget 1"),
        ({"level": 95}, "level=95 is not a confidence; give a share between 0 and 1, such as 0.95"),
    ],
)
def test_bad_requests(keywords: dict, message: str):
    with pytest.raises(ValueError) as error:
        compare(runs_of({"random": [right(8)], "easy": [right(9)]}), **keywords)
    assert str(error.value) == message


def test_nothing_to_compare():
    with pytest.raises(ValueError) as error:
        compare(Runs(()))
    assert str(error.value) == ("nothing to compare: no test was made (runs.items is empty); give the bench test rows")
    failed = runs_of({"random": [right(8)], "easy": [right(9)]}, ended={("random", 0): "failed: KeyError: 'loss'"})
    with pytest.raises(ValueError) as error:
        compare(failed)
    assert str(error.value) == (
        "'random' has no test at='end' in any seed (random, seed 0, failed: KeyError: 'loss', and is left out): "
        "nothing can be compared with it"
    )
    assert compare(runs_of({"random": [right(8)]})).verdict == (
        "Only random was run: there is nothing to compare it with."
    )


def test_every_combination_of_seeds_gives_one_sentence_or_more():
    for seeds, k, null in product((1, 2, 3, 10), (1, 6), (0, 2)):
        rng = np.random.default_rng([seeds, k, null])
        names = ["random", *(f"variant {i}" for i in range(k)), *(f"order {i}" for i in range(null))]
        runs = runs_of({v: [list(rng.random(30) < 0.5) for _ in range(seeds)] for v in names}, tuple(names[k + 1 :]))
        assert compare(runs).verdict.endswith(".")


# -- what reinforcement spent -----------------------------------------------------------------------------------------
def grouped(**columns):
    """Runs of one variant and seed whose groups of answers are given."""
    n = len(next(iter(columns.values())))
    same = {"step": 0, "purpose": "answer", "id": "r", "group": range(n), "n": 4, "tokens": 40}
    table = pd.DataFrame({**same, **columns})
    ledger = pd.DataFrame({"step": [0], "request": "Sample", "seconds": [2.0], "test": [False]})
    tables = {"groups": table, "ledger": ledger, "metrics": pd.DataFrame({"step": [1]})}
    return Runs((Record({"variant": "v", "seed": 0}, tables),))


def test_waste_by_hand():
    # a probe, a rejected group, a silent one, one with a signal, and one of which half was dropped
    runs = grouped(purpose=["probe", *["answer"] * 4], trained=[0, 0, 4, 4, 2], reward=[0.5, 0, 1, 0.5, 0.25],
                   signal=[False, False, False, True, True], tokens=[10, 40, 50, 60, 40])  # fmt: skip
    line = waste(runs).loc["v"]
    assert (line.rollouts, line.generated, line.seconds) == (20, 200, 2)
    assert line.probed == pytest.approx(10 / 200) and line.rejected == pytest.approx((40 + 20) / 200)
    assert line.silent == pytest.approx(50 / 200) and line.wasted == pytest.approx(110 / 200)
    assert line.signal == pytest.approx(2 / 3)


def test_what_a_filter_would_have_saved_by_hand():
    runs = grouped(trained=[4, 4, 4, 2, 0], reward=[0, 1, 0.5, 0.9, 0], spread=[0, 0, 1, 1, 0],
                   tokens=[10, 20, 30, 40, 100])  # fmt: skip
    line = filter_savings(runs).loc["v"]
    assert line.dropped == 0.5 and line.generation == pytest.approx(30 / 200) and line.signal_lost == 0
    assert line.training == pytest.approx(30 / (10 + 20 + 30 + 20))
    line = filter_savings(runs, low=0.2, high=0.8).loc["v"]
    assert line.dropped == 0.75 and line.signal_lost == 0.5


def test_without_answers_there_is_no_waste():
    runs = grouped(trained=[0], reward=[0.0], spread=[0.0])
    with pytest.raises(ValueError, match=r"^nothing to filter: no group of answers was trained \(runs.groups\)$"):
        filter_savings(runs)


# -- what was forgotten, what carried over --------------------------------------------------------------------------
def course(accuracy: dict, trained: dict | None = None, *, by: str = "topic") -> tuple[Record, ...]:
    """Runs from {variant: [per seed: {group: accuracy at steps 0, 10, 20, ...}]}, shares in quarters, and rows trained
    {variant: [(step, id), ...]}, the same in every seed."""
    records = []
    for variant, seeds in accuracy.items():
        for seed, groups in enumerate(seeds):
            items = [
                last_test([1] * round(4 * a) + [0] * round(4 - 4 * a), **{by: group}).assign(
                    step=10 * k, share=k / (len(path) - 1), id=[f"{group}/{i}" for i in range(4)]
                )
                for group, path in groups.items()
                for k, a in enumerate(path)
            ]
            exposure = pd.DataFrame((trained or {}).get(variant, []), columns=["step", "id"])
            tables = {"items": pd.concat(items, ignore_index=True), "exposure": exposure.assign(tokens=1, weight=1.0)}
            spec = {"variant": variant, "seed": seed, "ended": "budget"}
            records.append(Record(spec, {**tables, "metrics": pd.DataFrame(), "ledger": pd.DataFrame()}))
    return tuple(records)


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
    assert table.change.to_dict() == pytest.approx({
        ("a", "a"): 0.5, ("a", "b"): -0.25, ("b", "a"): -0.25, ("b", "b"): 0.625,
    })  # fmt: skip
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
