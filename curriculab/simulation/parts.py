"""Rows made of parts: right where all of their parts are, written and learned part by part.

A row with parts ("p/1", "p/2") whose answers are 12 and 7 is answered "12 7", or "12 no" where the second is wrong. Two
parts of P = 0.5 make a row of P = 0.25.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from curriculab.protocol import Rows
from curriculab.simulation.rows import is_list
from curriculab.simulation.student import ANSWER

WRONG_PART = "no"


class Parts(NamedTuple):
    """The parts of some rows, one after another: each (parts,)."""

    row: np.ndarray  # place of the row it belongs to
    slot: np.ndarray  # 0 for the first part of its row
    at: np.ndarray  # place among the rows that the student knows


def listed_parts(rows: Rows) -> tuple[np.ndarray, list] | None:
    """Place of the row of each part, and its id; None where no row has parts.

    Examples
    --------
    >>> table = pd.DataFrame({"parts": [("a", "b"), None, ("b",)]})
    >>> place, ids = listed_parts(table)
    >>> place.tolist(), ids
    ([0, 0, 2], ['a', 'b', 'b'])
    """
    if "parts" not in rows:
        return None
    cells = [cell if is_list(cell) else () for cell in rows["parts"].tolist()]
    place = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
    return (place, [one for cell in cells for one in cell]) if len(place) else None


def slots(place: np.ndarray) -> np.ndarray:
    """How many parts of the same row stand before each part, (parts,).

    Examples
    --------
    >>> slots(np.array([0, 0, 2])).tolist()
    [0, 1, 0]
    """
    return np.arange(len(place)) - np.searchsorted(place, place)


def product(values: np.ndarray, place: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`whole`, (rows,), with the product of their parts' values where rows have parts.

    Examples
    --------
    >>> product(np.array([0.5, 0.5, 0.2]), np.array([0, 0, 2]), np.array([1.0, 0.9, 1.0])).round(2).tolist()
    [0.25, 0.9, 0.2]
    """
    total = whole.copy()
    first = np.unique(place)
    total[first] = np.exp(np.bincount(place, np.log(values), len(whole)))[first]
    return total


def joined(answers: Sequence[object], right: np.ndarray, place: np.ndarray) -> dict[int, str]:
    """Text of each row with parts, by its place.

    Examples
    --------
    >>> joined(["12", "7"], np.array([True, False]), np.array([3, 3]))
    {3: '12 no'}
    """
    found: dict[int, list[str]] = {}
    for row, answer, is_right in zip(place.tolist(), answers, right.tolist(), strict=True):
        found.setdefault(row, []).append(str(answer) if is_right else WRONG_PART)
    return {row: " ".join(words) for row, words in found.items()}


class Placed(Protocol):
    """Parts by the place of their row, their number in it, and the right answer to each, (parts,)."""

    row: np.ndarray
    slot: np.ndarray
    answer: np.ndarray


def rightness(parts: Placed, said: Sequence[str | None]) -> np.ndarray:
    """Which parts are right, 1 or 0, (parts,); said: the text of each row, (rows,).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> two = SimpleNamespace(row=np.array([0, 0]), slot=np.array([0, 1]), answer=np.array(["12", "7"], object))
    >>> rightness(two, ["12 no"])
    array([1., 0.])
    """
    ends = np.append(np.flatnonzero(parts.slot == 0), len(parts.slot)).tolist()
    spans = zip(ends[:-1], ends[1:], strict=True)
    return np.concatenate([right_parts(said[parts.row[a]], parts.answer[a:b]) for a, b in spans])


def right_parts(text: str | None, answers: Sequence[object]) -> list[float]:
    """Which parts of a text are right, 1 or 0 each: it is read from left to right until something else stands there.

    Examples
    --------
    >>> right_parts("12 no 3", ["12", "7", "3"]), right_parts("12", ["12", "7"]), right_parts("so #### 7 1", ["7", "1"])
    ([1.0, 0.0, 1.0], [1.0, 0.0], [1.0, 1.0])
    """
    rest = f"{(text or '').rpartition(ANSWER)[2].strip()} "
    found = [0.0] * len(answers)
    for k, answer in enumerate(answers):
        if rest.startswith(f"{answer} "):
            found[k], rest = 1.0, rest[len(str(answer)) + 1 :]
        elif rest.startswith(f"{WRONG_PART} "):
            rest = rest[len(WRONG_PART) + 1 :]
        else:
            break
    return found
