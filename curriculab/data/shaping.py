"""A source's own table as a pool: columns mapped, ids made, types known, rows drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.cells import with_points
from curriculab.data.chats import chat_prompt, say_of_turns, with_chats
from curriculab.data.guessing import PROMPTS, missing_column
from curriculab.data.instructions import is_published, with_instructions
from curriculab.data.levels import in_order, refuse_words
from curriculab.data.mapping import map_columns, typed
from curriculab.data.options import are_texts, are_whole_numbers, read_options
from curriculab.data.validation import PoolError, validate


def shape(
    frame: pd.DataFrame,
    source: str,
    *,
    stem: str,
    columns: Any,
    n: int | None,
    seed: int,
    level_order: Sequence[str] | None = None,
    written: Mapping[str, pd.Series] | None = None,
    between: str = "",
) -> pd.DataFrame:
    """Map columns, make ids, bring the known columns to their types, validate, draw `n` rows.

    level_order: words for levels, the easiest first; written: columns of numbers as the file has them; between: what
    stands between the cells of a CSV, whose texts may be numbers.
    """
    if frame.empty:
        raise PoolError(f"{source}: found no rows, expected at least one")
    if is_published(frame, columns or {}):
        frame = with_instructions(frame, source)
    columns = with_chats(frame, columns or {})
    pool = map_columns(frame, source, columns, written=written, prompts=PROMPTS)
    for name in ("prompt", "answer"):
        if name not in pool:
            raise PoolError(missing_column(name, frame, source))
    if isinstance(columns.get("prompt"), chat_prompt):
        say_of_turns(pool["prompt"], source)
    places = dict(enumerate(frame.index))
    whole = are_whole_numbers(pool["answer"]) and are_texts(pool.get("options"))
    if between:
        pool = with_points(pool, source, between)
    if level_order is not None:
        pool = in_order(pool, level_order, source, places)
    elif "level" in pool:
        refuse_words(pool["level"], source, places)
    pool = read_options(typed(pool, numbers=bool(between)), source, answers_are_numbers=whole)
    index = pool.pop("id") if "id" in pool else [f"{stem}/{i:05d}" for i in range(1, len(pool) + 1)]
    pool.index = pd.Index(index, dtype="str", name="id")
    pool = validate(pool, source, places=places)
    return pool if n is None else draw(pool, n, source, seed)


def draw(pool: pd.DataFrame, n: int, source: str, seed: int) -> pd.DataFrame:
    """`n` rows in the source's order."""
    if not 0 < n <= len(pool):
        raise PoolError(f"{source}: asked for {n} rows, it has {len(pool)}; ask for 1 to {len(pool)}")
    return pool.iloc[np.sort(np.random.default_rng(seed).choice(len(pool), n, replace=False))]
