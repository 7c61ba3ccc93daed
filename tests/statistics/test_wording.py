"""Names and numbers as sentences hold them."""

from __future__ import annotations

import pytest

from curriculab.statistics.wording import called, listed, power_of_ten, signed


@pytest.mark.parametrize(
    ("name", "said"),
    [("easy first", "easy first"), ("easy, reversed", "'easy, reversed'"), ("salt and pepper", "'salt and pepper'")],
)
def test_a_name_that_could_run_into_the_next_stands_in_quotes(name: str, said: str):
    assert called(name) == said


def test_names_with_commas_stay_apart_in_a_list():
    assert listed(map(called, ["easy", "easy, reversed", "hard"])) == "easy, 'easy, reversed' and hard"
    assert listed(["easy"]) == "easy" and listed(["easy", "hard"], "or") == "easy or hard"


@pytest.mark.parametrize(
    ("value", "said"),
    [(-9e-18, "0.000"), (0.0, "0.000"), (0.00049, "0.000"), (0.0005001, "+0.001"), (-0.25, "-0.250")],
)
def test_what_rounds_to_nothing_has_no_sign(value: float, said: str):
    assert signed(value) == said


@pytest.mark.parametrize(("p", "said"), [(0.25, "= 0.250"), (0.0004, "< 0.001"), (3e-7, "< 1e-6"), (0.0, "< 1e-300")])
def test_a_small_p_is_told_by_a_power_of_ten(p: float, said: str):
    assert power_of_ten(p) == said
