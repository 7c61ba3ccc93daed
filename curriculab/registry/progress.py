"""How far long work is: told by the loops that do it, heard by the panel of a bench, or by a line under a cell.

with working("measuring answer_loss"):         # after two silent seconds: measuring answer_loss  41% 0:03, 0:04 left
    for batch in ticked(batches):              # after each batch the listener of this thread is told the share done
        ...
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from curriculab.registry.warning import in_a_notebook

SILENT_SECONDS = 2.0  # before a line appears: what is over sooner needs none
BEAT_SECONDS = 1.0  # between two states of the line, also where nothing was told
Item = TypeVar("Item")


class _Hearing(threading.local):
    """Of each thread, who listens, and the loops that it is in: (items done, items) of each, outermost first."""

    def __init__(self) -> None:
        self.listener: Callable[[float], None] | None = None
        self.loops: list[tuple[int, int]] = []


_hearing = _Hearing()


def _forget() -> None:
    """A copy of this process has nobody to tell: who listens is in the original."""
    _hearing.listener, _hearing.loops = None, []


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


def ticked(items: Sequence[Item]) -> Iterator[Item]:
    """Go through `items`, and tell after each which share of them is done; inside another such loop, of that one's.

    Examples
    --------
    >>> told = []
    >>> with listening(told.append):
    ...     for _ in ticked("ab"):
    ...         for _ in ticked("cd"):
    ...             pass
    >>> told
    [0.25, 0.5, 0.5, 0.75, 1.0, 1.0]
    """
    if _hearing.listener is None:
        yield from items
        return
    loops, depth = _hearing.loops, len(_hearing.loops)
    try:
        for number, item in enumerate(items):
            loops[depth:] = [(number, len(items))]
            yield item
            loops[depth:] = [(number + 1, len(items))]
            _tell()
    finally:
        del loops[depth:]


def _tell() -> None:
    share, whole = 0.0, 1.0
    for done, total in _hearing.loops:
        whole /= total
        share += done * whole
    if _hearing.listener is not None:
        _hearing.listener(min(share, 1.0))


@contextlib.contextmanager
def listening(listener: Callable[[float], None]) -> Iterator[None]:
    """Tell `listener` which share of its loops, in [0, 1], this thread has done; the one from before hears nothing.

    Examples
    --------
    >>> told = []
    >>> with listening(told.append):
    ...     list(ticked([1, 2]))
    [1, 2]
    >>> told
    [0.5, 1.0]
    """
    before = _hearing.listener, _hearing.loops
    _hearing.listener, _hearing.loops = listener, []
    try:
        yield
    finally:
        _hearing.listener, _hearing.loops = before


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is being done, and how far it is, where it takes longer than two seconds; the line goes when it is over.

    Inside other such work, or of a thread that somebody listens to already, nothing more is said.

    Examples
    --------
    >>> with working("counting"):
    ...     sum(ticked(range(1000)))
    499500
    """
    if _hearing.listener is not None:
        yield
        return
    line = Line(what)
    try:
        with listening(line.tell):
            yield
    finally:
        line.close()


class Line:
    """A line that appears after two seconds and moves every second, whether or not anything is told.

    Examples
    --------
    >>> line = Line("counting")
    >>> line.tell(0.5)
    >>> line.close()
    """

    def __init__(self, what: str) -> None:
        self.what, self.share = what, 0.0
        self._over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="curriculab-line", daemon=True)
        self._thread.start()

    def tell(self, share: float) -> None:
        """How far it is, in [0, 1]: a later loop of the same work begins anew, the line stays where it was."""
        self.share = share

    def close(self) -> None:
        """It is over: the line goes."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        if self._over.wait(SILENT_SECONDS):
            return
        line = _Cell(self) if in_a_notebook() else _Terminal(self)
        line.show()
        while not self._over.wait(BEAT_SECONDS):
            line.show()
        line.close()

    def __str__(self) -> str:
        return f"{self.what}: {self.share:.0%} after {time.monotonic() - self._began:.0f} s"


class _Terminal:
    """A bar on a line of its own."""

    def __init__(self, line: Line) -> None:
        from tqdm import tqdm

        layout = "{desc} {percentage:3.0f}% |{bar:24}| {elapsed}"
        self.line, self.bar = line, tqdm(total=1.0, desc=line.what, bar_format=layout, leave=False, mininterval=0.0)
        self.bar.start_t -= SILENT_SECONDS  # since it began, not since it was shown

    def show(self) -> None:
        self.bar.n = self.line.share
        self.bar.refresh()

    def close(self) -> None:
        self.bar.close()


class _Cell:
    """A text in the output of a cell, replaced in place: of a widget the stored notebook would keep an empty place."""

    def __init__(self, line: Line) -> None:
        self.line, self.handle = line, None

    def show(self) -> None:
        from IPython.display import display

        text = {"text/plain": str(self.line)}
        if self.handle is None:
            self.handle = display(text, raw=True, display_id=uuid.uuid4().hex)
        else:
            self.handle.update(text, raw=True)

    def close(self) -> None:
        if self.handle is not None:
            self.handle.update({"text/plain": ""}, raw=True)
