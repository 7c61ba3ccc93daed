"""Costs are part of the claim: who paid more, or was trained or tested otherwise, is told in the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.runs import Record, Runs
from curriculab.simulation.pools import planted
from curriculab.statistics.costs import cost_phrases, joined, spent, spent_at, times

POOL, STUDENT = planted({"easy": 0.7, "middle": 0.5, "hard": 0.2}, rate=0.02, rows=60)
TRAIN, TEST = POOL.iloc[::2], POOL.iloc[1::2]


def batch(pool: pd.DataFrame, run: cl.Run, times: int = 1) -> pd.DataFrame:
    return pool.sample(times * run.batch, random_state=run.rng, replace=True)


def big(pool, run):
    """Eight times the rows a step."""
    while True:
        yield cl.Train(batch(pool, run, 8))


def hot(pool, run):
    """A learning rate of its own."""
    while True:
        yield cl.Train(batch(pool, run), objective=cl.Sft(learning_rate=4e-3))


def probe(pool, run):
    """Reads the whole pool before each step."""
    while True:
        yield cl.Score(pool, "nll")
        yield cl.Train(batch(pool, run))


def votes(rows):
    """32 answers a row, of which the most frequent counts."""
    return (yield cl.Sample(rows, n=32, temperature=1.0, purpose="test"))


def vote(pool, run):
    yield cl.Use({"vote": votes}, reduce="majority")
    while True:
        yield cl.Train(batch(pool, run))


def brief(pool, run):
    """Returns a third of the way."""
    for _ in range(20):
        yield cl.Train(batch(pool, run))


def compared(name: str, method: Callable, **settings: object) -> cl.statistics.Comparison:
    variants = {"random": cl.methods.random_order, name: method}
    how = dict(steps=60, batch_size=4, learner=STUDENT, tests=TEST, evaluate_every=5, seed=[0, 1, 2])
    return cl.compare(cl.simulate(variants, TRAIN, **how | dict(objective=cl.Sft(learning_rate=1e-3)) | settings))


def text_of(result: cl.statistics.Comparison, kind: str) -> str:
    return " ".join(sentence.text for sentence in result.sentences if sentence.kind == kind)


# -- planted variants that win by what they paid ----------------------------------------------------------------------
def test_eight_times_the_rows_a_step_are_in_the_sentence_and_at_equal_tokens_nothing_is_left():
    result = compared("big", big)
    assert result.costs.rows_trained.to_dict() == {"random": 240.0, "big": 1920.0}
    assert text_of(result, "finding").startswith("big is better than random by ")
    assert ", with 8 times the rows and tokens trained (95% intervals" in text_of(result, "finding")
    assert "At equal tokens: No detectable difference from random for big" in text_of(result, "equal tokens")
    assert not result.equal.table.differs["big"]


def test_a_learning_rate_of_its_own_is_said_of_a_variant_that_was_not_detected_too():
    result = compared("hot", hot)
    assert result.costs.learning_rate.to_dict() == {"random": "0.001", "hot": "0.004"}
    assert text_of(result, "cost") == "Unlike random, hot ran with a learning rate of 0.004 against 0.001."


def test_reading_the_pool_before_each_step_ends_early_and_is_said():
    result = compared("probe", probe)
    assert "probe was ended by its ceiling on tokens trained, sampled and scored at 25 of 60 steps" in text_of(
        result, "cost"
    )
    assert " of 60 steps (seeds 0, 1 and 2)." in text_of(result, "cost")
    assert "tokens scored against none" in text_of(result, "finding")
    equal = text_of(result, "equal tokens")
    assert equal.startswith("At equal tokens: tests compared by tokens") and "probe has no test near " in equal
    assert result.costs.ended["probe"] == "ceiling on total tokens, at 25 of 60 steps"


def test_votes_at_test_are_in_the_sentence():
    result = compared("vote", vote)
    ratio = result.costs.tokens_at_test["vote"] / result.costs.tokens_at_test["random"]
    assert ratio > 5
    assert f"{times(ratio)} times the tokens at its last test and the solver vote at tests against direct" in (
        text_of(result, "finding")
    )


def test_a_method_that_returns_early_is_said_with_its_step():
    result = compared("brief", brief)
    assert "brief ended by itself at step 20 of 60 (seeds 0, 1 and 2)." in text_of(result, "cost")
    assert "0.33 times the optimiser steps, rows trained and tokens trained" in result.verdict
    assert "was last tested at" not in result.verdict  # its end is told, so its share needs no telling


def test_another_objective_is_said():
    result = compared("held", lambda pool, run: held(pool, run))
    assert "the objective sft(weight_decay=0.1) against sft" in result.verdict


def held(pool, run):
    while True:
        yield cl.Train(batch(pool, run), objective=cl.Sft(learning_rate=1e-3, weight_decay=0.1))


def test_equal_costs_are_not_told():
    result = compared("again", cl.methods.random_order)
    assert not text_of(result, "cost") and not text_of(result, "equal tokens") and ", with " not in result.verdict
    assert result.equal is None


# -- by hand ----------------------------------------------------------------------------------------------------------
def steered(result_of: Runs, changes: Mapping) -> Runs:
    records = []
    for record in result_of.records:
        if record.key[0] == "easy":
            record = dataclasses.replace(record, **changes)
        records.append(record)
    return Runs(tuple(records))


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (({"event": "swap", "step": 3, "to": "random_order"},), "swapped to random_order at step 3"),
        (({"event": "stop", "step": 5},), "stopped at step 5"),
        (
            ({"event": "swap", "step": 3, "to": "sec"}, {"event": "stop", "step": 5}),
            "swapped to sec at step 3, stopped at step 5",
        ),
    ],
)
def test_what_was_steered_by_hand_is_named(events: tuple, text: str):
    variants = {"random": cl.methods.random_order, "easy": cl.methods.easy_to_hard}
    runs = cl.simulate(variants, TRAIN, steps=8, batch_size=4, learner=STUDENT, tests=TEST, seed=[0, 1, 2])
    result = cl.compare(steered(runs, {"events": events}))
    assert f"Steered by hand while it trained: easy ({text})." in text_of(result, "cost")
    assert "steered" not in cl.compare(runs).verdict


# -- numbers and words ------------------------------------------------------------------------------------------------
def ledger(*lines: tuple) -> pd.DataFrame:
    columns = ["step", "request", "tokens", "generated", "test"]
    return pd.DataFrame(lines, columns=columns)


def made_record() -> Record:
    """Two steps with a test at the start, after the first and at the end."""
    lines = [
        (0, "Sample", 50, 5, True),
        (0, "Score", 100, 0, False),
        (1, "Train", 30, 0, False),
        (1, "Sample", 50, 6, True),
        (1, "Sample", 40, 20, False),
        (2, "Train", 35, 0, False),
        (2, "Sample", 52, 7, True),
    ]
    metrics = pd.DataFrame({"step": [1, 2], "rows": [3, 4], "tokens": [30, 65]})
    items = pd.DataFrame({"step": [0, 1, 2], "share": [0.0, 0.5, 1.0], "id": "a", "correct": 1.0})
    return Record({"variant": "v", "seed": 0}, {"metrics": metrics, "items": items, "ledger": ledger(*lines)})


def test_spending_is_counted_up_to_a_test():
    whole, first, start = (spent(made_record(), step) for step in (None, 1, 0))
    axes = ("steps", "rows_trained", "tokens_trained", "tokens_generated", "tokens_scored", "tokens", "tokens_at_test")
    assert [whole[a] for a in axes] == [2, 7, 65, 20, 100, 205, 52]
    assert [first[a] for a in axes] == [1, 3, 30, 0, 100, 130, 50]
    assert [start[a] for a in axes] == [0, 0, 0, 0, 0, 0, 50]


def test_spending_at_several_tests_is_read_at_once():
    steps = np.array([0.0, 1.0, 2.0, np.inf])
    by_hand = {"steps": [0, 1, 2, 2], "rows_trained": [0, 3, 7, 7], "tokens_trained": [0, 30, 65, 65]}
    by_hand |= {"tokens_generated": [0, 0, 20, 20], "tokens_scored": [0, 100, 100, 100], "tokens": [0, 130, 205, 205]}
    for axis, expected in by_hand.items():
        assert spent_at(made_record(), axis, steps).tolist() == expected


def test_what_was_not_recorded_is_no_zero():
    bare = Record({"variant": "v", "seed": 0}, {"items": pd.DataFrame({"step": [0], "share": [1.0]})})
    assert pd.Series(spent(bare)).isna().all()


@pytest.mark.parametrize(("ratio", "text"), [(8.0, "8"), (4.171, "4.2"), (31.7, "32"), (0.0167, "0.017"), (9.96, "10")])
def test_ratios_have_two_digits(ratio: float, text: str):
    assert times(ratio) == text


def test_names_of_one_ratio_are_told_together():
    assert joined(["rows trained", "tokens trained"]) == "rows and tokens trained"
    assert joined(["optimiser steps", "rows trained"]) == "optimiser steps and rows trained"


def test_ten_percent_is_not_told_and_a_little_more_is():
    names = ["seeds", "steps", "rows_trained", "tokens_trained", "tokens_generated", "tokens_scored"]
    names += ["tokens_at_test", "tokens", "learning_rate", "objective", "solver", "ended", "steered"]
    words = ["0.001", "sft", "direct", "", ""]
    lines = {"random": 100.0, "near": 110.0, "over": 111.0}
    table = pd.DataFrame([[3, 10, 10, n, 0, 0, 10, n, *words] for n in lines.values()], index=[*lines], columns=names)
    assert cost_phrases(table, "random") == {"near": [], "over": ["1.1 times the tokens trained"]}
