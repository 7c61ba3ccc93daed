"""Measured once: scores by a digest of all that decides them, in memory or as parquet files in a folder.

The digest covers the model's files and precision, adapters, the columns a model reads, the measure's settings, the
package's own code and the versions of what computes. One file: `pass_rate-5b0c2f3a9d1e4f68.parquet` with score and
error of every row, and what they cost.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.registry.warning import warn
from curriculab.registry.writing import write_whole
from curriculab.runs import digest_of, digest_of_table

READS = ("prompt", "answer", "options", "solution", "turns", "task", "metadata", "topic", "level")  # by who answers
VERSIONS = ("torch", "transformers", "peft", "bitsandbytes", "numpy", "pandas")
COSTS = ("tokens", "rollouts", "generated", "seconds")
MOST = 1024  # scores kept in memory, the oldest go
_memory: dict[str, tuple[pd.DataFrame, pd.Series]] = {}


def key(
    name: str,
    pool: pd.DataFrame,
    knobs: Mapping[str, object],
    who: Mapping[str, str],
    seed: int,
    code: Mapping[str, str],
) -> str:
    """Digest (16 hex digits) of everything that decides a measure's numbers. code: the modules that compute them."""
    named = [v for v in knobs.values() if isinstance(v, str) and v in pool]
    columns = [c for c in dict.fromkeys((*READS, *named)) if c in pool]
    settings = {k: digest_of_table(v.to_frame()) if isinstance(v, pd.Series) else repr(v) for k, v in knobs.items()}
    return digest_of(
        {
            "measure": name,
            "rows": digest_of_table(pool[columns]),
            "knobs": settings,
            "who": dict(who),
            "seed": seed,
            "code": dict(code),
            "versions": versions(),
        }
    )


def load(cache: object, name: str, digest: str, pool: pd.DataFrame) -> tuple[tuple, pd.DataFrame] | None:
    """Score, error and a ledger line of a known measure, or None; a damaged file is told and measured again."""
    if cache is None or cache is True:
        if digest not in _memory:
            return None
        table, cost = _memory[digest]
    else:
        path = _path(cache, name, digest)
        if not path.exists():
            return None
        try:
            table = pd.read_parquet(path)
            cost = table[list(COSTS)].iloc[0]
            table = table[["score", "error"]].set_axis(pool.index)
        except Exception as error:  # the parquet library raises a dozen kinds
            warn(f"{name}: {path} is damaged ({type(error).__name__}), so it is measured again")
            return None
    score, error = table["score"].rename(name), table["error"].rename(f"se_{name}")
    line = {"request": "cache", "purpose": "", "rows": len(pool), **cost.to_dict()}
    return (score, None if error.isna().all() else error), pd.DataFrame([line])


def save(cache: object, name: str, digest: str, found: tuple[pd.Series, pd.Series | None], cost: pd.Series) -> None:
    """Keep a measure's numbers, whole or not at all."""
    score, error = found
    table = pd.DataFrame({"score": score, "error": np.nan if error is None else error}, index=score.index)
    if cache is None or cache is True:
        _memory[digest] = (table, cost.copy())
        while len(_memory) > MOST:
            del _memory[next(iter(_memory))]
        return
    path = _path(cache, name, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, table.assign(**cost.to_dict()).reset_index(drop=True).to_parquet())


def _path(cache: object, name: str, digest: str) -> Path:
    return Path(str(cache)) / f"{name}-{digest}.parquet"


@functools.cache
def versions() -> tuple[str, ...]:
    return tuple(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
