"""Tables of cells without types: CSV, whatever stands between two cells, and its numbers.

"Frage;Antwort;Punkte\\nWie viel?;3;1,5\\n" is read as three columns, and Punkte as 1.5, as Excel writes them where the
comma is the decimal point.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

import pandas as pd

from curriculab.data.validation import TEXTS, PoolError, listed, one_line, show
from curriculab.data.values import is_missing
from curriculab.registry.warning import warn

CALLED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SAID = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own first line, which says what stands between cells
WITH_COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+")  # 1,5 and 1.234,5
WITHOUT = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+)")  # 15 and 1.234
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+")  # 1,234, which is 1234 in English and 1.234 in German
NO_HEADER = "this looks like a row: where the file has no line of names, put one on top, for example prompt,answer"
LONGEST_NAME = 40  # characters; longer names of columns are most likely a row of a file without a header
REASONS = {  # what the csv module says, in plain words
    "unexpected end of data": "a cell begins with a quotation mark and none ends it",
    "expected after": "something stands behind the quotation mark that ends a cell; write one inside a cell twice",
    "field larger": "a cell is longer than 131,072 characters, or a quotation mark does not end",
}


def cells_of(text: str, name: str, between: str = ",") -> tuple[pd.DataFrame, str]:
    """The table in a text, indexed by "line 3", and what stands between its cells.

    between: what is tried first. Where the names in the header are not split by it, or a row has not as many cells as
    the header, what splits them is taken: semicolons, tabs or bars.
    """
    said, first = SAID.match(text), 1
    if said:
        between, text, first = said[1], text[said.end() :], 2
    names = {c: _names(text, c) for c in dict.fromkeys((between, *CALLED))}
    others = sorted((c for c in names if c != between and names[c] > 1), key=names.__getitem__, reverse=True)
    if names[between] < 2 and others:
        between = others.pop(0)
    try:
        return _read(text, name, between, first), between
    except PoolError:
        for other in others:
            with suppress(PoolError):
                return _read(text, name, other, first), other
        raise


def _names(text: str, between: str) -> int:
    """How many names of columns the first line has that holds something."""
    try:
        return next((len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=between) if any(row)), 0)
    except csv.Error:
        return 0


def _read(text: str, name: str, between: str, first: int) -> pd.DataFrame:
    """Strict: every row has as many cells as the header; empty lines, and rows of empty cells, are no rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    rows: dict[str, list[str]] = {}
    header: list[str] = []
    line = top = first  # where the row begins: a quoted cell may hold line breaks
    try:
        for row in reader:
            if any(map(str.strip, row)):
                if not header:
                    header, top = row, line
                elif len(row) == len(header):
                    rows[f"line {line}"] = row
                else:
                    raise _ragged(f"{name}, line {line}", row, header, between)
            line = first + reader.line_num
    except csv.Error as error:
        why = next((plain for said, plain in REASONS.items() if said in str(error)), one_line(error))
        expected = f"expected cells with {CALLED.get(between, repr(between))} between"
        raise PoolError(f"{name}, line {line}: {why}; {expected}") from None
    index = pd.Index(list(rows), dtype="str")
    frame = pd.DataFrame(list(rows.values()), columns=range(len(header)), index=index)
    return named(frame, header, f"{name}, line {top}")


def _ragged(place: str, row: list[str], header: list[str], between: str) -> PoolError:
    found = ", ".join(map(repr, row[:20]))
    shown = found if len(found) <= 100 else f"{found[:80]}..."
    count = f"{len(row)} cell{'s' * (len(row) != 1)}"
    between = CALLED.get(between, repr(between))
    return PoolError(
        f"{place}: found {count} ({shown}), expected {len(header)} ({listed(header)}); "
        f"put quotation marks around cells that hold {between}"
    )


def named(frame: pd.DataFrame, header: Sequence[str], place: str) -> pd.DataFrame:
    """Columns by the names of a header; one without a name is left out where it is empty, else called "column 3"."""
    names = [name.strip() for name in header]
    empty = [not name and _is_empty(frame[i]) for i, name in enumerate(names)]
    names = [name or f"column {i + 1}" for i, name in enumerate(names)]
    kept = [i for i in range(len(names)) if not empty[i]]
    chosen = [names[i] for i in kept]
    if repeated := [name for name in chosen if chosen.count(name) > 1]:
        hint = NO_HEADER if is_a_row(chosen) else "give one of them another name"
        raise PoolError(f"{place}: found the column {show(repeated[0])} twice, expected every name once; {hint}")
    return frame[kept].set_axis(chosen, axis=1)


def _is_empty(cells: pd.Series) -> bool:
    return all(is_missing(cell) or cell == "" for cell in cells)


def is_a_row(names: Iterable[str]) -> bool:
    """Do names of columns look like the first row of a file without a header?"""
    names = [name for name in map(str, names) if not re.fullmatch(r"column \d+", name)]
    return any(len(n) > LONGEST_NAME or n.endswith("?") or re.fullmatch(r"[-+]?[\d.,]+", n) for n in names)


def with_points(pool: pd.DataFrame, source: str, between: str) -> pd.DataFrame:
    """The pool with decimal points in its columns of numbers that are written with commas; said of answers.

    between: what stood between the cells; between semicolons "1,234" is 1.234, else it may be 1234 and stays a text.
    """
    for name in pool.columns:
        if name in TEXTS and name != "answer":
            continue
        found = _points(pool[name].tolist(), certain=between == ";")
        if found is None:
            continue
        if name == "answer":
            before, after = next((a, b) for a, b in zip(pool[name], found, strict=True) if a != b)
            warn(f"{source}: the answers have decimal commas, which become points: {before} is {after}")
        pool = pool.assign(**{name: pd.Series(found, index=pool.index, dtype="str")})
    return pool


def _points(values: Sequence[object], *, certain: bool) -> list[str] | None:
    """Texts of numbers with points for decimal commas; None where one is no such number, or none has a comma."""
    if not all(isinstance(value, str) for value in values):
        return None
    texts = [value.strip() for value in values]
    with_comma = [text for text in texts if "," in text]
    if not with_comma or not all(WITH_COMMA.fullmatch(t) or WITHOUT.fullmatch(t) or not t for t in texts):
        return None
    if not certain and all(THOUSANDS.fullmatch(text) for text in with_comma):
        return None
    return [text.replace(".", "").replace(",", ".") for text in texts]
