"""A source's own table as a pool: columns mapped, ids made, types known, rows drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.mapping import map_columns, typed
from curriculab.data.validation import PoolError, missing, validate


def shape(frame: pd.DataFrame, source: str, *, stem: str, columns: Any, n: int | None, seed: int) -> pd.DataFrame:
    """Map columns, make ids, bring the known columns to their types, validate, draw `n` rows."""
    if frame.empty:
        raise PoolError(f"{source}: found no rows, expected at least one")
    pool = map_columns(frame, source, columns or {})
    for name in ("prompt", "answer"):
        if name not in pool:
            raise PoolError(missing(name, frame, source))
    places = dict(enumerate(frame.index))
    pool = typed(pool, source)
    index = pool.pop("id") if "id" in pool else [f"{stem}/{i:05d}" for i in range(1, len(pool) + 1)]
    pool.index = pd.Index(index, dtype="str", name="id")
    pool = validate(pool, source, places=places)
    return pool if n is None else draw(pool, n, source, seed)


def draw(pool: pd.DataFrame, n: int, source: str, seed: int) -> pd.DataFrame:
    """`n` rows in the source's order."""
    if not 0 < n <= len(pool):
        raise PoolError(f"{source}: asked for {n} rows, it has {len(pool)}; ask for 1 to {len(pool)}")
    return pool.iloc[np.sort(np.random.default_rng(seed).choice(len(pool), n, replace=False))]
