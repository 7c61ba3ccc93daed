"""The replay log of a bench in training: every answer given, call by call, so that it can be brought back where it was.

Replaying its answers brings every method, table and count to where they were; adapters, which answers do not hold,
come from a checkpoint written between two calls. One line of a journal is the JSON of one call or intervention:

    {"call": 12, "kind": "Train", "answers": [{"job": ["random", 0], "exam": 0, "turn": 5, "place": 0, ...}]}

Nothing in it is code: numbers are JSON or raw bytes of plain NumPy types, texts are texts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.bench.checkpoint import JournalError
from curriculab.protocol import Answer, Ask, Owner, Request, Rows, Sample
from curriculab.runs.codec import _pack_column, _packed, _same, _unpack_column, _unpacked

Key = tuple[int, int, int]  # exam (0: the method itself), turn, place


def pack(request: Request, answer: Answer | Exception) -> dict[str, object]:
    """An answer as JSON; of its reply, what the request's rows do not hold already."""
    if isinstance(answer, Exception):
        return {"error": type(answer).__name__, "text": str(answer)}
    cost = {"tokens": answer.tokens, "rollouts": answer.rollouts, "generated": answer.generated}
    found: dict[str, object] = {**cost, "trained": answer.trained}
    if answer.figures:
        found["figures"] = {name: float(value) for name, value in answer.figures.items()}
    for name in ("learned", "read"):
        if getattr(answer, name) is not None:
            found[name] = _packed(np.asarray(getattr(answer, name)))
    if answer.reply is not None:
        found["reply"] = _pack_rows(answer.reply, request)
    return found


def unpack(request: Request, packed: Mapping[str, object]) -> Answer | Exception:
    """What `pack` was given, bit-identical."""
    if "error" in packed:
        return type(str(packed["error"]), (Exception,), {})(packed["text"])
    reply = _unpack_rows(packed["reply"], request) if "reply" in packed else None
    arrays = {name: _unpacked(packed[name]) for name in ("learned", "read") if name in packed}
    cost = {k: packed[k] for k in ("tokens", "rollouts", "generated", "trained")}
    return Answer(reply, figures=packed.get("figures", {}), **cost, **arrays)


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


class ReplayLog:
    """What was answered, in a file that only grows (None: in memory)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._hash = hashlib.blake2b(digest_size=16)
        if path is not None and path.exists():
            self._hash.update(path.read_bytes())
        self._memory: list[str] = []
        self._file = None if path is None else path.open("a", encoding="utf-8")

    def note(
        self,
        call: int,
        kind: str,
        asks: Sequence[Ask],
        digests: Sequence[str],
        answers: Sequence[Answer | Exception],
        seconds: Sequence[float],
    ) -> None:
        """Keep one call: its asks with the digests of their requests, their answers, and what each took."""
        lines = [
            {
                "job": list(ask.owner),
                "exam": ask.evaluation,
                "turn": ask.turn,
                "place": ask.place,
                "digest": digest,
                "seconds": took,
                "answer": pack(ask.request, answer),
            }
            for ask, digest, answer, took in zip(asks, digests, answers, seconds, strict=True)
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
