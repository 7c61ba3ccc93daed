"""Clinic: questions about a closed world that nobody has ever studied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.data.clinic_world import WORLD, world
from curriculab.data.files import data_path
from curriculab.data.registry import source
from curriculab.data.validation import PoolError

PER_LEVEL = 5000


LEVELS = (1, 2, 3, 4)


FILE = "clinic.csv.xz"


@source("clinic")
def load(
    name: str = "clinic",
    *,
    levels: int | Sequence[int] | None = None,
    topics: str | Sequence[str] | None = None,
    n: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """The shipped exam, or n questions of it drawn by `seed`: as many of each level, a tenth of them held out."""
    table = _read(data_path(FILE))
    levels = _known("level", levels, LEVELS)
    topics = _known("topic", topics, sorted(world().names["speciality"]))
    table = table[table["level"].isin(levels) & table["topic"].isin(topics)]
    if n is None:
        return table
    if not isinstance(n, int | np.integer) or n < 1:
        raise PoolError(f"clinic: n is {n!r}; expected a whole number of questions from 1 up, or None for all of them")
    rng = np.random.default_rng(np.random.SeedSequence([WORLD, 3, seed]))
    order = rng.permutation(len(table))
    shares = zip(levels, _shares(n, len(levels)), _shares(n // 10, len(levels)), strict=True)
    picked = [i for share in shares for i in _picked(table, order, *share)]
    return table.iloc[rng.permutation(picked)]


def _read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, index_col="id")
    table["options"] = pd.Series([o.split("|") for o in table["options"]], index=table.index, dtype=object)
    return table


def _known(what: str, wanted: object, known: Sequence) -> list:
    """The wanted values, one or several, each once; all that are known where none is wanted."""
    if wanted is None:
        return list(known)
    values = [wanted] if isinstance(wanted, str | int | np.integer) else list(wanted)
    for value in values:
        if value not in known:
            raise PoolError(f"clinic: no {what} {value!r}; there are {', '.join(map(str, known))}")
    return list(dict.fromkeys(values)) or list(known)


def _shares(n: int, parts: int) -> list[int]:
    """n in whole parts that differ by one at most."""
    return [n // parts + (i < n % parts) for i in range(parts)]


def _picked(table: pd.DataFrame, order: np.ndarray, level: int, n: int, tests: int) -> list[int]:
    """The first `tests` held-out and n - tests other places of a level in the given order."""
    here = order[table["level"].to_numpy()[order] == level]
    held = table["held_out"].to_numpy()[here]
    for side, wanted, there in (("held-out", tests, held.sum()), ("training", n - tests, (~held).sum())):
        if wanted > there:
            raise PoolError(
                f"clinic: level {level} has {there} {side} questions in the topics asked for, {wanted} wanted; "
                "ask for a smaller n, for more levels or for more topics"
            )
    return [*here[held][:tests], *here[~held][: n - tests]]
