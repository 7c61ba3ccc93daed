"""Runs on disk: a folder each, complete or visibly not, found again by the digest of all that decides its numbers.

    runs/easy-first-3f9a41c07b2d8e55/          finished: spec, tables, events, adapter
    runs/easy-first-3f9a41c07b2d8e55.failed/   ended before its budget was spent; kept to look at, never reused
    runs/.bench-77c0e2d41b9a6f03/              in training, or cut off: journal and checkpoints, see drive.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.runs.tables import COLUMNS, Record, Runs


def digest_of(decides: Mapping[str, object]) -> str:
    """Digest (16 hex digits) of everything that decides a run."""
    text = json.dumps(decides, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def digest_of_table(table: pd.DataFrame) -> str:
    """Digest of a pool: ids, columns and every value, in order."""
    h = hashlib.blake2b("\x1f".join(map(str, table.columns)).encode(), digest_size=16)
    h.update("\x1f".join(map(str, table.index)).encode())
    for column in table.columns:
        values = (v.tolist() if isinstance(v, np.ndarray) else v for v in table[column].tolist())
        h.update("\x1f".join(map(repr, values)).encode())
    return h.hexdigest()


FAILED = ".failed"


@dataclass(frozen=True)
class Store:
    """A folder of runs. A run appears in it only when it is finished; asking for one that exists loads it."""

    root: Path

    def folder(self, variant: str, digest: str) -> Path:
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in variant).strip("-")[:40] or "run"
        return self.root / f"{name}-{digest}"

    def load(self, variant: str, digest: str) -> Record | None:
        """The finished run of this digest, under whatever name it was recorded; None if there is none."""
        found = sorted(self.root.glob(f"*-{digest}"))
        return load_record(found[0], variant) if found else None

    def save(self, record: Record, digest: str, save_adapter: Callable[[Path], object] | None = None) -> Path:
        """Write a run that ended, whole, by rename. `save_adapter(folder)` writes the adapter into it."""
        self.root.mkdir(parents=True, exist_ok=True)
        final = self.folder(record.key[0], digest)
        if str(record.spec.get("ended", "")).startswith("failed"):
            final = final.with_name(f"{final.name}{FAILED}")
            shutil.rmtree(final, ignore_errors=True)  # of an earlier attempt
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=self.root))
        try:
            for name, table in record.tables.items():
                table.to_parquet(part / f"{name}.parquet")
            if record.findings is not None:
                record.findings.to_json(part / "findings.json", orient="table")
            (part / "events.jsonl").write_text("".join(json.dumps(e, default=str) + "\n" for e in record.events))
            if save_adapter is not None:
                save_adapter(part / "adapter")
            (part / "spec.json").write_text(json.dumps(dict(record.spec), indent=1, default=str))
            os.chmod(part, 0o755)
            try:
                os.rename(part, final)
            except OSError:
                if not final.exists():  # else another process finished the same run: its result is this one's
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return final


def load_record(folder: Path, variant: str | None = None) -> Record:
    """One recorded run from its folder; `variant` renames it (the digest, not the name, decides what a run is)."""
    try:
        spec = json.loads((folder / "spec.json").read_text())
        written = [name for name in COLUMNS if name != "rollouts" or (folder / "rollouts.parquet").exists()]
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in written}
        events = tuple(json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines())
        path = folder / "findings.json"
        findings = pd.read_json(path, orient="table") if path.exists() else None
    except (OSError, ValueError) as error:
        raise ValueError(
            f"the recorded run {folder} is damaged ({type(error).__name__}: {error}); move it away to train it again"
        ) from error
    adapter = folder / "adapter"
    return Record(
        {**spec, "variant": variant or spec["variant"]}, tables, events, findings, adapter if adapter.exists() else None
    )


def load_runs(root: str | Path) -> Runs:
    """Every finished run of a store."""
    folders: Iterable[Path] = sorted(
        p.parent for p in Path(root).glob("*/spec.json") if not p.parent.name.startswith(".") and not p.parent.suffix
    )
    records = tuple(load_record(f) for f in folders)
    if not records:
        raise ValueError(f"no recorded runs in {root}; train some with Bench.run, or name another folder")
    null = tuple(dict.fromkeys(r.key[0] for r in records if r.spec.get("null")))
    return Runs(records, null)
