"""Sentences of a verdict: each from one line of a table made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.statistics.null import Null
from curriculab.statistics.verdict import KINDS, Claim, Sentence, in_order, sentences

LINE = {"seeds": 3, "accuracy": 0.5, "difference": 0.03, "low": 0.01, "high": 0.05, "n": 3, "interval": "t, n=3"}
LINE |= {"low_holm": 0.01, "high_holm": 0.05, "differs": True, "sd_difference": 0.01, "gold": False, "p_rows": 0.5}
LINE |= {"low_new": 0.005, "high_new": 0.055}
REFERENCE = LINE | dict.fromkeys(("difference", "low_holm", "high_holm", "sd_difference"), np.nan) | {"differs": False}


def made_of(lines: dict[str, dict], **more: object) -> tuple[Sentence, ...]:
    claim = {
        name: more.pop(name) for name in ("margin", "spread", "orders", "cluster", "phrases", "steered") if name in more
    }
    table = pd.DataFrame({"random": REFERENCE | {"n": 0}} | {v: LINE | own for v, own in lines.items()}).T
    table = table.astype({"differs": bool, "gold": bool, "n": int}).infer_objects()
    given = {"phrases": {}, **claim}
    return sentences(Claim(table, "random", "300 test rows", 0.95, **given), **{"null": None, "notes": [], **more})


def text_of(lines: dict[str, dict], **more: object) -> str:
    """All that stands behind the answer, and before it."""
    return " ".join(sentence.text for sentence in made_of(lines, **more) if sentence.kind != "answer")


def answer_of(lines: dict[str, dict], **more: object) -> str:
    """The line that answers whether any of them helps."""
    (answer,) = [sentence.text for sentence in made_of(lines, **more) if sentence.kind == "answer"]
    return answer


def test_better_alone_is_written_where_new_rows_support_it():
    assert text_of({"easy": {}}) == (
        "easy is better than random by 0.030 (95% intervals of the difference, after Holm: +0.010 to +0.050 on these "
        "300 test rows, +0.005 to +0.055 for new rows of this kind; t, n=3)."
    )


@pytest.mark.parametrize("new", [(-0.001, 0.06), (0.0, 0.06)])
def test_else_it_is_better_on_these_rows(new: tuple[float, float]):
    text = text_of({"easy": {"low_new": new[0], "high_new": new[1]}})
    assert text.startswith("easy is better than random on these 300 test rows by 0.030 (95% intervals")
    assert f"{new[0]:+.3f} to +0.060 for new rows of this kind" in text


def test_without_an_interval_for_new_rows_the_claim_is_on_these():
    assert text_of({"easy": {"low_new": np.nan, "high_new": np.nan}}) == (
        "easy is better than random on these 300 test rows by 0.030 (95% interval of the difference, after Holm, "
        "+0.010 to +0.050; t, n=3)."
    )


def test_worse_is_told_in_the_same_way():
    down = {"difference": -0.03, "low_holm": -0.05, "high_holm": -0.01, "low_new": -0.06, "high_new": -0.002}
    assert text_of({"easy": down}).startswith("easy is worse than random by 0.030")
    assert text_of({"easy": down | {"high_new": 0.002}}).startswith("easy is worse than random on these 300 test rows")


def test_two_seeds_come_first_where_no_difference_is_larger_than_the_margin_too():
    within = {"differs": False, "n": 2, "low_margin": -0.01, "high_margin": 0.015, "within_margin": True}
    text = text_of({"easy": within}, margin=0.02)
    assert "From two seeds only: No difference larger than 0.02 from random" in text


def test_two_seeds_come_first():
    assert text_of({"easy": {"n": 2}}).startswith("From two seeds only: easy is better than random by 0.030")


def test_a_pooled_spread_is_an_assumption_and_clusters_are_named():
    text = text_of({"easy": {}, "hard": {"differs": False}}, spread="pooled", cluster="template")
    assert "after Dunnett: " in text and "; t, n=3, assuming equal spread of all variants)." in text
    assert "for new rows of this kind, drawn by template" in text
    assert text.endswith(
        "hard: +0.030 (95% interval, after Dunnett, +0.010 to +0.050; 3 seeds, 300 test rows, assuming equal spread of "
        "all variants)."
    )


def test_without_a_spread_the_test_over_rows_is_told():
    flat = {"differs": False, "sd_difference": 0.0, "low_holm": np.nan, "high_holm": np.nan, "difference": 1.0}
    assert text_of({"easy": flat | {"p_rows": 2.0**-299}}) == (
        "easy differs from random by +1.000 in each of 3 seeds; without a spread over seeds this is not tested over "
        "seeds (over rows: p < 1e-90)."
    )  # 2 ** -299 is 9.8e-91


@pytest.mark.parametrize(
    ("p", "text"), [(0.25, "= 0.250"), (0.0004, "< 0.001"), (3e-7, "< 1e-6"), (0.0, "< 1e-300"), (2.0**-300, "< 1e-90")]
)
def test_small_p_are_told_by_the_next_power_of_ten(p: float, text: str):
    flat = {"differs": False, "sd_difference": 0.0, "low_holm": np.nan, "high_holm": np.nan, "p_rows": p}
    assert f"(over rows: p {text})" in text_of({"easy": flat})


def test_costs_stand_behind_the_difference_they_may_explain():
    phrases = {"easy": ["8 times the rows trained", "a learning rate of 0.004 against 0.001"], "hard": ["the solver x"]}
    text = text_of({"easy": {}, "hard": {"differs": False}}, phrases=phrases)
    assert "by 0.030, with 8 times the rows trained and a learning rate of 0.004 against 0.001 (95%" in text
    assert text.endswith("Unlike random, hard ran with the solver x.")


def test_what_was_done_by_hand_stands_in_the_sentence_or_behind_it():
    by_hand = {"easy": "stopped at step 5", "hard": "swapped to sec at step 3"}
    text = text_of({"easy": {}, "hard": {"differs": False}}, steered=by_hand)
    assert text.startswith("easy (stopped) is better than random by 0.030, steered by hand (stopped at step 5) (95%")
    assert "No detectable difference from random for hard (steered): +0.030 (95% interval, after Holm" in text
    assert text.endswith("Steered by hand while it trained: hard (swapped to sec at step 3).")


def test_the_null_band_is_no_yardstick_with_few_orders_and_a_rank_with_many():
    few = Null(3, -0.01, 0.05, pd.DataFrame())
    assert text_of({"easy": {}}, null=few).endswith(
        "The best of 3 random orders gained +0.050 over random by chance alone."
    )
    many = Null(19, -0.01, 0.02, pd.DataFrame(), {"easy": 0.05})
    assert text_of({"easy": {}}, null=many, orders=20).endswith(
        "In each difference random is the mean of 20 random orders of the same seed. Rank of each gain among those of "
        "19 random orders, one-sided, after Holm: easy p = 0.050."
    )


def test_ranks_are_corrected_and_told_only_where_the_smallest_could_pass():
    ranks = {"easy": 0.025, "hard": 0.5}
    assert "Rank of each gain" not in text_of({"easy": {}, "hard": {}}, null=Null(19, 0, 0, pd.DataFrame(), ranks))
    text = text_of({"easy": {}, "hard": {}}, null=Null(39, 0, 0, pd.DataFrame(), ranks))
    assert text.endswith("39 random orders, one-sided, after Holm: easy p = 0.050, hard p = 0.500.")


def test_controls_are_told_apart_and_never_called_better():
    text = text_of({"easy": {"differs": False, "control": False}, "easy, shuffled": {"control": True}})
    assert text.startswith("No detectable difference from random for easy: +0.030 (")
    assert text.endswith(
        "Controls against random, which claim nothing (95% intervals of one test alone, not corrected for their "
        "number; 3 seeds): 'easy, shuffled' +0.030 (+0.010 to +0.050)."
    )
    assert "better" not in text


UNSURE = {"differs": False, "low_holm": -0.01, "high_holm": 0.05, "mde": 0.06}
FLAT = {"differs": False, "sd_difference": 0.0, "low_holm": np.nan, "high_holm": np.nan}
DOWN = {"difference": -0.03, "low_holm": -0.05, "high_holm": -0.01, "low_new": -0.06, "high_new": -0.002}


@pytest.mark.parametrize(
    ("lines", "more", "answer"),
    [
        ({"a": UNSURE, "b": UNSURE | {"low_holm": -0.07}}, {},
         "No. None of 2 curricula can be told from random order on these 300 test rows; a difference of up to 0.070 "
         "is not ruled out."),
        ({"a": UNSURE}, {},
         "No. a cannot be told from random order on these 300 test rows; a difference of up to 0.050 is not ruled "
         "out."),
        ({"a": UNSURE, "b": FLAT}, {},
         "No. None of 2 curricula can be told from random order on these 300 test rows (1 could not be tested over "
         "seeds); a difference of up to 0.050 is not ruled out."),
        ({"a": {}}, {}, "Yes. a is better than random order."),
        ({"a": {"low_new": -0.01}}, {}, "Yes. a is better than random order on these 300 test rows."),
        ({"easy, by loss": {}, "b": UNSURE}, {}, "Yes. 1 of 2 curricula is better than random order: 'easy, by loss'."),
        ({"a": {}, "b": {"low_new": -0.01}}, {},
         "Yes. 2 of 2 curricula are better than random order on these 300 test rows: a and b."),
        ({"a": {}, "b": UNSURE}, {"phrases": {"a": ["8 times the rows trained"]}},
         "Yes. 1 of 2 curricula is better than random order, at other costs: a."),
        ({"a": {}}, {"steered": {"a": "swapped to sec at step 3"}}, "Yes. a (steered) is better than random order."),
        ({"a": {"n": 2}}, {}, "From two seeds only: yes. a is better than random order."),
        ({"a": {}}, {"spread": "pooled"},
         "Yes. a is better than random order, assuming equal spread of all variants."),
        ({"a": DOWN}, {}, "No. a is worse than random order."),
        ({"a": DOWN | {"n": 2}, "b": UNSURE}, {},
         "From two seeds only: no. None of 2 curricula is better than random order; a is worse."),
        ({"a": DOWN | {"high_new": 0.01}, "b": DOWN}, {},
         "No. None of 2 curricula is better than random order; a and b are worse on these 300 test rows."),
        ({"a": FLAT}, {}, "Not decided: a could not be tested against random order over seeds."),
        ({"a": FLAT, "b": FLAT}, {},
         "Not decided: none of 2 curricula could be tested against random order over seeds."),
        ({"a": {"control": True}}, {}, "Nothing is claimed: beside random order there are controls only."),
    ],
)  # fmt: skip
def test_the_first_line_answers_the_question(lines: dict, more: dict, answer: str):
    with_controls = {v: {"control": False} | own for v, own in lines.items()}
    assert answer_of(with_controls, **more) == answer


def test_what_voids_a_claim_stands_before_the_answer():
    kinds = [s.kind for s in made_of({"easy": {"gold": True}}, leaks={"easy": "easy trained 3 test rows."})]
    assert kinds[:3] == ["contamination", "answers seen", "answer"]


def test_contamination_leads_then_answers_seen_then_findings_then_costs_then_notes():
    text = text_of({"easy": {"gold": True}}, leaks={"easy": "easy trained 3 test rows."}, costs=["easy was stopped."],
                   notes=["a seed is missing"])  # fmt: skip
    parts = ["easy trained 3 test rows.", "Tested by a solver that sees the answers: easy.", "easy is better than"]
    places = [text.index(part) for part in (*parts, "easy was stopped.", "Note: a seed is missing.")]
    assert places == sorted(places) and places[0] == 0


def test_sentences_of_one_kind_stay_in_their_order():
    mixed = [Sentence(kind, f"{kind} {i}") for i in range(2) for kind in reversed(KINDS)]
    assert [s.text for s in in_order(mixed)] == [f"{kind} {i}" for kind in KINDS for i in range(2)]
