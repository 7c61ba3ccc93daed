"""Small files to load, and the one error of a load."""

from __future__ import annotations

from pathlib import Path

import pytest

from curriculab.data.loading import load_pool
from curriculab.data.validation import PoolError

QUESTIONS = "id,prompt,answer,level\na,one,1,1\nb,two,2,1\nc,three,3,2\n"


FILES = ".jsonl, .json, .csv, .parquet, .jsonlines, .ndjson, .tsv, .xlsx, .xlsm"
KNOWN = f"'clinic', 'gym:<task>', 'hf:<id>', 'ladder', 'rules', 'word_problems' or a file {FILES} (also packed, .gz)"


def message(source: str | Path, **options: object) -> str:
    """The whole text of the one error."""
    with pytest.raises(PoolError) as error:
        load_pool(source, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_bytes(text.encode())
    return name
