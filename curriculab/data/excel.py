"""Excel's .xlsx and .xlsm as tables: one sheet, its first row that holds something as the names of columns.

A number 3 is 3, 2.5 is 2.5, a date its ISO text; a formula is the value that Excel stored for it.
"""

from __future__ import annotations

import datetime
import io
from typing import Any

import pandas as pd

from curriculab.data.cells import named
from curriculab.data.validation import PoolError, closest, one_line
from curriculab.data.values import column_of_values

SHEETS = (".xlsx", ".xlsm")


def from_excel(data: bytes, name: str, sheet: str | None = None) -> pd.DataFrame:
    """The table on one sheet, indexed by "row 3" as Excel counts; sheet: its name, needed where several hold something.

    Raises PoolError in one line for a file that is none, a sheet that is not there, names that repeat.
    """
    sheets = _sheets(data, name)
    if sheet is not None and sheet not in sheets:
        has = ", ".join(map(repr, sheets))
        raise PoolError(f"{name}: no sheet {sheet!r};{closest(sheet, sheets)} it has {has}")
    chosen = {title: _rows(one) for title, one in sheets.items() if sheet in (None, title)}
    filled = {title: rows for title, rows in chosen.items() if rows}
    if len(filled) > 1:
        has = ", ".join(map(repr, filled))
        raise PoolError(f"{name}: found rows on the sheets {has}; choose one, sheet={next(iter(filled))!r}")
    return _table(next(iter(filled.values())), name) if filled else pd.DataFrame()


def sheet_names(data: bytes, name: str) -> list[str]:
    """Names of the sheets that hold something."""
    return [title for title, one in _sheets(data, name).items() if _rows(one)]


def _sheets(data: bytes, name: str) -> dict[str, Any]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except Exception as error:  # its reader raises many kinds
        raise PoolError(f"{name}: cannot be read as Excel: {one_line(error)[:200]}") from None
    return {one.title: one for one in book.worksheets}


def _rows(sheet: Any) -> dict[int, list[Any]]:
    """Rows that hold something, by their number."""
    sheet.reset_dimensions()  # files of other programs often say less than they hold
    rows = {i: list(map(_value, row)) for i, row in enumerate(sheet.iter_rows(values_only=True), 1)}
    return {i: row for i, row in rows.items() if row.count(None) < len(row)}


def _value(cell: Any) -> Any:
    """A cell as a value of a table: texts that are empty are nothing, dates are texts."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, (datetime.date, datetime.time)) else cell


def _table(rows: dict[int, list[Any]], name: str) -> pd.DataFrame:
    top, *others = rows
    width = max(map(len, rows.values()))
    full = {i: [*row, *[None] * (width - len(row))] for i, row in rows.items()}
    index = pd.Index([f"row {i}" for i in others], dtype="str")
    columns = dict(enumerate(column_of_values(values, index) for values in zip(*map(full.get, others), strict=True)))
    columns = columns or {c: pd.Series(dtype="str") for c in range(width)}
    header = ["" if value is None else str(value) for value in full[top]]
    return named(pd.DataFrame(columns, index=index), header, f"{name}, row {top}")
