"""Status of a bench in training, and commands to it, exchanged between two calls to the backend.

The training code (`bench.run`, a background thread, `curriculab run`) calls `between` after every call. A monitor adds
new steps and tests to its points, carries out commands of this process and of others, notifies listeners, and writes
the status into the bench's folder, where an attached process reads it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from curriculab.bench.locking import Stopped
from curriculab.bench.run_set import RunSet
from curriculab.bench.session import TrainingSession
from curriculab.registry.serialization import made, written
from curriculab.registry.writing import write_whole
from curriculab.runs import Record

TOLD_SECONDS = 0.5  # between two looks that listeners, and the folder, are given
DRAWING_SHARE = 0.05  # of the time may go into drawing
ROWS_SHOWN = 8  # of what a variant is doing right now
Command = tuple[dict, "threading.Event | None", list]  # what to do, set when it is done, errors


class Monitor:
    """Status, points and commands of one set of runs.

    status: "training", "paused", "finished", "interrupted" or "failed"; points: what happened, a line each (a step, a
    test, an intervention, an end); halt: asked while it is paused whether to stop; writes:
    False where another process trains and writes.
    """

    def __init__(self, chosen: RunSet, halt: Callable[[], bool] = lambda: False, *, writes: bool = True) -> None:
        self.chosen, self._halt, self._writes = chosen, halt, writes
        self.points: list[dict[str, object]] = []
        self.status = "training"
        self.progress, self.seconds, self.taken_up_at = 0.0, 0.0, 0.0
        self.checkpoints: dict[int, dict[str, int]] = {}
        self.doing: dict[str, pd.DataFrame] = {}
        self.listeners: list[Callable[[], None]] = []
        self._commands: list[Command] = []
        self._seen: dict[tuple, list[int]] = {}
        self._lock, self._woken = threading.Lock(), threading.Event()
        self._told: float | None = None
        self._drawing = self._clock = 0.0
        self._file, self._written = None, 0
        self._session: TrainingSession | None = None

    # -- commands -----------------------------------------------------------------------------------------------------
    def send(self, command: dict) -> tuple[threading.Event, list]:
        """Queue a command for the training code; the event is set when it has run, the list then holds its errors."""
        carried, wrong = threading.Event(), []
        with self._lock:
            self._commands.append((command, carried, wrong))
        self._woken.set()
        return carried, wrong

    def _obey(self, session: TrainingSession) -> bool:
        """Carry out what was sent, here and through the folder; was there anything?"""
        with self._lock:
            commands, self._commands = self._commands, []
        commands += self._from_folder()
        for command, carried, wrong in commands:
            try:
                self._carry_out(session, command)
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001, it belongs to who sent it
                wrong.append(error)
                self.points.append({"kind": "refused", "why": str(error)})
            finally:
                if carried is not None:
                    carried.set()
        return bool(commands)

    def _carry_out(self, session: TrainingSession, command: Mapping) -> None:
        what = command["do"]
        if what == "interrupt":
            raise Stopped
        if what in ("pause", "resume"):
            if (what == "pause") != (self.status == "paused"):
                session.note(what)
                self.status = "paused" if what == "pause" else "training"
        elif what == "stop":
            session.stop(command["variant"])
        elif what == "swap":
            session.swap(command["variant"], command["to"])
        elif what == "fork":
            session.fork(command["variant"], command["to"], name=command.get("name"), since=command.get("since"))
        else:
            raise ValueError(f"no command {what!r}; there are pause, resume, interrupt, stop, swap, fork")

    def _from_folder(self) -> Iterable[Command]:
        """Commands that other processes left in the folder, oldest first."""
        folder = self.chosen.folder and self.chosen.folder / "commands"
        for path in sorted(folder.glob("*.json")) if folder and folder.exists() else []:
            try:
                text = path.read_text(encoding="utf-8")
                path.unlink()
                command = dict(json.loads(text))
                if command.get("to") is not None:
                    command["to"] = made(command["to"])
                yield command, None, []
            except Exception as error:  # noqa: BLE001, whatever was left there must not stop the training
                self.points.append({"kind": "refused", "why": f"{path.name}: {error}"})

    # -- between two calls --------------------------------------------------------------------------------------------
    def between(self, session: TrainingSession) -> None:
        """Note what is new, tell it, and do as asked; stand still while paused."""
        self._note(session)
        self._obey(session)
        told = False
        while self.status == "paused":
            if not told:  # nothing trains meanwhile: show at once what was done
                self._note(session)
                self.tell("paused", now=True)
            self._woken.wait(0.1)
            self._woken.clear()
            if self._halt():
                raise Stopped
            told = not self._obey(session)
            self._clock = time.monotonic()
        self.tell("training")

    def _note(self, session: TrainingSession) -> None:
        """Add what happened since the last look to the points."""
        now = time.monotonic()
        if not self._clock:
            self.taken_up_at = session.progress
        else:
            self.seconds += now - self._clock
        self._clock, self.progress, self._session = now, session.progress, session
        for job in session.jobs:
            seen = self._seen.setdefault((job.variant, job.seed), [0, 0, 0, 0])
            who = {"variant": job.variant, "seed": job.seed}
            for line in job.metrics[seen[0] :]:
                self.points.append({**who, "kind": "step", **line})
            for item in job.items[seen[1] :]:
                plain = {k: v for k, v in item.items() if k != "correct"}
                self.points.append({**who, "kind": "test", **plain, "accuracy": float(np.mean(item["correct"]))})
            for event in job.events[seen[2] :]:
                self.points.append({**who, "kind": "event", **event})
            if not job.open and not seen[3]:
                self.points.append({**who, "kind": "end", "step": job.run.step, "why": job.ended})
            seen[:] = len(job.metrics), len(job.items), len(job.events), int(not job.open)
        self._note_interventions(session)

    def _note_interventions(self, session: TrainingSession) -> None:
        seen = self._seen.setdefault((None, 0), [0])
        for event in session.events[seen[0] :]:
            self.points.append(
                {
                    "variant": event.variant or None,
                    "kind": "intervention",
                    "event": event.what,
                    "step": event.step,
                    "of": event.of,
                    "to": "" if event.to is None else json.dumps(written(event.to)),
                    "why": event.why,
                }
            )
        seen[0] = len(session.events)

    def add_record(self, record: Record) -> None:
        """Add the points of a run that was recorded before."""
        who = dict(zip(("variant", "seed"), record.key, strict=True))
        for line in record.tables["metrics"].to_dict("records"):
            self.points.append({**who, "kind": "step", **line})
        items = record.tables["items"]
        if len(items):
            keys = ["step", "progress", "share", "solver"]
            so_far = [c for c in ("tokens", "rollouts", "generated", "seconds") if c in items]
            means = {"accuracy": ("correct", "mean"), **{c: (c, "first") for c in so_far}}
            found = items.groupby(keys, sort=False).agg(**means)
            for line in found.reset_index().to_dict("records"):
                self.points.append({**who, "kind": "test", **line})
        self.points.append({**who, "kind": "end", "step": record.spec.get("steps"), "why": record.spec.get("ended")})

    # -- telling ------------------------------------------------------------------------------------------------------
    def tell(self, status: str, *, now: bool = False) -> None:
        """Let listeners and followers see how it stands: at most every half second, and at most 5% of the time."""
        began = time.monotonic()
        wait = max(TOLD_SECONDS, self._drawing / DRAWING_SHARE)
        if not now and self._told is not None and began - self._told < wait:
            return
        if self._session is not None:
            self.checkpoints = self._session.forkable()
            jobs = reversed(self._session.jobs)
            self.doing = {j.variant: rows_in_work(*j.last) for j in jobs if j.last is not None}
        for listener in self.listeners:
            try:
                listener()
            except Exception as error:  # noqa: BLE001, a drawing that fails must not stop the training
                why = f"the panel could not draw: {type(error).__name__}: {error}"
                self.points.append({"kind": "refused", "why": why})
        self._write(status)
        self._told = time.monotonic()
        self._drawing = self._told - began

    def _write(self, status: str) -> None:
        """Write what another process needs to follow: the points so far, and how it stands."""
        folder = self.chosen.folder
        if not self._writes or folder is None or not folder.exists():
            return
        if self._file is None:
            self._file, self._written = (folder / "points.jsonl").open("w", encoding="utf-8"), 0
        lines = self.points[self._written :]
        self._file.write("".join(json.dumps(p, default=_plain) + "\n" for p in lines))
        self._file.flush()
        self._written += len(lines)
        now = {
            "status": status,
            "progress": self.progress,
            "seconds": self.seconds,
            "from": self.taken_up_at,
            "checkpoints": self.checkpoints,
            "doing": {variant: rows.to_dict("records") for variant, rows in self.doing.items()},
            "events": [e.as_json() for e in self._session.events] if self._session else [],
        }
        write_whole(folder / "now.json", json.dumps(now, default=_plain).encode())

    def close(self) -> None:
        """Close the file that other processes follow."""
        if self._file is not None:
            self._file.close()
            self._file = None


def rows_in_work(kind: str, rows: pd.DataFrame) -> pd.DataFrame:
    """A few rows of the last answered request: id, prompt, text, reward, loss."""
    table = rows.head(ROWS_SHOWN)
    found = {"id": table.index.astype(str), "request": kind}
    if "prompt" in table:
        found["prompt"] = table["prompt"].astype(str).to_numpy()
    said = next((table[c] for c in ("text", "answer") if c in table), None)
    if said is not None:
        found["text"] = said.astype(str).to_numpy()
    numbers = [c for c in ("reward", "advantage", "loss", "weight", "level", "nll") if c in table]
    return pd.DataFrame(found | {c: table[c].to_numpy() for c in numbers})


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)
