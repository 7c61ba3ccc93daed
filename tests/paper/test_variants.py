"""A variant in words, from its record."""

from __future__ import annotations

import pytest

from curriculab.paper.variants import described, written_value
from curriculab.runs import Record


def record(**spec):
    return Record({"variant": "mine", "seed": 0, **spec}, {})


def test_a_method_is_told_with_its_measure_and_its_knobs():
    made = {"method": "baby_steps", "knobs": {"by": "loss", "buckets": 3}}
    assert described(record(method=made)) == " (baby_steps by loss, buckets=3)"
    about = {"loss": {"measure": "answer_loss", "knobs": {"role": "learner", "share": 0.5, "seed": None}}}
    assert described(record(method=made, columns=about)) == (
        " (baby_steps by loss (the measure answer_loss, share=0.5), buckets=3)"
    )


def test_a_measure_that_is_the_methods_default_is_told_too():
    reached = {"method": {"reached": {"keywords": {"by": "level"}}}}
    assert described(record(method={"method": "easy_to_hard"}, decides=reached)) == " (easy_to_hard by level)"


def test_a_method_of_its_authors_is_named_by_its_function_and_an_unknown_one_not_at_all():
    own = {"method": {"function": "notebook.mine"}}
    assert described(record(decides=own)) == " (mine, defined by its author)"
    assert described(record()) == ""


def test_knobs_of_a_method_of_its_authors_are_told_where_they_are_not_the_defaults():
    usual = {"reached": {"keywords": {"by": "level", "warm": 0.3, "floor": 0.1}}}
    own = {"method": {"function": "__main__.mine", "knobs": {"warm": 0.6, "floor": 0.1}, **usual}}
    about = {"level": {"measure": "rollout_success", "knobs": {"answers": 8}}}
    assert described(record(decides=own, columns=about)) == (
        " (mine by level (the measure rollout_success, answers=8), defined by its author, warm=0.6)"
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (3, "3"),
        ({"method": "sec", "knobs": {"by": "level"}}, "sec(by=level)"),
        ({"method": "sec"}, "sec"),
        ({"setting": "curriculab.objectives:Sft", "fields": {"learning_rate": 0.001}}, "Sft(learning_rate=0.001)"),
        ({"mapping": {"easy": 1}}, "{easy: 1}"),
        ({"list": [1, {"method": "sec"}]}, "[1, sec]"),
    ],
)
def test_knobs_are_written_as_a_reader_would(written, text):
    assert written_value(written) == text
