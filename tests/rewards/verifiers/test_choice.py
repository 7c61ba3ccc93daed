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
