"""The journal of a bench in training: every answer given, call by call, so that it can be brought back where it was.

Replaying its answers brings every method, table and count to where they were; adapters, which answers do not hold,
come from a checkpoint written between two calls. One line of a journal is the JSON of one call or intervention:

    {"call": 12, "kind": "Train", "answers": [{"job": ["random", 0], "exam": 0, "turn": 5, "place": 0, ...}]}

Nothing in it is code: numbers are JSON or raw bytes of plain NumPy types, texts are texts.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.requests import Piece, Request, Rows, Sample

if TYPE_CHECKING:
    from curriculab.loop import Answer, Ticket

KEPT_BYTES = 1 << 30  # checkpoints that are kept to fork from; the newest is kept whatever its size
NUMBERS = "fiub"  # kinds of NumPy types whose bytes are written as they are
Owner = tuple[str, int]  # variant, seed
Key = tuple[int, int, int]  # exam (0: the method itself), turn, place


class JournalError(ValueError):
    """A journal or checkpoint that cannot be read."""


# -- one answer as JSON -----------------------------------------------------------------------------------------------
def pack(request: Request, answer: Answer | Exception) -> dict[str, object]:
    """An answer as JSON; of its reply, what the request's rows do not hold already."""
    if isinstance(answer, Exception):
        return {"error": type(answer).__name__, "text": str(answer)}
    cost = {"tokens": answer.tokens, "rollouts": answer.rollouts, "generated": answer.generated}
    found: dict[str, object] = {**cost, "trained": answer.trained}
    if answer.learned is not None:
        found["learned"] = _packed(np.asarray(answer.learned))
    if answer.reply is not None:
        found["reply"] = _pack_rows(answer.reply, request)
    return found


def unpack(request: Request, packed: Mapping[str, object]) -> Answer | Exception:
    """What `pack` was given, equal to the bit."""
    from curriculab.loop import Answer

    if "error" in packed:
        return type(str(packed["error"]), (Exception,), {})(packed["text"])
    reply = _unpack_rows(packed["reply"], request) if "reply" in packed else None
    learned = _unpacked(packed["learned"]) if "learned" in packed else None
    cost = {k: packed[k] for k in ("tokens", "rollouts", "generated", "trained")}
    return Answer(reply, learned=learned, **cost)


def _lines(request: Request) -> np.ndarray:
    """Which row of the request each line of its reply belongs to."""
    n = np.broadcast_to(np.asarray(request.n, int), len(request.rows)) if isinstance(request, Sample) else 1
    return np.repeat(np.arange(len(request.rows)), n)


def _pack_rows(reply: Rows, request: Request) -> dict[str, object]:
    lines = _lines(request)
    asked = request.rows.iloc[lines] if len(lines) == len(reply) else None
    if asked is not None and not asked.index.equals(reply.index):
        asked = None
    found: dict[str, object] = {"columns": list(reply.columns), "new": {}}
    if asked is None:
        found["index"] = _packed(reply.index.to_numpy())
    for name in reply.columns:
        if asked is None or name not in asked or not _same(reply[name], asked[name]):
            before = asked[name] if name == "turns" and asked is not None and name in asked else None
            found["new"][name] = _pack_column(reply[name], before)
    return found


def _unpack_rows(packed: Mapping, request: Request) -> Rows:
    if "index" in packed:
        reply = pd.DataFrame(index=pd.Index(_unpacked(packed["index"]), name=request.rows.index.name))
    else:
        reply = request.rows.iloc[_lines(request)]
    new = {name: _unpack_column(column, reply, name) for name, column in packed["new"].items()}
    return reply.assign(**new)[packed["columns"]]


def _same(a: pd.Series, b: pd.Series) -> bool:
    """Equal to the bit; of other objects, the very same ones."""
    if a.dtype != b.dtype:
        return False
    if isinstance(a.dtype, np.dtype) and a.dtype.kind in NUMBERS:
        return a.to_numpy().tobytes() == b.to_numpy().tobytes()
    if a.dtype == object:
        return all(x is y for x, y in zip(a.to_numpy(), b.to_numpy(), strict=True))
    return a.equals(b)


def _pack_column(column: pd.Series, before: pd.Series | None) -> dict[str, object]:
    if column.name == "turns":
        had = before.tolist() if before is not None else [()] * len(column)
        had = [h if isinstance(h, tuple) else () for h in had]
        goes_on = all(
            isinstance(t, tuple) and all(p is q for p, q in zip(t, h, strict=False)) and len(t) >= len(h)
            for t, h in zip(column.tolist(), had, strict=True)
        )
        had = had if goes_on else [()] * len(column)
        return {
            "turns": [
                _packed(t[len(h) :]) if isinstance(t, tuple) else None
                for t, h in zip(column.tolist(), had, strict=True)
            ],
            "goes_on": goes_on,
        }
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in NUMBERS:
        return {"values": _packed(column.to_numpy())}
    return {"values": [_packed(v) for v in column.tolist()], "dtype": str(column.dtype)}


def _unpack_column(packed: Mapping, reply: Rows, name: str) -> pd.Series:
    if "turns" in packed:
        had = reply["turns"].tolist() if packed["goes_on"] and "turns" in reply else [()] * len(reply)
        more = [None if t is None else _unpacked(t) for t in packed["turns"]]
        values = [
            None if m is None else (*(h if isinstance(h, tuple) else ()), *m) for h, m in zip(had, more, strict=True)
        ]
        return pd.Series(values, index=reply.index, dtype=object)
    if "dtype" in packed:
        values = np.empty(len(reply), dtype=object)
        values[:] = [_unpacked(v) for v in packed["values"]]
        return pd.Series(values, index=reply.index, dtype=packed["dtype"])
    return pd.Series(_unpacked(packed["values"]), index=reply.index)


def _packed(value: object) -> object:
    """A value as JSON: plain ones as they are, others as a dictionary with one short key."""
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS:
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"a": value.dtype.str, "shape": list(value.shape), "data": data}
    if isinstance(value, np.ndarray):
        return {"o": [_packed(v) for v in value.tolist()]}
    if isinstance(value, np.generic):
        return {"s": _packed(np.asarray(value))}
    if isinstance(value, Piece):
        names = [f for f in Piece.__dataclass_fields__ if f not in ("tokens", "logprobs")]
        plain = {f: _packed(getattr(value, f)) for f in names}
        tokens = None if value.tokens is None else _packed(np.asarray(value.tokens, np.int64))
        logprobs = None if value.logprobs is None else _packed(np.asarray(value.logprobs, np.float64))
        return {"p": {**plain, "tokens": tokens, "logprobs": logprobs}}
    if isinstance(value, tuple):
        return {"t": [_packed(v) for v in value]}
    if isinstance(value, list):
        return [_packed(v) for v in value]
    if isinstance(value, Mapping):
        return {"d": [[_packed(k), _packed(v)] for k, v in value.items()]}
    if value is pd.NA or value is pd.NaT:
        return {"m": "NA" if value is pd.NA else "NaT"}
    raise ValueError(f"a reply holds a {type(value).__name__}; replies hold numbers, texts, arrays, lists and mappings")


def _unpacked(value: object) -> object:
    if isinstance(value, list):
        return [_unpacked(v) for v in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value))
    inner = value[kind]
    if kind == "a":
        flat = np.frombuffer(base64.b64decode(value["data"]), dtype=np.dtype(inner))
        return flat.reshape(value["shape"]).copy()
    if kind == "o":
        return np.array([_unpacked(v) for v in inner], dtype=object)
    if kind == "s":
        return _unpacked(inner)[()]
    if kind == "p":
        made = {k: _unpacked(v) for k, v in inner.items()}
        lists = {k: None if made[k] is None else tuple(made[k].tolist()) for k in ("tokens", "logprobs")}
        return Piece(**{**made, **lists})
    if kind == "t":
        return tuple(_unpacked(v) for v in inner)
    if kind == "d":
        return {_unpacked(k): _unpacked(v) for k, v in inner}
    return pd.NA if inner == "NA" else pd.NaT


def pack_table(table: Rows) -> dict[str, object]:
    """A whole table as JSON."""
    columns = {str(name): _pack_column(table[name], None) for name in table.columns}
    return {"index": [_packed(i) for i in table.index], "name": table.index.name, "columns": columns}


def unpack_table(packed: Mapping) -> Rows:
    """What `pack_table` was given."""
    bare = pd.DataFrame(index=pd.Index([_unpacked(i) for i in packed["index"]], name=packed["name"]))
    return bare.assign(**{name: _unpack_column(column, bare, name) for name, column in packed["columns"].items()})


# -- the journal ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Past:
    """One answer that is remembered: to which request, and what it cost in seconds."""

    digest: str
    packed: Mapping[str, object]
    seconds: float

    def answer(self, request: Request, digest: str) -> Answer | Exception:
        if digest != self.digest:
            return RuntimeError(
                f"{type(request).__name__} differs from the journal that is replayed; the method or the pool has "
                "changed, or it draws on chance besides run.rng"
            )
        return unpack(request, self.packed)


class Journal:
    """What was answered, in a file that only grows (None: in memory)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._hash = hashlib.blake2b(digest_size=16)
        if path is not None and path.exists():
            self._hash.update(path.read_bytes())
        self._memory: list[str] = []
        self._file = None if path is None else path.open("a", encoding="utf-8")

    def note(self, call: int, kind: str, answered: Sequence[tuple[Ticket, str, Answer | Exception, float]]) -> None:
        """One call: tickets with the digests of their requests, their answers and seconds."""
        lines = [
            {
                "job": [t.job.home.variant, t.job.home.seed],
                "exam": t.job.exam,
                "turn": t.job.turn,
                "place": t.place,
                "digest": digest,
                "seconds": seconds,
                "answer": pack(t.request, answer),
            }
            for t, digest, answer, seconds in answered
        ]
        self._write({"call": call, "kind": kind, "answers": lines})

    def event(self, call: int, event: Mapping[str, object]) -> None:
        """An intervention between two calls."""
        self._write({"call": call, "event": dict(event)})

    def _write(self, line: Mapping[str, object]) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        if self._file is None:
            self._memory.append(text)
        else:
            self._file.write(text + "\n")
            self._hash.update(f"{text}\n".encode())

    def __iter__(self) -> Iterator[dict]:
        """Its lines, oldest first; a last line that was cut off is left out."""
        if self._file is not None:
            self._file.flush()
        whole = self._memory if self.path is None else _whole_lines(self.path)
        for number, line in enumerate(whole, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise JournalError(f"line {number} of {self.path} is damaged ({error})") from error

    def past(self, jobs: Mapping[Owner, Mapping[Owner, float]]) -> dict[Owner, dict[Key, Past]]:
        """Answers by job. jobs: under whose names each job was answered, and until which call (its own: inf)."""
        found: dict[Owner, dict[Key, Past]] = {job: {} for job in jobs}
        for line in self:
            for one in line.get("answers", ()):
                whose, key = tuple(one["job"]), (one["exam"], one["turn"], one["place"])
                for job, names in jobs.items():
                    if line["call"] <= names.get(whose, -1):
                        found[job][key] = Past(one["digest"], one["answer"], one["seconds"])
        return found

    def events(self) -> list[dict]:
        return [{"call": line["call"], **line["event"]} for line in self if "event" in line]

    def sync(self) -> tuple[int, str]:
        """Make sure that all of it is on the disk; its length in bytes, and its digest."""
        if self._file is None:
            return 0, self._hash.hexdigest()
        self._file.flush()
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size, self._hash.hexdigest()

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk has spoken already; what is missing is answered again
                self._file.close()
            self._file = None


def _whole_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if line.endswith("\n"))


# -- checkpoints ------------------------------------------------------------------------------------------------------
def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that it is there whole or not at all."""
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    return path


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


def digest_of_bytes(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


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


def discard(folder: Path) -> None:
    """Delete a folder so that under its name it is there whole or not at all."""
    gone = folder.with_name(f".part-{os.getpid()}-{folder.name}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


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
