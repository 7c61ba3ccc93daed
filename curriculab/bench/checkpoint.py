"""Checkpoints of a bench: written between two calls, sealed, thinned out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass
from curriculab.runs.writing import digest_of_bytes, discard, write_whole

KEPT_BYTES = 1 << 30  # checkpoints that are kept to fork from; the newest is kept whatever its size


class JournalError(ValueError):
    """A journal or checkpoint that cannot be read."""


def checkpoint(folder: Path, call: int, state: Mapping[str, object], save: Callable[[Path], None]) -> Path:
    """Write `checkpoint-<call>` into a bench's folder, whole by rename. `save(folder)` writes the adapters."""
    final = folder / f"checkpoint-{call:08d}"
    if final.exists():
        return final
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    try:
        save(part)
        files = {file.name: _on_disk(file) for file in sorted(part.iterdir())}
        text = json.dumps({"call": call, "files": files, **state})
        write_whole(part / "state.json", json.dumps({"state": text, "digest": digest_of_bytes(text.encode())}).encode())
        os.rename(part, final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    thin(folder)
    return final


def _on_disk(path: Path) -> str:
    """Make sure that a file is on the disk; its digest."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def checkpoints(folder: Path) -> list[Path]:
    """A bench's checkpoints, oldest first."""
    return sorted(p for p in folder.glob("checkpoint-*") if (p / "state.json").exists())


def thin(folder: Path, most: int = KEPT_BYTES) -> None:
    """Delete checkpoints until they fit into `most` bytes: always the one that leaves the smallest gap."""
    kept = checkpoints(folder)
    size = {p: sum(f.stat().st_size for f in p.iterdir()) for p in kept}
    while len(kept) > 1 and sum(size[p] for p in kept) > most:
        calls = [int(p.name.rpartition("-")[2]) for p in kept]
        gaps = [b - a for a, b in zip([0, *calls], calls[1:], strict=False)]  # if that one, and not its neighbour, goes
        discard(kept.pop(int(np.argmin(gaps))))


def read_state(folder: Path) -> dict[str, object]:
    """What a checkpoint says of itself, as it was written."""
    try:
        sealed = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        state = json.loads(sealed["state"])
        if digest_of_bytes(sealed["state"].encode()) != sealed["digest"]:
            raise ValueError("state.json holds other bytes than were written")
        return state
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JournalError(f"the checkpoint {folder} is damaged ({type(error).__name__}: {error})") from error


def check_whole(folder: Path, state: Mapping) -> None:
    """Raise where a checkpoint's files, or the journal up to it, are not as they were written."""
    for name, digest in state["files"].items():
        if not (folder / name).is_file() or _on_disk(folder / name) != digest:
            raise JournalError(f"{name} is missing, or holds other bytes than were written")
    path, (length, digest) = folder.parent / "journal.jsonl", state["journal"]
    written = path.read_bytes()[:length] if path.is_file() else b""
    if len(written) < length:
        raise JournalError("the journal is shorter than it was")
    if digest_of_bytes(written) != digest:
        raise JournalError("the journal holds other bytes than were written")
