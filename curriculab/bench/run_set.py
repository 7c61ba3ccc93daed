"""The runs that were asked of a bench: which of them are recorded, and the training of the rest."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curriculab.bench.interventions import Event, Key, root, steers
from curriculab.bench.job import Job
from curriculab.bench.locking import Stopped, claimed, filling, interruptible, read_keys
from curriculab.bench.session import Drive
from curriculab.bench.spec import bench_spec, keep_tables
from curriculab.protocol import Method
from curriculab.runs import Record, Runs, digest_of
from curriculab.runs.writing import discard

if TYPE_CHECKING:
    from curriculab.bench.bench import Bench

if TYPE_CHECKING:
    pass


@dataclasses.dataclass(eq=False)
class Asked:
    """The runs that were asked of a bench: which of them are recorded, and the training of the rest."""

    bench: Bench
    variants: Mapping[str, Method]
    keys: Sequence[Key]
    kinds: Mapping[str, Mapping[str, bool]]
    events: Sequence[Event] = ()
    scratch: Path | None = None  # where a bench without a store can be taken up by the same process

    def __post_init__(self) -> None:
        seeds = {seed for _, seed in self.keys}
        asked = [  # of a bench that had more seeds, or more variants
            dataclasses.replace(e, turns={s: t for s, t in e.turns.items() if s in seeds}) for e in self.events
        ]
        self.events = [e for e in asked if not e.variant or root(asked, e.variant) in self.variants]
        forks = [(e.variant, seed) for e in self.events if e.what == "fork" for seed in e.turns]
        self.whole = [*self.keys, *forks]
        method = {v: self.variants[root(self.events, v)] for v, _ in self.whole}
        self.digests = {k: self.bench.digest(method[k[0]], k[1], steers(self.events, k)) for k in self.whole}
        self.look()

    def look(self) -> None:
        """What is recorded, and what is to be trained."""
        store = self.bench.store
        self.found = {k: store.load(k[0], self.digests[k]) for k in self.whole} if store else {}
        begun = read_keys(self.folder)
        if begun is not None:
            self.todo = begun  # those that were recorded meanwhile too: what began together is taken up together
        elif self.events and any(self.found.get(k) is None for k in self.whole):
            self.todo = list(self.keys)  # what was steered side by side is repeated side by side
        else:
            self.todo = [k for k in self.keys if self.found.get(k) is None]

    @property
    def digest(self) -> str:
        """What all that was asked for is known by."""
        return digest_of({"runs": sorted([*key, self.digests[key]] for key in self.whole)})

    @property
    def folder(self) -> Path | None:
        """Where its training is kept until it is done."""
        root = self.bench.store.root if self.bench.store else self.scratch
        return None if root is None else root / f".bench-{self.digest}"

    def train(self, watch: Callable[[Drive], None]) -> dict[Key, Record]:
        """Train what is not recorded; the records of those runs, forks too."""
        if not self.todo:
            return {}
        with claimed(self.folder):
            return self.train_held(watch)

    def train_held(self, watch: Callable[[Drive], None]) -> dict[Key, Record]:
        """`train`, once the folder is claimed."""
        with filling(self.folder and self.folder.parent):
            self.look()  # another process may have been at it since
            if self.todo:
                keep_tables(self)
                return Drive(
                    self.bench,
                    self.variants,
                    self.todo,
                    kinds=self.kinds,
                    events=self.events,
                    folder=self.folder,
                    watch=watch,
                    about=bench_spec(self),
                ).run()
            discard(self.folder)
            return {}

    def finish(self, show: Callable[[float, Sequence[Job]], None]) -> Runs:
        """Train here and now; an interrupt stops between two calls, and another process may look on and steer.

        show: told between two calls which share of all is done, and the jobs.
        """
        from curriculab.bench.background import Live

        told = Live(self)
        told.halt = lambda: stop.is_set()
        with interruptible() as stop:

            def watch(drive: Drive) -> None:
                show(drive.progress, drive.jobs)
                told.between(drive)
                if stop.is_set():
                    raise Stopped

            try:
                return self.runs(self.train(watch))
            except Stopped:
                kept = "ask again to go on from there" if self.bench.store else "without a store nothing of it is kept"
                raise KeyboardInterrupt(f"stopped after the current call; {kept}") from None
            finally:
                told.close()

    def runs(self, trained: Mapping[Key, Record]) -> Runs:
        """All that was asked for, recorded before or trained now."""
        records = {k: r for k, r in self.found.items() if r is not None} | dict(trained)
        kinds = {v: dict(self.kinds.get(v, {"null": False, "control": False})) for v, _ in records}
        ordered = [*self.whole, *(k for k in records if k not in self.whole)]
        named = [dataclasses.replace(records[k], spec={**records[k].spec, **kinds[k[0]]}) for k in ordered]
        runs = Runs(tuple(named), tuple(v for v, kind in self.kinds.items() if kind["null"]))
        for (name, seed), why in runs.failed.items():
            warnings.warn(f"{name!r} with seed {seed} {why}", stacklevel=3)
        return runs
