"""Accuracy over what the test took: points by hand."""

from __future__ import annotations

import pytest

from curriculab import figures
from curriculab.figures import data_of
from tests.figures.made import traces
from tests.statistics.made import runs_of
from tests.statistics.test_at_test import VOTES, by_solvers


def test_a_line_joins_the_solvers_of_a_variant_from_the_cheapest_on():
    shuffled = {name: VOTES[name] for name in ("nine", "greedy", "three")}
    runs = runs_of({"random": [by_solvers(direct=(42, 10))] * 2, "votes": [by_solvers(**shuffled)] * 2})
    figure = figures.test_time(runs)
    (votes,) = traces(figure, "votes")
    assert list(votes.x) == [20, 40, 100] and list(votes.y) == pytest.approx([0.4, 0.6, 0.8])
    assert list(votes.text) == ["greedy", "three", "nine"]
    (single,) = traces(figure, "random")
    assert list(single.x) == [42] and single.mode == "markers"
    assert list(traces(figures.test_time(runs, x="generated"), "votes")[0].x) == [10, 30, 90]
    assert len(data_of(figure)) >= 4


def test_a_wide_range_is_logarithmic():
    runs = runs_of({"votes": [by_solvers(greedy=(20, 8), many=(2000, 16))] * 2})
    assert figures.test_time(runs).layout.xaxis.type == "log"


def test_another_axis_is_refused():
    with pytest.raises(
        ValueError, match="^x='seconds' is not an axis of test-time costs; choose from tokens, generated$"
    ):
        figures.test_time(runs_of({"random": [[1]]}), x="seconds")
