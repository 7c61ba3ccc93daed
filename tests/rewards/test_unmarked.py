"""The number that a text comes to where nothing marks an answer."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from curriculab.rewards.unmarked import last_number, plain_ending


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9 and then 18 eggs, as said.", 18),
        ("So she has **18** of the 24.", 18),
        ("It was **−7 °C**.", -7),
        ("She has 18 left, because she gave away 6.", 18),
        ("She has 18, not 24.", 18),
        ("She has 18 (24 less 6).", 18),
        ("So 12 is 30% of 40.", 30),
        ("He needs 250 grams for 5 cakes.", 250),
        ("At 60 km/h for 9 hours he drives 540", 540),
        ("He sold 48 in April and 24 in May, for a total of 72.", 72),
        ("She has 18 left after she gives 6 away.", 18),
        ("The car used 20 litres for the 300 km trip.", 20),
        ("It is not 18.", None),
        ("**36**. There are 12 in each of the 3 dozens.", 36),
        ("1.2M people", 1_200_000),
        ("There are 8 or 12.", None),
        ("It is either 8 or 12 eggs.", None),
        ("There are between 8 and 12.", None),
        ("The difference between 12 and 8 is 4.", 4),
        ("It is 3/4 or 0.75.", Fraction(3, 4)),
        ("It is 90 minutes or 1.5 hours.", Fraction(3, 2)),
        ("It is 18, or about 20.", 18),
        ("The sum is 45.\n\nCheck: 45 - 17 = 28.", 45),
        ("The sum is 45.\n\nCheck: 45 - 17 = 28, so I made a mistake. It is 47.", 47),
        ("The sum is 45. (That is 5 for each of 9.)", 45),
        ("The sum is 45. Would you like the 4 steps?", 45),
        ("63\n\nHere is how: 9 boxes of 7.", 63),
        ("9\n\n7 pens in 9 boxes, so there are 63.", 63),
        ("5 apples\n\n3 pears\n\n8 in all", 8),
        ("4 and three more, so seven.", 7),
        ("Nora has twelve.", 12),
        ("9 + 3 = 12 for the two of them.", 12),
        ("So we add 180 + 90 +", None),
        ("I do not know how many of the 17 went.", None),
        ("at 3:18", None),
        ("none", None),
    ],
)
def test_the_number_that_a_text_comes_to(text, value):
    found = last_number(text)
    assert (found and found.value) == value


def test_a_plain_ending_is_read_without_rules_and_others_are_not():
    assert plain_ending("So she makes 18.")[1] == "18"
    told = ["30% of 40.", "He has 5, not 6.", "It is 7 since it is 8.", "**7** and 8", "The sum: 4. Check: is 4."]
    assert [t for t in told if plain_ending(t)] == []


@pytest.mark.parametrize(
    "piece", ["1 of ", "9 or ", " is 3 boxes of", "(", "**", "seven ", "a b c ", " - ", "\n", "1. ", "Note "]
)
def test_repeated_pieces_take_no_longer_than_their_length(piece):
    began = time.process_time()
    for n in (400, 100_000):
        last_number(piece * n)
        last_number(piece * n + "18")
    assert time.process_time() - began < 2
