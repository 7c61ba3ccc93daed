"""Columns of a source as columns of a pool."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.validation import LISTS, TEXTS, PoolError, closest, show
from curriculab.registry.warning import warn

Column = str | Callable[[pd.DataFrame], Any]


@dataclass(frozen=True)
class text_after:
    """The text of a column behind the last marker, stripped; a number loses its thousands separators.

    Parameters
    ----------
    column : str
        Name of the source's column.
    marker : str
        Text that every row of it holds, such as "####".

    Raises
    ------
    PoolError
        When it is called on a table where a row lacks the marker.

    Examples
    --------
    >>> solved = pd.DataFrame({"answer": ["6 * 200 = 1200\\n#### 1,200"]})
    >>> cl.text_after("answer", "####")(solved).tolist()
    ['1200']
    """

    column: str
    marker: str

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        texts = column_of(frame, self.column)
        for place, text in texts.items():
            if not isinstance(text, str) or self.marker not in text:
                raise PoolError(f"{place}, column {self.column!r}: found {show(text)}, expected {self.marker!r} in it")
        return texts.str.rpartition(self.marker)[2].str.strip().map(plain_number)


@dataclass(frozen=True)
class count_solution_steps:
    """How many lines of a column, not counting empty ones, stand before the line that starts with a marker.

    Parameters
    ----------
    column : str
        Name of the source's column.
    marker : str
        How the line begins that ends the steps; all lines count in a text without one.

    Examples
    --------
    >>> solved = pd.DataFrame({"answer": ["2 + 3 = 5\\n5 * 4 = 20\\n#### 20"]})
    >>> cl.count_solution_steps("answer")(solved).tolist()
    [2]
    """

    column: str
    marker: str = "####"

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        return column_of(frame, self.column).map(self.count)

    def count(self, text: str) -> int:
        """Count the steps of one text.

        Examples
        --------
        >>> cl.count_solution_steps("answer").count("2 + 3 = 5\\n#### 5")
        1
        """
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
    fits = {"level": _whole, "options": _listed}
    mapping: dict[str, Column] = {}
    for target, names in ALIASES.items():
        column = next((named[name] for name in names if name in named), None)
        if column is not None and (target not in fits or fits[target](frame[column])):
            mapping[target] = column
    answer = mapping.get("answer")
    if isinstance(answer, str) and frame[answer].map(lambda t: isinstance(t, str) and "####" in t).all():
        mapping |= {"solution": answer, "answer": text_after(answer, "####"), "level": count_solution_steps(answer)}
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
            warn(f"{source}: its own column {name!r} is replaced by the mapped one; {hint}")
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
