"""Numbers in words as digits."""

from __future__ import annotations

import time

import pytest

from curriculab.rewards.spoken import digits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("twelve eggs", "12 eggs"),
        ("twenty-one", "21"),
        ("two hundred and five", "205"),
        ("three thousand four hundred and twelve", "3412"),
        ("five million two hundred thousand and one", "5200001"),
        ("a dozen or half a dozen", "12 or 6"),
        ("two dozen", "24"),
        ("half a million", "500000"),
        ("three quarters", "3/4"),
        ("one-third", "1/3"),
        ("six and a half", "6.5"),
        ("minus five", "-5"),
        ("zero", "0"),
        ("one of them", "1 of them"),
        ("the other one, no one, someone", "the other one, no one, someone"),
        ("one two three", "one two three"),  # no number
        ("2.5 million", "2.5 million"),
        ("often, tent, sevens", "often, tent, sevens"),
    ],
)
def test_words_become_digits(text, expected):
    assert digits(text) == expected


@pytest.mark.parametrize("piece", ["one ", "one and ", "half a ", "million ", "a ", "minus ", "and a half "])
def test_repeated_words_take_no_longer_than_their_length(piece):
    began = time.process_time()
    digits(piece * 20_000)
    assert time.process_time() - began < 2
