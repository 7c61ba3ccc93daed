"""Work that goes on behind a panel: the newest is wanted, what is older is called off and never shown.

behind = Behind(work=lambda unwanted, knobs: simulated(knobs), show=lambda result, error: ...)
behind.ask(knobs)     # returns at once; asked again before it is done, it begins anew
behind.wait()         # what the newest came to
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Behind:
    """One computation in a thread, begun `pause` seconds after it was last asked for.

    work(unwanted, ...) gets what `ask` was given and should look at `unwanted()` now and then; show(result, error) is
    called with one of them None, by one thread at a time.
    """

    def __init__(
        self,
        work: Callable[..., object],
        show: Callable[[object, Exception | None], None],
        *,
        pause: float = 0.25,
    ) -> None:
        self._work, self._show, self._pause = work, show, pause
        self._number, self._shown = 0, threading.Condition()
        self._done: tuple[int, object, Exception | None] = (0, None, None)

    @property
    def asked(self) -> bool:
        """Was it ever asked for?"""
        return self._number > 0

    def ask(self, *about: object) -> None:
        """Begin anew; whatever goes on is unwanted from now on."""
        self._number += 1
        threading.Thread(target=self._run, args=(self._number, about), daemon=True).start()

    def wait(self, timeout: float | None = None) -> object:
        """Block until what was asked last is shown; what it came to."""
        with self._shown:
            if not self._shown.wait_for(lambda: self._done[0] == self._number, timeout):
                raise TimeoutError(f"not done within {timeout} s; wait longer, or for fewer steps")
        _, result, error = self._done
        if error is not None:
            raise error
        return result

    def _run(self, number: int, about: tuple) -> None:
        time.sleep(self._pause)
        if number != self._number:
            return
        result, error = None, None
        try:
            result = self._work(lambda: number != self._number, *about)
        except Exception as problem:
            error = problem
        with self._shown:
            if number == self._number:  # else it was called off, or came too late
                self._show(result, error)
                self._done = (number, result, error)
                self._shown.notify_all()
