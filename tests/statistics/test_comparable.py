"""What no comparison can be made of is refused in one line."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.runs import Runs
from curriculab.statistics import compare
from tests.statistics.made import last_test, right, runs_of


def two() -> Runs:
    return runs_of({"random": [right(8), right(10)], "easy": [right(16), right(17)]})


@pytest.mark.parametrize("wrong", [1.5, 3.0, -0.5, float("inf")])
def test_a_result_that_is_no_share_is_refused(wrong: float):
    impossible = runs_of({"random": [right(8)], "easy": [[wrong, *right(8, 19)]]})
    with pytest.raises(ValueError) as error:
        compare(impossible)
    assert str(error.value) == (
        f"'easy' with seed 0 has correct = {wrong:g} for the row 'a'; a result is a share in [0, 1], so divide "
        "percentages by 100"
    )


def test_a_run_that_stands_twice_is_refused_and_not_averaged():
    runs = two()
    with pytest.raises(ValueError) as error:
        compare(Runs((*runs.records, runs.records[2])))
    assert str(error.value) == "'easy' has seed 0 twice; give each run once, such as report.latest(runs) keeps them"


def test_a_test_row_that_stands_twice_in_one_test_is_refused():
    once = last_test(right(8))
    runs = runs_of({"random": [once], "easy": [pd.concat([once, once.head(1)])]})
    with pytest.raises(ValueError) as error:
        compare(runs)
    assert str(error.value) == (
        "'easy' with seed 0 has the test row 'a' twice in one test; give every test row an id of its own"
    )


def test_shares_missing_results_and_several_tests_are_fine():
    several = pd.concat([last_test([0.5, float("nan"), *right(8, 18)]), last_test(right(3), share=0.5, step=5)])
    assert compare(runs_of({"random": [several] * 2, "easy": [several] * 2})).table.n["easy"] == 2
