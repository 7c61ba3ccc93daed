"""Docstrings as reStructuredText, for the documentation site.

Docstrings are written to be read in an editor: paragraphs, indented tables of names and their meaning, `code` in single
backticks. What is indented becomes a block as it stands; a star or an underscore in running text is no markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

HEADING = re.compile(r"-{3,}\s*$")
EMPHASIS = re.compile(r"(`[^`\n]*`|\*\w(?:[^*\n]*\w)?\*)")


def as_rst(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Rewrite `lines` in place, up to the first numpydoc section; those are reStructuredText already."""
    end = next((i - 1 for i, line in enumerate(lines) if i and HEADING.fullmatch(line)), len(lines))
    lines[:] = [*prose(lines[:end]), *lines[end:]]


def prose(lines: list[str]) -> Iterator[str]:
    """Paragraphs as they are, indented blocks and aligned lists as literal blocks."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
            continue
        if block and is_laid_out(block):
            yield from ["::", "", *(f"    {kept}" for kept in block), ""]
        else:
            yield from [*(escape(kept) for kept in block), ""]
        block = []


def is_laid_out(block: list[str]) -> bool:
    """Whether the lines are placed by hand: indented, aligned with spaces, a list or an example session."""
    return any(re.match(r"\s|[-*] |\d+\. |>>> ", line) or re.search(r"\S {3,}\S", line) for line in block)


def escape(line: str) -> str:
    r"""A line in which only `code` and *emphasis* are markup.

    >>> escape("x * y_ is not *all*, see `a*b`")
    'x \\* y\\_ is not *all*, see `a*b`'
    """
    parts = EMPHASIS.split(line)
    plain = [re.sub(r"([*|\\]|_(?=\W|$))", r"\\\1", part) for part in parts[::2]]
    marked = [*parts[1::2], ""]
    return "".join(text + mark for text, mark in zip(plain, marked, strict=True))
