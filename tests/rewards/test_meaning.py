"""The number or the words that an answer means, and none where it leaves open which."""

from __future__ import annotations

import pytest

from curriculab.rewards.answers import marked_answer
from curriculab.rewards.meaning import last_number, number_meant, words_meant


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is 18 dollars, since 9 * 2 = 18.", 18),
        ("The answer is 9 * 2 = 18 dollars.", 18),
        ("The answer is 18 (9 eggs at $2).", 18),
        ("The answer is 18 dollars for 9 eggs.", 18),
        ("The answer is therefore 18.", 18),
        ("The answer is $18.00!", 18),
        ("The answer is 17 or 18.", None),
        ("The answer is between 17 and 18.", None),
        ("The answer is not 18.", None),
        ("The answer is unknown. There were 18.", None),
        (r"\boxed{17, 18}", None),
        (r"\boxed{x \le 18}", None),
        (r"\boxed{2x - y + 18 = 0}", None),
        (r"\boxed{f(2) = 18}", 18),
        ("<answer>18 eggs</answer>", 18),
    ],
)
def test_the_number_of_a_marked_answer(text, value):
    meant = number_meant(*marked_answer(text))
    assert (meant and meant.value) == value


def test_the_last_number_of_a_text():
    assert last_number("9 and then 18 eggs, as said.").value == 18
    assert last_number("18" + " and so on" * 1000).value == 18
    assert last_number("seven 7, " * 5000 + "18").value == 18
    assert last_number("at 3:18") is None and last_number("none") is None and last_number("9" * 10_000) is None


def test_the_words_of_an_answer():
    assert words_meant("**Paris**, the capital.", "line") == ["paris, the capital", "paris"]
    assert words_meant("not Paris", "line") == ["not paris"]
