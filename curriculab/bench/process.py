"""A backend in a process of its own: requests and answers travel through a pipe as plain values.

make_backend = partial(make, folder)          # a function of a module, called in the other process
bench = Bench(model, train, test, budget=budget, backend=lambda design: ProcessBackend(make_backend))
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from curriculab.protocol import Answer, Ask, Backend, Owner

PATIENCE = 10.0  # seconds that a process is given to end by itself


class BackendLost(RuntimeError):
    """The process of a backend has ended; the bench goes on from its last checkpoint when it is asked again."""


class ProcessBackend:
    """Answers requests by a backend that another process makes and holds.

    Parameters
    ----------
    make : callable
        Called once, in the other process; it and its arguments must be importable there, such as a function of a module
        or a functools.partial of one. What it raises is raised here.

    Notes
    -----
    `submit` hands over asks and returns at once, `collect` waits for their answers, in the order they were submitted.
    The process ends with `close`, or with the one that made it.
    """

    def __init__(self, make: Callable[[], Backend]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share threads and CUDA's state
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._submitted = self._collected = 0
        self._receive()  # whatever is wrong with `make` is said now

    def submit(self, asks: Sequence[Ask]) -> int:
        """Hand over the asks of one call; a number to fetch their answers by."""
        self._send("answer", list(asks))
        self._submitted += 1
        return self._submitted

    def collect(self, number: int) -> list[Answer | Exception]:
        """Wait for the answers to what was submitted under a number; answers come in the order of the numbers."""
        if number != self._collected + 1:
            raise ValueError(f"call {number} is not the next to collect; that is call {self._collected + 1}")
        self._collected += 1
        return self._receive()

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per Ask, in their order."""
        return self.collect(self.submit(asks))

    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew."""
        self._call("start", list(owners))

    def save(self, folder: Path) -> None:
        """Write what all owners have learned into a folder that exists."""
        self._call("save", folder)

    def load(self, folder: Path) -> None:
        """Take what `save` wrote in place of all owners."""
        self._call("load", folder)

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin where `parent` is now, or was in the checkpoint `folder`."""
        self._call("fork", parent, child, folder)

    def export(self, owner: Owner, folder: Path) -> None:
        """Write the learner's adapter so that other programs can load it."""
        self._call("export", owner, folder)

    def limit(self, tokens: int) -> None:
        """Put at most so many tokens into one forward from now on."""
        self._call("limit", tokens)

    def drain_halvings(self) -> list[int]:
        """The limits that running out of memory set since this was last asked."""
        return self._call("drain_halvings")

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()

    def _call(self, name: str, *arguments: object) -> object:
        self._send(name, *arguments)
        return self._receive()

    def _send(self, name: str, *arguments: object) -> None:
        try:
            self._pipe.send((name, arguments))
        except OSError as error:
            raise self._lost() from error

    def _receive(self) -> object:
        try:
            right, value = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if not right:
            raise value
        return value

    def _lost(self) -> BackendLost:
        self._process.join(PATIENCE)
        return BackendLost(
            f"the process of the backend ended with exit code {self._process.exitcode}; ask again: a bench with a "
            "store goes on from its last checkpoint"
        )


def _serve(make: Callable[[], Backend], pipe: Connection) -> None:
    """Answer calls until None comes or the other side is gone."""
    try:
        backend = make()
    except Exception as error:  # noqa: BLE001, it is raised on the other side
        pipe.send((False, error))
        return
    pipe.send((True, None))
    with contextlib.suppress(EOFError, OSError):
        while (call := pipe.recv()) is not None:
            name, arguments = call
            try:
                pipe.send((True, getattr(backend, name)(*arguments)))
            except Exception as error:  # noqa: BLE001, it is raised on the other side
                pipe.send((False, error))
