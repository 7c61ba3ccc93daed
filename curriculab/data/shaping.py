"""A source's own table as a pool: columns mapped, ids made, types known, rows drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.guessing import PROMPTS, missing_column
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
    written: Mapping[str, pd.Series] | None = None,
    numbers: bool = False,
) -> pd.DataFrame:
    """Map columns, make ids, bring the known columns to their types, validate, draw `n` rows.

    written: columns of numbers as the file has them; numbers: whether texts may be numbers, as in a CSV.
    """
    if frame.empty:
        raise PoolError(f"{source}: found no rows, expected at least one")
    pool = map_columns(frame, source, columns or {}, written=written, prompts=PROMPTS)
    for name in ("prompt", "answer"):
        if name not in pool:
            raise PoolError(missing_column(name, frame, source))
    places = dict(enumerate(frame.index))
    whole = are_whole_numbers(pool["answer"]) and are_texts(pool.get("options"))
    pool = read_options(typed(pool, numbers=numbers), source, answers_are_numbers=whole)
    index = pool.pop("id") if "id" in pool else [f"{stem}/{i:05d}" for i in range(1, len(pool) + 1)]
    pool.index = pd.Index(index, dtype="str", name="id")
    pool = validate(pool, source, places=places)
    return pool if n is None else draw(pool, n, source, seed)


def draw(pool: pd.DataFrame, n: int, source: str, seed: int) -> pd.DataFrame:
    """`n` rows in the source's order."""
    if not 0 < n <= len(pool):
        raise PoolError(f"{source}: asked for {n} rows, it has {len(pool)}; ask for 1 to {len(pool)}")
    return pool.iloc[np.sort(np.random.default_rng(seed).choice(len(pool), n, replace=False))]
