"""Null-band orders as replicates of random order: when the record says so, and what a comparison makes of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from curriculab.runs import Runs
from curriculab.statistics import compare, paired_t, tables
from curriculab.statistics.replicates import replicates, with_replicates
from tests.statistics.made import last_test, right, runs_of

ANSWERS = {
    "random": [right(8), right(10), right(9)],
    "easy": [right(12), right(13), right(15)],
    "null 1": [right(10), right(9), right(11)],
    "null 2": [right(7), right(8), right(10)],
}
METHODS = {"random": "random_order", "easy": "easy_to_hard", "null 1": "null_band", "null 2": "null_band"}


def bench(methods: dict[str, str] = METHODS, answers: dict = ANSWERS, **own: dict) -> Runs:
    """Recorded runs of three seeds; own: by variant, what else decided them."""
    runs, records = runs_of(answers, null=("null 1", "null 2")), []
    for record in runs.records:
        name = record.key[0]
        decides = {"batch_size": 8, "seed": record.key[1], "method": name, **own.get(name.replace(" ", "_"), {})}
        spec = {**record.spec, "method": {"method": methods[name], "knobs": {}}, "decides": decides}
        records.append(dataclasses.replace(record, spec=spec))
    return Runs(tuple(records), runs.null)


def names(runs: Runs, to: str = "random") -> list[str]:
    items, _ = tables.tested(runs, "end")
    return replicates(runs, items, to, [0, 1, 2])


def test_null_band_orders_of_random_order_are_replicates():
    assert names(bench()) == ["null 1", "null 2"]


@pytest.mark.parametrize(
    "runs",
    [
        runs_of(ANSWERS, null=("null 1", "null 2")),  # no method is recorded
        bench({**METHODS, "random": "easy_to_hard"}),  # the reference is no random order
        dataclasses.replace(bench(), null=()),
    ],
)
def test_there_are_none_where_the_record_does_not_say_so(runs: Runs):
    assert names(runs) == []


def test_another_variant_has_none():
    assert names(bench(), "easy") == []


@pytest.mark.parametrize(
    ("null", "wanted"),
    [
        ({"batch_size": 16}, ["null 2"]),
        ({"steered": [[1, 0, 3, "stop"]]}, ["null 2"]),
        ({"seed": 5}, ["null 1", "null 2"]),
    ],
)
def test_another_design_or_steering_is_no_replicate(null: dict, wanted: list[str]):
    assert names(bench(null_1=null)) == wanted


def test_an_order_without_all_seeds_is_no_replicate():
    assert names(bench(answers={**ANSWERS, "null 1": [right(10), None, right(11)]})) == ["null 2"]


def test_an_order_that_was_not_tested_in_a_seed_is_no_replicate():
    runs = bench()
    records = [dataclasses.replace(r, tables={}) if r.key == ("null 1", 1) else r for r in runs.records]
    assert names(Runs(tuple(records), runs.null)) == ["null 2"]


def test_an_order_that_another_solver_tested_is_no_replicate():
    votes = [last_test(right(k), solver="vote") for k in (10, 9, 11)]
    assert names(bench(answers={**ANSWERS, "null 1": votes})) == ["null 2"]


def test_the_reference_is_the_mean_of_all_orders_in_each_seed():
    found = compare(bench())
    row, orders = found.table.loc["easy"], np.array([[8, 10, 7], [10, 9, 8], [9, 11, 10]]) / 20
    d = np.array([12, 13, 15]) / 20 - orders.mean(axis=1)
    e = paired_t(d)
    assert found.orders == 3
    assert (row.difference, row.low, row.p) == pytest.approx((e.mean, e.low, e.p))
    assert found.table.accuracy["random"] == pytest.approx(orders.mean())
    assert found.scores[found.scores.variant == "easy"].difference.tolist() == pytest.approx(d.tolist())
    alone = compare(bench(), replicates=False)
    assert alone.orders == 1 and alone.table.difference["easy"] == pytest.approx((4 + 3 + 6) / 60)


def test_rows_keep_their_share_of_right_orders():
    whole, _ = tables.shared_rows(tables.tested(bench(), "end")[0])
    found = with_replicates(whole, "random", ["null 1", "null 2"])
    # row i (the ids are a, b, c ...) is right in seed 0 where 8, 10 and 7 rows are: rows 7 and 8 of two, row 9 of one
    assert found["random", 0].loc[list("ghij")].tolist() == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3])
    assert whole["random", 0].loc["j"] == 0  # what was given stays
    assert with_replicates(whole, "random", [])["random", 0].equals(whole["random", 0])


def test_a_pooled_spread_counts_the_orders_as_runs_of_the_reference():
    found = compare(bench(), spread="pooled")
    accuracy = np.array([[8, 12, 10, 7], [10, 13, 9, 8], [9, 15, 11, 10]]) / 20
    reference = accuracy[:, [0, 2, 3]].mean()
    fitted = np.column_stack([np.full(3, reference), np.full(3, accuracy[:, 1].mean()), *[np.full(3, reference)] * 2])
    rest = accuracy - accuracy.mean(axis=1, keepdims=True) - fitted + accuracy.mean()
    df = 3 * 4 - 3 - 2 + 1
    error = ((rest**2).sum() / df / 3 * (1 + 1 / 3)) ** 0.5
    row = found.table.loc["easy"]
    assert found.spread == "pooled" and row.interval == f"pooled t, df={df}, n=3"
    assert row.difference / error == pytest.approx(found.table.difference["easy"] / error)
    from scipy.stats import t

    assert row.p == pytest.approx(2 * t.sf(row.difference / error, df)) and row.p_holm == pytest.approx(row.p)
    assert row.high == pytest.approx(row.difference + t.ppf(0.975, df) * error)


def test_a_spread_that_there_is_not_is_refused():
    with pytest.raises(ValueError) as error:
        compare(bench(), spread="equal")
    assert str(error.value) == "spread='equal'; choose 'own' (each variant's) or 'pooled' (one for all)"
