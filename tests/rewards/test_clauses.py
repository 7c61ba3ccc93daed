"""Ordinary prose in sentences and clauses, and whether it answers yes or no."""

from __future__ import annotations

import pytest

from curriculab.rewards.clauses import UNSTATED, parts_of, polarity


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is **A**, but not B.", [("It is A", ""), ("but not B", "turn")]),
        ("So it is A, because B is not.", [("So it is A", "conclusion"), ("because B is not", "beside")]),
        ("Although B is larger, A is it.", [("A is it", "")]),
        ("Great question! J. S. Bach did. Would you like more?", [("J. S. Bach did", "")]),
        ("It is one of:\n- Rome\n- Paris", [("It is one of", "")]),
        ("- Rome", [("Rome", "")]),
        ("", []),
    ],
)
def test_clauses_and_what_they_do(text, parts):
    assert parts_of(text) == parts


def test_what_others_think_and_what_is_left_open_states_nothing():
    said = [
        "many people think that it is A",
        "it could be A",
        "either A or B",
        "I don't know",
        "it is often confused with A",
    ]
    assert [s for s in said if not UNSTATED.search(s)] == [] and not UNSTATED.search("I think that it is A")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes, because 91 = 7 × 13.", "yes"),
        ("No it isn't.", "no"),
        ("**Yes** – it is.", "yes"),
        ("Yes and no.", None),
        ("There is no simple way.", None),
        ("No two of them are equal.", None),
        ("Yes. Wait, no, it isn't. So, no.", "no"),
        ("That is true, as 2 divides it.", "true"),
        ("That isn't true.", "false"),
        ("It would be true if x were 2.", None),
        ("False. It would be true for x = 2.", "false"),
    ],
)
def test_yes_and_no(text, said):
    assert polarity(text) == said


def test_long_texts_are_read_at_both_ends():
    text = "First of all. " + "And so on and on. " * 10_000 + "At last."
    assert parts_of(text)[0][0] == "First of all" and len(parts_of(text)) <= 41
