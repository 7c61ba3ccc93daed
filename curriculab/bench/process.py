"""A backend in a process of its own: requests and answers travel through a pipe as plain values.

make_backend = partial(make, folder)          # a function of a module, called in the other process
bench = Bench(model, train, test, budget=budget, backend=lambda design: ProcessBackend(make_backend))
"""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import multiprocessing.resource_tracker
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from curriculab.protocol import Answer, Ask, Backend, Owner
from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import describe

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
        self._begin(make, "spawn", ())  # a fork would share threads and CUDA's state

    def _begin(self, make: Callable[[], Backend], how: str, ours: Sequence[Connection]) -> None:
        """Start the process. ours: ends of pipes that a fork would hold open beyond this process's end."""
        context = multiprocessing.get_context(how)
        self._pipe, theirs = context.Pipe()
        self._make = make
        inherited = (*ours, self._pipe) if how == "fork" else ()
        self._process = context.Process(target=_serve, args=(make, theirs, inherited), daemon=True)
        with _uninterrupted():
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

    def digest(self) -> str:
        """What decides its answers: the function that makes the backend, with all that this uses."""
        return digest_of({"make": describe(self._make)})

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


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a process that is started here begin without interrupts: a terminal sends them to all processes at once.

    They wait, in this process too, until it is started.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    multiprocessing.resource_tracker.ensure_running()  # its start would take the mask off
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore_interrupts() -> None:
    """Leave it to the process that asks whether, and when, an interrupt ends the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _portable(value: object) -> object:
    """What can be sent: exceptions that do not survive it become RuntimeErrors that say the same."""
    if isinstance(value, list):
        return [_portable(v) for v in value]
    if not isinstance(value, Exception):
        return value
    try:
        pickle.dumps(value)
        copy.copy(value)  # puts it together from the same parts as the other side would
    except Exception:  # noqa: BLE001, classes of others raise what they like
        return RuntimeError(f"{type(value).__name__}: {_said(value)}")
    return value


def _said(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001, as above
        return "(no text)"


def _serve(make: Callable[[], Backend], pipe: Connection, inherited: Sequence[Connection]) -> None:
    """Answer calls until None comes or the other side is gone, which is seen once nobody holds its end open."""
    _ignore_interrupts()
    for end in inherited:
        end.close()
    try:
        backend = make()
    except Exception as error:  # noqa: BLE001, it is raised on the other side
        pipe.send((False, _portable(error)))
        return
    pipe.send((True, None))
    with contextlib.suppress(EOFError, OSError):
        while (call := pipe.recv()) is not None:
            name, arguments = call
            try:
                pipe.send((True, _portable(getattr(backend, name)(*arguments))))
            except Exception as error:  # noqa: BLE001, it is raised on the other side
                pipe.send((False, _portable(error)))
