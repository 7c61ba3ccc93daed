"""A process that judges model text and can be killed at it.  `Judge("math").ask(gold="1/2", said="0.5") -> 1.0`.

The parent's side: it starts `worker_process.py`, writes one request a line, reads one reply a line (JSON over pipes),
and kills the child at work when it takes too long. The standard library's process pools cannot do that: they end a
task that hangs only together with the pool, whose next worker would import and warm up for seconds again.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SECONDS = 3.0  # of processor time for one judgement; the slowest of the corpora takes less than a fifth
WALL = 30.0  # seconds by the clock, for a child that waits for a processor or for nothing; then it is killed
TRIES = 2  # at a judgement that the clock or a lost child ended; processor time would be the same again
START = 300.0  # seconds within which a process must be ready; it takes 2, and a minute on a machine that is busy
PROGRAM = Path(__file__).resolve().with_name("worker_process.py")


class CutOff(Exception):
    """No verdict. args[0] says why: "time" (of the processor), "wall" (by the clock), "crash" (out of memory, or the
    child died) or "raised" (an error in a scorer)."""


def can_judge() -> bool:
    """Whether a child can be forked and bounded here."""
    if not hasattr(os, "fork") or not hasattr(select, "poll"):
        return False
    try:
        return importlib.util.find_spec("resource") is not None
    except ValueError:  # a module without a spec
        return False


def check_system(kind: str) -> None:
    """Refuse where no child can be forked and bounded."""
    if not can_judge():
        raise RuntimeError(
            f"the {kind} verifier judges in a process of its own, which needs fork, poll and resource limits; this "
            f"system ({sys.platform}) lacks one of them: use Linux, macOS or WSL, or a task that needs no such process"
        )


class Judge:
    """One worker process, started when first asked; threads wait for each other.

    restarts: children lost; waited: seconds spent until a child was ready, the first start included; refused:
    judgements in which the child may not do what it tried; wall: seconds by the clock for one judgement.
    """

    def __init__(self, kind: str) -> None:
        self.kind, self.restarts, self.waited, self.refused, self.wall = kind, 0, 0.0, 0, WALL
        # by path and with -P: neither the working directory nor this folder gets onto the process's own path
        self.command = [sys.executable, "-P", str(PROGRAM), kind]
        self.names: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer, self._ready, self._count = b"", False, 0
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.close)

    def ask(self, **request: object) -> float:
        """The score of one request; raises CutOff where a limit ended it or the child died, at the second try too."""
        with self._lock:
            for tried in range(1, TRIES + 1):
                try:
                    return self._ask_once(request)
                except CutOff as why:
                    if tried == TRIES or why.args[0] in ("time", "raised"):
                        raise
        raise AssertionError("the last try returns or raises")

    def _ask_once(self, request: dict[str, object]) -> float:
        self._wait_until_ready()
        self._count += 1
        line = json.dumps({"id": self._count, **request}).encode() + b"\n"
        deadline = time.monotonic() + self.wall
        try:
            self._process.stdin.write(line)
            reply = self._read(deadline)
            while reply.get("id", self._count) != self._count:  # of a request given up just before it came
                reply = self._read(deadline)
        except (TimeoutError, KeyboardInterrupt) as error:
            self._lost()
            self._process.send_signal(signal.SIGUSR1)
            if isinstance(error, KeyboardInterrupt):
                raise
            raise CutOff("wall") from None
        except OSError:  # the whole process is gone
            self._lost()
            self._end()
            raise CutOff("crash") from None
        if "ready" in reply:  # a new child: the one that was asked died of the request
            self.restarts += 1
            raise CutOff(reply["lost"] or "crash")
        if "last" in reply:  # it has grown and makes room for a new child
            self._ready = False
        self.refused += "refused" in reply
        if "failed" in reply:
            raise CutOff("crash" if reply["failed"] == "MemoryError" else "raised")
        return float(reply["score"])

    def ready(self) -> Judge:
        """Start it, if it is not running, and wait until it is warm."""
        with self._lock:
            self._wait_until_ready()
        return self

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._end()

    def _wait_until_ready(self) -> None:
        if self._process is not None and self._process.poll() is not None:  # ended by someone else
            self._lost()
            self._end()
        if self._process is not None and self._ready:
            return
        check_system(self.kind)
        began = time.monotonic()
        if self._process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "bufsize": 0}
            same = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}  # the same verdicts in every run; no threads
            self._process = subprocess.Popen(self.command, **pipes, env={**os.environ, **same})
            self._buffer = b""
        why = "it ended"
        try:
            reply: dict[str, Any] = {}
            while "ready" not in reply and "broken" not in reply:
                reply = self._read(began + START)
            self._ready, self.names, why = "ready" in reply, reply.get("ready"), reply.get("broken")
        except OSError as error:
            why = str(error) or why
        self.waited += time.monotonic() - began
        if not self._ready:
            self._end()
            raise RuntimeError(f"the {self.kind} verifier's process did not start: {why}")

    def _read(self, deadline: float) -> dict[str, Any]:
        out = self._process.stdout
        poll = select.poll()
        poll.register(out, select.POLLIN)
        while b"\n" not in self._buffer:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError(f"no reply within {START:g} s")
            piece = out.read(65536)
            if not piece:
                raise ConnectionError("it ended")
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def _lost(self) -> None:
        self._ready = False
        self.restarts += 1

    def _end(self) -> None:
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _forget(self) -> None:
        """In a forked copy of the parent: the process belongs to the original, which alone may keep it alive."""
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.returncode = 0  # not ours to wait for
            self._process, self._ready = None, False
