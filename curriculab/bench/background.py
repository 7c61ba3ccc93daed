"""A bench that trains in the background: to be looked at, paused, steered, awaited, and found again.

live = bench.start(variants, seeds=3)     # returns at once, shows the panel
runs = await live                         # in the next cell: waits, the controls stay alive

Its training thread alone touches the bench; everybody else sends it commands, which are carried out between two calls.
A bench that another process trains (`curriculab run spec.json`) is followed and steered through its folder.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import json
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path

import pandas as pd
import torch

from curriculab.bench.design import tell
from curriculab.bench.interventions import Event
from curriculab.bench.kernel import answering_controls, running_kernel
from curriculab.bench.locking import Stopped, Taken, claimed
from curriculab.bench.monitor import Monitor
from curriculab.bench.panels import PANELS
from curriculab.bench.run_set import RunSet
from curriculab.protocol import Method
from curriculab.registry.progress import listening, working
from curriculab.registry.serialization import made, written
from curriculab.registry.writing import write_whole
from curriculab.runs import Runs
from curriculab.runs.retention import held

PATIENCE = 30.0  # seconds that a process that ends waits for a call to be over
ENDED = ("finished", "interrupted", "failed")

_benches: dict[tuple[str, str], BackgroundRun] = {}


class Interrupted(RuntimeError):
    """The bench stands between two calls; asked for again it goes on from there."""


class BackgroundRun:
    """A bench in training in this process: its status, its controls, and its runs when awaited.

    chosen: the set of runs; runs: all of them, once it is finished; error: why it failed.
    """

    def __init__(self, chosen: RunSet) -> None:
        self.chosen, self.monitor = chosen, Monitor(chosen)
        self.runs: Runs | None = None
        self.error: BaseException | None = None
        self._thread: threading.Thread | None = None

    # -- how it stands ------------------------------------------------------------------------------------------------
    @property
    def status(self) -> str:
        """One of "training", "paused", "finished", "interrupted", "failed"."""
        return self.monitor.status

    @property
    def done(self) -> bool:
        return self.status in ENDED

    @property
    def progress(self) -> float:
        """Share of all that is done, in [0, 1]."""
        return self.monitor.progress

    @property
    def points(self) -> list[dict[str, object]]:
        """What happened, a line each: a step, a test, an intervention, an end."""
        return self.monitor.points

    @property
    def checkpoints(self) -> dict[int, dict[str, int]]:
        """Checkpoints to fork from: their call, and the step each variant had reached there."""
        return self.monitor.checkpoints

    @property
    def doing(self) -> dict[str, pd.DataFrame]:
        """By variant, a few rows of what was answered last."""
        return self.monitor.doing

    @property
    def variants(self) -> list[str]:
        """Names, forks at the end."""
        chosen = [variant for variant, _ in self.chosen.whole]
        return list(dict.fromkeys([*chosen, *(str(p["variant"]) for p in self.points if p.get("variant"))]))

    @property
    def left(self) -> float:
        """Seconds left at the pace of each run's steps and tests so far (pauses apart); NaN before there is any."""
        return 0.0 if self.done else self.monitor.left

    @property
    def phase(self) -> str:
        """What it is doing, in words, such as "testing the start"."""
        return self.status if self.done else self.monitor.phase

    def table(self) -> pd.DataFrame:
        """Every point so far, tidy: variant, seed, kind, step, loss, reward, accuracy, tokens, seconds, ..."""
        return pd.DataFrame(self.points)

    def listen(self, listener: Callable[[BackgroundRun], None]) -> None:
        """Call `listener` when there is something new, at most every half second."""
        self.monitor.listeners.append(lambda: listener(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.variants)}: {self.status}, {self.progress:.0%})"

    @functools.cached_property
    def panel(self) -> object:
        """Its controls and curves, as the widgets draw them."""
        return PANELS["live"](self)

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.panel._repr_mimebundle_(**options)

    # -- controls -----------------------------------------------------------------------------------------------------
    def pause(self) -> None:
        """Stand still after the current call."""
        self._send({"do": "pause"}, wait=False)

    def resume(self) -> None:
        """Go on after a pause."""
        self._send({"do": "resume"}, wait=False)

    def interrupt(self) -> None:
        """Stop all after the current call, with a checkpoint: asked for again, it goes on from there."""
        self._send({"do": "interrupt"}, wait=False)

    def stop(self, variant: str, *, wait: bool = True) -> None:
        """Stop one variant: it is tested where it stands, and recorded as stopped."""
        self._send({"do": "stop", "variant": variant}, wait=wait)

    def swap(self, variant: str, to: Method, *, wait: bool = True) -> None:
        """Let another method take over one variant from here on."""
        self._send({"do": "swap", "variant": variant, "to": to}, wait=wait)

    def fork(
        self, of: str, to: Method, *, name: str | None = None, since: int | None = None, wait: bool = True
    ) -> None:
        """Begin a variant that was `of` until now (or until the checkpoint `since`, one of `checkpoints`)."""
        self._send({"do": "fork", "variant": of, "to": to, "name": name, "since": since}, wait=wait)

    def _send(self, command: dict, *, wait: bool) -> None:
        """Hand a command to the training thread; where it is waited for, what is wrong with it comes back."""
        self._refuse_when_done(command)
        carried, wrong = self.monitor.send(command)
        self.monitor.notify()  # the panel shows the command at once, also during a long call
        while wait and not carried.wait(0.05) and not self.done:
            pass
        if wrong:
            raise wrong[0]
        if wait and not carried.is_set():
            raise ValueError(f"the bench is {self.status}; {command['do']!r} came too late")

    def _refuse_when_done(self, command: dict) -> None:
        if self.done:
            raise ValueError(f"the bench is {self.status}; {command['do']!r} has nothing to act on")

    # -- waiting ------------------------------------------------------------------------------------------------------
    def __await__(self) -> Generator[object, None, Runs]:
        return self._awaited().__await__()

    async def _awaited(self) -> Runs:
        with answering_controls():
            try:
                while not self.settled:
                    await asyncio.sleep(0.05)
            except asyncio.CancelledError:  # the kernel's Interrupt
                self.interrupt()
                told = "stopping after the current call; run the cell of bench.start again to go on from there"
                raise asyncio.CancelledError(told) from None
        return self._result()

    def wait(self, seconds: float | None = None) -> Runs:
        """Block until it is finished; in a notebook rather `await` it, so that its controls answer."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.settled:
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"still {self.status} after {seconds:g} s, at {self.progress:.0%}")
            time.sleep(0.02)
        return self._result()

    def join(self, seconds: float) -> None:
        """Wait at most so long until its thread has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def settled(self) -> bool:
        """Is it done, and its thread over?"""
        return self.done and (self._thread is None or not self._thread.is_alive())

    def _result(self) -> Runs:
        if self.status == "failed":
            raise self.error
        if self.status == "interrupted":
            raise Interrupted(f"stopped after the current call, at {self.progress:.0%}; start it again to go on")
        return self.runs

    # -- the training thread ------------------------------------------------------------------------------------------
    def begin(self) -> BackgroundRun:
        """Train what is not recorded, in a thread of its own."""
        if not self.chosen.todo:
            self.runs = self.chosen.runs({})
            for record in self.runs.records:
                self.monitor.add_record(record)
            self.monitor.status, self.monitor.progress = "finished", 1.0
            return self
        held = contextlib.ExitStack()
        held.enter_context(claimed(self.chosen.folder))  # here, so that who asks hears of it
        threads = torch.get_num_threads()
        self._thread = threading.Thread(target=self._train, args=(held, threads), name="curriculab", daemon=True)
        self._thread.start()
        return self

    def _train(self, held: contextlib.ExitStack, threads: int) -> None:
        torch.set_num_threads(threads)
        monitor = self.monitor
        with held:
            try:
                for record in self.chosen.found.values():
                    if record is not None and record.key not in self.chosen.todo:
                        monitor.add_record(record)
                with listening(monitor.hear):
                    self.runs = self.chosen.runs(self.chosen.train_locked(monitor.between))
                monitor.progress, ended = 1.0, "finished"
            except Stopped:
                ended = "interrupted"
            except BaseException as error:  # noqa: BLE001, it is raised where the bench is awaited
                self.error, ended = error, "failed"
                monitor.points.append({"kind": "failed", "why": f"{type(error).__name__}: {error}"})
            monitor.status = ended
            monitor.tell(ended, now=True)  # before the folder is let go
            monitor.close()


class AttachedRun(BackgroundRun):
    """A bench that another process trains, followed and steered through its folder."""

    def __init__(self, chosen: RunSet) -> None:
        super().__init__(chosen)
        self.monitor = Monitor(chosen, writes=False)
        self._read, self._events = 0, []
        self._thread = threading.Thread(target=self._follow, name="curriculab-follows", daemon=True)

    def begin(self) -> AttachedRun:
        """Follow the other process, in a thread of its own."""
        self._thread.start()
        return self

    def _send(self, command: dict, *, wait: bool) -> None:
        """Leave a command in the folder; the other process carries it out."""
        self._refuse_when_done(command)
        plain = dict(command)
        if command.get("to") is not None:
            plain["to"] = written(command["to"])
            made(plain["to"])  # what the other process could not make again is refused here
        folder = self.chosen.folder / "commands"
        folder.mkdir(exist_ok=True)
        write_whole(folder / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json", json.dumps(plain).encode())

    def _follow(self) -> None:
        """Read what is new until the other process ends; then its runs are in the store."""
        monitor = self.monitor
        while held(self.chosen.folder):
            self._look()
            monitor.tell(self.status)
            time.sleep(0.2)
        self._look()
        with contextlib.suppress(ValueError):  # an own method of the other process
            self.chosen = dataclasses.replace(self.chosen, events=[Event.of_json(e) for e in self._events])
        again = dataclasses.replace(self.chosen)
        if all(again.found.get(key) is not None for key in again.whole):
            monitor.points = [p for p in self.points if p["kind"] == "intervention"]
            for record in again.found.values():
                monitor.add_record(record)
            self.runs = again.runs({})
            monitor.status, monitor.progress = "finished", 1.0
        elif not self.done:
            monitor.status = "interrupted"
        monitor.tell(self.status, now=True)

    def _look(self) -> None:
        """Read the points that are new, and how it stands."""
        folder, monitor = self.chosen.folder, self.monitor
        with contextlib.suppress(OSError, ValueError):  # it is being written, or has just been finished
            with (folder / "points.jsonl").open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
                monitor.points += [json.loads(line) for line in whole.splitlines()]
                self._read += len(whole) + bool(whole)
            now = json.loads((folder / "now.json").read_text(encoding="utf-8"))
            monitor.status, monitor.progress, monitor.seconds = now["status"], now["progress"], now["seconds"]
            monitor.taken_up_at, self._events = now["from"], now["events"]
            monitor.left, monitor.phase, monitor.call_share = now["left"], now["phase"], now["call_share"]
            if self.status == "failed":
                why = next(str(p["why"]) for p in reversed(self.points) if p["kind"] == "failed")
                self.error = RuntimeError(why)
            monitor.checkpoints = {int(call): steps for call, steps in now["checkpoints"].items()}
            monitor.followed = {variant: pd.DataFrame(rows) for variant, rows in now["doing"].items()}


@atexit.register
def _stop_all() -> None:
    """Stop the benches of a process that ends between two calls, to be taken up again."""
    mine = [run for run in _benches.values() if not run.done and not isinstance(run, AttachedRun)]
    for run in mine:
        run.interrupt()
    for run in mine:
        run.join(PATIENCE)
    if _scratch.cache_info().currsize:
        shutil.rmtree(_scratch(), ignore_errors=True)


def start(chosen: RunSet) -> BackgroundRun:
    """Begin, or find, the training of a set of runs; in a notebook its panel is shown."""
    store = chosen.design.store
    if store is None:
        chosen = dataclasses.replace(chosen, scratch=_scratch())
    key = ("" if store is None else str(store.root.resolve()), chosen.digest)
    run = _benches.get(key)
    if run is None or run.status in ("interrupted", "failed"):
        chosen.refuse_bad_starts()
        tell(chosen.design)
        if run is not None:
            run.join(PATIENCE)
        try:
            run = BackgroundRun(chosen).begin()
        except Taken:
            run = AttachedRun(chosen).begin()
        _benches[key] = run
    if running_kernel() is not None:
        from IPython.display import display

        with working("getting ready"):
            panel = run.panel
        display(panel)
        panel.keep()
    return run


@functools.cache
def _scratch() -> Path:
    """Where benches without a store are kept as long as this process lives."""
    return Path(tempfile.mkdtemp(prefix="curriculab-"))
