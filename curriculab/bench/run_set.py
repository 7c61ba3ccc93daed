"""The runs that were asked of a bench: which of them are recorded, and the training of the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from curriculab.bench.design import Design
from curriculab.bench.interventions import Event, Key, parent_variant, steers
from curriculab.bench.locking import claimed, filling, read_keys
from curriculab.bench.session import TrainingSession
from curriculab.bench.starting import refuse_bad_starts
from curriculab.bench.tables import keep_tables
from curriculab.protocol import Method
from curriculab.registry.serialization import written
from curriculab.registry.writing import discard
from curriculab.runs import Record, Runs, digest_of
from curriculab.runs.failures import tell_failures
from curriculab.runs.schema import FORMAT


@dataclasses.dataclass(eq=False)
class RunSet:
    """Variants x seeds of one design.

    kinds: by variant, whether it is a control, and a null-band order; events: interventions to repeat; scratch: where a
    bench without a store can be taken up by the same process.
    """

    design: Design
    variants: Mapping[str, Method]
    keys: Sequence[Key]
    kinds: Mapping[str, Mapping[str, bool]]
    events: Sequence[Event] = ()
    scratch: Path | None = None

    def __post_init__(self) -> None:
        seeds = {seed for _, seed in self.keys}
        # The events may be of a bench that had more seeds, or more variants.
        given = []
        for event in self.events:
            turns = {seed: at for seed, at in event.turns.items() if seed in seeds}
            given.append(dataclasses.replace(event, turns=turns))
        self.events = [e for e in given if not e.variant or parent_variant(given, e.variant) in self.variants]
        forks = [(e.variant, seed) for e in self.events if e.what == "fork" for seed in e.turns]
        self.whole = [*self.keys, *forks]
        self.digests = {key: self._digest(key) for key in self.whole}
        self.refresh()

    def _digest(self, key: Key) -> str:
        variant, seed = key
        method = self.variants[parent_variant(self.events, variant)]
        return self.design.digest(method, seed, steers(self.events, key))

    def refresh(self) -> None:
        """Look up what is recorded, and what is to be trained."""
        store = self.design.store
        self.found = {k: store.load(k[0], self.digests[k]) for k in self.whole} if store else {}
        begun = read_keys(self.folder)
        if begun is not None:
            # Those that were recorded meanwhile too: the same set of runs is resumed, so that batches, and bits, are
            # the same as before.
            self.todo = begun
        elif self.events and any(self.found.get(k) is None for k in self.whole):
            self.todo = list(self.keys)  # what was steered side by side is repeated side by side
        else:
            self.todo = [k for k in self.keys if self.found.get(k) is None]

    def refuse_bad_starts(self) -> None:
        """Raise where a method that is to be trained raises before it asks for anything; a bench that was begun had
        its methods started before."""
        if read_keys(self.folder) is None:
            first = {variant: seed for variant, seed in reversed(self.todo)}
            methods = {variant: self.variants[variant] for variant in self.variants if variant in first}
            refuse_bad_starts(methods, lambda variant, method: self.design.open_job(variant, method, first[variant]))

    @property
    def digest(self) -> str:
        """The name of all that was asked for together."""
        return digest_of({"runs": sorted([*key, self.digests[key]] for key in self.whole)})

    @property
    def folder(self) -> Path | None:
        """Where its training is kept until it is done."""
        root = self.design.store.root if self.design.store else self.scratch
        return None if root is None else root / f".bench-{self.digest}"

    def train(self, watch: Callable[[TrainingSession], None]) -> dict[Key, Record]:
        """Train what is not recorded; the records of those runs, forks too."""
        if not self.todo:
            return {}
        with claimed(self.folder):
            return self.train_locked(watch)

    def train_locked(self, watch: Callable[[TrainingSession], None]) -> dict[Key, Record]:
        """`train`, by a process that holds the folder's lock already."""
        with filling(self.folder and self.folder.parent):
            self.refresh()  # another process may have been at it since
            if not self.todo:
                discard(self.folder)
                return {}
            keep_tables(self.design)
            session = TrainingSession(
                self.design,
                self.variants,
                self.todo,
                kinds=self.kinds,
                events=self.events,
                folder=self.folder,
                watch=watch,
                about=self.as_json(),
            )
            return session.run()

    def as_json(self) -> dict[str, object]:
        """Design, variants, seeds and interventions as JSON, which `spec.read_spec` turns back into a run set."""
        return {
            "format": FORMAT,
            **self.design.settings(),
            "variants": {name: written(method) for name, method in self.variants.items()},
            "kinds": {name: dict(kind) for name, kind in self.kinds.items()},
            "seeds": sorted({seed for _, seed in self.keys}),
            "interventions": [e.as_json() for e in self.events],
        }

    def runs(self, trained: Mapping[Key, Record]) -> Runs:
        """All that was asked for, recorded before or trained now."""
        records = {k: r for k, r in self.found.items() if r is not None} | dict(trained)
        plain = {"null": False, "control": False}
        ordered = [*self.whole, *(k for k in records if k not in self.whole)]
        named = []
        for key in ordered:
            spec = {**records[key].spec, **self.kinds.get(key[0], plain)}
            named.append(dataclasses.replace(records[key], spec=spec))
        runs = Runs(tuple(named), tuple(v for v, kind in self.kinds.items() if kind["null"]))
        tell_failures(runs)
        return runs
