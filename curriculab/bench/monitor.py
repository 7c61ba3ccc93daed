"""Status of a bench in training, and commands to it, exchanged between two calls to the backend.

The training code (`bench.run`, a background thread, `curriculab run`) calls `between` after every call. A monitor adds
new steps and tests to its points, carries out commands of this process and of others, notifies listeners, and writes
the status into the bench's folder, where an attached process reads it.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from curriculab.bench.checkpoint import checkpoints
from curriculab.bench.job import told_of
from curriculab.bench.locking import Stopped
from curriculab.bench.pace import Pace
from curriculab.bench.run_set import RunSet
from curriculab.bench.scheduler import next_call
from curriculab.bench.session import TrainingSession
from curriculab.protocol import Sample, Score, Train
from curriculab.protocol.roles import LEARNER
from curriculab.registry.serialization import made, written
from curriculab.registry.writing import write_whole
from curriculab.runs import Record
from curriculab.runs.roles import of_learner

TOLD_SECONDS = 0.5  # between two looks that listeners, and the folder, are given
DRAWING_SHARE = 0.01  # of the time may go into drawing
DOING_SECONDS = 5.0  # between two looks at the rows in work, for who follows through the folder
ROWS_SHOWN = 8  # of what a variant is doing right now
Command = tuple[dict, "threading.Event | None", list]  # what to do, set when it is done, errors


class Monitor:
    """Status, points and commands of one set of runs.

    status: "training", "paused", "finished", "interrupted" or "failed"; points: what happened, a line each (a step, a
    test, an intervention, an end); phase: what it is doing, in words, and call_share: how much of that is done, in
    [0, 1]; left: seconds, NaN before that can be told; waiting: commands that were sent and not carried out yet; halt:
    asked while it is paused whether to stop; writes: False where another process trains and writes.
    """

    def __init__(self, chosen: RunSet, halt: Callable[[], bool] = lambda: False, *, writes: bool = True) -> None:
        self.chosen, self._halt, self._writes = chosen, halt, writes
        self.points: list[dict[str, object]] = []
        self.status = "training"
        self.progress, self.seconds, self.taken_up_at = 0.0, 0.0, 0.0
        taken_up = chosen.folder is not None and bool(checkpoints(chosen.folder))
        self.phase = "taking up what was trained before" if taken_up else "getting ready"
        self.call_share, self.left = 0.0, math.nan
        self.checkpoints: dict[int, dict[str, int]] = {}
        self.followed: dict[str, pd.DataFrame] = {}  # rows in work as another process wrote them
        self.listeners: list[Callable[[], None]] = []
        self._commands: list[Command] = []
        self._seen: dict[tuple, list[int]] = {}
        self._lock, self._woken = threading.Lock(), threading.Event()
        self._told: float | None = None
        self._drawing = self._clock = 0.0
        self._followers, self._doing_written = Followers(chosen.folder), 0.0
        self._session: TrainingSession | None = None
        self._pace = Pace()

    @property
    def doing(self) -> dict[str, pd.DataFrame]:
        """By variant, a few rows of what was answered last, of its first seed."""
        if self._session is None:
            return self.followed
        firsts = {job.variant: job.last for job in reversed(self._session.jobs) if job.last}
        return {variant: rows_in_work(*last) for variant, last in firsts.items()}

    # -- commands -----------------------------------------------------------------------------------------------------
    def send(self, command: dict) -> tuple[threading.Event, list]:
        """Queue a command for the training code; the event is set when it has run, the list then holds its errors."""
        carried, wrong = threading.Event(), []
        with self._lock:
            self._commands.append((command, carried, wrong))
        self._woken.set()
        return carried, wrong

    @property
    def waiting(self) -> list[dict]:
        """Commands of this process that were not carried out yet."""
        with self._lock:
            return [command for command, _, _ in self._commands]

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
        told, self.call_share = False, 0.0
        self.phase = phase_of(session)
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
        self._pace.tokens_per_row = session.design.tokens_per_row
        self.left = self._pace.left(session.jobs, self.seconds)
        for job in session.jobs:
            seen = self._seen.setdefault((job.variant, job.seed), [0, 0, 0, 0])
            who = {"variant": job.variant, "seed": job.seed}
            own = (line for line in job.metrics[seen[0] :] if line["role"] == LEARNER)
            self.points += [{**who, "kind": "step", **line} for line in own]
            for item in job.watched[seen[1] :]:
                plain = {k: v for k, v in item.items() if not isinstance(v, np.ndarray)}
                self.points.append({**who, "kind": "test", **plain, "accuracy": float(np.mean(item["correct"]))})
            for event in job.events[seen[2] :]:
                self.points.append({**who, "kind": "event", **event})
            if not job.open and not seen[3]:
                self.points.append({**who, "kind": "end", "step": job.run.step, "why": told_of(job)})
            seen[:] = len(job.metrics), len(job.watched), len(job.events), int(not job.open)
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
        self.points += points_of(record)

    # -- telling ------------------------------------------------------------------------------------------------------
    def hear(self, share: float) -> None:
        """In the middle of a call: which share of it is done."""
        self.call_share = share
        self.tell(self.status)

    def tell(self, status: str, *, now: bool = False) -> None:
        """Let listeners and followers see how it stands: at most every half second, and at most 1% of the time."""
        began = time.monotonic()
        wait = max(TOLD_SECONDS, self._drawing / DRAWING_SHARE)
        if not now and self._told is not None and began - self._told < wait:
            return
        if self._session is not None:
            self.checkpoints = self._session.forkable()
        self.notify()
        self._write(status)
        self._told = time.monotonic()
        self._drawing = self._told - began

    def notify(self) -> None:
        """Call the listeners, in this thread."""
        for listener in self.listeners:
            try:
                listener()
            except Exception as error:  # noqa: BLE001, a drawing that fails must not stop the training
                why = f"the panel could not draw: {type(error).__name__}: {error}"
                if {"kind": "refused", "why": why} not in self.points[-1:]:
                    self.points.append({"kind": "refused", "why": why})

    def _write(self, status: str) -> None:
        """Write what another process needs to follow: the points so far, and how it stands."""
        if not self._writes or self._followers.folder is None:
            return
        if time.monotonic() - self._doing_written > DOING_SECONDS or status != "training":
            self._doing_written, self.followed = time.monotonic(), self.doing
        now = {
            "status": status,
            "progress": self.progress,
            "seconds": self.seconds,
            "from": self.taken_up_at,
            "left": self.left,
            "phase": self.phase,
            "call_share": self.call_share,
            "checkpoints": self.checkpoints,
            "doing": {variant: rows.to_dict("records") for variant, rows in self.followed.items()},
            "events": [e.as_json() for e in self._session.events] if self._session else [],
        }
        self._followers.write(self.points, now)

    def close(self) -> None:
        """Close the file that other processes follow, and let go of what trained."""
        self.followed, self._session = self.doing, None
        self._followers.close()


class Followers:
    """The files in a bench's folder that other processes follow it by: `points.jsonl` grows, `now.json` is replaced."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._file: TextIO | None = None
        self._written = 0  # points

    def write(self, points: Sequence[Mapping], now: Mapping) -> None:
        """Write the points that are new, and how it stands."""
        if self.folder is None or not self.folder.exists():
            return
        if self._file is None:
            self._file, self._written = (self.folder / "points.jsonl").open("w", encoding="utf-8"), 0
        lines = points[self._written :]
        self._file.write("".join(json.dumps(p, default=_plain) + "\n" for p in lines))
        self._file.flush()
        self._written += len(lines)
        write_whole(self.folder / "now.json", json.dumps(now, default=_plain).encode())

    def close(self) -> None:
        """Close the file of points."""
        if self._file is not None:
            self._file.close()
            self._file = None


def points_of(record: Record) -> list[dict[str, object]]:
    """The points of a run that was recorded before."""
    who = dict(zip(("variant", "seed"), record.key, strict=True))
    points = [{**who, "kind": "step", **line} for line in of_learner(record.tables["metrics"]).to_dict("records")]
    items = record.tables.get("validation", record.tables["items"])
    if len(items):
        keys = ["step", "progress", "share", "solver"]
        so_far = [c for c in ("tokens", "rollouts", "generated", "seconds") if c in items]
        means = {"accuracy": ("correct", "mean"), **{c: (c, "first") for c in so_far}}
        found = items.groupby(keys, sort=False).agg(**means)
        points += [{**who, "kind": "test", **line} for line in found.reset_index().to_dict("records")]
    about = {"step": record.spec.get("steps"), "why": record.spec.get("ended")}
    points.append({**who, "kind": "end", **about, "traceback": record.spec.get("traceback", "")})
    return points


def phase_of(session: TrainingSession) -> str:
    """What the next call does, in words."""
    now = next_call(session.scheduler.pending)
    if not session.scheduler.started:
        return "testing the start"
    if not now:
        return "writing down what came out"
    tests = sum(one.job.parent is not None for one in now)
    if tests == len(now):
        return "testing"
    words = {Train: "training", Sample: "writing answers", Score: "reading rows to measure them"}
    return words.get(type(now[0].request), "copying adapters") + (" and testing" if tests else "")


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
