"""Columns of a source as columns of a pool."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curriculab.data.layouts import at_path, has_path
from curriculab.data.validation import LISTS, TEXTS, PoolError, closest, listed, show
from curriculab.data.values import as_list, as_text, is_missing, numbers_of
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


BOXES = ("\\boxed{", "\\fbox{")


@dataclass(frozen=True)
class text_boxed:
    r"""What stands in the last box of a column: MATH keeps its answers in the `\boxed{...}` of its solutions.

    Parameters
    ----------
    column : str
        Name of the source's column.

    Raises
    ------
    PoolError
        When it is called on a table where a row has no box, or one that does not end.

    Examples
    --------
    >>> solved = pd.DataFrame({"solution": [r"So $x = \boxed{\frac{1}{2}}$."]})
    >>> cl.text_boxed("solution")(solved).tolist()
    ['\\frac{1}{2}']
    """

    column: str

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        texts = at_path(frame, self.column)
        found = {place: _boxed(text) if isinstance(text, str) else None for place, text in texts.items()}
        for place, inner in found.items():
            if inner is None:
                raise PoolError(
                    f"{place}, column {self.column!r}: found {show(texts[place])}, expected a \\boxed{{...}}"
                )
        return pd.Series(list(found.values()), index=frame.index, dtype=object)


def _boxed(text: str) -> str | None:
    start = max(text.rfind(box) + len(box) if box in text else -1 for box in BOXES)
    depth = 1
    for place in range(start, len(text)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place].strip()
    return None


@dataclass(frozen=True, init=False)
class text_joined:
    r"""The texts of several columns one after another, empty ones left out: Alpaca's instruction and its input.

    Parameters
    ----------
    *columns : str
        Names of the source's columns, in their order.
    between : str
        Text that stands between two of them.

    Examples
    --------
    >>> asked = pd.DataFrame({"instruction": ["Translate.", "Name a tree."], "input": ["der Hund", ""]})
    >>> cl.text_joined("instruction", "input")(asked).tolist()
    ['Translate.\n\nder Hund', 'Name a tree.']
    """

    columns: tuple[str, ...]
    between: str = "\n\n"

    def __init__(self, *columns: str, between: str = "\n\n") -> None:
        if len(columns) < 2 or not all(isinstance(name, str) for name in columns):
            raise PoolError(f"text_joined{columns!r}: give the names of two columns or more")
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "between", between)

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        parts = [at_path(frame, name).map(as_text) for name in self.columns]
        rows = zip(*parts, strict=True)
        return pd.Series([self._one(row) for row in rows], index=frame.index, dtype=object)

    def _one(self, parts: Sequence[Any]) -> str:
        return self.between.join(part for part in parts if isinstance(part, str) and part.strip())


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    return at_path(frame, name)


def quoted(text: str) -> str:
    """A text as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def code_of(column: Column, quote: Callable[[str], str] = quoted) -> str:
    """How a column is written in `columns=`, as Python."""
    if isinstance(column, str):
        return quote(column)
    if isinstance(column, text_after):
        return f"cl.text_after({quote(column.column)}, {quote(column.marker)})"
    if isinstance(column, (count_solution_steps, text_boxed)):
        return f"cl.{type(column).__name__}({quote(column.column)})"
    if isinstance(column, text_joined):
        return f"cl.text_joined({', '.join(map(quote, column.columns))})"
    code = getattr(column, "code", None)  # of a helper that another module defines
    return code(quote) if callable(code) else getattr(column, "__name__", type(column).__name__)


def map_columns(
    frame: pd.DataFrame,
    source: str,
    columns: Mapping[str, Column],
    *,
    written: Mapping[str, pd.Series] | None = None,
    prompts: Sequence[str] = (),
) -> pd.DataFrame:
    """The mapped columns first, then the source's others. Only `answer` mapped: texts to learn without a prompt.

    written: columns of numbers as they stand in the file, where a float64 would not give that back; prompts: names that
    a prompt often has, of which a table of texts without prompts has none.
    """
    written = written or {}
    mapped = {target: take(frame, source, target, wanted, written) for target, wanted in columns.items()}
    used = {name for wanted in columns.values() for name in _read_by(wanted)}
    plain = any(callable(wanted) and not _read_by(wanted) for wanted in columns.values())
    for name in frame.columns:
        if name in mapped and name not in used and not plain:
            hint = f"map it to another name to keep it, for example {{'source_{name}': '{name}'}}"
            warn(f"{source}: its own column {name!r} is replaced by the mapped one; {hint}")
        elif name not in mapped and name not in used:
            mapped[name] = _as_it_stands(frame, name, name, written)
    if "answer" in columns and "prompt" not in mapped:
        _refuse_a_forgotten_prompt(frame, source, used, prompts)
        mapped = {"prompt": pd.Series("", index=frame.index), **mapped}
    _warn_of_inputs(frame, source, columns, used)
    return pd.DataFrame(mapped, index=frame.index)


def _read_by(wanted: Column) -> tuple[str, ...]:
    """Names of the source's columns that a mapping reads; none of a function's, which nobody knows."""
    if isinstance(wanted, str):
        return (wanted,)
    several = getattr(wanted, "columns", None) or getattr(wanted, "_columns", None)
    return several or tuple(filter(None, [getattr(wanted, "column", None)]))


def _as_it_stands(frame: pd.DataFrame, name: str, target: str, written: Mapping[str, pd.Series]) -> pd.Series:
    """A column; where a text is wanted of numbers, with the digits that the file has."""
    text = target in TEXTS or target == "id"
    return written[name] if text and name in written else at_path(frame, name)


def _refuse_a_forgotten_prompt(frame: pd.DataFrame, source: str, used: set[str], prompts: Sequence[str]) -> None:
    """Texts to learn have no question; a table that has one was most likely mapped by half."""
    known = {str(name).strip().lower(): name for name in frame.columns if name not in used}
    found = next((known[name] for name in prompts if name in known), None)
    if found is not None:
        example = f'{{"prompt": {quoted(str(found))}, ...}}'
        raise PoolError(
            f"{source}: only an answer is mapped, and there is a column {found!r} that looks like the prompt; "
            f'map it too, columns={example}; for texts to learn without a prompt, {{"prompt": "", ...}}'
        )


def _warn_of_inputs(frame: pd.DataFrame, source: str, columns: Mapping[str, Column], used: set[str]) -> None:
    """Alpaca's rows have a part of their question in a column of its own."""
    if columns.get("prompt") != "instruction" or "input" not in frame or "input" in used:
        return
    filled = int(frame["input"].map(lambda text: isinstance(text, str) and bool(text.strip())).sum())
    if filled:
        warn(
            f"{source}: {filled} of {len(frame)} rows have a text in 'input', which is not in their prompt; take both "
            'with columns={"prompt": cl.text_joined("instruction", "input")}'
        )


def take(
    frame: pd.DataFrame, source: str, target: str, wanted: Column, written: Mapping[str, pd.Series] | None = None
) -> Any:
    if isinstance(wanted, str) and not has_path(frame, wanted):
        if target == "task" or (target == "prompt" and wanted == ""):  # a verifier for all rows; no prompts at all
            return pd.Series(wanted, index=frame.index)
        has = listed(frame.columns)
        raise PoolError(f"{source}: no column {wanted!r}, wanted for {target!r};{closest(wanted, frame)} it has {has}")
    if not isinstance(wanted, str) and not callable(wanted):
        raise PoolError(f"{source}: columns[{target!r}] is {show(wanted)}, expected a column name or a function")
    try:
        values = _as_it_stands(frame, wanted, target, written or {}) if isinstance(wanted, str) else wanted(frame)
    except PoolError as error:
        joint = "" if str(error).startswith("no ") else ","
        raise PoolError(f"{source}{joint or ':'} {error}") from None
    if len(values) != len(frame):
        raise PoolError(f"{source}: columns[{target!r}] gave {len(values)} values, expected {len(frame)}, one a row")
    return values if isinstance(values, pd.Series) else pd.Series(values, index=frame.index)


def typed(pool: pd.DataFrame, *, numbers: bool = False) -> pd.DataFrame:
    """Known columns in their types, as far as that loses nothing; what is left over is `validate`'s to refuse.

    numbers: whether other columns of texts may be numbers, as in a CSV, which has no types of its own.
    """
    for name in pool.columns:
        if name in LISTS:
            pool[name] = pd.Series([as_list(value) for value in pool[name]], index=pool.index, dtype=object)
        elif name in TEXTS or name == "id":
            pool[name] = pd.Series([as_text(value) for value in values_of(pool[name])], index=pool.index, dtype=object)
        elif name == "held_out":
            pool[name] = [{"true": True, "false": False}.get(str(value).lower(), value) for value in pool[name]]
        elif pool[name].dtype == "str" and (numbers or name in NUMBERS):
            found = numbers_of(pool[name])
            pool[name] = pool[name] if found is None else found
    if "prompt" in pool and all(is_missing(value) for value in pool["prompt"]):
        pool["prompt"] = ""
    return pool


NUMBERS = ("pass_rate_human",)  # known columns of numbers that are not checked further; `level` is


def values_of(column: pd.Series) -> Sequence[Any]:
    """The values; those of float32 as such, whose shortest text is not that of the float64 they would become."""
    return column.to_numpy() if column.dtype.kind == "f" else column
