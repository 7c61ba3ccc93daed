"""Wrong answers to rows, of which nothing but the question tells that they are wrong.

Right answers to other rows: rows come together in groups of k with different answers, of one topic and level and of one
length where there are enough, and each row of a group gets the answers of the others. So each text is right as often as
every other text of its group. Where a row finds no group, characters of its answer are changed.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from curriculab.data.validation import PoolError, show
from curriculab.registry.registry import judge

STRATA = (
    ("task", "topic", "level", "length"),
    ("task", "topic", "level"),
    ("task", "topic"),
)  # who is grouped, in turn
TRIES = 200  # to change an answer into another one, before a row is given up
CHARACTER = re.compile(r"[^\W_]")


def wrong_answers(rows: pd.DataFrame, n: int, rng: np.random.Generator) -> list[list[str]]:
    """n different texts a row that its verifier refuses, in random order: its own options, answers to other rows of its
    group, or else the answer with characters changed."""
    found: dict[int, list[str]] = {}
    answers = rows["answer"].tolist()
    own = rows["options"].tolist() if "options" in rows else [None] * len(rows)
    for i, options in enumerate(own):
        others = _others(options, answers[i])
        if len(others) >= n:
            found[i] = [others[j] for j in rng.permutation(len(others))[:n]]
    rest = np.array([i for i in range(len(rows)) if i not in found], int)
    groups, alone = grouped(rows.iloc[rest], n + 1, rng)
    for group in groups:
        members = rest[group].tolist()
        for i in members:
            others = [answers[j] for j in members if j != i]
            found[i] = [others[j] for j in rng.permutation(n)]
    for i in rest[alone].tolist():
        found[i] = changed(rows.iloc[[i]], n, rng)
    return [found[i] for i in range(len(rows))]


def grouped(rows: pd.DataFrame, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows in groups of k whose verifiers refuse each other's answers, (groups, k), and of those left."""
    left, found = np.arange(len(rows)), [np.empty((0, k), int)]
    columns = {name: rows[name].to_numpy(object) for name in ("task", "topic", "level") if name in rows}
    columns["length"] = rows["answer"].str.len().to_numpy()
    for names in STRATA:
        if len(left) < k:
            break
        keys = pd.DataFrame({name: columns[name][left] for name in names if name in columns})
        last = names == STRATA[-1]
        parts = [left[part] for part in _parts(keys, len(left))]
        # One with an answer that is too common goes to the next stratum as a whole: what is left of it alone would be
        # rows of that answer, and it would be told by being common.
        tried = [_dealt(rows, part, k, rng) for part in parts if last or _can_be_dealt(rows, part, k)]
        tried = np.concatenate([np.empty((0, k), int), *tried])
        good = tried[_apart(rows, tried)]
        found.append(good)
        left = np.setdiff1d(left, good)
    return np.concatenate(found), left


def _parts(keys: pd.DataFrame, n: int) -> list[np.ndarray]:
    if not len(keys.columns):
        return [np.arange(n)]
    return list(keys.groupby(list(keys.columns), dropna=False, sort=True).indices.values())


def _can_be_dealt(rows: pd.DataFrame, part: np.ndarray, k: int) -> bool:
    """Whether these rows make groups of k in none of which an answer comes twice."""
    _, counts = np.unique(rows["answer"].to_numpy(str)[part], return_counts=True)
    return bool(counts.max() <= len(part) // k)


def _dealt(rows: pd.DataFrame, part: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Groups of k among these positions, (groups, k), each of members that stand far apart in the order of answers: an
    answer of at most 1 / k of the rows never meets itself."""
    mixed = rng.permutation(part)
    order = mixed[np.argsort(rows["answer"].to_numpy(str)[mixed], kind="stable")]
    order = np.roll(order, int(rng.integers(len(order))))
    size = len(order) // k
    return order[: size * k].reshape(k, size).T


def _apart(rows: pd.DataFrame, groups: np.ndarray) -> np.ndarray:
    """Whether every member's verifier refuses the answers of all others, (groups,)."""
    fine, accepts = np.ones(len(groups), bool), judge()
    answers = rows["answer"].to_numpy(object)
    bare = rows.drop(columns="options", errors="ignore")
    for shift in range(1, groups.shape[1]):
        here, there = groups.ravel(), np.roll(groups, shift, axis=1).ravel()
        worth = accepts(bare.iloc[here], answers[there])
        fine &= (worth == 0).reshape(groups.shape).all(axis=1)
    return fine


def changed(row: pd.DataFrame, n: int, rng: np.random.Generator) -> list[str]:
    """n texts that differ from the answer of one row, or from another of them, in one character, in random order.

    They form a path with the answer at a random place of it, so that it is no centre of the others.
    """
    answer, accepts = row["answer"].iloc[0], judge()
    bare = row.drop(columns="options", errors="ignore")
    before = int(rng.integers(n + 1))
    found = [answer]
    for end in [0] * before + [-1] * (n - before):
        for _ in range(TRIES):
            text = _one_changed(found[end], rng)
            if text not in found and accepts(bare, [text])[0] == 0:
                break
        else:
            raise PoolError(
                f"row {row.index[0]!r}: found no {n} wrong answers beside {show(answer)}; give the row options, or "
                "more rows with other answers"
            )
        found.insert(0 if end == 0 else len(found), text)
    found.remove(answer)
    return [found[j] for j in rng.permutation(n)]


def _one_changed(text: str, rng: np.random.Generator) -> str:
    """The text with another letter or digit in one place; a number keeps its number of digits."""
    places = [m.start() for m in CHARACTER.finditer(text)]
    if not places:
        return text
    at = places[int(rng.integers(len(places)))]
    old = text[at]
    if old.isdigit():
        first = at == places[0] and len(places) > 1
        new = str(int(rng.integers(int(first), 10)))
    else:
        new = "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(26))]
        new = new.upper() if old.isupper() else new
    return text[:at] + new + text[at + 1 :]


def _others(options: object, answer: str) -> list[str]:
    """A row's own options without the right one; none where it has no options, or the answer is not one of them."""
    if not isinstance(options, list | tuple | np.ndarray) or answer not in list(options):
        return []
    return [str(option) for option in options if option != answer]
