"""Multiple choice: by an option's text or its letter."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.rewards import verify

CAPITALS = ["Rome", "Paris", "New York", "Oslo"]


@pytest.mark.parametrize(
    ("text", "answer", "options", "right"),
    [
        ("Paris", "Paris", CAPITALS, 1),
        ("paris.", "Paris", CAPITALS, 1),
        ("(B)", "Paris", CAPITALS, 1),
        ("B.", "Paris", CAPITALS, 1),
        ("b", "Paris", CAPITALS, 1),
        ("**B**", "Paris", CAPITALS, 1),
        ("B) Paris", "Paris", CAPITALS, 1),
        ("(B) because the Seine runs through it", "Paris", CAPITALS, 1),
        ("It is on the Seine.\nThe answer is B", "Paris", CAPITALS, 1),
        ("The answer is (B) Paris.", "Paris", CAPITALS, 1),
        (r"\boxed{B}", "Paris", CAPITALS, 1),
        ("The answer is option C", "New  York", CAPITALS, 1),
        ("B", "B", CAPITALS, 1),  # the answer given as a letter
        ("Paris", "B", CAPITALS, 1),
        ("A", "Paris", CAPITALS, 0),
        ("B) Rome", "Paris", CAPITALS, 0),  # a letter and another option's text
        ("Rome or Paris", "Paris", CAPITALS, 0),
        ("E", "Paris", CAPITALS, 0),
        ("Be Paris", "Rome", CAPITALS, 0),
        ("", "Paris", CAPITALS, 0),
        ("A", "A", ["B", "A"], 1),  # an option's own text goes before its place
        ("the answer is (c)", "C", None, 1),
        ("d", "C", None, 0),
        ("paris", "Paris", None, 1),
        ("Paris", "Paris", np.array(CAPITALS), 1),
    ],
)
def test_multiple_choice(text, answer, options, right):
    assert verify(text, answer, "choice", options=options) == right


PLANETS = ["Mercury", "Venus", "Mars", "Jupiter"]


@pytest.mark.parametrize(
    ("text", "answer", "options", "right"),
    [
        ("The hottest planet is Venus, because of its thick atmosphere.", "B", PLANETS, 1),
        ("Mercury is closest to the Sun, but Venus is the hottest.", "B", PLANETS, 1),
        ("Options A, C and D can be ruled out. So Venus remains.", "B", PLANETS, 1),
        ("- **Option A** is incorrect.\n- **Option C** is incorrect.\n\nThat leaves **Option B**.", "B", PLANETS, 1),
        ("Not A, since it has no atmosphere. Hence B.", "B", PLANETS, 1),
        ("The UN has its headquarters in New York.", "C", CAPITALS, 1),
        ("The result is thirty-five.", "D", ["5", "7", "12", "35"], 1),
        ("The hottest planet is Mercury. Venus is second.", "B", PLANETS, 0),
        ("It could be Venus or Mercury.", "B", PLANETS, 0),
        ("Option B is incorrect, as Venus has no moons.", "B", PLANETS, 0),
        ("It is not Venus.", "B", PLANETS, 0),
        ("Venus is hot, but Mercury is the hottest.", "B", PLANETS, 0),
        ("C) 5", "A", ["5", "7", "12", "35"], 0),  # a letter and another option's number
    ],
)
def test_an_option_in_ordinary_prose(text, answer, options, right):
    assert verify(text, answer, "choice", options=options) == right
