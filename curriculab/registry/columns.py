"""How score columns were made: a measure's scores are known again in the pool that they were put into.

train["loss"] = answer_loss(train, model)
source_of(train["loss"])      # {"measure": "answer_loss", "knobs": {...}, "model": "5b0c...", "code": "9f3a..."}

What made a column decides a run, so it must be known in another process too: it is kept in the user's cache, a file a
score, named by the digest of ids and values (`columns/` in ~/.cache/curriculab on Linux). Where that cannot be written,
this process knows its own scores only. After the cache is emptied, runs that read such columns are trained again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
from platformdirs import user_cache_path

from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import describe, modules
from curriculab.registry.writing import write_whole

_own: dict[str, tuple[np.ndarray, dict[str, object]]] = {}  # scores of this process that could not be written


def cache_folder() -> Path:
    """Where what made a column is kept: `columns` in the user's cache (XDG_CACHE_HOME on Linux)."""
    return user_cache_path("curriculab", appauthor=False) / "columns"


def remember(
    score: pd.Series, measure: Callable, knobs: Mapping[str, object], *, model: object = None, engine: object = None
) -> None:
    """Keep who made a score; of two that made the same numbers the later one counts.

    Parameters
    ----------
    score : pd.Series
        One number a row, on the rows' ids.
    measure : callable
        The registered function; its name and the modules it uses are kept.
    knobs : mapping
        As they were used.
    model : object, optional
        What was asked: anything with a `digest()`, or digests by role.
    engine : object, optional
        What answered, whose modules decide the numbers too.
    """
    who = model.digest() if callable(getattr(model, "digest", None)) else model
    used = modules(measure, *([engine] if engine is not None else []))
    about = {"measure": measure.__name__, "knobs": describe(dict(knobs)), "code": digest_of(used)}
    about |= {"model": who} if who else {}
    keys = _keys(score)
    name = f"{_digest(keys)}.json"
    try:
        _write(cache_folder() / name, keys, about)
    except (OSError, RuntimeError, TypeError):  # no home, no right to it, no space; a knob that is no JSON
        _own.pop(name, None)
        _own[name] = keys, about
    else:
        _own.pop(name, None)


def source_of(column: pd.Series) -> dict[str, object] | None:
    """How a column was made; None where no score that is known holds just these numbers for these ids.

    A column may hold some of the scored rows in another order, as after `cl.split`.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype) or not len(column):
        return None
    keys = _keys(column)
    for known, about in _candidates(keys):
        if len(known) >= len(keys) and np.isin(keys, known, assume_unique=True).all():
            return about
    return None


def _keys(column: pd.Series) -> np.ndarray:
    """A number of 64 bits for each pair of id and value, sorted, each once."""
    values = pd.Series(column.to_numpy(float), index=pd.Index(list(map(str, column.index)), dtype=object))
    return np.unique(pd.util.hash_pandas_object(values, categorize=False).to_numpy())


def _digest(keys: np.ndarray) -> str:
    return blake2b(keys.astype("<u8").tobytes(), digest_size=16).hexdigest()


def _candidates(keys: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, object]]]:
    """Scores that may hold these rows: of just these rows first, then larger ones, the latest first."""
    name = f"{_digest(keys)}.json"
    own = [*([_own[name]] if name in _own else []), *reversed(_own.values())]
    yield from own
    try:
        found = [(entry.stat(), Path(entry)) for entry in os.scandir(cache_folder()) if entry.name.endswith(".json")]
    except (OSError, RuntimeError):
        return
    least = keys.nbytes  # a smaller file cannot hold them
    found = [(path.name != name, -state.st_mtime_ns, path) for state, path in found if state.st_size > least]
    for _, _, path in sorted(found):
        try:
            yield _read(path)
        except (OSError, ValueError, KeyError, TypeError):  # gone meanwhile, or of another program
            continue


def _write(path: Path, keys: np.ndarray, about: Mapping[str, object]) -> None:
    """A line of JSON that says what made the score, then its rows as bytes; whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"about": about, "rows": len(keys)}).encode()
    write_whole(path, line + b"\n" + keys.astype("<u8").tobytes())


def _read(path: Path) -> tuple[np.ndarray, dict[str, object]]:
    line, _, data = path.read_bytes().partition(b"\n")
    told, keys = json.loads(line), np.frombuffer(data, "<u8")
    if len(keys) != told["rows"] or f"{_digest(keys)}.json" != path.name:
        raise ValueError(f"{path} is damaged")
    return keys, dict(told["about"])
