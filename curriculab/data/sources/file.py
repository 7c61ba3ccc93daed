"""JSONL, JSON, CSV, TSV, Excel and Parquet files, also packed with gzip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from curriculab.data.files import find, read_file, suffix_of
from curriculab.data.registry import source
from curriculab.data.shaping import shape


@source("file:")
def load(
    name: str,
    *,
    columns: Any = None,
    split: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    level_order: Sequence[str] | None = None,
    n: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Rows of a file, looked for here and in the folder `CURRICULAB_DATA`; ids are made from its name.

    split: which of the tables of a .json file that holds several under names; sheet: which of an Excel file's;
    encoding: of a text that is neither UTF-8 nor UTF-16; level_order: words in the column `level`, the easiest first.
    """
    path = find(name.removeprefix("file:"))
    stem = path.name.removesuffix(".gz").removesuffix(suffix_of(path))
    table = read_file(path, split=split, sheet=sheet, encoding=encoding)
    how = dict(columns=columns, level_order=level_order, n=n, seed=seed)
    return shape(table.frame, path.name, stem=stem, written=table.written, between=table.between, **how)
