"""JSONL, JSON, CSV, TSV and Parquet files, also packed with gzip."""

from __future__ import annotations

from typing import Any

import pandas as pd

from curriculab.data.files import find, read_file, suffix_of
from curriculab.data.registry import source
from curriculab.data.shaping import shape


@source("file:")
def load(
    name: str, *, columns: Any = None, split: str | None = None, n: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Rows of a file, looked for here and in the folder `CURRICULAB_DATA`; ids are made from its name.

    split: which of the tables of a .json file that holds several under names.
    """
    path = find(name.removeprefix("file:"))
    stem = path.name.removesuffix(".gz").removesuffix(suffix_of(path))
    table = read_file(path, split=split)
    how = dict(stem=stem, columns=columns, n=n, seed=seed, written=table.written, numbers=table.untyped)
    return shape(table.frame, path.name, **how)
