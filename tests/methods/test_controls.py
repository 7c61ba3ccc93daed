"""Controls of a set of variants: which are added, under which names."""

from __future__ import annotations

import re
from functools import partial

import pytest

from curriculab import methods
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.simulate import simulate
from curriculab.methods.controls import controls


def test_controls_of_one_variant():
    easy = partial(methods.easy_to_hard, by="loss")
    added, null = controls({"easy first": easy})
    assert list(added) == [
        "random",
        "easy first, reversed",
        "easy first, shuffled scores",
        "null 1",
        "null 2",
        "null 3",
    ]
    assert null == ("null 1", "null 2", "null 3")
    assert added["easy first, reversed"].keywords == {"method": easy}


def test_controls_are_as_many_as_the_choices_and_only_where_they_mean_something():
    variants = {
        "random": methods.random_order,
        "by topic": partial(methods.human_strategies, order="blocked", by=None),
        **{f"baby {n}": partial(methods.baby_steps, buckets=n) for n in (2, 3, 4)},
    }
    added, null = controls(variants)
    assert len(null) == 4 and "random" not in added
    assert not any(name.startswith("by topic") for name in added)
    assert len(added) == 2 * 3 + 4


def test_controls_by_kind():
    variants = {"easy first": methods.easy_to_hard}
    assert list(controls(variants, ["shuffled"])[0]) == ["easy first, shuffled scores"]
    assert list(controls(variants, ["null"], null=2)[0]) == ["null 1", "null 2"]
    message = "controls='revers' is unknown; give True, or some of random, reverse, shuffled, null"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        controls(variants, ["revers"])
    message = "the names null 1 are wanted for controls; give these variants other names"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        controls({"null 1": methods.easy_to_hard})


def test_controls_run():
    bench = SimulatedCheckBench()
    variants = {"easy": methods.easy_to_hard, "cyclical": partial(methods.cyclical, by="score")}
    added, _ = controls(variants)
    runs = simulate({**variants, **added}, bench.pool, steps=5, batch_size=8)
    assert runs.failed == {} and len(runs.metrics) == 5 * (2 + len(added))


def test_a_reversed_variant_may_be_a_choice_of_its_own():
    added, _ = controls({"hard": methods.reversed_score}, ["reverse", "shuffled"])
    assert added == {}
