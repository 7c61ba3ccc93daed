"""What kind of answer a right answer is."""

from __future__ import annotations

import pytest

from curriculab.rewards import kind_of


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (
            "number",
            [
                "72",
                "-3.5",
                "$18",
                "18.",
                "5e3",
                "3 1/2",
                "18 dollars",
                r"\frac{1}{2}",
                r"\boxed{5}",
                "50%",
                "1,200",
                "twenty-one",
            ],
        ),
        (
            "latex",
            [
                r"\frac{\pi}{2}",
                "(1, 2]",
                "x=5",
                "3:4",
                "1,2,3",
                "2x+1",
                "x^2",
                "1<x<3",
                "(x-1)(x+1)",
                "4√2",
                "p - q",
                "x < 2 or x > 5",
            ],
        ),
        ("text", ["New York", "Evelyn", "Seven Samurai", "B", "yes", "May 5", "Level 3", "3 7 9", "left, then right"]),
        ("code", ["def f(x):\n    return x", "import os", "```python\nprint(1)\n```"]),
    ],
)
def test_kinds(kind, answers):
    assert {answer: kind_of(answer) for answer in answers} == dict.fromkeys(answers, kind)
