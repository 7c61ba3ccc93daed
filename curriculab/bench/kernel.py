"""The notebook's kernel that runs this, if one does, and what it takes for controls to work beside a running cell."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping


def running_kernel() -> object | None:
    """The kernel of the notebook that runs this, if one does."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)


ANSWERED = ("comm_msg", "comm_open", "comm_close", "comm_info_request", "kernel_info_request")


@contextlib.contextmanager
def answering_controls() -> Iterator[None]:
    """While a cell awaits, tell the browser that messages of its controls were handled.

    ipykernel 7 says nothing of messages that it handles beside a running cell, and ipywidgets sends no second change of
    a control before the first was said to be over: menus and sliders would move once. A page that was opened anew waits
    likewise for what it asks of the kernel's widgets: it would show none.
    """
    kernel = running_kernel()
    before = {name: h for name, h in getattr(kernel, "shell_handlers", {}).items() if name in ANSWERED}
    for name, handle in before.items():
        kernel.shell_handlers[name] = _told_as_over(kernel, handle)
    try:
        yield
    finally:
        for name, handle in before.items():
            kernel.shell_handlers[name] = handle


def _told_as_over(kernel: object, handle: Callable) -> Callable:
    """The handler, which also says when it is done."""

    async def handled(stream: object, ident: object, message: Mapping) -> None:
        if inspect.isawaitable(result := handle(stream, ident, message)):
            await result
        kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=message, ident=b"status")

    return handled
