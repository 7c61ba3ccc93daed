"""The training of a bench: runs that are not recorded yet, side by side, watched, steered and kept between two calls.

A session with a folder of its own (`.bench-<digest>` in the store) can be killed at any moment: the same bench, run
again, resumes from the last checkpoint with bit-identical results, and loses at most the work since. The folder is
deleted when its runs are recorded.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from curriculab.bench.checkpoint import (
    check_whole,
    checkpoint,
    checkpoint_path,
    fork_points,
    read_state,
    reopen,
    turns_at,
)
from curriculab.bench.design import Design
from curriculab.bench.divided import divided
from curriculab.bench.interventions import (
    Event,
    Key,
    halved,
    parent_variant,
    refuse_what_cannot_take_over,
    sources,
    steers,
    tell_of_test_rows,
)
from curriculab.bench.job import Job, Steer
from curriculab.bench.locking import Stopped
from curriculab.bench.recording import record
from curriculab.bench.replay import ReplayLog
from curriculab.bench.scheduler import Scheduler, close_backend, closing_backend
from curriculab.protocol import Method, method_name
from curriculab.registry.writing import discard
from curriculab.runs import Record

CHECKPOINT_SECONDS = 60.0  # work that a kill may cost
CHECKPOINT_SHARE = 0.05  # of the time may go into checkpoints


class TrainingSession:
    """Trains `keys` of a design together.

    events: interventions to repeat at the calls they were made at; folder: where it can be taken up again (None: it
    cannot); watch: called between two calls, and may call `stop`, `swap`, `fork` and raise Stopped; about: the bench as
    it is written beside every run.
    """

    def __init__(
        self,
        design: Design,
        variants: Mapping[str, Method],
        keys: Sequence[Key],
        *,
        kinds: Mapping[str, Mapping[str, object]],
        events: Sequence[Event] = (),
        folder: Path | None = None,
        watch: Callable[[TrainingSession], None] | None = None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        self.design, self.variants, self.keys, self.kinds = design, dict(variants), list(keys), kinds
        self.folder, self.watch, self.about = folder, watch, dict(about or {})
        self.records: dict[Key, Record] = {}
        self.began = time.time()
        self._states: dict[Path, dict] = {}  # of checkpoints, as read
        self.backend = divided(design, self.keys)
        try:
            self.backend.start(self.keys)
            self._open_folder()
        except BaseException:  # nobody else can close it now
            close_backend(self.backend)
            raise
        done = {(e.call, e.what, e.variant) for e in self.events}
        self._planned = [e for e in events if (e.call, e.what, e.variant) not in done]
        self._given = [*self.events, *self._planned]
        self._joining = [e for e in self.events if e.what == "fork"]  # of before the checkpoint

    def _open_folder(self) -> None:
        """Take up what a folder holds: adapters and the replay log until its last checkpoint that can be read."""
        self._saved_at, self._saving = time.monotonic(), 0.0
        self.events: list[Event] = []
        self.resumed = 0
        if self.folder is None:
            self.log = ReplayLog()
            return
        path, self.resumed = reopen(self.folder, self.backend, self.keys)
        self.log = ReplayLog(path)
        self.events = [Event.of_json(e) for e in self.log.events()]

    def _job(self, key: Key, past: Mapping) -> Job:
        variant, seed = key
        method = self.variants[parent_variant(self._given, variant)]
        return self.design.open_job(variant, method, seed, past=past, steering=steers(self._given, key))

    # -- training -----------------------------------------------------------------------------------------------------
    def run(self) -> dict[Key, Record]:
        """Train until all is done, or until `watch` raises Stopped: then the folder holds what it takes to go on."""
        with closing_backend(self.backend), closing(self.log):
            self._drive()
        if self.folder is not None:
            discard(self.folder)
        return self.records

    def _drive(self) -> None:
        pasts = self.log.past({key: {key: math.inf} for key in self.keys})
        jobs = [self._job(key, pasts[key]) for key in self.keys]
        design, needed = self.design, self.folder is not None or self._planned  # to go on from, or to fork from
        log = self.log if needed else None
        how = {"watch": self._between, "log": log, "validation": design.validation}
        self.scheduler = Scheduler(
            self.backend, design.budget, design.test, design.shares, max_completion_length=design.max_new_tokens, **how
        )
        self.scheduler.call = self.resumed
        try:
            self.scheduler.drive(jobs)
        except Stopped:
            self.checkpoint()
            raise

    @property
    def jobs(self) -> list[Job]:
        return self.scheduler.jobs

    @property
    def progress(self) -> float:
        """Mean share of the budgets spent, in [0, 1]."""
        return float(np.mean([j.run.spent if j.open else 1.0 for j in self.jobs]))

    def _between(self, scheduler: Scheduler) -> None:
        """Between two calls: forks join, finished runs are recorded, the watcher has its say, and all of it is kept."""
        while self._joining and scheduler.started:
            self._join(self._joining.pop(0))
        for event in self._planned:
            if event.what == "fork" and event.since == scheduler.call:
                self._hold(event)
            if event.what == "halved" and event.call == scheduler.call + 1:
                self.backend.limit(event.limit)  # the call it was halved in was answered so
        while self._planned and scheduler.started:
            if self._planned[0].call > scheduler.call and scheduler.pending:
                break
            self._happen(self._planned.pop(0), planned=True)
        for job in scheduler.jobs:
            if not job.open and not job.evaluations and (job.variant, job.seed) not in self.records:
                self._keep(job)
        for limit in self.backend.drain_halvings():
            self._happen(halved(scheduler.call, limit), planned=False)
        if self.watch and (scheduler.started or scheduler.pending):  # not while what was done before is replayed
            self.watch(self)
        due = time.monotonic() - self._saved_at >= max(CHECKPOINT_SECONDS, self._saving / CHECKPOINT_SHARE)
        if self.folder is not None and due and scheduler.pending:
            self.checkpoint()

    def _keep(self, job: Job) -> None:
        """Record a finished run, in the store too."""
        key, design = (job.variant, job.seed), self.design
        method = self.variants[parent_variant(self._given, job.variant)]
        steering = steers(self._given, key)  # what a job was told at its start counts, whenever it happens
        digest = design.digest(method, job.seed, steering)
        spec = {
            **design.spec(method, job.seed, steering),
            **self.kinds.get(job.variant, {}),
            "digest": digest,
            **_story(self.began, self.about, self._given),
        }
        made = record(job, design.test, spec, valid=design.valid)
        if design.store:
            folder = design.store.save(made, digest, lambda f: self.backend.export(key, f))
            made = dataclasses.replace(made, adapter=folder / "adapter")
        self.records[key] = made

    def checkpoint(self) -> Path | None:
        """Keep where the whole bench stands, so that it can be taken up, or forked, from here."""
        if self.folder is None:
            return None
        began = time.monotonic()
        turns = [[j.variant, j.seed, j.turn, j.evaluated, j.run.step] for j in self.jobs if j.open]
        state = {"journal": self.log.sync(), "turns": turns, "keys": self.keys}
        made = checkpoint(self.folder, self.scheduler.call, state, self.backend.save)
        self._saved_at = time.monotonic()
        self._saving = self._saved_at - began
        return made

    # -- interventions ------------------------------------------------------------------------------------------------
    def stop(self, variant: str) -> Event:
        """Stop one variant after what it waits for; it is tested where it stands, and recorded."""
        return self._intervene("stop", variant, None)

    def swap(self, variant: str, to: Method) -> Event:
        """Let another method take over one variant from here on, with its adapter as it is."""
        refuse_what_cannot_take_over(to)
        return self._intervene("swap", variant, to)

    def _intervene(self, what: str, variant: str, to: Method | None) -> Event:
        event = Event(
            self.scheduler.call, what, variant, to, turns_now(self.jobs, variant), step=step_of(self.jobs, variant)
        )
        return self._happen(event, planned=False)

    def note(self, what: str) -> Event:
        """Record that the bench was paused or went on; it changes nothing."""
        event = Event(self.scheduler.call, what, step=max((j.run.step for j in self.jobs), default=0))
        return self._happen(event, planned=False)

    def fork(self, of: str, to: Method, *, name: str | None = None, since: int | None = None) -> Event:
        """Begin a variant that is `of` until a checkpoint (None: now) and goes on with another method.

        since: the call of one of `forkable()`.
        """
        refuse_what_cannot_take_over(to)
        now = turns_now(self.jobs, of) if since is None else {}
        name = name or f"{of} > {method_name(to)}"
        if name in {j.variant for j in self.jobs} | set(self.variants):
            raise ValueError(f"a variant {name!r} exists already; give the fork another name")
        if not self.scheduler.started:
            raise ValueError("the start is being tested; fork once training has begun")
        turns = now if since is None else turns_at(self.folder, of, since)
        branch = self.scheduler.call if since is None else since
        event = Event(self.scheduler.call, "fork", name, to, turns, of, branch, step_of(self.jobs, of))
        self._hold(event)
        return self._happen(event, planned=False)

    def forkable(self) -> dict[int, dict[str, int]]:
        """Checkpoints to fork from: their call, and the step each variant (its slowest seed) had reached there."""
        return fork_points(self.folder, self._states)

    def _hold(self, event: Event) -> None:
        """Keep the parent's adapters as they are at the branching, for the fork."""
        there = None
        if event.since != self.scheduler.call:
            there = checkpoint_path(self.folder, event.since)
            check_whole(there, read_state(there))
        for seed in event.turns:
            self.backend.fork((event.of, seed), (event.variant, seed), there)

    def _happen(self, event: Event, *, planned: bool) -> Event:
        """Write an intervention down and carry it out; where it was known from the start, jobs know it already."""
        self.log.event(self.scheduler.call, event.as_json())
        self.events.append(event)
        if not planned:
            self._given = [*self.events, *self._planned]
            tell_of_test_rows(event, self.design.valid)
        if event.what == "fork":
            self._join(event)
        elif not planned:
            for job in self.jobs:
                if job.variant == event.variant and job.seed in event.turns:
                    job.steering.append(Steer(event.to, *event.turns[job.seed]))
        if self.folder is not None and event.what != "halved":
            now = checkpoint_path(self.folder, self.scheduler.call)  # without this intervention
            self._states.pop(now, None)
            discard(now)
            self.checkpoint()
        return event

    def _join(self, event: Event) -> None:
        keys = [(event.variant, seed) for seed in event.turns]
        pasts = self.log.past({key: sources(self._given, key) for key in keys})
        for key in keys:
            self.scheduler.add(self._job(key, pasts[key]))


def turns_now(jobs: Sequence[Job], variant: str) -> dict[int, tuple[int, int]]:
    """By seed, the turn a variant is at and how many tests it had; one that cannot be steered is refused."""
    names = list(dict.fromkeys(job.variant for job in jobs))
    if variant not in names:
        raise ValueError(f"no variant {variant!r}; there are {', '.join(names)}")
    found = {job.seed: (job.turn, job.evaluated) for job in jobs if job.variant == variant and job.open}
    if not found:
        raise ValueError(f"{variant!r} has ended; only a variant that trains can be steered")
    return found


def step_of(jobs: Sequence[Job], variant: str) -> int:
    """The step that a variant has reached, of its fastest seed."""
    return max(job.run.step for job in jobs if job.variant == variant)


def _story(began: float, about: Mapping[str, object], events: Sequence[Event]) -> dict[str, object]:
    """When a run was trained, beside which others, and what was done by hand."""
    given = [event.as_json() for event in events]
    return {
        "began": began,
        "finished": time.time(),
        "events": given,
        "bench": {**about, "interventions": given},
    }
