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

from curriculab.data.files import FILES, RECIPES, numbered, recipe, suffix_of
from curriculab.data.mapping import Column
from curriculab.data.registry import SOURCES
from curriculab.data.shaping import draw, shape
from curriculab.data.validation import PoolError, validate

ANY_FILE = "file:"  # the source that reads files, which are named without it


def load_pool(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, Column] | None = None,
    n: int | None = None,
    seed: int = 0,
    skills: str | Sequence[str] | None = None,
    levels: int | Sequence[int] | None = None,
    topics: str | Sequence[str] | None = None,
    split: str | None = None,
    level_order: Sequence[str] | None = None,
    **knobs: Any,
) -> pd.DataFrame:
    """Load a validated pool: an embedded task, a Reasoning Gym task, a file, a hub data set, another package's source.

    Parameters
    ----------
    source : str, Path or DataFrame
        "ladder" (takes `skills`, `levels`), "clinic", "rules" and "word_problems" (`topics`, `levels`), "gym:<task>"
        (the task's own `knobs`; 500 rows unless `n`), "hf:<id>" or "hf:<folder>" (`split`, `columns`, and `name` for
        its configuration), a .jsonl, .json, .csv, .tsv, .xlsx or .parquet file (`columns`; `sheet` of an Excel file,
        `encoding` of a text), looked for here and in the folder `CURRICULAB_DATA`, a table that is there already
        (`columns`), or a source that another package offers. A table in IFEval's format is judged by its rules.
    columns : mapping, optional
        Target name to a column of the source, to a place inside one ("choices.text", "messages.0.content"), or to a
        function of the source's table, such as ``text_after("answer", "####")``; ``{"task": "math"}`` names the
        verifier of all rows. Other columns of the source are kept.
    n : int, optional
        Rows to draw by `seed`; all of them without it.
    seed : int
        Of the draw.
    skills, levels, topics : optional
        One value or several to choose from, of the embedded tasks.
    split : str, optional
        Of a hub data set, "train" unless given; or the name of one of the tables in a .json file.
    level_order : sequence of str, optional
        Words that stand in the column `level`, the easiest first, such as ["easy", "medium", "hard"]: they become 1, 2
        and 3. Case and blanks around them do not count.
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
    if isinstance(source, pd.DataFrame):
        given = {"skills": skills, "levels": levels, "topics": topics, "split": split, **knobs}
        given = {key: value for key, value in given.items() if value is not None}
        return from_frame(source, columns=columns, level_order=level_order, n=n, seed=seed, **given)
    name = str(source)
    options = {"columns": columns, "skills": skills, "levels": levels, "topics": topics, "split": split}
    options |= {"level_order": level_order, **knobs}
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


def from_frame(
    table: pd.DataFrame,
    *,
    columns: Mapping[str, Column] | None,
    level_order: Sequence[str] | None,
    n: int | None,
    seed: int,
    **knobs: Any,
) -> pd.DataFrame:
    """A table that is there already as a pool; an index of different texts is its ids."""
    if knobs:
        raise PoolError(
            f"load_pool of a DataFrame takes no argument {next(iter(knobs))!r}; it takes columns, level_order, n, seed"
        )
    names = list(map(str, table.columns))
    if repeated := [name for name in names if names.count(name) > 1]:
        raise PoolError(f"the table: found the column {repeated[0]!r} twice, expected every name once")
    ids = table.index
    named = table.set_axis(names, axis=1)
    if len(ids) and ids.is_unique and all(isinstance(key, str) and key for key in ids) and "id" not in (columns or {}):
        named = named.assign(id=ids.to_numpy())
    how = dict(columns=columns, level_order=level_order, n=n, seed=seed)
    return shape(numbered(named.rename_axis(index=None)), "the table", stem="table", **how)


def unit_of(name: str) -> str:
    """The name in the registry of the source that reads `name`; PoolError with all there are for an unknown one."""
    if name in SOURCES and not name.endswith(":"):
        return name
    if suffix_of(Path(name)) in FILES:
        return ANY_FILE
    if suffix_of(Path(name)) in RECIPES:
        raise PoolError(recipe(name))
    known = ", ".join(_shown(other) for other in SOURCES if other != ANY_FILE)
    files = ", ".join(FILES)
    raise PoolError(f"unknown source {name!r}; known are {known} or a file {files} (also packed, .gz)")


def options_of(reader: Callable[..., pd.DataFrame]) -> tuple[list[str], bool]:
    """Names of a source's keyword arguments, and whether it takes others too."""
    parameters = inspect.signature(reader).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _shown(name: str) -> str:
    """A source's name as it is written: 'ladder', 'gym:<task>'."""
    rest = SOURCES.unit(name).about.get("rest", "<name>")
    return repr(f"{name}{rest}" if name.endswith(":") else name)
