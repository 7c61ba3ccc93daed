"""How results look at the end of a notebook cell: one line, and a small table that follows the notebook's theme.

No colour is set, so that JupyterLab's own styles decide in light and dark.
"""

from __future__ import annotations

import html

import pandas as pd

MAX_LINES = 30  # lines of a table; a notebook cell shows about as many without scrolling


def as_html(title: str, table: pd.DataFrame, *, below: str = "") -> str:
    """A title, a table and a paragraph below it, all text escaped; lines beyond MAX_LINES are counted only."""
    parts = [f"<p><b>{html.escape(title)}</b></p>"]
    if len(table):
        parts.append(table.head(MAX_LINES).to_html(border=0, na_rep=""))
    if len(table) > MAX_LINES:
        parts.append(f"<p>and {len(table) - MAX_LINES} more lines</p>")
    if below:
        parts.append(f"<p>{html.escape(below)}</p>")
    return "<div>" + "".join(parts) + "</div>"
