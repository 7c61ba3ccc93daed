"""Levels in words: "easy", "medium", "hard" as 1, 2, 3, by an order that is given, or one that everybody knows.

cl.load_pool("quiz.csv", level_order=["easy", "medium", "hard"])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from curriculab.data.validation import PoolError, closest, fail, listed
from curriculab.data.values import is_missing, level_of

# Words in their usual order, the easiest first; a guess that is shown, never taken unasked.
ORDERS = (
    ("very easy", "easy", "medium", "hard", "very hard"),
    ("easy", "moderate", "hard"),
    ("easy", "medium", "difficult"),
    ("easy", "normal", "hard", "expert"),
    ("easy", "intermediate", "advanced"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("basic", "intermediate", "advanced"),
    ("very low", "low", "medium", "high", "very high"),
    ("a1", "a2", "b1", "b2", "c1", "c2"),
    ("simple", "medium", "complex"),
    ("leicht", "mittel", "schwer"),
    ("facile", "moyen", "difficile"),
)

SHOWN = 6  # words that a message names
LONGEST = 40  # characters of each


def in_order(pool: pd.DataFrame, order: Sequence[str], source: str, at: Mapping[int, str]) -> pd.DataFrame:
    """The pool with whole numbers from 1 on for the words in `level`; at: the place of each row in its file."""
    if isinstance(order, str) or not all(isinstance(word, str) for word in order):
        raise PoolError(f"{source}: found level_order={order!r}, expected words, the easiest first: ['easy', 'hard']")
    words = [_plain(word) for word in order]
    if repeated := [word for word in words if words.count(word) > 1]:
        raise PoolError(f"{source}: found {repeated[0]!r} twice in level_order, expected every word once")
    if "level" not in pool:
        has = listed(pool.columns)
        raise PoolError(
            f"{source}: level_order needs a column 'level'; map it, columns={{\"level\": ...}}; it has {has}"
        )
    levels = []
    for i, value in enumerate(pool["level"].tolist()):
        if not isinstance(value, str) or _plain(value) not in words:
            hint = closest(str(value), order)
            expected = f"a word of level_order ({', '.join(order)}){';' if hint else ''}{hint}"
            raise fail(source, at[i], "level", value, expected)
        levels.append(words.index(_plain(value)) + 1)
    return pool.assign(level=levels)


def guess_order(values: Iterable[Any]) -> list[str] | None:
    """The words among levels, the easiest first, where they are words whose order everybody knows; else None."""
    found = dict.fromkeys(str(value).strip() for value in values if not is_missing(value))
    plain = {_plain(word): word for word in found}
    order = next((order for order in ORDERS if len(plain) > 1 and set(plain) <= set(order)), None)
    return [plain[word] for word in order if word in plain] if order else None


def refuse_words(levels: pd.Series, source: str, at: Mapping[int, str]) -> None:
    """Refuse levels that are words, in one line that says how their order is given."""
    values = [value for value in levels if not is_missing(value) and value != ""]
    if not are_words(values):
        return
    words = list(dict.fromkeys(value.strip() for value in values))
    first = next(i for i, value in enumerate(levels) if not is_missing(value) and value != "")
    order, known = [word[:LONGEST] for word in words[:SHOWN]], guess_order(words)
    hint = f"level_order={known}" if known else f"with these words in their order, level_order={order}"
    more = f" (there are {len(words)})" if len(words) > SHOWN and not known else ""
    expected = f"a whole number; for words give their order, the easiest first: {hint}{more}"
    raise fail(source, at[first], "level", levels.iloc[first], expected)


def are_words(levels: Iterable[Any]) -> bool:
    """Are all levels that are there words, none a number?"""
    values = [value for value in levels if not is_missing(value) and value != ""]
    return bool(values) and all(isinstance(level_of(value), str) for value in values)


def _plain(word: str) -> str:
    return " ".join(word.split()).casefold()
