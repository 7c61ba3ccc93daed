"""The numbers that a figure draws, as a tidy table: the CSV behind it.

One line of a learning curve's: name "easy first", optimiser steps 50, accuracy 0.412. `of` tells one mark among many,
such as "seed 2"; intervals and bands are `low` and `high`, cells of a map `value`, and `text` is what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import plotly.graph_objects as go

GUIDE = "guide"  # `meta` of a trace that holds no data: a line where nothing differs
DODGED = "dodged"  # `meta` of intervals drawn beside each other: `customdata` has their true x
BINNED = "binned"  # `meta` of a cloud whose marks stand for several points: `customdata` says how many


def data_of(figure: go.Figure) -> pd.DataFrame:
    """Read the numbers that a figure draws, as a tidy table: the CSV that `export` writes beside it.

    Parameters
    ----------
    figure : go.Figure

    Returns
    -------
    pd.DataFrame
        One line for every number drawn; axes by their titles, a panel by its title (else its x axis), intervals and
        bands as `low` and `high`.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> figure = go.Figure(go.Scatter(x=[0, 50], y=[0.2, 0.4], name="easy first"))
    >>> cl.figures.data_of(figure.update_layout(xaxis_title_text="step", yaxis_title_text="accuracy"))
             name  step  accuracy
    0  easy first     0       0.2
    1  easy first    50       0.4
    """
    lines = [line for trace in figure.data if trace.meta != GUIDE for line in _lines(figure, trace)]
    table = pd.DataFrame(lines)
    table = table.drop(columns="row") if "row" in table and _empty(table.row.where(table.row != table.name)) else table
    order = [*_FIRST, *(c for c in table if c not in _LAST and c not in _FIRST), *_LAST]
    table = table[[c for c in order if c in table and not _empty(table[c])]]
    return table.reset_index(drop=True)


_FIRST = ("panel", "name", "row", "of")
_LAST = ("low", "high", "value", "points", "text")


def _empty(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _lines(figure: go.Figure, trace: Any) -> Iterator[dict[str, Any]]:
    about = dict(panel=_panel(figure, trace), name=_plain(trace.name or ""))
    if trace.type == "heatmap":
        found = _cells(figure, trace)
    elif trace.x is None or trace.y is None or not len(trace.x):
        return
    elif trace.type == "scatter" and trace.fill == "toself":
        found = _band(figure, trace)
    else:
        found = _points(figure, trace)
    for line in found:
        yield about | line


def _points(figure: go.Figure, trace: Any) -> Iterator[dict[str, Any]]:
    """Markers, lines and bars, with their intervals; the steps of a histogram from one edge `to` the next."""
    stairs = trace.type == "scatter" and trace.line.shape == "hv"
    words = trace.text if isinstance(trace.text, tuple | list | np.ndarray) else [""] * len(trace.x)
    names = {side: _title(figure, trace, side) or "row" for side in "xy"}
    reach = {side: _reach(trace, side) for side in "xy"}
    at = trace.customdata if trace.meta == DODGED else trace.x
    for i, (x, y) in enumerate(zip(at, trace.y, strict=True)):
        if x is None or y is None or x != x or y != y or (stairs and i == len(trace.x) - 1):
            continue
        line = {names["x"]: _label(figure, trace, "x", x)} | ({f"{names['x']}, to": trace.x[i + 1]} if stairs else {})
        line |= {names["y"]: _label(figure, trace, "y", y)}
        for side, value in (("x", x), ("y", y)):
            if reach[side]:
                line |= dict(low=value - reach[side][0][i], high=value + reach[side][1][i])
        points = dict(points=trace.customdata[i]) if trace.meta == BINNED else {}
        yield dict(of=trace.ids[i] if trace.ids is not None else "") | line | points | dict(text=_plain(words[i]))


def _band(figure: go.Figure, trace: Any) -> Iterator[dict[str, Any]]:
    """A filled outline, there and back; one across rows of names has its ends in x."""
    x, y, half = list(trace.x), list(trace.y), len(trace.x) // 2
    if not _title(figure, trace, "y"):
        row = _label(figure, trace, "y", (max(y) + min(y)) / 2) if max(y) - min(y) <= 1 else ""  # else across all
        yield dict(row=row, low=min(x), high=max(x))
        return
    for i in range(half):
        yield {_title(figure, trace, "x"): x[i], "low": y[-1 - i], "high": y[i]}


def _cells(figure: go.Figure, trace: Any) -> Iterator[dict[str, Any]]:
    """The cells of a map that hold a number."""
    x_name, y_name = _title(figure, trace, "x") or "column", _title(figure, trace, "y") or "row"
    for i, y in enumerate(trace.y):
        for j, x in enumerate(trace.x):
            if (value := trace.z[i][j]) is not None and value == value:
                place = {x_name: _label(figure, trace, "x", x), y_name: _label(figure, trace, "y", y)}
                yield place | dict(value=value, text=_plain("" if trace.text is None else trace.text[i][j]))


def _reach(trace: Any, side: str) -> tuple[list[float], list[float]] | None:
    error = trace[f"error_{side}"] if f"error_{side}" in trace else None
    if error is None or error.array is None or error.visible is False:
        return None
    up = list(error.array)
    return (up if error.arrayminus is None else list(error.arrayminus)), up


def _axis(figure: go.Figure, trace: Any, side: str) -> Any:
    return figure.layout[f"{side}axis{(trace[f'{side}axis'] or side)[1:]}"]


def _number(trace: Any) -> int:
    return int((trace.xaxis or "x")[1:] or 1) - 1


def _title(figure: go.Figure, trace: Any, side: str) -> str:
    """What the axis tells; empty where its ticks are names, which need none."""
    meta, panel = figure.layout.meta if isinstance(figure.layout.meta, dict) else {}, _number(trace)
    if "panels" not in meta:
        return _plain(_axis(figure, trace, side).title.text or side)
    if side == "y":
        return meta["y"]
    return meta["x"][panel] if len(set(meta["x"])) == 1 else "x"


def _panel(figure: go.Figure, trace: Any) -> str:
    meta, panel = figure.layout.meta if isinstance(figure.layout.meta, dict) else {}, _number(trace)
    if "panels" not in meta:
        several = len({t.xaxis or "x" for t in figure.data if "xaxis" in t}) > 1
        return f"panel {panel + 1}" if several else ""
    alone = meta["panels"] == 1
    return "" if alone else str(meta["titles"][panel] or meta["x"][panel])


def _label(figure: go.Figure, trace: Any, side: str, value: Any) -> Any:
    """The value, or on an axis of names the nearest name."""
    axis = _axis(figure, trace, side)
    if axis.ticktext is None:
        return value
    return _plain(axis.ticktext[int(np.argmin(np.abs(np.asarray(axis.tickvals, float) - value)))])


def _plain(text: object) -> str:
    """What is read of it: no markup."""
    return unescape(re.sub(r"<[^>]+>", " ", str(text))).strip()
