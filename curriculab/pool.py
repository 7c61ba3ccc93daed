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

import csv
import difflib
import gzip
import io
import json
import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FILES = (".jsonl", ".json", ".csv", ".parquet")
KNOWN = "'ladder', 'clinic', 'gym:<task>', 'hf:<id>' or a file " + ", ".join(FILES) + " (the first three also .gz)"
TEXTS = ("prompt", "answer", "topic", "task", "solution")  # columns that hold text where they exist
LISTS = ("options", "parents")  # columns that hold a list of texts; in a CSV written as JSON
OPTION_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Column = str | Callable[[pd.DataFrame], Any]


TAKEN = ("turns", "group", "advantage", "prefer", "token_weight", "kl_weight")  # read by objectives and Sample


class PoolError(ValueError):
    """Bad input: one line with the file, the row, the column, what was found and what was expected."""


# --- what maps columns ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class after:
    """The text of `column` behind the last `marker`, stripped; a number loses its thousands separators."""

    column: str
    marker: str

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        texts = column_of(frame, self.column)
        for place, text in texts.items():
            if not isinstance(text, str) or self.marker not in text:
                raise PoolError(f"{place}, column {self.column!r}: found {show(text)}, expected {self.marker!r} in it")
        return texts.str.rpartition(self.marker)[2].str.strip().map(plain_number)


@dataclass(frozen=True)
class steps:
    """How many lines of `column`, not counting empty ones, stand before the line that starts with `marker`."""

    column: str
    marker: str = "####"

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        return column_of(frame, self.column).map(self.count)

    def count(self, text: str) -> int:
        lines = [line.strip() for line in str(text).splitlines()]
        last = next((n for n, line in enumerate(lines) if line.startswith(self.marker)), len(lines))
        return sum(bool(line) for line in lines[:last])


def plain_number(text: str) -> str:
    """'1,234' -> '1234'; anything else as it is."""
    return text.replace(",", "") if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text) else text


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        raise PoolError(f"no column {name!r}; it has {', '.join(map(str, frame.columns))}")
    return frame[name]


# --- load -----------------------------------------------------------------------------------------------------------


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
    from curriculab.tasks import ladder

    return ladder.load(**options)


def read_clinic(source: str, **options: Any) -> pd.DataFrame:
    from curriculab.tasks import clinic

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


# --- files ----------------------------------------------------------------------------------------------------------


def read_file(source: str, *, n: int | None, seed: int, columns: Any = None) -> pd.DataFrame:
    path = find(source)
    stem = path.name.removesuffix(".gz").removesuffix(suffix_of(path))
    return shape(read_table(path), path.name, stem=stem, columns=columns, n=n, seed=seed)


def read_table(path: Path) -> pd.DataFrame:
    """A file's own table, its columns as they are named there; the index says where a row stands ("line 3")."""
    readers = {".jsonl": from_jsonl, ".json": from_json, ".csv": from_csv, ".parquet": from_parquet}
    suffix = suffix_of(path)
    if suffix not in readers:
        raise PoolError(f"{path.name}: found a file of type {suffix or 'none'}, expected {', '.join(FILES)}")
    return readers[suffix](path)


def suffix_of(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def find(source: str) -> Path:
    """The file where it was said to be, else in the folder that `CURRICULAB_DATA` names."""
    folder = environ.get("CURRICULAB_DATA")
    for path in (Path(source).expanduser(), *([Path(folder) / source] if folder else [])):
        if path.is_file():
            return path
    looked = f"{Path.cwd()} and in CURRICULAB_DATA ({folder})" if folder else f"{Path.cwd()}"
    hint = "" if folder else "; give its full path, or set CURRICULAB_DATA to its folder"
    raise PoolError(f"{source}: no such file in {looked}{hint}")


def text_of(path: Path) -> str:
    """The text of a file in UTF-8."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise PoolError(f"{path.name}: cannot be read: {one_line(error)}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PoolError(
            f"{path.name}, line {line}: found byte 0x{data[error.start]:02x} at offset {error.start}, expected UTF-8; "
            f"convert the file, for example with: iconv -f LATIN1 -t UTF-8 {path.name}"
        ) from None


def from_jsonl(path: Path) -> pd.DataFrame:
    lines = {f"line {i}": line for i, line in enumerate(text_of(path).split("\n"), 1) if line.strip()}
    return records({place: parse(line, path.name, place) for place, line in lines.items()}, path.name)


def from_json(path: Path) -> pd.DataFrame:
    rows = parse(text_of(path), path.name, None)
    if not isinstance(rows, list):
        raise PoolError(
            f"{path.name}: found {show(rows)}, expected a list of objects; one object a line belongs in a .jsonl file"
        )
    return records({f"row {i}": row for i, row in enumerate(rows, 1)}, path.name)


def parse(text: str, name: str, place: str | None) -> Any:
    """JSON text -> value; `place` is a line of a .jsonl file, or None for a whole .json file."""
    try:
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        where = f"{name}, {place}" if place else name
        raise PoolError(f"{where}: found half a character ({half}), expected whole ones; escape both halves") from None
    except (ValueError, RecursionError) as error:
        if place is not None:
            raise PoolError(f"{name}, {place}: found {show(text)}, expected one JSON object") from None
        if getattr(error, "msg", "") == "Extra data":
            hint = "expected one list of objects; one object a line belongs in a .jsonl file"
            raise PoolError(f"{name}, line {error.lineno}: found more after the first value; {hint}") from None
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deeply nested"
        raise PoolError(f"{name}, {where}: found text that is not JSON, expected a list of objects") from None


def records(rows: dict[str, Any], name: str) -> pd.DataFrame:
    for place, row in rows.items():
        if not isinstance(row, dict):
            raise PoolError(f"{name}, {place}: found {show(row)}, expected a JSON object")
    return pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), dtype="str"))


def from_csv(path: Path) -> pd.DataFrame:
    """Strict: every row has as many fields as the header. Cells are text; columns of numbers become numbers later."""
    reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    rows: dict[str, list[str]] = {}
    header: list[str] | None = None
    line = 1  # where the row begins: a quoted cell may hold line breaks
    try:
        for row in reader:
            if header is None:
                header = checked_header(row, path.name)
            elif row:
                if len(row) != len(header):
                    fields = f"found {len(row)} fields, expected {len(header)} ({', '.join(header)})"
                    raise PoolError(f"{path.name}, line {line}: {fields}; quote cells that hold commas")
                rows[f"line {line}"] = row
            line = reader.line_num + 1
    except csv.Error as error:
        raise PoolError(f"{path.name}, line {line}: {one_line(error)}, expected comma-separated cells") from None
    return pd.DataFrame(list(rows.values()), columns=header, index=pd.Index(list(rows), dtype="str"))


def checked_header(names: list[str], file: str) -> list[str]:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise PoolError(f"{file}, line 1: found the column {repeated[0]!r} twice, expected every name once")
    return names


def from_parquet(path: Path) -> pd.DataFrame:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
        frame = pd.read_parquet(io.BytesIO(data)).reset_index(drop=False)
    except Exception as error:  # its reader, and unpacking, raise many kinds
        raise PoolError(f"{path.name}: cannot be read as parquet: {one_line(error)[:200]}") from None
    frame = frame.drop(columns=[name for name in ("index", "level_0") if name in frame])
    frame.index = pd.Index([f"row {i}" for i in range(1, len(frame) + 1)])
    return frame


# --- from a source's table to a pool --------------------------------------------------------------------------------


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


def missing(name: str, frame: pd.DataFrame, source: str) -> str:
    has = ", ".join(map(str, frame.columns))
    example = f'columns={{"{name}": "{frame.columns[0]}"}}'
    return f"{source}: no column {name!r}; it has {has}; say which one it is, for example {example}"


# Names that data sets give to what a pool calls prompt, answer, ...; the first that a table has counts.
ALIASES = {
    "prompt": ("prompt", "question", "problem", "instruction", "input", "query"),
    "answer": ("answer", "output", "response", "completion", "target", "result", "text"),
    "level": ("level", "difficulty", "grade"),
    "topic": ("topic", "subject", "category", "skill"),
    "options": ("options", "choices"),
    "solution": ("solution", "rationale"),
}


def guess_columns(frame: pd.DataFrame) -> dict[str, Column]:
    """A mapping to begin with, by the names that columns often have; to be looked at, not to be trusted.

    Answers that all end in `#### answer`, as those of GSM8K, are taken apart into solution, answer and level.
    """
    named = {str(name).lower(): name for name in reversed(frame.columns)}
    found = {target: next((named[a] for a in names if a in named), None) for target, names in ALIASES.items()}
    fits = {"level": _whole, "options": _listed}
    mapping: dict[str, Column] = {
        target: column
        for target, column in found.items()
        if column is not None and (target not in fits or fits[target](frame[column]))
    }
    answer = mapping.get("answer")
    if isinstance(answer, str) and frame[answer].map(lambda t: isinstance(t, str) and "####" in t).all():
        mapping |= {"solution": answer, "answer": after(answer, "####"), "level": steps(answer)}
    return mapping


def _whole(values: pd.Series) -> bool:
    numbers = pd.to_numeric(values, errors="coerce")
    return bool((numbers % 1 == 0).all())


def _listed(values: pd.Series) -> bool:
    return all(isinstance(as_list(value), list) for value in values)


def map_columns(frame: pd.DataFrame, source: str, columns: Mapping[str, Column]) -> pd.DataFrame:
    """The mapped columns first, then the source's others. Only `answer` mapped and no prompt: text to study."""
    mapped = {target: take(frame, source, target, wanted) for target, wanted in columns.items()}
    used = {wanted if isinstance(wanted, str) else getattr(wanted, "column", None) for wanted in columns.values()}
    plain = any(callable(wanted) and not hasattr(wanted, "column") for wanted in columns.values())
    for name in frame.columns:
        if name in mapped and name not in used and not plain:
            hint = f"map it to another name to keep it, for example {{'source_{name}': '{name}'}}"
            warnings.warn(f"{source}: its own column {name!r} is replaced by the mapped one; {hint}", stacklevel=6)
        elif name not in mapped and name not in used:
            mapped[name] = frame[name]
    if "answer" in columns and "prompt" not in mapped:
        mapped = {"prompt": pd.Series("", index=frame.index), **mapped}
    return pd.DataFrame(mapped, index=frame.index)


def take(frame: pd.DataFrame, source: str, target: str, wanted: Column) -> Any:
    if isinstance(wanted, str) and wanted not in frame:
        has = ", ".join(map(str, frame.columns))
        raise PoolError(f"{source}: no column {wanted!r}, wanted for {target!r};{closest(wanted, frame)} it has {has}")
    if isinstance(wanted, str):
        return frame[wanted]
    if not callable(wanted):
        raise PoolError(f"{source}: columns[{target!r}] is {show(wanted)}, expected a column name or a function")
    try:
        values = wanted(frame)
    except PoolError as error:
        joint = "" if str(error).startswith("no column") else ","
        raise PoolError(f"{source}{joint or ':'} {error}") from None
    if len(values) != len(frame):
        raise PoolError(f"{source}: columns[{target!r}] gave {len(values)} values, expected {len(frame)}, one a row")
    return values if isinstance(values, pd.Series) else pd.Series(values, index=frame.index)


def typed(pool: pd.DataFrame, source: str) -> pd.DataFrame:
    """Known columns in their types, as far as that loses nothing; what is left over is `validate`'s to refuse."""
    for name in pool.columns:
        if name in LISTS:
            pool[name] = pd.Series([as_list(value) for value in pool[name]], index=pool.index, dtype=object)
        elif name in TEXTS or name == "id":
            pool[name] = pd.Series([as_text(value) for value in pool[name]], index=pool.index, dtype=object)
        elif pool[name].dtype == "str" and name != "held_out":
            try:
                pool[name] = pd.to_numeric(pool[name])
            except (ValueError, TypeError):
                pass
        elif name == "held_out":
            pool[name] = [{"true": True, "false": False}.get(str(value).lower(), value) for value in pool[name]]
    if "prompt" in pool and all(value is None for value in pool["prompt"]):
        pool["prompt"] = ""
    return pool


def as_text(value: Any) -> Any:
    """Numbers as their shortest text; nothing stays nothing."""
    if isinstance(value, str) or value is None or (isinstance(value, float) and np.isnan(value)):
        return value if isinstance(value, str) else None
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    return f"{value:.15g}" if isinstance(value, (float, np.floating)) else value


def as_list(value: Any) -> Any:
    """A list, an array, or the JSON text of a list; a missing value is None."""
    if isinstance(value, (np.ndarray, tuple)):
        value = list(value)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return value
    if value is None or (isinstance(value, float) and np.isnan(value)) or value == "":
        return None
    return [as_text(item) for item in value] if isinstance(value, list) else value


def draw(pool: pd.DataFrame, n: int, source: str, seed: int) -> pd.DataFrame:
    """`n` rows in the source's order."""
    if not 0 < n <= len(pool):
        raise PoolError(f"{source}: asked for {n} rows, it has {len(pool)}; ask for 1 to {len(pool)}")
    return pool.iloc[np.sort(np.random.default_rng(seed).choice(len(pool), n, replace=False))]


# --- validate -------------------------------------------------------------------------------------------------------


def validate(pool: pd.DataFrame, source: str, *, places: Mapping[int, str] | None = None) -> pd.DataFrame:
    """The pool, with its known columns in their types; PoolError says what is wrong, and where.

    `places` gives the place of a row (by position) in its file; without it rows are named by their id.
    """
    if not isinstance(pool, pd.DataFrame):
        expected = "a DataFrame with the columns prompt and answer"
        raise PoolError(f"{source}: found a {type(pool).__name__}, expected {expected}")
    for name in ("prompt", "answer"):
        if name not in pool:
            raise PoolError(missing(name, pool, source))
    if taken := [name for name in TAKEN if name in pool]:
        raise PoolError(
            f"{source}: the column {taken[0]!r} has a meaning of its own while rows are answered and trained; "
            "give it another name, pool.rename(columns=...)"
        )
    at = places or {i: f"row {show(key)}" for i, key in enumerate(pool.index)}
    check_index(pool, source, at)
    pool = pool.copy()
    check_texts(pool, source, at)
    check_options(pool, source, at)
    if "level" in pool:
        pool["level"] = whole_numbers(pool["level"], source, at)
    if "held_out" in pool:
        check_flags(pool["held_out"], source, at)
        pool["held_out"] = pool["held_out"].astype(bool)
    warn_of_repeats(pool, source)
    return pool


def fail(source: str, place: str, column: str, found: Any, expected: str) -> PoolError:
    return PoolError(f"{source}, {place}, column {column!r}: found {show(found)}, expected {expected}")


def check_index(pool: pd.DataFrame, source: str, at: Mapping[int, str]) -> None:
    first: dict[str, int] = {}
    for i, key in enumerate(pool.index):
        if not isinstance(key, str) or not key:
            raise fail(source, at[i], "id", key, "text, such as 'mine/00001'")
        if key in first:
            before = at[first[key]]
            other = "an id of its own" if before == at[i] else f"an id of its own; {before} has it too"
            raise fail(source, at[i], "id", key, other)
        first[key] = i


def check_texts(pool: pd.DataFrame, source: str, at: Mapping[int, str]) -> None:
    """Every row has an answer; prompts are empty in every row (text to study) or in none."""
    study = all(isinstance(prompt, str) and prompt == "" for prompt in pool["prompt"])
    for i, (prompt, answer) in enumerate(zip(pool["prompt"], pool["answer"], strict=True)):
        if blank(prompt) and blank(answer):
            raise PoolError(f"{source}, {at[i]}: found neither prompt nor answer, expected text in at least the answer")
        if blank(prompt) and not study:
            hint = "a question; text to study leaves the prompt empty in every row, or maps the answer only"
            raise fail(source, at[i], "prompt", prompt, hint)
        if blank(answer):
            raise fail(source, at[i], "answer", answer, "the right answer, or the text to study")
    for name in TEXTS:
        if name in pool:
            check_text(pool[name], source, at)
            pool[name] = pool[name].astype("str")


def check_text(values: pd.Series, source: str, at: Mapping[int, str]) -> None:
    optional = values.name not in ("prompt", "answer", "topic")
    for i, value in enumerate(values):
        if not isinstance(value, str) and not (optional and is_missing(value)):
            raise fail(source, at[i], str(values.name), value, "text")


def check_options(pool: pd.DataFrame, source: str, at: Mapping[int, str]) -> None:
    if "options" not in pool:
        return
    for i, (options, answer) in enumerate(zip(pool["options"], pool["answer"], strict=True)):
        if is_missing(options):
            continue
        if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
            raise fail(source, at[i], "options", options, 'a list of texts, in a CSV as JSON: ["first", "second"]')
        if not 2 <= len(set(options)) == len(options) <= len(OPTION_LETTERS):
            raise fail(source, at[i], "options", options, f"2 to {len(OPTION_LETTERS)} different texts")
        if answer not in options:
            raise fail(source, at[i], "answer", answer, f"the text of one of its options {show(options)}")


def whole_numbers(values: pd.Series, source: str, at: Mapping[int, str]) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    for i in np.flatnonzero(~(np.isfinite(numbers) & (numbers % 1 == 0)).to_numpy(dtype=bool)):
        raise fail(source, at[int(i)], "level", values.iloc[int(i)], "a whole number")
    return numbers.astype("int64")


def check_flags(values: pd.Series, source: str, at: Mapping[int, str]) -> None:
    for i, value in enumerate(values):
        if not isinstance(value, (bool, np.bool_)):
            raise fail(source, at[i], "held_out", value, "true or false")


def warn_of_repeats(pool: pd.DataFrame, source: str) -> None:
    again = keys_of(pool).duplicated(keep="first")
    if again.any():
        first = ", ".join(again.index[again][:3])
        what = "texts repeat" if (pool["prompt"] == "").all() else "prompts repeat"
        more = f"{again.sum()} {what} earlier ones (first: {first}); they are kept, and split puts none on both sides"
        warnings.warn(f"{source}: {more}", UserWarning, stacklevel=2)


def keys_of(pool: pd.DataFrame) -> pd.Series:
    """What makes a row the same question as another: its prompt, or the text to study."""
    return pool["prompt"].where(pool["prompt"] != "", pool["answer"])


def blank(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, str) and not value.strip())


def is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def show(value: Any) -> str:
    """A value as it stands in an error: short, on one line."""
    if is_missing(value) or (isinstance(value, str) and not value):
        return "nothing"
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def closest(name: str, known: Iterable[Any]) -> str:
    near = difflib.get_close_matches(name, [str(other) for other in known], n=1)
    return f" did you mean {near[0]!r}?" if near else ""


# --- split ----------------------------------------------------------------------------------------------------------


def split(
    pool: pd.DataFrame, *, test: int = 300, by: str | None = "level", seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test), both in the pool's order; `test` rows in proportion to the sizes of the values of `by`.

    Where the pool has `held_out`, test rows are drawn from the held-out ones only, and train never holds any: held-out
    rows that are not drawn are in neither part. A prompt is never on both sides: rows that repeat a test row's prompt
    are left out of train, with a warning that counts them.
    """
    pool = validate_quietly(pool)
    if by is not None and by not in pool:
        has = ", ".join(pool.columns)
        raise PoolError(f"split: no column {by!r} to balance by; the pool has {has}; or say by=None")
    if isinstance(test, bool) or not isinstance(test, int | np.integer):
        share = isinstance(test, float) and 0 < test < 1
        such = f", for that share test={round(test * len(pool))}" if share else ""
        raise PoolError(f"split: test={test!r} is no number of rows; give a whole one{such}")
    if not 0 < test < len(pool):
        raise PoolError(f"split: asked for {test} test rows, the pool has {len(pool)}; ask for 1 to {len(pool) - 1}")
    keys = keys_of(pool)
    open_rows = ~keys.duplicated() & (pool["held_out"] if "held_out" in pool else True)
    strata = pool[by] if by is not None else pd.Series("the pool", index=pool.index)
    chosen = pool.index.isin(pick(strata, open_rows, test, by, np.random.default_rng(seed)))
    repeats = ~chosen & keys.isin(set(keys[chosen])).to_numpy()
    kept_back = pool["held_out"].to_numpy() if "held_out" in pool else np.zeros(len(pool), bool)
    if (repeats & ~kept_back).any():
        count = (repeats & ~kept_back).sum()
        warnings.warn(f"split: {count} rows repeat the prompt of a test row and are in neither part", stacklevel=2)
    train = pool[~chosen & ~repeats & ~kept_back]
    if train.empty:
        raise PoolError(f"split: no row is left to train on beside {test} test rows; load more rows or ask for fewer")
    return train, pool[chosen]


def validate_quietly(pool: pd.DataFrame) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return validate(pool, "pool")


def pick(strata: pd.Series, open_rows: pd.Series, test: int, by: str | None, rng: np.random.Generator) -> list[str]:
    """Ids of `test` rows: quotas by largest remainder over the strata's sizes, drawn among the open rows."""
    sizes = strata.value_counts().sort_index()
    quotas = dict(zip(sizes.index, shares(test, sizes.to_numpy()), strict=True))
    picked: list[str] = []
    for value, quota in quotas.items():
        ids = strata.index[(strata == value) & open_rows]
        if len(ids) < quota:
            where = f"{by} {value}" if by is not None else "the pool"
            raise PoolError(
                f"split: {where} has {len(ids)} rows to test on (held out, each prompt once), {quota} are needed; "
                "load more rows or ask for a smaller test"
            )
        picked.extend(rng.choice(ids.to_numpy(), quota, replace=False))
    return picked


def shares(total: int, sizes: np.ndarray) -> np.ndarray:
    """Whole numbers that add up to `total`, in proportion to `sizes`, by largest remainder."""
    exact = total * sizes / sizes.sum()
    counts = np.floor(exact).astype(int)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts


# --- shared by everything that reads rows ---------------------------------------------------------------------------


def render_prompt(prompt: str, options: Sequence[str] | None = None) -> str:
    """The text that stands before an answer: the prompt on a line, lettered options on lines of their own."""
    if not prompt:
        return ""
    lines = [prompt, *(f"{letter}) {option}" for letter, option in zip(OPTION_LETTERS, options or (), strict=False))]
    return "\n".join(lines) + "\n"


def data_path(name: str) -> Path:
    """A file of the package's own data: in an installed package beside the code, in a checkout in `data/`."""
    package = Path(__file__).resolve().parent
    installed = package / "data" / name
    return installed if installed.exists() else package.parent / "data" / name
