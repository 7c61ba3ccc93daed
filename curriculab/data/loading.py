"""`load_pool`: a validated table of examples from wherever they are.

A pool is a DataFrame indexed by a unique string `id`, with the columns `prompt` and `answer` (text). Optional, with a
fixed meaning: `topic` (text), `level` (whole number, higher is harder), `options` (list of texts, the answer is one of
them), `task` (the verifier that judges it), `solution` (worked steps), `parents`, `pass_rate_human`, `held_out` (never
in any training text). Every other column is kept as it came. One datum:

    id                  prompt        answer  topic  level  task    held_out
    ladder/add/1/00417  add 47 + 30   77      add    1      ladder  False

Text to study has an empty prompt and the text as its answer. Bad input raises `PoolError`: file, row, column, what was
found, what was expected. Nothing is dropped silently.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from curriculab.data.files import FILES, suffix_of
from curriculab.data.mapping import Column
from curriculab.data.registry import SOURCES
from curriculab.data.shaping import draw
from curriculab.data.validation import PoolError, validate

ANY_FILE = "file:"  # the source that reads files, which are named without it


def load_pool(
    source: str | Path,
    *,
    columns: Mapping[str, Column] | None = None,
    n: int | None = None,
    seed: int = 0,
    skills: str | Sequence[str] | None = None,
    levels: int | Sequence[int] | None = None,
    topics: str | Sequence[str] | None = None,
    split: str | None = None,
    **knobs: Any,
) -> pd.DataFrame:
    """Load a validated pool: an embedded task, a Reasoning Gym task, a file, a hub data set, another package's source.

    Parameters
    ----------
    source : str or Path
        "ladder" (takes `skills`, `levels`), "clinic" (`topics`, `levels`), "gym:<task>" (the task's own `knobs`; 500
        rows unless `n`), "hf:<id>" or "hf:<folder>" (`split`, `columns`, and `name` for its configuration), a .jsonl,
        .json, .csv or .parquet file (`columns`), looked for here and in the folder `CURRICULAB_DATA`, or a source that
        another package offers.
    columns : mapping, optional
        Target name to a column of the source, or to a function of the source's table, such as
        ``text_after("answer", "####")``. Other columns of the source are kept.
    n : int, optional
        Rows to draw by `seed`; all of them without it.
    seed : int
        Of the draw.
    skills, levels, topics : optional
        One value or several to choose from, of the embedded tasks.
    split : str, optional
        Of a hub data set; "train" unless given.
    **knobs
        What the source takes besides.

    Returns
    -------
    pd.DataFrame
        (rows, columns), indexed by a unique text `id`, with `prompt` and `answer`.

    Raises
    ------
    PoolError
        One line for bad input: the file, the row, the column, what was found and what was expected.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", skills="add", levels=[1, 2], n=10, seed=0)
    >>> pool.shape, sorted(set(pool["level"]))
    ((10, 6), [1, 2])
    >>> pool.iloc[0][["prompt", "answer"]].to_dict()
    {'prompt': 'add 2 + 6 + 1', 'answer': '9'}
    """
    name = str(source)
    options = {"columns": columns, "skills": skills, "levels": levels, "topics": topics, "split": split, **knobs}
    given = {key: value for key, value in options.items() if value is not None}
    unit = unit_of(name)
    reader = SOURCES[unit]
    takes, takes_any = options_of(reader)
    for key in given:
        if key not in takes and not takes_any:
            allowed = ", ".join((*(k for k in takes if k not in ("n", "seed")), "n", "seed"))
            raise PoolError(f"load_pool({name!r}) takes no argument {key!r}; it takes {allowed}")
    given |= {key: value for key, value in (("n", n), ("seed", seed)) if key in takes}
    pool = reader(name, **given)
    if not reader.__module__.startswith("curriculab."):
        pool = validate(pool, name)
    return pool if n is None or "n" in takes else draw(pool, n, name, seed)


def unit_of(name: str) -> str:
    """The name in the registry of the source that reads `name`; PoolError with all there are for an unknown one."""
    if name in SOURCES and not name.endswith(":"):
        return name
    if suffix_of(Path(name)) in FILES:
        return ANY_FILE
    known = ", ".join(_shown(other) for other in SOURCES if other != ANY_FILE)
    files = ", ".join(FILES)
    raise PoolError(f"unknown source {name!r}; known are {known} or a file {files} (the first three also .gz)")


def options_of(reader: Callable[..., pd.DataFrame]) -> tuple[list[str], bool]:
    """Names of a source's keyword arguments, and whether it takes others too."""
    parameters = inspect.signature(reader).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _shown(name: str) -> str:
    """A source's name as it is written: 'ladder', 'gym:<task>'."""
    rest = SOURCES.unit(name).about.get("rest", "<name>")
    return repr(f"{name}{rest}" if name.endswith(":") else name)
