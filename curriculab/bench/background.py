"""A bench that trains in the background: to be looked at, paused, steered, awaited, and found again.

live = bench.start(variants, seeds=3)     # returns at once, shows the panel
runs = await live                         # in the next cell: waits, the controls stay alive

Its training thread alone touches the bench; everybody else sends it commands, which are carried out between two calls.
A bench that another process trains (`python -m curriculab.bench spec.json`) is followed and steered through its folder.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import inspect
import json
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from curriculab.bench.interventions import Event
from curriculab.bench.locking import Stopped, Taken, claimed, taken
from curriculab.bench.session import Drive
from curriculab.protocol import Method
from curriculab.registry.serialization import made, written
from curriculab.runs import Record, Runs
from curriculab.runs.writing import write_whole

if TYPE_CHECKING:
    from curriculab.bench.run_set import Asked
    from curriculab.widgets import Panel


TOLD_SECONDS = 0.5  # between two looks that listeners, and the folder, are given


DRAWING = 0.05  # of the time may go into drawing


PATIENCE = 30.0  # seconds that a process that ends waits for a call to be over


SHOWN = 8  # rows of what a variant is doing right now


ENDED = ("finished", "interrupted", "failed")


_benches: dict[tuple[str, str], Live] = {}


class Interrupted(RuntimeError):
    """The bench stands between two calls; asked for again it goes on from there."""


class Live:
    """A bench in training, in this process.

    status: "training", "paused", "finished", "interrupted" or "failed"; points: what happened, a line each (a step, a
    test, an intervention, an end); runs: all that was asked for, once it is finished.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.points: list[dict[str, object]] = []
        self.status, self.error, self.runs = "training", None, None
        self.progress, self.seconds, self.checkpoints = 0.0, 0.0, {}
        self.doing: dict[str, pd.DataFrame] = {}
        self.halt: Callable[[], bool] = lambda: False  # asked while it is paused
        self._listeners: list[Callable[[Live], None]] = []
        self._commands: list[tuple[dict, threading.Event | None, list]] = []
        self._seen: dict[tuple, list[int]] = {}
        self._lock, self._woken = threading.Lock(), threading.Event()
        self._told = self._file = self._drive = None
        self._drawing = self._clock = 0.0
        self._from = 0.0  # progress where this process took it up
        self._thread: threading.Thread | None = None

    # -- for everybody ------------------------------------------------------------------------------------------------
    @property
    def done(self) -> bool:
        return self.status in ENDED

    @property
    def variants(self) -> list[str]:
        """Names, forks at the end."""
        asked = [v for v, _ in self.asked.whole]
        return list(dict.fromkeys([*asked, *(str(p["variant"]) for p in self.points if p.get("variant"))]))

    @property
    def left(self) -> float:
        """Seconds left at the pace so far (pauses apart); NaN before there is any."""
        gone = self.progress - self._from if self.progress else 0.0
        return self.seconds * (1.0 - self.progress) / gone if gone > 0.0 else float("nan")

    def pause(self) -> None:
        """Stand still after the current call."""
        self._send({"do": "pause"}, wait=False)

    def resume(self) -> None:
        self._send({"do": "resume"}, wait=False)

    def interrupt(self) -> None:
        """Stop all after the current call, with a checkpoint: asked for again, it goes on from there."""
        self._send({"do": "interrupt"}, wait=False)

    def stop(self, variant: str, *, wait: bool = True) -> None:
        """Stop one variant: it is tested where it stands, and recorded as stopped."""
        self._send({"do": "stop", "variant": variant}, wait=wait)

    def swap(self, variant: str, to: Method, *, wait: bool = True) -> None:
        """Another method takes over one variant from here on."""
        self._send({"do": "swap", "variant": variant, "to": to}, wait=wait)

    def fork(
        self, of: str, to: Method, *, name: str | None = None, since: int | None = None, wait: bool = True
    ) -> None:
        """A new variant that was `of` until now (or until the checkpoint `since`, one of `checkpoints`)."""
        self._send({"do": "fork", "variant": of, "to": to, "name": name, "since": since}, wait=wait)

    def table(self) -> pd.DataFrame:
        """Every point so far, tidy: variant, seed, kind, step, loss, reward, accuracy, tokens, seconds, ..."""
        return pd.DataFrame(self.points)

    def listen(self, listener: Callable[[Live], None]) -> None:
        """Call `listener` when there is something new, at most every half second."""
        self._listeners.append(listener)

    def __await__(self) -> Generator[object, None, Runs]:
        return self._awaited().__await__()

    async def _awaited(self) -> Runs:
        with _hearing():
            try:
                while not self._settled():
                    await asyncio.sleep(0.05)
            except asyncio.CancelledError:  # the kernel's Interrupt
                self.interrupt()
                told = "stopping after the current call; run the cell of bench.start again to go on from there"
                raise asyncio.CancelledError(told) from None
        return self._result()

    def wait(self, seconds: float | None = None) -> Runs:
        """Block until it is finished; in a notebook rather `await` it, so that its controls answer."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._settled():
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"still {self.status} after {seconds:g} s, at {self.progress:.0%}")
            time.sleep(0.02)
        return self._result()

    def _settled(self) -> bool:
        return self.done and (self._thread is None or not self._thread.is_alive())

    def _result(self) -> Runs:
        if self.status == "failed":
            raise self.error
        if self.status == "interrupted":
            raise Interrupted(f"stopped after the current call, at {self.progress:.0%}; start it again to go on")
        return self.runs

    def __repr__(self) -> str:
        return f"Live({', '.join(self.variants)}: {self.status}, {self.progress:.0%})"

    @functools.cached_property
    def panel(self) -> Panel:
        """Its controls and curves."""
        from curriculab.widgets import Panel

        return Panel(self)

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.panel._repr_mimebundle_(**options)

    # -- commands -----------------------------------------------------------------------------------------------------
    def _send(self, command: dict, *, wait: bool) -> None:
        """Hand a command to the training thread; where it is waited for, what is wrong with it comes back."""
        if self.done:
            raise ValueError(f"the bench is {self.status}; {command['do']!r} has nothing to act on")
        carried, wrong = threading.Event(), []
        with self._lock:
            self._commands.append((command, carried, wrong))
        self._woken.set()
        while wait and not carried.wait(0.05) and not self.done:
            pass
        if wrong:
            raise wrong[0]
        if wait and not carried.is_set():
            raise ValueError(f"the bench is {self.status}; {command['do']!r} came too late")

    def _obey(self, drive: Drive) -> bool:
        """Carry out what was sent, here and through the folder; was there anything?"""
        with self._lock:
            commands, self._commands = self._commands, []
        commands += self._from_folder()
        for command, carried, wrong in commands:
            try:
                self._carry_out(drive, command)
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001, it belongs to who sent it
                wrong.append(error)
                self.points.append({"kind": "refused", "why": str(error)})
            finally:
                if carried is not None:
                    carried.set()
        return bool(commands)

    def _carry_out(self, drive: Drive, command: Mapping) -> None:
        what = command["do"]
        if what == "interrupt":
            raise Stopped
        if what in ("pause", "resume"):
            if (what == "pause") != (self.status == "paused"):
                drive.note(what)
                self.status = "paused" if what == "pause" else "training"
        elif what == "stop":
            drive.stop(command["variant"])
        elif what == "swap":
            drive.swap(command["variant"], command["to"])
        elif what == "fork":
            drive.fork(command["variant"], command["to"], name=command.get("name"), since=command.get("since"))
        else:
            raise ValueError(f"no command {what!r}; there are pause, resume, interrupt, stop, swap, fork")

    def _from_folder(self) -> Iterable[tuple[dict, None, list]]:
        """Commands that other processes left in the folder, oldest first."""
        folder = self.asked.folder and self.asked.folder / "commands"
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

    # -- the training thread ------------------------------------------------------------------------------------------
    def begin(self) -> Live:
        """Train what is not recorded, in a thread of its own."""
        if not self.asked.todo:
            self.runs, self.status, self.progress = self.asked.runs({}), "finished", 1.0
            for record in self.runs.records:
                self._add_record(record)
            return self
        held = contextlib.ExitStack()
        held.enter_context(claimed(self.asked.folder))  # here, so that who asks hears of it
        threads = torch.get_num_threads()
        self._thread = threading.Thread(target=self._train, args=(held, threads), name="curriculab", daemon=True)
        self._thread.start()
        return self

    def _train(self, held: contextlib.ExitStack, threads: int) -> None:
        torch.set_num_threads(threads)
        with held:
            try:
                for record in self.asked.found.values():
                    if record is not None and record.key not in self.asked.todo:
                        self._add_record(record)
                self.runs = self.asked.runs(self.asked.train_held(self.between))
                self.progress = 1.0
                ended = "finished"
            except Stopped:
                ended = "interrupted"
            except BaseException as error:  # noqa: BLE001, it is raised where the bench is awaited
                self.error, ended = error, "failed"
                self.points.append({"kind": "failed", "why": f"{type(error).__name__}: {error}"})
            self.status = ended
            self._tell(ended, finally_=True)  # before the folder is let go
            self.close()

    def between(self, drive: Drive) -> None:
        """Between two calls: note what is new, tell it, and do as asked; stand still while paused."""
        self._note(drive)
        self._obey(drive)
        told = False
        while self.status == "paused":
            if not told:  # nothing trains meanwhile: show at once what was done
                self._note(drive)
                self._tell("paused", finally_=True)
            self._woken.wait(0.1)
            self._woken.clear()
            if self.halt():
                raise Stopped
            told = not self._obey(drive)
            self._clock = time.monotonic()
        self._tell("training")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _note(self, drive: Drive) -> None:
        now = time.monotonic()
        if not self._clock:
            self._from = drive.progress
        else:
            self.seconds += now - self._clock
        self._clock, self.progress = now, drive.progress
        for job in drive.jobs:
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
        for event in drive.events[self._seen.setdefault((None, 0), [0])[0] :]:
            to = "" if event.to is None else json.dumps(written(event.to))
            self.points.append(
                {
                    "variant": event.variant or None,
                    "kind": "intervention",
                    "event": event.what,
                    "step": event.step,
                    "of": event.of,
                    "to": to,
                    "why": event.why,
                }
            )
        self._seen[None, 0] = [len(drive.events)]
        self._drive = drive

    def _add_record(self, record: Record) -> None:
        """The points of a run that was recorded before."""
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

    def _tell(self, status: str, *, finally_: bool = False) -> None:
        """Let listeners and followers see how it stands: at most every half second, and at most 5% of the time."""
        now = time.monotonic()
        wait = max(TOLD_SECONDS, self._drawing / DRAWING)
        if not finally_ and self._told is not None and now - self._told < wait:
            return
        if self._drive is not None:
            self.checkpoints = self._drive.forkable()
            self.doing = {j.variant: doing(*j.last) for j in reversed(self._drive.jobs) if j.last is not None}
        for listener in self._listeners:
            try:
                listener(self)
            except Exception as error:  # noqa: BLE001, a drawing that fails must not stop the training
                why = f"the panel could not draw: {type(error).__name__}: {error}"
                self.points.append({"kind": "refused", "why": why})
        self._write(status)
        self._told = time.monotonic()
        self._drawing = self._told - now

    def _write(self, status: str) -> None:
        """What another process needs to follow: the points so far, and how it stands."""
        folder = self.asked.folder
        if folder is None or not folder.exists():
            return
        if self._file is None:
            self._file, self._written = (folder / "points.jsonl").open("w", encoding="utf-8"), 0
        lines = self.points[self._written :]
        self._file.write("".join(json.dumps(p, default=_plain) + "\n" for p in lines))
        self._file.flush()
        self._written += len(lines)
        doing = {v: t.to_dict("records") for v, t in self.doing.items()}
        now = {
            "status": status,
            "progress": self.progress,
            "seconds": self.seconds,
            "from": self._from,
            "checkpoints": self.checkpoints,
            "doing": doing,
            "events": [e.as_json() for e in self._drive.events] if self._drive else [],
        }
        write_whole(folder / "now.json", json.dumps(now, default=_plain).encode())


def doing(kind: str, rows: pd.DataFrame) -> pd.DataFrame:
    """A few of the rows of a request that was just answered: what was asked, what was said, what it was worth."""
    table = rows.head(SHOWN)
    said = table["text"] if "text" in table else table["answer"] if "answer" in table else None
    found = {"id": table.index.astype(str), "request": kind}
    if "prompt" in table:
        found["prompt"] = table["prompt"].astype(str).to_numpy()
    if said is not None:
        found["text"] = said.astype(str).to_numpy()
    numbers = [c for c in ("reward", "advantage", "loss", "weight", "level", "nll") if c in table]
    return pd.DataFrame(found | {c: table[c].to_numpy() for c in numbers})


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


class Attached(Live):
    """A bench that another process trains, followed and steered through its folder."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._read, self._events = 0, []
        self._thread = threading.Thread(target=self._follow, name="curriculab-follows", daemon=True)

    def begin(self) -> Attached:
        self._thread.start()
        return self

    def _send(self, command: dict, *, wait: bool) -> None:
        if self.done:
            raise ValueError(f"the bench is {self.status}; {command['do']!r} has nothing to act on")
        if command.get("to") is not None:
            made(written(command["to"]))  # what the other process could not make again is refused here
        folder = self.asked.folder / "commands"
        folder.mkdir(exist_ok=True)
        plain = {k: written(v) if k == "to" and v is not None else v for k, v in command.items()}
        write_whole(folder / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json", json.dumps(plain).encode())

    def _follow(self) -> None:
        """Read what is new until the other process ends; then its runs are in the store."""
        while taken(self.asked.folder):
            self._look()
            self._tell(self.status)
            time.sleep(0.2)
        self._look()
        with contextlib.suppress(ValueError):  # an own method of the other process
            self.asked = dataclasses.replace(self.asked, events=[Event.of_json(e) for e in self._events])
        again = dataclasses.replace(self.asked)
        if all(again.found.get(k) is not None for k in again.whole):
            self.points = [p for p in self.points if p["kind"] == "intervention"]
            for record in again.found.values():
                self._add_record(record)
            self.runs, self.status, self.progress = again.runs({}), "finished", 1.0
        elif not self.done:
            self.status = "interrupted"
        self._tell(self.status, finally_=True)

    def _look(self) -> None:
        folder = self.asked.folder
        with contextlib.suppress(OSError, ValueError):  # it is being written, or has just been finished
            with (folder / "points.jsonl").open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
                self.points += [json.loads(line) for line in whole.splitlines()]
                self._read += len(whole) + bool(whole)
            now = json.loads((folder / "now.json").read_text(encoding="utf-8"))
            self.status, self.progress, self.seconds = now["status"], now["progress"], now["seconds"]
            self._from, self._events = now["from"], now["events"]
            if self.status == "failed":
                self.error = RuntimeError(next(str(p["why"]) for p in reversed(self.points) if p["kind"] == "failed"))
            self.checkpoints = {int(k): v for k, v in now["checkpoints"].items()}
            self.doing = {v: pd.DataFrame(rows) for v, rows in now["doing"].items()}

    def _write(self, status: str) -> None:
        """The other process writes."""


@atexit.register
def _stop_all() -> None:
    """A process that ends stops its benches between two calls, to be taken up again."""
    mine = [live for live in _benches.values() if not live.done and not isinstance(live, Attached)]
    for live in mine:
        live.interrupt()
    for live in mine:
        live._thread.join(PATIENCE)
    if _scratch.cache_info().currsize:
        shutil.rmtree(_scratch(), ignore_errors=True)


def start(asked: Asked) -> Live:
    """Begin, or find, the training of what was asked; in a notebook its panel is shown."""
    if asked.bench.store is None:
        asked = dataclasses.replace(asked, scratch=_scratch())
    key = ("" if asked.bench.store is None else str(asked.bench.store.root.resolve()), asked.digest)
    live = _benches.get(key)
    if live is None or live.status in ("interrupted", "failed"):
        if live is not None and live._thread is not None:
            live._thread.join(PATIENCE)
        try:
            live = Live(asked).begin()
        except Taken:
            live = Attached(asked).begin()
        _benches[key] = live
    if _kernel() is not None:
        from IPython.display import display

        display(live)
    return live


@functools.cache
def _scratch() -> Path:
    """Where benches without a store are kept as long as this process lives."""
    return Path(tempfile.mkdtemp(prefix="curriculab-"))


def _kernel() -> object | None:
    """The kernel of the notebook that runs this, if one does."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)


@contextlib.contextmanager
def _hearing() -> Iterator[None]:
    """While a cell awaits, tell the browser that what its controls said was heard.

    ipykernel 7 says nothing of messages that it handles beside a running cell, and ipywidgets sends no second change of
    a control before the first was said to be over: menus and sliders would move once.
    """
    kernel = _kernel()
    handle = getattr(kernel, "shell_handlers", {}).get("comm_msg")
    if handle is None:
        yield
        return

    async def heard(stream: object, ident: object, message: Mapping) -> None:
        if inspect.isawaitable(result := handle(stream, ident, message)):
            await result
        kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=message, ident=b"status")

    kernel.shell_handlers["comm_msg"] = heard
    try:
        yield
    finally:
        kernel.shell_handlers["comm_msg"] = handle
