"""A bench's folder is held by one process at a time."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from filelock import lock_descriptor
from safetensors import SafetensorError

from curriculab.bench.checkpoint import JournalError, checkpoints, put_aside, read_state
from curriculab.bench.interventions import Key

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows has no quotas


class Stopped(Exception):
    """Asked to stop: the bench stands between two calls, and goes on from there when it is asked again."""


class StoreFull(OSError):
    """Nothing more can be written; what was written before is whole."""


def read_keys(folder: Path | None) -> list[Key] | None:
    """Which runs a bench's folder was begun for; None if there is no such folder, or nothing in it to go on from."""
    for found in reversed(checkpoints(folder)) if folder else ():
        with suppress(JournalError):
            return [(variant, seed) for variant, seed in read_state(found)["keys"]]
    return None


@contextmanager
def filling(store: Path | None) -> Iterator[None]:
    """Turn any error of a full disk into one line that names the store and the next step."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None)
        if number not in FULL and not any(f"(os error {n})" in str(error) for n in FULL):
            raise
        raise StoreFull(
            f"the disk of {store} is full; what is recorded is whole: free some space, or try curriculab runs "
            "prune, and ask again: it goes on from the last checkpoint"
        ) from error


class Taken(ValueError):
    """Another process trains this bench."""


@contextmanager
def claimed(folder: Path | None) -> Iterator[None]:
    """Hold a bench's folder for this process alone; a process that dies lets go of it."""
    if folder is None:
        yield
        return
    with filling(folder.parent):
        file = _claim(folder)
    try:
        yield
    finally:
        file.close()


def _claim(folder: Path) -> IO:
    """The lock of a folder, held by this process, with its number in it."""
    tries = 5  # a look at whether it is taken holds it for a moment
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "lock").is_dir():
            put_aside(folder / "lock", ValueError("it is a folder"))
        file = (folder / "lock").open("ab", buffering=0)
        if not _locked(file):
            file.close()
            tries -= 1
            if not tries:
                raise Taken(
                    f"this bench is being trained by process {pid_of(folder)}; look at it with bench.start(...), or "
                    f"wait for its runs (folder {folder})"
                )
            time.sleep(0.05)
        elif _same_file(file, folder / "lock"):
            try:
                file.truncate(0)
                file.write(str(os.getpid()).encode())
            except OSError:
                file.close()
                raise
            return file
        else:
            file.close()  # its folder was finished and removed meanwhile


def _locked(file: IO) -> bool:
    """Lock the file for this process, if nobody holds it."""
    return lock_descriptor(file.fileno(), blocking=False)


def _same_file(file: IO, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def pid_of(folder: Path) -> str:
    try:
        number = (folder / "lock").read_bytes()[:20].strip()
    except OSError:
        number = b""
    return number.decode() if number.isdigit() else "of unknown number"


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """In the main thread, a first interrupt asks to stop after the current call; a second one stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
