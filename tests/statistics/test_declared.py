"""A comparison that was said before the runs is recorded with them, and one that was not is told from it."""

from __future__ import annotations

import pytest

import curriculab as cl
from curriculab.statistics.declared import check_declared

VARIANTS = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}


def runs_of(model, pools, folder, compare=None):
    train, test = pools
    how = {"budget": cl.Budget(steps=1), "batch_size": 4, "max_new_tokens": 4, "store": folder, "valid": None}
    return cl.Bench(model, train, test, compare=compare, **how).run(VARIANTS, seeds=3, progress=False)


def test_a_margin_that_was_recorded_is_not_told_and_another_one_is(tiny_model, small_pools, tmp_path):
    given = {"margin": 0.02, "spread": "pooled"}
    runs = runs_of(tiny_model, small_pools, tmp_path, given)
    for read in (runs, cl.load_runs(tmp_path)):
        assert "recorded before" not in cl.compare(read, **given).verdict
        other = cl.compare(read, margin=0.5).verdict
        assert (
            "the comparison recorded before the runs has margin=0.02, spread='pooled', "
            "this one margin=0.5, spread='own'"
        ) in other
    assert runs.records[0].spec["decides"].keys().isdisjoint({"compare"})  # it makes no difference to a run


def test_a_margin_that_nobody_recorded_is_told_and_the_default_needs_no_record(tiny_model, small_pools, tmp_path):
    runs = runs_of(tiny_model, small_pools, tmp_path)
    assert "no record says" not in cl.compare(runs).verdict
    assert "no record says that margin=0.02 was chosen before the runs" in cl.compare(runs, margin=0.02).verdict
    again = runs_of(tiny_model, small_pools, tmp_path, {"margin": 0.02})  # said after they were made
    assert "no record says that margin=0.02" in cl.compare(again, margin=0.02).verdict


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"margins": 0.02}, "no argument 'margins' of cl.compare; it has to, at, margin,"),
        ({"margin": 2}, "margin=2; give the smallest difference that would matter"),
        ({"spread": "both"}, "compare: spread='both'; choose 'own' or 'pooled'"),
        ({"confidence": 95}, "compare: confidence=95; give a share between 0 and 1"),
    ],
)
def test_what_is_no_argument_of_compare_is_refused(given, line):
    with pytest.raises(ValueError) as caught:
        check_declared(given)
    assert line in str(caught.value)
