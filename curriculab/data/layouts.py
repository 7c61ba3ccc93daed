"""Layouts of JSON files and of nested columns: rows in a list, under a name, by id, column by column.

{"version": 1, "data": [{"q": "1 + 1"}]}       rows under a name
{"q1": {"q": "1 + 1"}, "q2": {"q": "2 + 2"}}    rows by their id
{"q": ["1 + 1", "2 + 2"]}                       columns
{"data": [{"paragraphs": [{"qas": [...]}]}]}    questions by passage, as SQuAD is published
"choices.text", "messages.0.content"            a place inside a column: `at_path`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.validation import PoolError, closest, show
from curriculab.data.values import is_missing


def rows_of(value: Any, name: str, split: str | None = None) -> list[Any]:
    """The rows in the value of a whole JSON file; one line where it holds none, or several tables."""
    tables = _tables(value) if isinstance(value, dict) else {}
    if split is not None:
        if split not in tables:
            has = ", ".join(map(repr, tables)) or "none"
            raise PoolError(f"{name}: no list of rows is named {split!r};{closest(split, tables)} there are {has}")
        return _questions(tables[split])
    if len(tables) > 1:
        names = ", ".join(map(repr, tables))
        raise PoolError(f"{name}: found rows under {names}; choose one, split={next(iter(tables))!r}")
    if tables:
        return _questions(next(iter(tables.values())))
    if isinstance(value, dict):
        value = _by_columns(value) or _by_id(value) or value
    if not isinstance(value, list):
        raise PoolError(
            f"{name}: found {show(value)}, expected a list of objects; one object a line belongs in a .jsonl file"
        )
    return value


def _questions(rows: list[Any]) -> list[Any]:
    """One row a question where rows are articles with passages, each with its questions; else the rows as they are."""
    passages = [row.get("paragraphs") if isinstance(row, dict) else None for row in rows]
    if not all(isinstance(inner, list) and inner for inner in passages):
        return rows
    found = []
    for article, inner in zip(rows, passages, strict=True):
        for passage in inner:
            if not isinstance(passage, dict) or not isinstance(passage.get("qas"), list):
                return rows
            about = {name: value for name, value in (article | passage).items() if name not in ("paragraphs", "qas")}
            found += [about | question for question in passage["qas"]]
    return found


def _tables(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Lists of objects, and objects by id, that a file holds under names."""
    found = {}
    for name, inner in value.items():
        if isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner):
            found[name] = inner
    return found


def _by_columns(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Rows of a file that holds a list, or an object by row, for each column, as DataFrame.to_json writes it."""
    columns = list(value.values())
    if columns and all(isinstance(column, list) for column in columns):
        if not columns[0] or len({len(column) for column in columns}) > 1:
            return None
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if not columns or not all(isinstance(column, dict) and column for column in columns):
        return None
    rows = list(columns[0])
    numbered = rows == [str(i) for i in range(len(rows))]
    if not numbered or any(list(column) != rows for column in columns):
        return None
    cells = zip(*[column.values() for column in columns], strict=True)
    return [dict(zip(value, row, strict=True)) for row in cells]


def _by_id(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Rows of a file that holds an object for each id."""
    if not value or not all(isinstance(row, dict) for row in value.values()):
        return None
    return [{"id": key, **row} for key, row in value.items()]


def has_path(frame: pd.DataFrame, name: str) -> bool:
    """Is `name` a column, or a place inside one?"""
    return name in frame or _split_path(frame, name) is not None


def at_path(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column, or a place inside one: names of objects and places of lists, -1 the last, joined by dots.

    "choices.text" of a list of objects is the list of their texts. A row without the place has None there; PoolError
    where no row has it.
    """
    if name in frame:
        return frame[name]
    path = _split_path(frame, name)
    if path is None:
        raise PoolError(f"no column {name!r}; it has {', '.join(map(str, frame.columns))}")
    column, rest = path
    values = [_inside(value, rest) for value in frame[column]]
    if all(is_missing(value) for value in values):
        first = next((value for value in frame[column] if not is_missing(value)), None)
        raise PoolError(f"no place {'.'.join(rest)!r} in column {column!r}, which holds {show(first)}")
    return pd.Series(values, index=frame.index, dtype=object)


def _split_path(frame: pd.DataFrame, name: str) -> tuple[str, list[str]] | None:
    """The column that a dotted name begins with, the longest that there is, and the places inside it."""
    parts = name.split(".") if isinstance(name, str) else []
    for size in range(len(parts) - 1, 0, -1):
        column = ".".join(parts[:size])
        if column in frame:
            return column, parts[size:]
    return None


def _inside(value: Any, parts: list[str]) -> Any:
    for place, part in enumerate(parts):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, (list, tuple, np.ndarray)) and re.fullmatch(r"-?\d+", part):
            number = int(part)
            value = value[number] if -len(value) <= number < len(value) else None
        elif isinstance(value, (list, tuple, np.ndarray)):
            return [_inside(item, parts[place:]) for item in value]
        else:
            return None
    return value
