"""A bench on several processor cores: its runs divided among this process and copies of it.

    backend = divided(design, keys)         # a ModelBackend, or one that hands half of its asks to another process

An answer hangs on its owner's adapter and on the ask's stream, never on what else is in the call, so the bits are those
of one process. A copy is a fork: the frozen base and the rows are there at once and in the same memory, and verifiers,
objectives and models of a notebook come along. Each process computes on one thread: GNU OpenMP, which torch computes
with, hangs in a fork of a process that has used its threads.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from curriculab.bench.design import Design
from curriculab.bench.process import ProcessBackend
from curriculab.bench.scripted import ScriptedRoles
from curriculab.engine.backend import COMPUTING, ModelBackend
from curriculab.engine.checkpoint import read_adapters, write_adapters
from curriculab.protocol import Answer, Ask, Backend, Owner

MOST = 4  # processes where nobody says how many: each holds the activations of its own steps
WORTH = 1e11  # tokens times weights of a bench, about ten seconds on one core, below which copies do not pay


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def why_whole(design: Design) -> str:
    """Why a bench's runs cannot be divided among processes; empty where they can."""
    if design.make_backend is not None or not issubclass(design.model.backend_class, ModelBackend):
        return "backend= answers in the model's place"
    if design.model.device.type != "cpu":
        return f"one {design.model.device.type} device computes for all"
    if sys.platform != "linux":
        return f"a process that computes cannot be copied on {sys.platform}"
    return ""


def processes_of(design: Design, keys: Sequence[Owner]) -> int:
    """How many processes train these runs: as many as the bench was told, else as there are cores where it pays: not
    where one process has more threads than there would be processes, each of which has one."""
    why = why_whole(design)
    if design.processes is not None:
        if why and design.processes > 1:
            raise ValueError(f"processes={design.processes}: {why}; leave it out, or give 1")
        return min(design.processes, len(keys))
    if why or _work(design, len(keys)) < WORTH:
        return 1
    found = max(1, min(cores(), MOST, len(keys)))
    return found if found >= torch.get_num_threads() else 1


def _work(design: Design, runs: int) -> float:
    """About how many tokens a bench reads or writes, times the weights that each of them goes through."""
    (axis, total), text = design.budget.axis(), design.tokens_per_row + design.max_new_tokens
    answers = design.rollouts if design.objective.needs_samples else 1
    each = {"steps": design.batch_size * answers * text, "rollouts": text}  # a token is one token
    tests = len(design.shares) * len(design.test) * text
    return runs * (total * each.get(axis, 1) + tests) * design.model.base.num_parameters()


def divided(design: Design, keys: Sequence[Owner]) -> Backend:
    """What answers the requests of these runs: the design's backend, here or among several processes."""
    processes, backend = processes_of(design, keys), design.backend()
    if processes < 2:
        return backend
    if isinstance(backend, ScriptedRoles):  # scripts speak in this process, for the runs of all
        return ScriptedRoles(DividedBackend(backend.backend, processes), backend.speakers)
    return DividedBackend(backend, processes)


class Part(ModelBackend):
    """A model's backend that trains some of a bench's owners."""

    def take(self, folder: Path, owners: Sequence[Owner]) -> None:
        """Take what a checkpoint holds of these owners."""
        self.load(folder)
        for owner in set(self.adapters) - set(owners):
            del self.adapters[owner]


class Forked(ProcessBackend):
    """A fork of this process that answers with a part of its own."""

    def __init__(self, part: Part, ours: Sequence[object]) -> None:
        def begin() -> Part:
            gc.freeze()  # what is there already stays where it is, in memory that is shared
            torch.set_num_threads(1)
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads are not copied, and it warns of that
            return part

        self._begin(begin, "fork", ours)
        self._make = Part  # this process has no use for the part

    def take(self, folder: Path, owners: Sequence[Owner]) -> None:
        """Let it take what a checkpoint holds of these owners."""
        self._call("take", folder, list(owners))


class DividedBackend:
    """Answers requests by a model in this process and in copies of it, each with the adapters of its own owners.

    backend: as a design makes it, without owners; processes: this one included. Checkpoints are those of one process,
    and can be gone on from with any other number.
    """

    def __init__(self, backend: ModelBackend, processes: int) -> None:
        given = backend.model, backend.objectives, backend.reference_models, backend.temperature
        self.own = Part(*given, backend.max_new_tokens, backend.limits)
        self._threads = torch.get_num_threads()
        self.parts: list[Part | Forked] = [self.own]
        try:
            with COMPUTING:  # no other thread is within the model now
                for _ in range(processes - 1):
                    ends = [copy._pipe for copy in self.parts[1:]]
                    self.parts.append(Forked(Part(*given, backend.max_new_tokens, backend.limits), ends))
        except BaseException:
            self.close()
            raise
        torch.set_num_threads(1)  # as the copies
        self.place: dict[Owner, int] = {}  # by owner, its part

    # -- owners -------------------------------------------------------------------------------------------------------
    def _assign(self, owners: Sequence[Owner]) -> list[list[Owner]]:
        """The owners of each part; those without a place get one in turn."""
        for owner in owners:
            self.place.setdefault(owner, len(self.place) % len(self.parts))
        own: list[list[Owner]] = [[] for _ in self.parts]
        for owner in owners:
            own[self.place[owner]].append(owner)
        return own

    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew."""
        for part, own in zip(self.parts, self._assign(owners), strict=True):
            part.start(own)

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin where `parent` is now, or was in the checkpoint `folder`."""
        self.place[child] = self.place[parent]
        self.parts[self.place[parent]].fork(parent, child, folder)

    def export(self, owner: Owner, folder: Path) -> None:
        """Write the learner's adapter in PEFT's format."""
        self.parts[self.place[owner]].export(owner, folder)

    def save(self, folder: Path) -> None:
        """Write every adapter with its optimiser's state, as one process writes them."""
        adapters, model = dict(self.own.adapters), self.own.model
        for copy in self.parts[1:]:
            with tempfile.TemporaryDirectory(prefix="curriculab-") as there:
                copy.save(Path(there))
                adapters |= read_adapters(model, Path(there))
        write_adapters(adapters, folder, {"micro_batch": self.own.micro_batch, "cache_bytes": self.own.cache_bytes})

    def load(self, folder: Path) -> None:
        """Take every adapter as `save` wrote it."""
        owners = [*read_adapters(self.own.model, folder)]
        for part, own in zip(self.parts, self._assign(owners), strict=True):
            part.take(folder, own)

    def limit(self, tokens: int) -> None:
        """Put at most so many tokens into one forward, in every process."""
        for part in self.parts:
            part.limit(tokens)

    def drain_halvings(self) -> list[int]:
        """The limits after each time that memory ran out; they hold in every process from then on."""
        found = [limit for part in self.parts for limit in part.drain_halvings()]
        for limit in found:
            self.limit(limit)
        return found

    # -- answering ----------------------------------------------------------------------------------------------------
    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per Ask; every process answers its own, at the same time."""
        whose: list[list[int]] = [[] for _ in self.parts]
        for i, ask in enumerate(asks):
            whose[self.place.get(ask.owner, 0)].append(i)
        given: list[list[Ask]] = [[] for _ in self.parts]
        for own, mine in zip(whose, given, strict=True):
            mine.extend(asks[i] for i in own)
        busy = [(copy, copy.submit(own)) for copy, own in zip(self.parts[1:], given[1:], strict=True) if own]
        try:
            found = [self.own.answer(given[0]) if given[0] else []]
        finally:
            others = iter([copy.collect(number) for copy, number in busy])
        found += [next(others) if own else [] for own in whose[1:]]
        answers: list[Answer | Exception | None] = [None] * len(asks)
        for own, part in zip(whose, found, strict=True):
            for i, answer in zip(own, part, strict=True):
                answers[i] = answer
        return answers

    def close(self) -> None:
        """End the copies, and give back what this process took."""
        for part in reversed(self.parts):
            part.close()
        torch.set_num_threads(self._threads)
