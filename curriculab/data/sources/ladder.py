"""Ladder: twelve verifiable skills at six levels, each item with worked steps for those who ask for them.

prompt                  answer  solution (with solutions=True)
solve 119*w - 48 = 1499 13      "<<1499+48=1547>>\\n<<1547/119=13>>"
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.files import data_path
from curriculab.data.registry import source
from curriculab.data.validation import PoolError
from curriculab.registry.warning import warn

SKILLS = (
    "add",
    "product",
    "equation",
    "reverse",
    "sort",
    "base",
    "filter",
    "caesar",
    "words",
    "spiral",
    "fraction",
    "legs",
)


LEVELS = (1, 2, 3, 4, 5, 6)


@lru_cache(maxsize=1)
def whole_table() -> pd.DataFrame:
    """Every item, indexed by id; shared, so never to be changed."""
    path = data_path("ladder.parquet")
    if not path.is_file():
        raise PoolError(f"ladder: {path} is missing; make it with: python -m tools.make_ladder")
    table = pd.read_parquet(path, columns=["prompt", "answer", "topic", "level", "held_out"]).astype({"level": "int64"})
    place = table.groupby(["topic", "level"], sort=False).cumcount().astype("str").str.zfill(5)
    ids = "ladder/" + table["topic"] + "/" + table["level"].astype("str") + "/" + place
    columns = ["prompt", "answer", "topic", "level", "task", "held_out"]
    return table.assign(task="ladder").set_index(pd.Index(ids, name="id"))[columns]


@lru_cache(maxsize=1)
def worked_solutions() -> pd.Series:
    """The worked solution of every item by id, one step a line; read only where it is asked for, never changed."""
    texts = pd.read_parquet(data_path("ladder.parquet"), columns=["solution"])["solution"]
    return texts.set_axis(whole_table().index)


@lru_cache(maxsize=1)
def cells() -> dict[tuple[str, int, bool], np.ndarray]:
    """(skill, level, held out) -> positions in the table."""
    groups = whole_table().reset_index(drop=True).groupby(["topic", "level", "held_out"])
    return {key: index.to_numpy() for key, index in groups.groups.items()}


@source("ladder")
def load(
    name: str = "ladder",
    *,
    skills: str | Sequence[str] | None = None,
    levels: int | Sequence[int] | None = None,
    n: int | None = None,
    seed: int = 0,
    solutions: bool = False,
) -> pd.DataFrame:
    """`n` items (all without it) in an order of `seed`, balanced over levels, then skills; a tenth of them held out.

    With `solutions`, a column `solution` holds each item's worked steps, one a line; supervised training then learns
    these in place of the answer, so that it is not there by itself. A cell that holds fewer items than its share is
    named in a warning and the level's other skills fill up; a level that holds too few is an error.
    """
    chosen_skills = checked(skills, SKILLS, "skill")
    chosen_levels = checked(levels, LEVELS, "level")
    table, rng = whole_table(), np.random.default_rng(np.random.SeedSequence(seed))
    if solutions:
        table = table.assign(solution=worked_solutions())
    if n is None:
        inside = table["topic"].isin(chosen_skills) & table["level"].isin(chosen_levels)
        return table.iloc[rng.permutation(np.flatnonzero(inside))].copy()
    if n < 1:
        raise PoolError(f"ladder: asked for {n} rows, expected at least 1, or None for all")
    rows = [
        cells()[cell][rng.permutation(len(cells()[cell]))[:count]]
        for cell, count in quotas(n, chosen_skills, chosen_levels, rng).items()
        if count
    ]
    return table.iloc[rng.permutation(np.concatenate(rows))].copy()


def checked(wanted: Any, known: tuple[Any, ...], what: str, *, source: str = "ladder") -> tuple[Any, ...]:
    """The wanted skills, topics or levels in the source's order."""
    if wanted is None:
        return known
    names = [wanted] if isinstance(wanted, (str, int, np.integer)) else list(wanted)
    for name in names:
        if name not in known:
            raise PoolError(f"{source}: unknown {what} {name!r}; known are {', '.join(map(str, known))}")
    if not names:
        raise PoolError(f"{source}: no {what} asked for; known are {', '.join(map(str, known))}, None takes all")
    return tuple(name for name in known if name in names)


def quotas(
    n: int, skills: tuple[str, ...], levels: tuple[int, ...], rng: np.random.Generator
) -> dict[tuple[str, int, bool], int]:
    """How many rows each (skill, level, held out) gives."""
    unbounded = np.full(len(levels), n)
    total = fill(n, unbounded, np.zeros(len(levels), int), rng)
    held = fill((n + 5) // 10, total, np.zeros(len(levels), int), rng)
    counts: dict[tuple[str, int, bool], int] = {}
    for level, asked, asked_held in zip(levels, total, held, strict=True):
        given = np.zeros(len(skills), int)
        for flag, share in ((False, asked - asked_held), (True, asked_held)):
            has = np.array([len(cells().get((skill, level, flag), ())) for skill in skills])
            if share > has.sum():
                raise PoolError(too_few(level, flag, has.sum(), share, n))
            parts = fill(share, has, given, rng)
            counts.update({(skill, level, flag): int(part) for skill, part in zip(skills, parts, strict=True)})
            given = given + parts
        warn_of_small_cells(skills, level, given, asked)
    return counts


def fill(total: int, room: np.ndarray, before: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`total` in whole parts as equal as `room` allows; what is left over goes first where `before` is smallest."""
    parts = np.zeros(len(room), int)
    while (left := total - parts.sum()) > 0:
        open_parts = np.flatnonzero(parts < room)
        if left >= len(open_parts):
            parts[open_parts] += np.minimum(left // len(open_parts), (room - parts)[open_parts])
        else:
            by_size = np.lexsort((rng.random(len(open_parts)), before[open_parts]))
            parts[open_parts[by_size[:left]]] += 1
    return parts


def too_few(level: int, held: bool, has: int, asked: int, n: int) -> str:
    kind = "held-out" if held else "training"
    has_not = f"level {level} of the skills asked for has {has} {kind} items, n={n} needs {asked}"
    return f"ladder: {has_not}; ask for fewer rows"


def warn_of_small_cells(skills: tuple[str, ...], level: int, given: np.ndarray, asked: int) -> None:
    share = asked // len(skills)
    for skill, count in zip(skills, given, strict=True):
        if count < share:
            has = sum(len(cells().get((skill, level, flag), ())) for flag in (False, True))
            warn(
                f"ladder: {skill} has {has} items at level {level}, asked for {share}; it gives {count}, other skills "
                "of the level fill up"
            )
