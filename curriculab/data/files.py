"""JSONL, JSON, CSV and Parquet as tables."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from os import environ
from pathlib import Path
from typing import Any

import pandas as pd

from curriculab.data.validation import PoolError, one_line, show

FILES = (".jsonl", ".json", ".csv", ".parquet")


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
