"""The tables of a bench, kept once in its store under their digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from curriculab.bench.design import Design
from curriculab.protocol import Rows
from curriculab.registry.writing import write_whole
from curriculab.runs import digest_of_table
from curriculab.runs.codec import pack_table, unpack_table

TABLES = "tables"  # folder of the store


def keep_tables(design: Design) -> None:
    """Write the training, validation and test rows into the store, each once."""
    if design.store is None:
        return
    folder = design.store.root / TABLES
    folder.mkdir(parents=True, exist_ok=True)
    tables = {design.train_digest: design.train, design.test_digest: design.test}
    tables |= {design.validation.about["digest"]: design.validation.rows} if design.validation else {}
    for digest, table in tables.items():
        path = folder / f"{digest}.json"
        if not path.exists():
            write_whole(path, json.dumps(pack_table(table)).encode())


def read_table(root: Path, about: Mapping) -> Rows:
    """A table of the store, by its digest."""
    path = root / TABLES / f"{Path(about['digest']).name}.json"
    try:
        table = unpack_table(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the table {path} cannot be read ({type(error).__name__}: {error})") from error
    if digest_of_table(table) != about["digest"]:
        raise ValueError(f"the table {path} is damaged: its digest is another")
    return table
