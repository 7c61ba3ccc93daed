"""Warnings that name the line that called the package."""

from __future__ import annotations

import sys
import textwrap
import warnings
from types import FrameType

WIDTH = 88  # characters of a line in a notebook's output


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line outside the package, however many of its functions and wrappers lie between.

    Parameters
    ----------
    message : str
        One line: what is wrong, where, and what to do.
    category : type of Warning
        As in `warnings.warn`.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     warn("3 rows repeat another")
    >>> str(seen[0].message), seen[0].category.__name__
    ('3 rows repeat another', 'UserWarning')
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _of_the_package(frame):
        frame = frame.f_back
    warnings.warn_explicit(
        _wrapped(message) if in_a_notebook() else message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def in_a_notebook() -> bool:
    """Does this run in the kernel of a notebook?"""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


def _wrapped(message: str) -> str:
    """Lines that a notebook does not tear within a word."""
    lines = []
    for line in message.splitlines():
        lines += textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False, drop_whitespace=False) or [
            ""
        ]
    return "\n".join(line.rstrip() for line in lines)


def _of_the_package(frame: FrameType) -> bool:
    """By its module: what a dataclass generates has no file."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "curriculab"
