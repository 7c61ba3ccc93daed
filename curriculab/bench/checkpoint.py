"""Checkpoints of a bench: written between two calls, sealed, thinned out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from curriculab.protocol import Backend, Owner
from curriculab.registry.warning import warn
from curriculab.registry.writing import digest_of_bytes, discard, write_whole
from curriculab.runs.store import set_aside

KEPT_BYTES = 1 << 30  # checkpoints that are kept to fork from; the newest is kept whatever its size


class JournalError(ValueError):
    """A journal or checkpoint that cannot be read."""


def checkpoint(folder: Path, call: int, state: Mapping[str, object], save: Callable[[Path], None]) -> Path:
    """Write `checkpoint-<call>` into a bench's folder, whole by rename. `save(folder)` writes the adapters."""
    final = checkpoint_path(folder, call)
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
    size = {}
    for path in kept:
        size[path] = sum(file.stat().st_size for file in path.iterdir())
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


def checkpoint_path(folder: Path, call: int) -> Path:
    """Where the checkpoint after a call lies."""
    return folder / f"checkpoint-{call:08d}"


def reopen(folder: Path, backend: Backend, owners: Sequence[Owner]) -> tuple[Path, int]:
    """Load the newest checkpoint that can be read into the backend; the replay log cut to its length, and its call.

    A checkpoint that is damaged is set aside, with a warning, and an older one is taken; without any, training begins
    anew with an empty replay log.
    """
    path, length, call = folder / "journal.jsonl", 0, 0
    for found in reversed(checkpoints(folder)):
        try:
            state = read_state(found)
            check_whole(found, state)
            backend.load(found)
        except (ValueError, KeyError, SafetensorError) as error:  # an older one may be whole
            backend.start(owners)
            put_aside(found, error)
            continue
        length, call = state["journal"][0], state["call"]
        break
    damaged = bool(list(folder.glob("damaged-checkpoint-*")))
    if path.is_dir() or (damaged and not length and path.exists() and path.stat().st_size):
        os.replace(path, folder / "damaged-journal.jsonl")  # of no use without a checkpoint, but kept
    discard(folder / "commands")  # for who trained here before
    with path.open("ab") as file:
        file.truncate(length)
    return path, call


def put_aside(path: Path, why: Exception) -> None:
    """Set aside what is damaged, and say so."""
    target = set_aside(path)
    said = f"{path.name} is damaged ({' '.join(str(why).split())[:200]})"
    warn(f"{said} and was set aside as {target}; what it held is repeated")


def fork_points(folder: Path | None, states: dict[Path, dict]) -> dict[int, dict[str, int]]:
    """Checkpoints by their call, with the step each variant (its slowest seed) had reached there.

    states: of checkpoints that were read before; it is filled.
    """
    found: dict[int, dict[str, int]] = {}
    for path in checkpoints(folder) if folder else []:
        try:
            state = states.get(path) or read_state(path)
        except JournalError:
            continue  # nothing to fork from
        states[path] = state
        steps: dict[str, int] = {}
        for variant, _, _, _, step in state["turns"]:
            steps[variant] = min(step, steps.get(variant, step))
        found[state["call"]] = steps
    return found


def turns_at(folder: Path | None, variant: str, call: int) -> dict[int, tuple[int, int]]:
    """By seed, the turn of a variant and how many tests it had, at the checkpoint after a call."""
    known = {int(p.name.rpartition("-")[2]): p for p in checkpoints(folder)} if folder else {}
    if call not in known:
        raise ValueError(f"no checkpoint at call {call}; there are {', '.join(map(str, known)) or 'none yet'}")
    state = read_state(known[call])
    turns = {seed: (turn, tests) for name, seed, turn, tests, _ in state["turns"] if name == variant}
    if not turns:
        raise ValueError(f"{variant!r} was not training at call {call}; fork it where it was")
    return turns
