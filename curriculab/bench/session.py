"""One drive of a bench: the runs that are not recorded yet, side by side, watched, steered and kept between two calls.

A drive with a folder of its own (`.bench-<digest>` in the store) can be killed at any moment: what is asked again goes
on from its last checkpoint, to the bit, and costs at most the work since. The folder goes when its runs are recorded.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError

from curriculab.bench.checkpoint import JournalError, check_whole, checkpoint, checkpoints, read_state
from curriculab.bench.interventions import Key
from curriculab.bench.job import Job, Steer, open_job
from curriculab.bench.recording import record
from curriculab.bench.replay import ReplayLog
from curriculab.bench.scheduler import Scheduler
from curriculab.objectives.registry import resolve
from curriculab.protocol import Method, method_name
from curriculab.runs import Record
from curriculab.runs.writing import discard

if TYPE_CHECKING:
    from curriculab.bench.bench import Bench
from curriculab.bench.interventions import Event, refuse_what_cannot_take_over, root, sources, steers
from curriculab.bench.locking import Stopped, _aside

CHECKPOINT_SECONDS = 60.0  # work that a kill may cost


SMALL_SHARE = 0.05  # of the time may go into checkpoints, or into drawing


class Drive:
    """Trains `keys` of a bench together.

    events: interventions to repeat at the calls they were made at; folder: where it can be taken up again (None: it
    cannot); watch: called between two calls, and may call `stop`, `swap`, `fork` and raise Stopped; about: the bench as
    it is written beside every run.
    """

    def __init__(
        self,
        bench: Bench,
        variants: Mapping[str, Method],
        keys: Sequence[Key],
        *,
        kinds: Mapping[str, Mapping[str, object]],
        events: Sequence[Event] = (),
        folder: Path | None = None,
        watch: Callable[[Drive], None] | None = None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        self.bench, self.variants, self.keys, self.kinds = bench, dict(variants), list(keys), kinds
        self.folder, self.watch, self.about = folder, watch, dict(about or {})
        self.backend = bench.backend()
        self.records: dict[Key, Record] = {}
        self._states: dict[Path, dict] = {}  # of checkpoints, as read
        self.began = time.time()
        self._open_folder()
        done = {(e.call, e.what, e.variant) for e in self.events}
        self._planned = [e for e in events if (e.call, e.what, e.variant) not in done]
        self._given = [*self.events, *self._planned]
        self._joining = [e for e in self.events if e.what == "fork"]  # of before the checkpoint

    # -- where it stands ----------------------------------------------------------------------------------------------
    def _open_folder(self) -> None:
        """A journal, empty or with what was answered until the last checkpoint that can be read."""
        self.events: list[Event] = []
        self.resumed = 0
        if self.folder is None:
            self.journal = ReplayLog()
        else:
            path, length = self.folder / "journal.jsonl", 0
            for found in reversed(checkpoints(self.folder)):
                try:
                    state = read_state(found)
                    check_whole(found, state)
                    self.backend.load(found)
                except (ValueError, KeyError, SafetensorError) as error:  # an older one may be whole
                    self.backend.start(self.keys)
                    _aside(found, error)
                    continue
                length, self.resumed = state["journal"][0], state["call"]
                break
            hurt = bool(list(self.folder.glob("damaged-checkpoint-*")))
            if path.is_dir() or (hurt and not length and path.exists() and path.stat().st_size):
                os.replace(path, self.folder / "damaged-journal.jsonl")  # of no use without a checkpoint, but kept
            discard(self.folder / "commands")  # for who trained here before
            with path.open("ab") as file:
                file.truncate(length)
            self.journal = ReplayLog(path)
            self.events = [Event.of_json(e) for e in self.journal.events()]
        self._saved_at, self._saving = time.monotonic(), 0.0

    def _job(self, key: Key, past: Mapping) -> Job:
        variant, seed = key
        method = self.variants[root(self._given, variant)]
        return open_job(
            variant,
            method,
            self.bench.train,
            seed=seed,
            batch=self.bench.batch_size,
            rollouts=self.bench.rollouts,
            objective=lambda request: resolve(self.bench.objectives, request.objective),
            past=past,
            steering=steers(self._given, key),
        )

    # -- driving ------------------------------------------------------------------------------------------------------
    def run(self) -> dict[Key, Record]:
        """Train until all is done, or until `watch` raises Stopped: then the folder holds what it takes to go on."""
        pasts = self.journal.past({key: {key: math.inf} for key in self.keys})
        jobs = [self._job(key, pasts[key]) for key in self.keys]
        bench = self.bench
        needed = self.folder is not None or self._planned  # to go on from, or to fork from
        journal = self.journal if needed else None
        self.loop = Scheduler(
            self.backend, bench.budget, bench.test, bench.shares, self._between, journal, bench.max_new_tokens
        )
        self.loop.call = self.resumed
        try:
            self.loop.drive(jobs)
        except Stopped:
            self.checkpoint()
            raise
        finally:
            self.journal.close()
        if self.folder is not None:
            discard(self.folder)
        return self.records

    @property
    def jobs(self) -> list[Job]:
        return self.loop.jobs

    @property
    def progress(self) -> float:
        """Mean share of the budgets spent, in [0, 1]."""
        return float(np.mean([j.run.progress if j.open else 1.0 for j in self.jobs]))

    def _between(self, loop: Scheduler) -> None:
        """Between two calls: forks join, finished runs are recorded, the watcher has its say, and all of it is kept."""
        while self._joining and loop.started:
            self._join(self._joining.pop(0))
        for event in self._planned:
            if event.what == "fork" and event.since == loop.call:
                self._hold(event)
            if event.what == "halved" and event.call == loop.call + 1:
                self.backend.limit(event.tokens)  # the call it was halved in was answered so
        while self._planned and loop.started and (self._planned[0].call <= loop.call or not loop.pending):
            self._happen(self._planned.pop(0), planned=True)
        for job in loop.jobs:
            if not job.open and not job.evaluations and (job.variant, job.seed) not in self.records:
                self._keep(job)
        self._note_halvings()
        if self.watch and (loop.started or loop.pending):  # not while what was done before is still being recalled
            self.watch(self)
        due = time.monotonic() - self._saved_at >= max(CHECKPOINT_SECONDS, self._saving / SMALL_SHARE)
        if self.folder is not None and due and loop.pending:
            self.checkpoint()

    def _note_halvings(self) -> None:
        for tokens in self.backend.drain_halvings():
            why = f"out of memory: from here on {tokens} tokens in one forward"
            self._happen(Event(self.loop.call, "halved", why=why, tokens=tokens), planned=False)

    def _keep(self, job: Job) -> None:
        """Record a finished run, in the store too."""
        key = (job.variant, job.seed)
        method = self.variants[root(self._given, job.variant)]
        steering = steers(self._given, key)  # what a job was told at its start counts, whenever it happens
        digest = self.bench.digest(method, job.seed, steering)
        spec = {
            **self.bench.spec(method, job.seed, steering),
            **self.kinds.get(job.variant, {}),
            "digest": digest,
            "began": self.began,
            "finished": time.time(),
            "events": [e.as_json() for e in self._given],
            "bench": {**self.about, "interventions": [e.as_json() for e in self._given]},
        }
        made = record(job, self.bench.test, spec)
        if self.bench.store:
            folder = self.bench.store.save(made, digest, lambda f: self.backend.export(key, f))
            made = dataclasses.replace(made, adapter=folder / "adapter")
        self.records[key] = made

    def checkpoint(self) -> Path | None:
        """Keep where the whole bench stands, so that it can be taken up, or forked, from here."""
        if self.folder is None:
            return None
        began = time.monotonic()
        turns = [[j.variant, j.seed, j.turn, j.evaluated, j.run.step] for j in self.jobs if j.open]
        state = {"journal": self.journal.sync(), "turns": turns, "keys": self.keys}
        made = checkpoint(self.folder, self.loop.call, state, self.backend.save)
        self._saved_at = time.monotonic()
        self._saving = self._saved_at - began
        return made

    # -- interventions ------------------------------------------------------------------------------------------------
    def stop(self, variant: str) -> Event:
        """Stop one variant after what it waits for; it is tested where it stands, and recorded."""
        return self._intervene("stop", variant, None)

    def swap(self, variant: str, to: Method) -> Event:
        """Let another method take over one variant from here on, with its adapter as it is."""
        return self._intervene("swap", variant, to)

    def _intervene(self, what: str, variant: str, to: Method | None) -> Event:
        if to is not None:
            refuse_what_cannot_take_over(to)
        jobs = self._open_jobs(variant)
        turns = {j.seed: (j.turn, j.evaluated) for j in jobs}
        event = Event(self.loop.call, what, variant, to, turns, step=self._step(variant))
        self._happen(event, planned=False)
        return event

    def note(self, what: str) -> Event:
        """Record that the bench was paused or went on; it changes nothing."""
        event = Event(self.loop.call, what, step=max((j.run.step for j in self.jobs), default=0))
        self._happen(event, planned=False)
        return event

    def fork(self, of: str, to: Method, *, name: str | None = None, since: int | None = None) -> Event:
        """A new variant that is `of` until a checkpoint (None: now) and goes on with another method.

        since: the call of one of `forkable()`.
        """
        refuse_what_cannot_take_over(to)
        self._open_jobs(of) if since is None else None
        name = name or f"{of} > {method_name(to)}"
        if name in {j.variant for j in self.jobs} | set(self.variants):
            raise ValueError(f"a variant {name!r} exists already; give the fork another name")
        if not self.loop.started:
            raise ValueError("the start is being tested; fork once training has begun")
        if since is None:
            since, turns = self.loop.call, {j.seed: (j.turn, j.evaluated) for j in self._open_jobs(of)}
        else:
            turns = self._turns_at(of, since)
        event = Event(self.loop.call, "fork", name, to, turns, of, since, self._step(of))
        self._hold(event)
        self._happen(event, planned=False)
        return event

    def forkable(self) -> dict[int, dict[str, int]]:
        """Checkpoints to fork from: their call, and the step each variant (its slowest seed) had reached there."""
        found: dict[int, dict[str, int]] = {}
        for path in checkpoints(self.folder) if self.folder else []:
            try:
                state = self._states.get(path) or read_state(path)
            except JournalError:
                continue  # nothing to fork from
            self._states[path] = state
            steps: dict[str, int] = {}
            for variant, _, _, _, step in state["turns"]:
                steps[variant] = min(step, steps.get(variant, step))
            found[state["call"]] = steps
        return found

    def _turns_at(self, variant: str, call: int) -> dict[int, tuple[int, int]]:
        known = {int(p.name.rpartition("-")[2]): p for p in checkpoints(self.folder)} if self.folder else {}
        if call not in known:
            raise ValueError(f"no checkpoint at call {call}; there are {', '.join(map(str, known)) or 'none yet'}")
        turns = {s: (t, sat) for v, s, t, sat, _ in read_state(known[call])["turns"] if v == variant}
        if not turns:
            raise ValueError(f"{variant!r} was not training at call {call}; fork it where it was")
        return turns

    def _hold(self, event: Event) -> None:
        """Keep the parent's adapters as they are at the branching, for the fork."""
        there = None
        if event.since != self.loop.call:
            there = self.folder / f"checkpoint-{event.since:08d}"
            check_whole(there, read_state(there))
        for seed in event.turns:
            self.backend.fork((event.of, seed), (event.variant, seed), there)

    def _happen(self, event: Event, *, planned: bool) -> None:
        """Write an intervention down and carry it out; where it was known from the start, jobs know it already."""
        self.journal.event(self.loop.call, event.as_json())
        self.events.append(event)
        if not planned:
            self._given = [*self.events, *self._planned]
        if event.what == "fork":
            self._join(event)
        elif not planned:
            for job in self.jobs:
                if job.variant == event.variant and job.seed in event.turns:
                    job.steering.append(Steer(event.to, *event.turns[job.seed]))
        if self.folder is not None and event.what != "halved":
            now = self.folder / f"checkpoint-{self.loop.call:08d}"  # without this intervention
            self._states.pop(now, None)
            discard(now)
            self.checkpoint()

    def _join(self, event: Event) -> None:
        keys = [(event.variant, seed) for seed in event.turns]
        pasts = self.journal.past({key: sources(self._given, key) for key in keys})
        for key in keys:
            self.loop.add(self._job(key, pasts[key]))

    def _open_jobs(self, variant: str) -> list[Job]:
        names = list(dict.fromkeys(j.variant for j in self.jobs))
        if variant not in names:
            raise ValueError(f"no variant {variant!r}; there are {', '.join(names)}")
        found = [j for j in self.jobs if j.variant == variant and j.open]
        if not found:
            raise ValueError(f"{variant!r} has ended; only a variant that trains can be steered")
        return found

    def _step(self, variant: str) -> int:
        return max(j.run.step for j in self.jobs if j.variant == variant)
