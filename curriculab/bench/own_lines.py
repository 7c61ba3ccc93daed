"""Where in their own code an error came from: the lines of a method's author, without those of the package.

line 4 of cell In[3], in mine
    hard = pool[pool.levl > 2]
AttributeError: 'DataFrame' object has no attribute 'levl'
"""

from __future__ import annotations

import linecache
import re
import sys
import sysconfig
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def own_lines(error: BaseException, asking: Generator | None = None) -> str:
    """The author's own lines that an error passed through, outermost first, and what it says; "" where there are none.

    Parameters
    ----------
    error : BaseException
        With its traceback.
    asking : Generator, optional
        The method that asked, where what was wrong is its request: the line it stands at is told.

    Examples
    --------
    >>> from curriculab.bench.own_lines import own_lines
    >>> own_lines(ValueError("raised nowhere"))
    ''
    """
    lines = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _is_own(frame)]
    if not lines and asking is not None:
        lines = [(frame, frame.f_lineno) for frame in _waiting(asking) if _is_own(frame)]
    told = [text for frame, line in lines for text in _told(frame, line)]
    return "\n".join([*told, f"{type(error).__name__}: {error}"]) if told else ""


def last_line(told: str) -> str:
    """The innermost of one's own lines in a line of text: "line 4 of cell In[3], in mine: hard = pool.levl"."""
    lines = told.splitlines()
    places = [place for place, line in enumerate(lines) if re.match(r"line \d+ of ", line)]
    if not places:
        return ""
    source = [line.strip() for line in lines[places[-1] + 1 :][:1] if line.startswith("    ")]
    return ": ".join([lines[places[-1]], *source])


def _is_own(frame: FrameType) -> bool:
    """Is it neither of the package nor of a library?"""
    file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))
    if module.partition(".")[0] == "curriculab" or file.startswith("<frozen"):
        return False
    return not file.startswith(LIBRARIES)


def _waiting(asking: Generator) -> Iterator[FrameType]:
    """Frames of a generator that waits, and of those that it waits for."""
    while isinstance(asking, Generator) and asking.gi_frame is not None:
        yield asking.gi_frame
        asking = asking.gi_yieldfrom


def _told(frame: FrameType, line: int) -> Iterator[str]:
    code = frame.f_code
    yield f"line {line} of {_place(code.co_filename)}, in {code.co_name}"
    source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
    if source:
        yield f"    {source}"


def _place(file: str) -> str:
    """A file by its path, as short as it is below the current folder; a cell of a notebook by its number."""
    cell = _cell(file)
    if cell:
        return f"cell {cell}"
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def _cell(file: str) -> str:
    """ "In[3]" for the file that a notebook gave a cell; "" for others."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    try:
        return str(shell.compile.format_code_name(file)[1])
    except (AttributeError, TypeError):  # no notebook, or a file that is no cell
        return ""
