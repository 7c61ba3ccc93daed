"""JSONL, JSON, CSV, Excel and Parquet as tables, with the types and digits that they have."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import methodcaller
from os import environ
from pathlib import Path
from typing import Any

import pandas as pd

from curriculab.data.cells import cells_of
from curriculab.data.encodings import decode
from curriculab.data.excel import SHEETS, from_excel
from curriculab.data.layouts import rows_of
from curriculab.data.validation import PoolError, one_line, show
from curriculab.data.values import EXACT, Written, as_written, column_of_values

FILES = (".jsonl", ".json", ".csv", ".parquet", ".jsonlines", ".ndjson", ".tsv", *SHEETS)
LINES = (".jsonl", ".jsonlines", ".ndjson")  # names that files of one JSON object a line have
CELLS = {".csv": ",", ".tsv": "\t"}  # what most likely stands between two cells; cells have no types
# Files that pandas reads with packages that are not installed here.
RECIPES = {
    **dict.fromkeys((".xls", ".ods"), "read_excel"),
    **dict.fromkeys((".feather", ".arrow"), "read_feather"),
    **{".orc": "read_orc", ".dta": "read_stata", ".sav": "read_spss", ".xml": "read_xml", ".html": "read_html"},
}


@dataclass(frozen=True)
class Table:
    """What a file holds: its columns; those of numbers as they are written.

    between: what stands between two cells, which then have no types; "" where they have.
    """

    frame: pd.DataFrame
    written: Mapping[str, pd.Series] = field(default_factory=dict)
    between: str = ""


def read_table(path: Path, *, sheet: str | None = None) -> pd.DataFrame:
    """A file's own table, its columns as they are named there; the index says where a row stands ("line 3")."""
    return read_file(path, sheet=sheet).frame


def read_file(path: Path, *, split: str | None = None, sheet: str | None = None, encoding: str | None = None) -> Table:
    """A file's own table with what its numbers are written like.

    split: which of the tables of a .json file; sheet: which of an Excel file; encoding: of a text, else found out.
    """
    suffix = suffix_of(path)
    if split is not None and suffix != ".json":
        raise PoolError(f"{path.name}: split={split!r} chooses among the tables of a .json file; this file has one")
    if sheet is not None and suffix not in SHEETS:
        raise PoolError(f"{path.name}: sheet={sheet!r} chooses among the sheets of an Excel file; this is none")
    if suffix in LINES:
        return _of_records(*_lines(path, encoding), path.name)
    if suffix == ".json":
        return _of_records(*_rows(path, split, encoding), path.name)
    if suffix in CELLS:
        frame, between = cells_of(text_of(path, encoding), path.name, CELLS[suffix])
        return Table(frame, between=between)
    if suffix in SHEETS:
        return Table(from_excel(bytes_of(path), path.name, sheet))
    if suffix == ".parquet":
        return Table(from_parquet(path))
    if suffix in RECIPES:
        raise PoolError(recipe(path.name))
    raise PoolError(f"{path.name}: found a file of type {suffix or 'none'}, expected {', '.join(FILES)}")


def recipe(name: str) -> str:
    """How a file of another kind is read by way of pandas."""
    return (
        f"{name}: a file of this kind is read by way of pandas, import pandas as pd; "
        f"cl.load_pool(pd.{RECIPES[suffix_of(Path(name))]}({name!r}), columns=...), or saved as .csv"
    )


def suffix_of(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def find(source: str) -> Path:
    """Find a file where it was said to be, else in the folder that `CURRICULAB_DATA` names.

    Parameters
    ----------
    source : str
        A path; "~" is the home folder.

    Returns
    -------
    Path

    Raises
    ------
    PoolError
        Where it is in neither place.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("mine.jsonl").write_text('{"prompt": "1 + 1", "answer": "2"}')
    >>> cl.data.find("mine.jsonl").name
    'mine.jsonl'
    """
    folder = environ.get("CURRICULAB_DATA")
    for path in (Path(source).expanduser(), *([Path(folder) / source] if folder else [])):
        if path.is_file():
            return path
    looked = f"{Path.cwd()} and in CURRICULAB_DATA ({folder})" if folder else f"{Path.cwd()}"
    hint = "" if folder else "; give its full path, or set CURRICULAB_DATA to its folder"
    raise PoolError(f"{source}: no such file in {looked}{hint}")


def bytes_of(path: Path) -> bytes:
    """What a file holds, unpacked."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise PoolError(f"{path.name}: cannot be read: {one_line(error)}") from None


def text_of(path: Path, encoding: str | None = None) -> str:
    """The text of a file; encoding: as it was asked for, else found out."""
    return decode(bytes_of(path), path.name, encoding)


def from_jsonl(path: Path) -> pd.DataFrame:
    return _of_records(*_lines(path), path.name).frame


def _lines(path: Path, encoding: str | None = None) -> tuple[list[Any], list[str]]:
    """Values of the lines that hold something, and where they stand."""
    lines = {f"line {i}": line for i, line in enumerate(text_of(path, encoding).split("\n"), 1) if line.strip()}
    return [parse(line, path.name, place) for place, line in lines.items()], list(lines)


def _rows(path: Path, split: str | None, encoding: str | None) -> tuple[list[Any], list[str]]:
    rows = rows_of(parse(text_of(path, encoding), path.name, None), path.name, split)
    return rows, [f"row {i}" for i in range(1, len(rows) + 1)]


def parse(text: str, name: str, place: str | None) -> Any:
    """JSON text -> value; `place` is a line of a .jsonl file, or None for a whole .json file."""
    try:
        value = json.loads(text, parse_float=Written)
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


def _of_records(rows: list[Any], places: list[str], name: str) -> Table:
    """Objects, one a row, as columns of their types; what an object has not is missing."""
    for place, row in zip(places, rows, strict=True):
        if not isinstance(row, dict):
            raise PoolError(f"{name}, {place}: found {show(row)}, expected a JSON object")
    index, names = pd.Index(places, dtype="str"), dict.fromkeys(key for row in rows for key in row)
    columns = {key: list(map(methodcaller("get", key), rows)) for key in names}
    frame = pd.DataFrame({key: column_of_values(values, index) for key, values in columns.items()}, index=index)
    return Table(frame, as_written(columns, index))


def from_csv(path: Path, between: str = ",") -> pd.DataFrame:
    """A table of texts; columns of numbers become numbers later."""
    return cells_of(text_of(path), path.name, between)[0]


def from_parquet(path: Path) -> pd.DataFrame:
    """Columns as they are; a named index of pandas becomes a column, row numbers without a name do not."""
    import pyarrow.parquet as pq

    data = bytes_of(path)
    try:
        frame = pq.read_table(io.BytesIO(data)).to_pandas(integer_object_nulls=True)
    except Exception as error:  # its reader, and unpacking, raise many kinds
        raise PoolError(f"{path.name}: cannot be read as parquet: {one_line(error)[:200]}") from None
    return numbered(frame)


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of another library's with rows called "row 1"; its index is kept where it has a name."""
    for name, level in [(name, frame.index.get_level_values(i)) for i, name in enumerate(frame.index.names)]:
        if name is not None and name not in frame:
            frame = frame.assign(**{str(name): level})
    frame = frame.set_axis(pd.Index([f"row {i}" for i in range(1, len(frame) + 1)], dtype="str"))
    for name in frame.columns:
        values = frame[name].tolist() if frame[name].dtype.kind == "O" else []
        if any(type(value) is int for value in values) and all(type(v) is int or v is None for v in values):
            small = all(v is None or abs(v) <= EXACT for v in values)  # whole numbers beside empty places
            frame = frame.assign(**{name: frame[name].astype(float)}) if small else frame
    return frame


def data_path(name: str) -> Path:
    """Where a file of the package's own data lies: in an installed package beside the code, in a checkout in `data/`.

    Parameters
    ----------
    name : str
        File or folder; it need not exist.

    Returns
    -------
    Path

    Examples
    --------
    >>> cl.data.data_path("checks.json").exists()
    True
    """
    folder = Path(__file__).resolve().parent
    installed = folder / "embedded" / name
    return installed if installed.exists() else folder.parents[1] / "data" / name
