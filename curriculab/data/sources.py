"""The table of examples: load, validate, split.

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

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.files import FILES, find, read_table, suffix_of
from curriculab.data.mapping import Column, map_columns, typed
from curriculab.data.validation import PoolError, closest, missing, one_line, validate


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
    """A validated pool from an embedded task, a Reasoning Gym task, a file or a hub data set.

    `source`: "ladder" (with `skills`, `levels`), "clinic" (with `topics`, `levels`), "gym:<task>" (with the task's own
    `knobs`; 500 rows unless `n`), "hf:<id>" or "hf:<folder>" (with `split`, "train" unless given, and `name=` for its
    configuration), or a .jsonl, .json, .csv or .parquet file, looked for here and in the folder `CURRICULAB_DATA`.
    `columns` maps target names to source columns or to functions of the source's table, such as
    `after("answer", "####")`; other source columns are kept. `n` rows are drawn by `seed`, all are taken without it.
    """
    name = str(source)
    options = {"columns": columns, "skills": skills, "levels": levels, "topics": topics, "split": split, **knobs}
    given = {key: value for key, value in options.items() if value is not None}
    reader, allowed = reader_of(name)
    for key in given:
        if key not in allowed and "*" not in allowed:
            takes = ", ".join((*allowed, "n", "seed"))
            raise PoolError(f"load_pool({name!r}) takes no argument {key!r}; it takes {takes}")
    return reader(name, n=n, seed=seed, **given)


def reader_of(name: str) -> tuple[Callable[..., pd.DataFrame], tuple[str, ...]]:
    """The reader of a source and the names of the arguments that it takes ("*": any)."""
    if name == "ladder":
        return read_ladder, ("skills", "levels")
    if name == "clinic":
        return read_clinic, ("levels", "topics")
    if name.startswith("gym:"):
        return read_gym, ("*",)
    if name.startswith("hf:"):
        return read_hub, ("columns", "split", "name")
    if suffix_of(Path(name)) in FILES:
        return read_file, ("columns",)
    raise PoolError(f"unknown source {name!r}; known are {KNOWN}")


def read_ladder(source: str, **options: Any) -> pd.DataFrame:
    from curriculab.data import ladder

    return ladder.load(**options)


def read_clinic(source: str, **options: Any) -> pd.DataFrame:
    from curriculab.data import clinic

    return clinic.load(**options)


def read_gym(source: str, *, n: int | None, seed: int, **knobs: Any) -> pd.DataFrame:
    """Rows of a Reasoning Gym task. The package seeds item i of seed s by s + i; here seeds are spread far apart."""
    try:
        import reasoning_gym
    except ImportError:
        raise PoolError(
            f"{source} needs the package reasoning-gym: pip install 'curriculab[gym]' (one of its dependencies has no "
            "wheel and needs a C compiler)"
        ) from None
    task = source.removeprefix("gym:")
    known = sorted(reasoning_gym.factory.DATASETS)
    if task not in known:
        raise PoolError(f"unknown task {task!r} in {source!r};{closest(task, known)} known are {', '.join(known)}")
    start = int(np.random.SeedSequence([seed, 0]).generate_state(1)[0])
    try:
        items = reasoning_gym.create_dataset(task, size=500 if n is None else n, seed=start, **knobs)
    except (AssertionError, TypeError) as error:
        raise PoolError(f"{source}: {one_line(error)}") from None
    rows = [(entry["question"], str(entry["answer"]), json.dumps(entry["metadata"], default=str)) for entry in items]
    frame = pd.DataFrame(rows, columns=["prompt", "answer", "metadata"])
    frame.index = pd.Index([f"gym/{task}/{seed}/{i:05d}" for i in range(len(frame))], name="id")
    return validate(frame.assign(topic=task, task=f"gym:{task}"), source)


def read_hub(
    source: str, *, n: int | None, seed: int, split: str = "train", name: str | None = None, columns: Any = None
) -> pd.DataFrame:
    """Rows of a hub data set or of a local folder laid out like one; code that comes with a data set never runs."""
    place = source.removeprefix("hf:")
    try:
        import datasets
    except ImportError:
        raise PoolError(f"{source} needs the package datasets: pip install datasets") from None
    local = Path(place).is_dir()
    reached = local or hub_answers(source, place)
    try:
        with offline(not reached):
            frame = datasets.load_dataset(place, name, split=split).to_pandas()
    except Exception as error:  # the library raises a dozen kinds
        if not reached:
            raise unreachable(source) from None
        raise PoolError(f"{source}: {one_line(error)}") from None
    frame.index = pd.Index([f"row {i}" for i in range(1, len(frame) + 1)])
    return shape(frame, source, stem=place.strip("/").split("/")[-1], columns=columns, n=n, seed=seed)


def hub_answers(source: str, name: str) -> bool:
    """Whether the hub can be reached; raises where it can and does not know the name."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        HfApi().dataset_info(name, timeout=10)
    except RepositoryNotFoundError:
        raise PoolError(
            f"{source}: the hub knows no data set {name!r} that you may read; check the name at https://huggingface.co/datasets,"
            " or log in (hf auth login) if it is private"
        ) from None
    except ValueError as error:  # a name that no data set can have
        raise PoolError(f"{source}: {one_line(error)}") from None
    except Exception:  # any kind of network trouble
        return False
    return True


def unreachable(source: str) -> PoolError:
    return PoolError(
        f"{source}: the hub cannot be reached and the data set is not in the local cache; check the name and the "
        "network, or give a local folder (hf:<folder>) or file"
    )


@contextmanager
def offline(on: bool) -> Iterator[None]:
    """Keep `datasets` from retrying a hub that has just been found out of reach; it reads its cache instead."""
    from datasets import config

    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = on or before
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def draw(pool: pd.DataFrame, n: int, source: str, seed: int) -> pd.DataFrame:
    """`n` rows in the source's order."""
    if not 0 < n <= len(pool):
        raise PoolError(f"{source}: asked for {n} rows, it has {len(pool)}; ask for 1 to {len(pool)}")
    return pool.iloc[np.sort(np.random.default_rng(seed).choice(len(pool), n, replace=False))]


def read_file(source: str, *, n: int | None, seed: int, columns: Any = None) -> pd.DataFrame:
    path = find(source)
    stem = path.name.removesuffix(".gz").removesuffix(suffix_of(path))
    return shape(read_table(path), path.name, stem=stem, columns=columns, n=n, seed=seed)


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


KNOWN = "'ladder', 'clinic', 'gym:<task>', 'hf:<id>' or a file " + ", ".join(FILES) + " (the first three also .gz)"
