"""Comparisons at equal cost of the test, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.statistics import compare
from curriculab.statistics.at_test import at_test, nearest_solvers
from tests.statistics.made import last_test, right, runs_of


def by_solvers(**solvers):
    """One last test by several solvers: name -> (tokens a row, how many of 20 rows are right)."""
    parts = [
        last_test(right(k), solver=name, test_tokens=float(tokens), test_generated=float(tokens) - 10)
        for name, (tokens, k) in solvers.items()
    ]
    return pd.concat(parts, ignore_index=True)


VOTES = {"greedy": (20, 8), "three": (40, 12), "nine": (100, 16)}
SEEDS = (0, 1, 2)


def test_every_solver_s_accuracy_and_cost():
    table = at_test(runs_of({"votes": [by_solvers(**VOTES)]})).set_index("solver")
    assert table.test_tokens.to_dict() == {"greedy": 20, "three": 40, "nine": 100}
    assert table.accuracy.to_dict() == {"greedy": 0.4, "three": 0.6, "nine": 0.8}
    assert table.test_generated["nine"] == 90


def test_at_equal_tokens_the_vote_that_all_can_afford():
    """random takes 42 tokens at most, so that of the votes the one of 40 is compared, not the best."""
    runs = runs_of({"random": [by_solvers(direct=(42, 10 + s)) for s in SEEDS], "votes": [by_solvers(**VOTES)] * 3})
    items, notes = nearest_solvers(runs, "test_tokens")
    assert items.groupby("variant").solver.unique().map(list).to_dict() == {"random": ["direct"], "votes": ["three"]}
    told = "in percent of the 42 that all variants reach: random by direct 100%, votes by three 95%"
    assert notes == [f"tests compared by tokens a test row, read and written, {told}"]
    found = compare(runs, at="test_tokens")
    assert found.table.accuracy["votes"] == pytest.approx(0.6) and found.table.solver["votes"] == "three"
    assert found.table.difference["votes"] == pytest.approx(0.6 - 0.55) and notes[0] in found.notes
    assert found.when == "at equal test tokens"


def test_who_has_no_solver_near_is_left_out():
    runs = runs_of({"random": [by_solvers(direct=(10, 10))] * 3, "votes": [by_solvers(nine=(100, 16))] * 3})
    items, notes = nearest_solvers(runs, "test_tokens")
    assert set(items.variant) == {"random"}
    left = (
        "votes has no solver near 10 tokens a test row, read and written and is left out (the nearest, nine, takes 100)"
    )
    assert notes[1:] == [left]


def test_records_of_before_say_what_is_missing():
    runs = runs_of({"random": [right(3)]})
    said = "^'random', seed 0, does not record what its tests took; test it again with this version$"
    with pytest.raises(ValueError, match=said):
        at_test(runs)
