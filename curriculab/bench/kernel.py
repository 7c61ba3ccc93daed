"""The notebook's kernel that runs this, if one does, and what it takes for controls to work beside a running cell."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Mapping


def running_kernel() -> object | None:
    """The kernel of the notebook that runs this, if one does."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)


@contextlib.contextmanager
def answering_controls() -> Iterator[None]:
    """While a cell awaits, tell the browser that messages of its controls were handled.

    ipykernel 7 says nothing of messages that it handles beside a running cell, and ipywidgets sends no second change of
    a control before the first was said to be over: menus and sliders would move once.
    """
    kernel = running_kernel()
    handle = getattr(kernel, "shell_handlers", {}).get("comm_msg")
    if handle is None:
        yield
        return

    async def handled(stream: object, ident: object, message: Mapping) -> None:
        if inspect.isawaitable(result := handle(stream, ident, message)):
            await result
        kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=message, ident=b"status")

    kernel.shell_handlers["comm_msg"] = handled
    try:
        yield
    finally:
        kernel.shell_handlers["comm_msg"] = handle
