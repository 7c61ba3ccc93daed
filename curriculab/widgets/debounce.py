"""Computation in the background of a panel: only the newest request is finished and shown, older ones are cancelled.

newest = Debounced(work=lambda cancelled, knobs: simulated(knobs), show=lambda result, error: ...)
newest.request(knobs)   # returns at once; requested again before it is done, it begins anew
newest.wait()           # the result of the newest request
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Debounced:
    """One computation in a thread, begun some time after it was last requested.

    Parameters
    ----------
    work : callable
        Called as work(cancelled, *arguments) with the arguments of `request`; should look at `cancelled()` now and
        then.
    show : callable
        Called as show(result, error), one of them None, by one thread at a time.
    pause : float
        Seconds without another request before the work begins.

    Examples
    --------
    >>> double = Debounced(lambda cancelled, x: 2 * x, lambda result, error: None, pause=0.0)
    >>> double.request(21)
    >>> double.wait(timeout=10)
    42
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
    def requested(self) -> bool:
        """Was the computation ever requested?"""
        return self._number > 0

    def request(self, *arguments: object) -> None:
        """Begin anew; whatever is being computed is cancelled."""
        self._number += 1
        threading.Thread(target=self._run, args=(self._number, arguments), daemon=True).start()

    def wait(self, timeout: float | None = None) -> object:
        """Block until the newest request is shown; its result, or the exception it raised."""
        with self._shown:
            if not self._shown.wait_for(lambda: self._done[0] == self._number, timeout):
                raise TimeoutError(f"not done within {timeout} s; wait longer, or for fewer steps")
        _, result, error = self._done
        if error is not None:
            raise error
        return result

    def _run(self, number: int, arguments: tuple) -> None:
        time.sleep(self._pause)
        if number != self._number:
            return
        result, error = None, None
        try:
            result = self._work(lambda: number != self._number, *arguments)
        except Exception as problem:
            error = problem
        with self._shown:
            if number == self._number:  # else it was cancelled, or is done too late
                self._show(result, error)
                self._done = (number, result, error)
                self._shown.notify_all()
