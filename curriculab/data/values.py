"""Values of a source as they are kept: numbers with their digits, texts, lists, levels.

parse_float=Written in a JSON file: 0.00001 stays a number and is written "0.00001" where a text is asked for; the text
"007" stays a text. Only cells of a CSV, which have no types, are read as numbers, and only where nothing is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd

EXACT = 2**53  # whole numbers up to this are exact in float64 (IEEE 754: 53 bits of significand)
LONGEST_DIGITS = 15  # decimal digits that every float64 keeps (IEEE 754-2019, DBL_DIG)
PLAIN = (1e-7, 1e21)  # floats written without an exponent, as ECMAScript's Number::toString; beyond: 1e+300
LEVEL = re.compile(r"(?:(?:level|grade)\s*)?(\d{1,6})(?:\.0)?", re.IGNORECASE)
PADDED = r"[-+]?0\d+(?:\.\d*)?"  # 007: a code, not the number 7
LONG = rf"[-+]?\d{{{LONGEST_DIGITS + 1},}}"


class Written(float):
    """A number of a JSON file that remembers how it was written.

    Examples
    --------
    >>> Written("2.50") + 1, Written("2.50").text
    (3.5, '2.50')
    """

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Written:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:
        return (self.text,)


def is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))


def as_text(value: Any) -> Any:
    """A number as it was written, else by the fewest digits that give it back; nothing stays nothing."""
    if isinstance(value, str):
        return value
    if is_missing(value) or (isinstance(value, np.floating) and np.isnan(value)):
        return None
    if isinstance(value, Written):
        return value.text
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return _digits(value) if isinstance(value, (float, np.floating)) else value


def _digits(value: float | np.floating) -> str:
    if not np.isfinite(value) or not (value == 0 or PLAIN[0] <= abs(value) < PLAIN[1]):
        return str(float(value))
    return np.format_float_positional(value, trim="-")


def as_list(value: Any) -> Any:
    """A list, an array, an object by letters from A on, or the JSON text of a list; a missing value is None."""
    if isinstance(value, (np.ndarray, tuple)):
        value = list(value)
    if isinstance(value, dict) and value and "".join(map(str, value)) == ascii_uppercase[: len(value)]:
        value = list(value.values())
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value, parse_float=Written)
        except (ValueError, RecursionError):
            return value
    if is_missing(value) or value == "":
        return None
    return [as_text(item) for item in value] if isinstance(value, list) else value


def level_of(value: Any) -> Any:
    """3 for "3", "3.0", "Level 3" and "grade 3"; anything else as it is."""
    found = LEVEL.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(found[1]) if found else value


def numbers_of(texts: pd.Series) -> pd.Series | None:
    """Cells of a CSV as numbers, an empty one as NaN; None where one is no number, or would lose zeros or digits."""
    try:
        numbers = pd.to_numeric(texts)
    except (ValueError, TypeError):
        return None
    if not pd.api.types.is_numeric_dtype(numbers.dtype) or texts.str.fullmatch(PADDED).any():
        return None
    long = numbers.dtype.kind == "f" and texts.str.fullmatch(LONG).any()
    return None if long else numbers


def column_of_values(values: Sequence[Any], index: pd.Index) -> pd.Series:
    """Values of one column as a Series of their type; whole numbers that float64 cannot hold stay as they are."""
    kinds = {type(value) for value in values if not is_missing(value)}
    whole = not any(map(is_missing, values))
    if kinds == {str}:
        return pd.Series([value if isinstance(value, str) else None for value in values], index=index, dtype="str")
    if kinds == {bool} and whole:
        return pd.Series(values, index=index, dtype=bool)
    if kinds == {int} and whole and all(-(2**63) <= value < 2**63 for value in values):
        return pd.Series(values, index=index, dtype="int64")
    numbers = kinds and kinds <= {int, float, Written}
    if numbers and all(abs(value) <= EXACT for value in values if type(value) is int):
        return pd.Series([np.nan if is_missing(value) else float(value) for value in values], index=index)
    return pd.Series(values, index=index, dtype=object)


def as_written(columns: Mapping[str, Sequence[Any]], index: pd.Index) -> dict[str, pd.Series]:
    """The columns with numbers whose text a float64 would not give back, value by value."""
    found = {}
    for name, values in columns.items():
        if any(isinstance(value, float) for value in values) and any(map(_loses_its_text, values)):
            found[name] = pd.Series(values, index=index, dtype=object)
    return found


def _loses_its_text(value: Any) -> bool:
    return isinstance(value, Written) and value.text != _digits(float(value))
