"""The Chrome or Chromium that draws figures for print, found and driven."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

NO_BROWSER = (
    "no Chrome or Chromium for PDF, SVG and PNG: on Debian `sudo apt install chromium`; on Ubuntu, whose apt chromium "
    "is a snap that cannot be driven from here, Google's .deb from https://www.google.com/chrome or `plotly_get_chrome`"
)


class ExportError(RuntimeError):
    """A figure could not be written in the format that was asked for.

    Examples
    --------
    >>> issubclass(cl.figures.ExportError, RuntimeError)
    True
    """


def find_browser() -> str | None:
    """Find a Chrome or Chromium that can be driven: $BROWSER_PATH, plotly_get_chrome's, or the system's; no snap.

    Returns
    -------
    str or None
        Path of the program; None where there is none.

    Examples
    --------
    >>> found = cl.figures.find_browser()
    >>> found is None or isinstance(found, str)
    True
    """
    from choreographer.browsers.chromium import Chromium

    path = os.environ.get("BROWSER_PATH") or Chromium.find_browser(skip_local=False)
    return path if path and Path(path).is_file() and not _is_snap(Path(path)) and _answers(str(path)) else None


@cache
def _answers(path: str) -> bool:
    """Does it tell its version? One that is broken, or waits for something, would be waited for in vain later."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_snap(path: Path) -> bool:
    """Is it a snap, or the shell script that Ubuntu has in its place?"""
    if "/snap/" in str(path.resolve()) or path.resolve().name == "snap":
        return True
    with open(path, "rb") as file:
        start = file.read(8192)
    return start.startswith(b"#!") and b"/snap/" in start


def render(jobs: list[dict[str, Any]], browser: str) -> None:
    """Draw all jobs in one browser, in a thread of its own since a notebook's thread already runs a loop."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import kaleido

    async def draw() -> None:  # no MathJax: it would be fetched from the network
        options = dict(path=browser, mathjax=False, timeout=60)
        work = kaleido.write_fig_from_object(jobs, kopts=options, cancel_on_error=True)
        await asyncio.wait_for(work, 60 + 10 * len(jobs))

    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(draw())).result()
    except Exception as error:
        reason = " ".join(str(error.args[0] if error.args else "").split())[:200] or type(error).__name__
        raise ExportError(f"{browser} did not draw ({reason}); {NO_BROWSER}") from error
