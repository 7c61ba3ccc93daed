"""Figures of several panels that know how to lay themselves out at any width, and the shapes they share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.data import DODGED, GUIDE
from curriculab.figures.theme import DIVERGING, FRAME, NARROW, SCREEN_PX, SCREEN_WIDTH, template

if TYPE_CHECKING:
    import plotly.graph_objects as go


MOST_BANDS = 3  # in one panel; more veil each other, and intervals are drawn as thin lines instead
MOST_WHISKERS = 30


def panelled(
    panels: Sequence[str], *, x: str | Sequence[str], y: str, shared: bool = True, ratio: float = 0.62, lines: float = 0
) -> go.Figure:
    """An empty figure with one panel per title; `shared` panels have one x and one y range, told once at the edge.

    What `arrange` needs to lay the panels out again at another width stands in `layout.meta`; `lines` is a panel's
    height in lines of text, where its width shall not decide it.
    """
    from curriculab.figures.screen import Figure

    titles = [x] * len(panels) if isinstance(x, str) else list(x)
    figure = Figure(layout=dict(template=template()))
    for i, title in enumerate(panels):
        for axis, other in ("xy", "yx"):
            figure.layout[_axis(axis, i)] = dict(anchor=other + _number(i), matches=axis if shared and i else None)
        if not title:
            continue
        note = dict(text="", align="left", xanchor="left", yanchor="bottom", xref="paper", yref="paper")
        figure.add_annotation(name=f"panel {i}", showarrow=False, borderpad=0, **note)
    meta = dict(panels=len(panels), titles=list(panels), shared=shared, ratio=ratio, x=titles, y=y, lines=lines)
    figure.layout.meta = meta
    return figure


def _number(panel: int) -> str:
    return "" if panel == 0 else str(panel + 1)


def _axis(letter: str, panel: int) -> str:
    return f"{letter}axis{_number(panel)}"


def on_panel(panel: int) -> dict[str, str]:
    """Which axes a trace of this panel is drawn on."""
    return dict(xaxis="x" + _number(panel), yaxis="y" + _number(panel))


def arrange(
    figure: go.Figure, *, width: float = SCREEN_WIDTH, px: float = SCREEN_PX, height: float | None = None, most: int = 3
) -> go.Figure:
    """Lay the panels out for a width (px) and a size of text (px), as many beside each other as stay legible."""
    meta = figure.layout.meta
    n = meta["panels"]
    rows = -(-n // min(n, most, max(1, int(width // (13.5 * px)))))
    columns = -(-n // rows)
    gap_x, gap_y = _gaps(n, px, shared=meta["shared"])
    across = width - 5.5 * px
    panel_width = (across - gap_x * (columns - 1)) / columns
    narrow = min(width, NARROW) if px == SCREEN_PX else width  # a screen's width is known when it is looked at
    across_narrow = (narrow - 5.5 * px - gap_x * (columns - 1)) / columns
    titles = [wrap(t, across_narrow / (0.53 * px), lines=3) for t in meta["titles"]]
    strip = px * max((1.25 * t.count("<br>") + 1.7 for t in titles if t), default=0)
    above = (1.65 * _legend_rows(figure, narrow, px) + 3.9 * _has_bar(figure) + 0.8) * px
    below = 3.6 * px
    if height:
        panel_height = (height - above - below - (rows - 1) * gap_y) / rows - strip
    else:
        panel_height = meta["lines"] * px or min(max(panel_width * meta["ratio"], 7 * px), 24 * px)
        panel_height = max(panel_height, above / rows - strip)  # plotly cuts a legend at half the figure
    total = rows * (strip + panel_height) + (rows - 1) * gap_y
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        left, top = column * (panel_width + gap_x) / across, 1 - row * (strip + panel_height + gap_y) / total
        x, y = (left, left + panel_width / across), (top - (strip + panel_height) / total, top - strip / total)
        alone, lowest, leftmost = not meta["shared"], i + columns >= n, column == 0
        has_x, has_y = alone or lowest, alone or leftmost
        names = meta["x"][i] if has_x else "", meta["y"] if leftmost else ""
        figure.layout[_axis("x", i)].update(domain=np.clip(x, 0, 1), showticklabels=has_x, title_text=names[0])
        figure.layout[_axis("y", i)].update(domain=np.clip(y, 0, 1), showticklabels=has_y, title_text=names[1])
        place = dict(x=left, y=min(max(y[1], 0), 1), yshift=0.35 * px)
        figure.update_annotations(place | dict(text=title), selector=dict(name=f"panel {i}"))
    figure.layout.height = height or round(total + above + below)
    if any(meta["x"]):  # plotly's own margin ends at the baseline of the axis title
        figure.layout.margin.b = below
    if _has_bar(figure):  # plotly makes room for a legend by itself; for a bar above the panels, too much
        figure.layout.margin.t = above
        figure.layout.coloraxis.colorbar.y = 1 - 1.4 * px / figure.layout.height
        figure.update_annotations(dict(yshift=above - 0.2 * px), selector=dict(name="bar"))
    return figure


def _gaps(panels: int, px: float, *, shared: bool) -> tuple[float, float]:
    """Space between panels across and down, in pixels; wider where each has axis labels of its own."""
    if panels == 1:
        return 0, 0
    return (1.3 * px, 1.0 * px) if shared else (4.4 * px, 4.0 * px)


def _has_bar(figure: go.Figure) -> bool:
    return figure.layout.coloraxis.colorscale is not None


def wrap(text: str, characters: float, *, lines: int) -> str:
    """Text as plotly reads it, broken into at most so many lines."""
    parts = textwrap.wrap(str(text), max(int(characters), 4), max_lines=lines, placeholder=" …")
    return "<br>".join(escape(part, quote=False) for part in parts)


def _legend_rows(figure: go.Figure, width: float, px: float) -> int:
    """Rows that plotly's horizontal legend will need: one if all fit, else columns as wide as the widest entry."""
    names = [t.name for t in figure.data if t.showlegend is not False and t.name and t.type != "heatmap"]
    wide = [0.56 * px * max(map(len, name.split("<br>"))) + 40 for name in names]
    if sum(wide) <= width:
        return int(bool(names))
    return -(-len(names) // max(1, int(width // max(wide))))


def texts_of(values: np.ndarray, write: Callable[[float], str]) -> list[list[str]]:
    """A matrix of numbers as texts to print in its cells; "" where there is no number."""

    def text(value: float) -> str:
        return "" if np.isnan(value) else write(value)

    return [list(map(text, line)) for line in values]


def stairs(edges: np.ndarray, heights: np.ndarray, colour: str, panel: int, **more: Any) -> go.Scatter:
    """Stacked columns of a histogram as one outline: a tenth of the size of as many bars in an SVG."""
    import plotly.graph_objects as go

    line = dict(shape="hv", width=0, color=colour)
    return go.Scatter(
        x=edges,
        y=[*heights, heights[-1]],
        stackgroup=f"panel {panel}",
        mode="lines",
        line=line,
        fillcolor=colour,
        **on_panel(panel),
        **more,
    )


def region(x: pd.Series, low: np.ndarray, high: np.ndarray, colour: str, **more: Any) -> go.Scatter:
    import plotly.graph_objects as go

    around = dict(x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]))
    return go.Scatter(**around, fill="toself", fillcolor=colour, mode="lines", line_width=0, hoverinfo="skip", **more)


def whiskers(
    x: pd.Series, mean: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str, place: tuple[int, int], **more: Any
) -> go.Scatter:
    """Intervals as thin lines, those of variant `place[0]` of `place[1]` beside the others'; of many points some."""
    import plotly.graph_objects as go

    own, n = place
    x = np.asarray(x, float)
    step = -(-len(x) * n // MOST_WHISKERS)
    at = np.arange(own % step, len(x), step)
    gap = np.diff(x).min(initial=np.ptp(x) or 1.0)
    shift = (own - (n - 1) / 2) * min(0.6 * gap / n, 0.012 * (np.ptp(x) or 1.0))
    reach = dict(array=(high - mean)[at], arrayminus=(mean - low)[at], color=colour, thickness=1.2, width=2)
    mark = dict(opacity=0, size=1, color=colour)
    common = dict(mode="markers", marker=mark, error_y=reach, hoverinfo="skip", meta=DODGED)
    return go.Scatter(x=x[at] + shift, y=mean[at], customdata=x[at], **common, **more)


def no_difference(figure: go.Figure, x: Sequence[float], y: Sequence[float]) -> None:
    """Where nothing differs: over the null band, under the marks."""
    import plotly.graph_objects as go

    common = dict(name="no difference", meta=GUIDE, showlegend=False, hoverinfo="skip")
    figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=dict(color=FRAME, width=1), **common))


def cells(
    figure: go.Figure, panel: int, rows: Sequence, columns: Sequence, z: np.ndarray, text: Any, *, most: float
) -> None:
    """A map of numbers around 0 with the numbers in it; first row on top."""
    import plotly.graph_objects as go

    most = float(most) or 1.0
    figure.add_trace(
        go.Heatmap(
            x=[*range(len(columns))],
            y=[*range(len(rows))],
            z=z,
            text=text,
            texttemplate="%{text}",
            xgap=2,
            ygap=2,
            zmin=-most,
            zmax=most,
            colorscale=DIVERGING,
            showscale=False,
            name=figure.layout.meta["titles"][panel],
            hoverinfo="text",
            hoverongaps=False,
            **on_panel(panel),
        )
    )
    wrapped = [wrap(c, 12, lines=2) for c in columns]
    figure.layout[_axis("x", panel)].update(
        tickvals=[*range(len(columns))], ticktext=wrapped, ticks="", showline=False, autotickangles=[0, 90]
    )
    figure.layout[_axis("y", panel)].update(
        tickvals=[*range(len(rows))],
        ticktext=[wrap(r, 16, lines=2) for r in rows],
        ticks="",
        showline=False,
        showgrid=False,
        range=[len(rows) - 0.5, -0.5],
    )


def bin_edges(values: pd.Series, bins: int) -> np.ndarray:
    """Edges of bins: one bin a value for few whole values, else `bins` of one width."""
    whole = np.unique(values)
    if np.all(whole == np.round(whole)) and np.ptp(whole) < bins:
        return np.arange(whole[0] - 0.5, whole[-1] + 1)
    return np.histogram_bin_edges(values.astype(float), bins)
