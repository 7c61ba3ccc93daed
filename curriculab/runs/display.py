"""How results look at the end of a notebook cell: one line, and a small table that follows the notebook's theme.

No colour is set, so that JupyterLab's own styles decide in light and dark.
"""

from __future__ import annotations

import html
import textwrap

import pandas as pd

MAX_LINES = 30  # lines of a table; a notebook cell shows about as many without scrolling
WIDTH = 88  # characters of a line of text; a notebook tears longer ones within a word


def wrapped(text: str) -> str:
    """Lines of at most WIDTH characters, torn between words only; lines of the text stay lines.

    Examples
    --------
    >>> from curriculab.runs.display import wrapped
    >>> print(wrapped("No.\\n" + "word " * 20))
    No.
    word word word word word word word word word word word word word word word word word
      word word word
    """
    lines = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def as_text(table: pd.DataFrame) -> str:
    """A table of texts for `print`: numbers to the right, names to the left, no line torn.

    Examples
    --------
    >>> from curriculab.runs.display import as_text
    >>> print(as_text(pd.DataFrame({"accuracy": ["0.5"]}, index=pd.Index(["random"], name="variant"))))
    variant  accuracy
    random        0.5
    """
    names = [str(table.index.name or ""), *map(str, table.index)]
    width = max(map(len, names))
    columns = [[f"{name:<{width}}" for name in names]]
    for column in table:
        cells = [str(column), *map(str, table[column])]
        columns.append([f"{cell:>{max(map(len, cells))}}" for cell in cells])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def as_html(title: str, table: pd.DataFrame, *, above: str = "", below: str = "") -> str:
    """A title, a table and paragraphs above and below it, all text escaped; lines beyond MAX_LINES are counted only."""
    parts = [f"<p><b>{html.escape(title)}</b></p>"]
    parts += [_paragraph(line, strong=not number) for number, line in enumerate(above.splitlines())]
    if len(table):
        parts.append(table.head(MAX_LINES).to_html(border=0, na_rep=""))
    if len(table) > MAX_LINES:
        parts.append(f"<p>and {len(table) - MAX_LINES} more lines</p>")
    parts += [_paragraph(line) for line in below.splitlines()]
    return "<div>" + "".join(parts) + "</div>"


def _paragraph(line: str, *, strong: bool = False) -> str:
    text = html.escape(line)
    return f"<p><b>{text}</b></p>" if strong else f"<p>{text}</p>"
