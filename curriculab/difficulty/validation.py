"""What every measure keeps: it refuses in one line what it cannot measure, and hands out no constant in silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.registry.warning import warn

ROUNDING = 1e-6  # of a forward in float32: equal rows differ by so much, by where they stand in a batch


def check_pool(name: str, pool: pd.DataFrame, *columns: str) -> None:
    """Refuse a pool without rows, with an id twice, without one of the columns, or with a prompt that is no text."""
    if not isinstance(pool, pd.DataFrame):
        raise ValueError(f"{name}: the pool is a {type(pool).__name__}; give a DataFrame such as cl.load_pool returns")
    if not len(pool):
        raise ValueError(f"{name}: the pool has no rows; there is nothing to measure")
    if not pool.index.is_unique:
        twice = pool.index[pool.index.duplicated()][0]
        raise ValueError(f"{name}: the id {twice!r} is there more than once; measure every row once")
    for column in columns:
        if column not in pool:
            raise ValueError(
                f"{name}: the pool has no column {column!r}; map one with load_pool(columns={{{column!r}: ...}})"
            )
    if "prompt" in columns:
        refuse(
            name,
            pool.index[~pool["prompt"].map(lambda p: isinstance(p, str)).to_numpy(bool)],
            "has a prompt that is no text; a prompt is a string",
        )


def check_prompts(name: str, pool: pd.DataFrame) -> None:
    """Refuse rows that ask nothing."""
    check_pool(name, pool, "prompt")
    refuse(name, pool.index[pool["prompt"].to_numpy() == ""], "has an empty prompt; a plain text cannot be answered")


def check_texts(name: str, pool: pd.DataFrame) -> None:
    """Refuse rows without a text to read: no turns, no solution, no answer."""
    check_pool(name, pool, "prompt", *(() if "turns" in pool else ("answer",)))
    texts = [pool[c].map(lambda v: isinstance(v, str | tuple)) for c in ("turns", "solution", "answer") if c in pool]
    refuse(name, pool.index[~np.any(texts, axis=0)], "has no answer to read; leave it out, or say(rows, text) first")


def refuse(name: str, bad: pd.Index | Sequence, why: str) -> None:
    """Raise one line about the first of the bad rows, if there is one."""
    if len(bad):
        more = "" if len(bad) == 1 else f" ({len(bad)} such rows)"
        raise ValueError(f"{name}: row {bad[0]!r} {why}{more}")


def checked(score: pd.Series | np.ndarray, name: str, pool: pd.DataFrame) -> pd.Series:
    """The score on the pool's index, float; refused where it is not finite, told where all rows have the same."""
    score = aligned(score, name, pool)
    bad = score.index[~np.isfinite(score)]
    if len(bad):
        raise ValueError(
            f"{name}: row {bad[0]!r} has the score {score[bad[0]]} ({len(bad)} such rows); it must be finite"
        )
    low, high = score.min(), score.max()
    if len(score) > 1 and high - low <= ROUNDING * max(1.0, abs(high), abs(low)):
        warn(f"{name}: all {len(score)} rows score {high:g}, so it orders nothing; choose another measure or setting")
    return score


def aligned(values: pd.Series | np.ndarray, name: str, pool: pd.DataFrame) -> pd.Series:
    """Values as floats on the pool's index; a Series is brought into its order."""
    if isinstance(values, pd.Series):
        values = values.reindex(pool.index)
    return pd.Series(np.asarray(values, dtype=float), index=pool.index, name=name)
