"""`compare` and its verdict: values derived by hand, every way a bench can be incomplete, and equal variants."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from curriculab.runs import Record, Runs
from curriculab.statistics import compare, holm, minimum_detectable_effect, paired_t
from curriculab.statistics.tables import rows_or_sets
from tests.statistics.made import last_test, right, runs_of


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
        "Yes. easy is better than random order.\n"
        "easy is better than random by 0.383 (95% intervals of the difference, after Holm: +0.312 to +0.455 on these "
        f"20 test rows, {row.low_new:+.3f} to {row.high_new:+.3f} for new rows of this kind; t, n=3)."
    )
    assert list(result.scores.difference) == pytest.approx([0, 0, 0, 0.40, 0.35, 0.40])


def test_the_pairing_is_by_seed():
    # seeds differ a lot, variants by one row in each seed but one: paired, the spread is of that row only
    runs = runs_of({"random": [right(2), right(10), right(18)], "easy": [right(4), right(12), right(19)]})
    row = compare(runs).table.loc["easy"]
    assert row.sd == pytest.approx(np.std([0.2, 0.6, 0.95], ddof=1))
    assert row.sd_difference == pytest.approx(np.std([0.1, 0.1, 0.05], ddof=1))


def test_no_detectable_difference_gives_the_interval_that_says_what_could_still_be():
    runs = runs_of({"random": [right(8), right(10), right(9)], "easy": [right(9), right(9), right(10)]})
    result = compare(runs)
    d = np.array([0.05, -0.05, 0.05])  # mean 1/60, sd 0.057735; t of two degrees of freedom at 97.5% is 4.302653
    half = 4.302653 * d.std(ddof=1) / 3**0.5
    spread = d.std(ddof=1) * np.sqrt(2 / 0.1025866)  # the 5% quantile of chi-square with 2 degrees of freedom
    missed = minimum_detectable_effect(spread, 3)
    assert result.table.mde["easy"] == pytest.approx(missed, rel=1e-5)
    assert result.verdict == (
        f"No. easy cannot be told from random order on these 20 test rows; a difference of up to {1 / 60 + half:.3f} "
        "is not ruled out.\n"
        f"No detectable difference from random for easy: +0.017 (95% interval {1 / 60 - half:+.3f} to "
        f"{1 / 60 + half:+.3f}; 3 seeds, 20 test rows)."
    )


def test_of_one_row_nothing_beyond_one_is_detectable():
    table = compare(runs_of({"random": [[0], [1], [0]], "easy": [[1], [0], [1]]})).table
    assert np.isnan(table.mde["easy"])  # the bound is far above 1


def test_undetected_variants_have_a_line_each_with_the_numbers_of_the_table():
    seeds = {f"v{i}": [right(8 + (i + s) % 3) for s in range(3)] for i in range(5)}
    result = compare(runs_of({"random": [right(9), right(9), right(9)], **seeds}))
    first, *lines = result.verdict.splitlines()
    assert first.startswith("No. None of 5 curricula can be told from random order on these 20 test rows")
    ends = result.shown_first()["95% interval"]
    assert lines == [
        f"No detectable difference from random for {v}: 0.000 (95% interval, after Holm, {ends[v]}; 3 seeds, 20 test "
        "rows)."
        for v in seeds
    ]  # 8, 9 and 10 right in some order, each against 9: a mean of 0, computed as -9e-18 or so


def test_the_table_that_is_shown_holds_what_the_sentences_say():
    answers = {"random": [right(8), right(10), right(9)], "easy": [right(16), right(17), right(17)]}
    runs = runs_of(answers | {"easy, reversed": [right(9), right(9), right(10)]})
    control = runs.records[-1].spec["variant"]
    for record in runs.records:
        record.spec["control"] = record.key[0] == control
    result = compare(runs)
    shown = result.shown_first()
    row, other = result.table.loc["easy"], result.table.loc[control]
    assert [*shown.columns] == ["accuracy", "difference", "95% interval", "p (Holm)"]
    assert [*shown.index] == ["random", "easy", "easy, reversed (control)"]
    assert shown.loc["easy"].tolist() == ["0.833", "+0.383", "+0.312 to +0.455", f"{row.p_holm:.3f}"]
    assert "+0.383".lstrip("+") in result.verdict and "+0.312 to +0.455" in result.verdict
    assert f"'easy, reversed' +0.017 ({other.low:+.3f} to {other.high:+.3f})." in result.verdict.splitlines()
    assert shown["95% interval"].iloc[2] == f"{other.low:+.3f} to {other.high:+.3f}"
    assert shown["difference"].iloc[0] == shown["95% interval"].iloc[0] == ""


def test_printed_it_is_torn_between_words_only():
    names = {f"a curriculum with a rather long name, number {i}": [right(8), right(9), right(11)] for i in range(3)}
    printed = str(compare(runs_of({"random": [right(9)] * 3, **names})))
    text, table = printed.split("\n\n")
    assert max(map(len, text.splitlines())) <= 88
    assert " ".join(text.split()) == " ".join(compare(runs_of({"random": [right(9)] * 3, **names})).verdict.split())
    assert table.splitlines()[0].split() == ["variant", "accuracy", "difference", "95%", "interval", "p", "(Holm)"]


def test_a_claim_of_two_seeds_says_so_first():
    runs = runs_of({"random": [right(200, 1000), right(210, 1000)], "easy": [right(600, 1000), right(611, 1000)]})
    result = compare(runs)
    first, second = result.verdict.splitlines()
    assert first == "From two seeds only: yes. easy is better than random order."
    assert second.startswith("From two seeds only: easy is better than random by 0.40")


def test_one_seed_has_no_interval():
    result = compare(runs_of({"random": [right(8)], "easy": [right(16)]}))
    assert result.table.loc["easy"].interval == "none, n=1"
    assert result.table.low.isna().all() and not result.table.differs.any()
    assert result.verdict == (
        "Not decided: easy could not be tested against random order over seeds.\n"
        "One seed has no interval and says nothing about other seeds (easy +0.400 against random): run at least three."
    )


def test_equal_differences_are_never_certain():
    result = compare(runs_of({"random": [right(8), right(9), right(10)], "easy": [right(9), right(10), right(11)]}))
    assert not result.table.differs["easy"] and np.isnan(result.table.low["easy"])
    assert result.verdict == (
        "Not decided: easy could not be tested against random order over seeds.\n"
        "easy differs from random by +0.050 in each of 3 seeds; without a spread over seeds this is not tested over "
        "seeds (over rows: p = 0.250)."  # three rows, each to easy's favour: 2 / 2 ** 3
    )
    assert [s.kind for s in result.sentences] == ["answer", "not tested"]


def test_all_wrong_against_all_right_is_not_called_undetected():
    result = compare(runs_of({"random": [right(0)] * 3, "easy": [right(20)] * 3}))
    assert "No detectable difference" not in result.verdict
    assert result.verdict.splitlines()[1].startswith(
        "easy differs from random by +1.000 in each of 3 seeds; without a spread over"
    )
    same = compare(runs_of({"random": [right(4)] * 2, "easy": [right(4)] * 2}))
    assert same.verdict == (
        "Not decided: easy could not be tested against random order over seeds.\n"
        "easy has the same accuracy as random in both seeds; without a spread over seeds this is not tested over seeds."
    )


def test_a_failed_seed_is_left_out_and_named():
    early = last_test(right(0), share=0.25, step=3)
    runs = runs_of(
        {"random": [right(8), right(9), right(10)], "easy": [right(16), early, right(17)]},
        ended={("easy", 1): "failed: ValueError: no rows left"},
    )
    result = compare(runs)
    assert (result.table.seeds["easy"], result.table.interval["easy"]) == (2, "t, n=2")
    assert result.notes == ("easy failed in seed 1 and is left out there (ValueError: no rows left)",)
    assert result.verdict.endswith("Note: easy failed in seed 1 and is left out there (ValueError: no rows left).")


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
    assert result.verdict.splitlines() == [
        "Not decided: easy could not be tested against random order over seeds.",
        "easy cannot be compared: no seed in common with random.",
        "Note: easy failed in all 2 seeds and is left out there (x).",
    ]


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
    assert result.verdict.endswith("The best of 2 random orders gained +0.033 over random by chance alone.")
    assert result.null.ranks == {}


def test_gold_and_several_solvers_are_said():
    vote = [last_test(right(k), solver="vote", gold=True) for s, k in enumerate((12, 15, 13))]
    tree = [last_test(right(9), solver="tree") for s in range(3)]
    both = [pd.concat(pair, ignore_index=True) for pair in zip(vote, tree, strict=True)]
    result = compare(runs_of({"random": [right(8), right(10), right(9)], "easy": both}))
    assert list(result.table.index) == ["random", "easy / vote", "easy / tree"]
    assert list(result.table.gold) == [False, True, False]
    assert result.verdict.startswith("Tested by a solver that sees the answers: easy / vote.\n")
    assert "sees answers" in str(result)


def test_a_reference_with_several_solvers_is_one_of_their_lines():
    pair = [last_test(right(12), solver="alone"), last_test(right(15), solver="taught")]
    runs = runs_of({"plain": [pd.concat(pair, ignore_index=True)] * 2, "easy": [right(16), right(17)]})
    line = r"^'plain' was tested by 2 solvers: pass one line as to=, 'plain / alone' and 'plain / taught'$"
    with pytest.raises(ValueError, match=line):
        compare(runs, to="plain")
    assert compare(runs, to="plain / taught").table.index[1] == "plain / taught"


def test_levels():
    runs = runs_of({"random": [right(8), right(10)], "easy": [right(16), right(17)]}, level=[1] * 10 + [2] * 10)
    levels = compare(runs).levels.set_index(["level", "variant"])
    assert levels.accuracy[1, "random"] == pytest.approx(0.9) and levels.accuracy[2, "easy"] == pytest.approx(0.65)
    assert levels.difference[2, "easy"] == pytest.approx(0.65)  # 0.6 - 0.0 and 0.7 - 0.0
    assert (levels.rows == 10).all() and levels.interval[2, "easy"] == "t, n=2"
    assert compare(runs_of({"random": [right(8)]})).levels.empty


def test_an_earlier_share_can_be_compared():
    items = [pd.concat([last_test(right(k)), last_test(right(3), share=0.5, step=5)]) for k in (8, 12)]
    runs = runs_of({"random": [items[0]] * 2, "easy": [items[1]] * 2})
    assert compare(runs, at=0.5).table.accuracy.tolist() == pytest.approx([0.15, 0.15])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"to": "rnd"}, "no variant 'rnd' to compare with; there are random and easy: pass one as to="),
        ({"at": 0.3}, "no test at=0.3; choose 'end', 'tokens', or one of the shares of the budget 1"),
        ({"confidence": 95}, "confidence=95; give a share between 0 and 1, such as 0.95"),
        ({"margin": 2}, "margin=2; give the smallest difference that would matter, such as 0.02"),
        (
            {"at": "tokens"},
            "no comparison at equal tokens: 'random', seed 0, does not record tokens trained, sampled and scored; "
            "choose at='end'",
        ),
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
        "'random' has no test at='end' in any seed (random failed in seed 0 and is left out there (KeyError: 'loss')): "
        "nothing can be compared with it"
    )
    assert compare(runs_of({"random": [right(8)]})).verdict == (
        "Only random was run: there is nothing to compare it with."
    )


@pytest.mark.slow
def test_every_combination_of_seeds_gives_one_sentence_or_more():
    for seeds, k, null in product((1, 2, 3, 10), (1, 6), (0, 2)):
        rng = np.random.default_rng([seeds, k, null])
        names = ["random", *(f"variant {i}" for i in range(k)), *(f"order {i}" for i in range(null))]
        runs = runs_of({v: [list(rng.random(30) < 0.5) for _ in range(seeds)] for v in names}, tuple(names[k + 1 :]))
        assert compare(runs).verdict.endswith(".")


def test_identical_variants_are_rarely_called_different():
    """1,000 benches of five equal variants, three seeds, 100 rows, by the steps of `compare` taken at once."""
    rng = np.random.default_rng(3)
    share = np.clip(rng.beta(4, 4, (1000, 1, 1)) + rng.normal(0, 0.03, (1000, 5, 3)), 0.01, 0.99)
    accuracy = rng.binomial(100, share) / 100
    called = (holm(paired_t(accuracy[:, 1:] - accuracy[:, :1]).p) < 0.05).any(axis=1)
    assert called.mean() < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.slow
def test_identical_variants_through_compare():
    """400 benches of three equal variants, three seeds, 30 rows that differ in difficulty; seed 4."""
    rng, called = np.random.default_rng(4), 0
    share = rng.beta(2, 2, 30)
    for _ in range(400):
        answers = rng.random((3, 3, 30)) < share  # (variants, seeds, rows)
        runs = runs_of({v: list(own) for v, own in zip(("random", "one", "two"), answers, strict=True)})
        called += compare(runs).table.differs.any()
    assert called <= 20 + 2 * (400 * 0.05 * 0.95) ** 0.5


def test_a_share_of_a_set_whose_rows_nobody_knows_is_no_test_row():
    lines = [
        dict(
            id="eval",
            correct=0.4 + 0.1 * seed * (v == "easy"),
            step=5,
            share=1.0,
            progress=1.0,
            solver="direct",
            gold=False,
            tokens=1,
            rollouts=0,
            generated=0,
            seconds=1.0,
            whole_set=True,
            variant=v,
            seed=seed,
        )
        for v in ("random", "easy")
        for seed in range(3)
    ]
    items = pd.DataFrame(lines)
    imported = Runs(
        tuple(
            Record(dict(variant=v, seed=s, ended="imported"), dict(items=part.drop(columns=["variant", "seed"])))
            for (v, s), part in items.groupby(["variant", "seed"])
        )
    )
    assert "; 3 seeds, 1 whole test set)" in compare(imported).verdict
    assert rows_or_sets(items) == "1 whole test set" and rows_or_sets(items[:0]) == "0 test rows"
    assert rows_or_sets(items.assign(whole_set=items.seed == 0)) == "1 test row and 1 whole test set"
    assert rows_or_sets(items.drop(columns="whole_set")) == "1 test row"


def test_new_rows_are_drawn_in_groups_where_the_test_rows_have_templates():
    from curriculab.statistics import crossed

    answers = {"random": [right(8), right(10), right(9)], "easy": [right(16), right(17), right(17)]}
    d = np.array([np.subtract(right(b), right(a)) for a, b in ((8, 16), (10, 17), (9, 17))])
    for column, asked in (("template", None), ("topic", "topic")):
        names = [f"t{i // 5}" for i in range(20)]
        found = compare(runs_of(answers, **{column: names}), cluster=asked)
        wide = crossed(d, groups=names)
        assert found.cluster == column and found.table.p_new["easy"] == pytest.approx(wide.p)
        assert (found.table.low_new["easy"], found.table.high_new["easy"]) == pytest.approx((wide.low, wide.high))
    assert compare(runs_of(answers)).cluster is None
    assert compare(runs_of(answers)).table.p_new["easy"] == pytest.approx(max(paired_t(d.mean(axis=1)).p, crossed(d).p))
    with pytest.raises(ValueError, match="cluster='theme': the test rows have no such column; they have variant, seed"):
        compare(runs_of(answers), cluster="theme")


def test_a_seed_that_is_no_longer_needed_is_told_and_changes_nothing():
    runs = runs_of({"random": [right(8)] * 3, "easy": [right(9), right(10), right(9)]})
    with pytest.warns(UserWarning, match="seed is no longer used"):
        told = compare(runs, seed=3)
    assert told.table.equals(compare(runs).table)
