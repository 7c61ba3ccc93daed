"""Levels in words: an order that is given makes numbers of them; without one the message says how."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from curriculab.data.levels import guess_order
from curriculab.data.loading import load_pool
from tests.data.written import message, write

TEXT = "prompt,answer,difficulty\na,1,Hard\nb,2,easy \nc,3,medium\n"


def test_an_order_makes_numbers_of_words(here: Path) -> None:
    source, columns = write(here, "q.csv", TEXT), {"level": "difficulty"}
    pool = load_pool(source, columns=columns, level_order=["easy", "medium", "hard", "expert"])
    assert pool["level"].tolist() == [3, 1, 2]
    frame = pd.read_csv(here / source)
    assert load_pool(frame, columns=columns, level_order=["easy", "medium", "hard"])["level"].tolist() == [3, 1, 2]


def test_a_message_says_how_words_become_levels(here: Path) -> None:
    start = "q.csv, line 2, column 'level': found"
    expected = "expected a whole number; for words give their order, the easiest first:"
    assert message(write(here, "q.csv", TEXT), columns={"level": "difficulty"}) == (
        f"{start} 'Hard', {expected} level_order=['easy', 'medium', 'Hard']"
    )
    assert message(write(here, "q.csv", "prompt,answer,level\na,1,rot\nb,2,blau\n")) == (
        f"{start} 'rot', {expected} with these words in their order, level_order=['rot', 'blau']"
    )
    assert message(write(here, "q.csv", "prompt,answer,level\na,1,3\nb,2,blau\n")) == (
        "q.csv, line 3, column 'level': found 'blau', expected a whole number"
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            ["easy", "mediun", "hard"],
            "q.csv, line 4, column 'level': found 'medium', expected a word of level_order (easy, mediun, hard); "
            "did you mean 'mediun'?",
        ),
        ("easy", "q.csv: found level_order='easy', expected words, the easiest first: ['easy', 'hard']"),
        (["easy", "Easy"], "q.csv: found 'easy' twice in level_order, expected every word once"),
    ],
)
def test_a_wrong_order_is_refused(here: Path, order: object, expected: str) -> None:
    assert message(write(here, "q.csv", TEXT), columns={"level": "difficulty"}, level_order=order) == expected


def test_an_order_needs_levels(here: Path) -> None:
    assert message(write(here, "q.csv", TEXT), level_order=["easy"]) == (
        "q.csv: level_order needs a column 'level'; map it, columns={\"level\": ...}; it has prompt, answer, difficulty"
    )
    assert "takes no argument 'level_order'" in message("ladder", level_order=["easy"])


def test_known_orders_are_guessed() -> None:
    assert guess_order(["Hard", "easy", None, "medium", "hard "]) == ["easy", "medium", "hard"]
    assert guess_order(["B1", "A2", "B1"]) == ["A2", "B1"]
    assert guess_order(["easy", "blue"]) is None and guess_order(["easy"]) is None
