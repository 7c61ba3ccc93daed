"""Which rows would be trained when, one column a schedule, and the same figure given new numbers in place."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.panels import bin_edges
from curriculab.figures.theme import GROUPS, SCALE, style_of, template
from curriculab.runs import Runs
from curriculab.runs.roles import of_learner

if TYPE_CHECKING:
    import plotly.graph_objects as go


def schedules(runs: Runs, pool: pd.DataFrame, by: str | Sequence[str] = "level", *, group: str = "level") -> go.Figure:
    """Draw which rows schedules would train on, one column a variant.

    A column shows difficulty of the rows by step, learned tokens per `group`, and how often rows come. Every column has
    the same three traces, so a live figure can be given new numbers in place, by `redraw_schedules`.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated.
    pool : pd.DataFrame
        The rows, with the columns `by` and `group`.
    by : str or sequence of str
        The measure each variant is drawn by, one name or one a variant.
    group : str
        Column whose groups the learned tokens are counted by.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        Where the pool lacks a column, or no row was trained.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> figure = cl.figures.schedules(cl.simulate(variants, pool, steps=4, batch_size=4), pool)
    >>> len(figure.data)
    6
    """
    names = _checked(runs, pool, by, group)
    figure = _empty(len(names))
    redraw_schedules(figure, runs, pool, names, group=group)
    return figure


def redraw_schedules(
    figure: go.Figure,
    runs: Runs,
    pool: pd.DataFrame,
    by: str | Sequence[str] = "level",
    *,
    group: str = "level",
    only: Sequence[str] | None = None,
) -> None:
    """Turn a figure of as many `schedules` into that of these runs; of a live one, only what differs is sent.

    Parameters
    ----------
    figure : go.Figure
        As `schedules` returns it; it is changed in place.
    runs, pool, by, group
        As for `schedules`.
    only : sequence of str, optional
        Variants whose draws changed; None: all.

    Raises
    ------
    ValueError
        Where the pool lacks a column, or no row was trained.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"order": cl.methods.easy_to_hard}, pool, steps=4, batch_size=4)
    >>> figure = cl.figures.schedules(runs, pool)
    >>> longer = cl.simulate({"order": cl.methods.random_order}, pool, steps=8, batch_size=4)
    >>> cl.figures.redraw_schedules(figure, longer, pool)
    >>> float(figure.data[0].x.max())  # steps are in the middles of their bins
    8.0
    """
    names = _checked(runs, pool, by, group)
    most = [*_most(figure)]
    with figure.batch_update():
        for column, (variant, measure) in enumerate(zip(runs.variants, names, strict=True)):
            if only is not None and variant not in only:
                continue
            own = of_learner(runs.exposure[runs.exposure.variant == variant])
            parts = _numbers(own, pool, measure, group, style_of(variant, runs.variants)["color"])
            for trace, numbers in zip(figure.data[3 * column : 3 * column + 3], parts, strict=True):
                _change(trace, numbers)
            most[column] = parts[2]["x"].max()
            _change(figure.layout.annotations[column], {"text": escape(variant, quote=False)})
            _name_axes(figure, column, measure, group, len(parts[0]["y"]))
        few = pool[group].nunique() <= GROUPS
        for axis in figure.select_xaxes(row=2):
            _change(axis, {"dtick": 1 if few else None})
        for axis in figure.select_xaxes(row=3):
            _change(axis, {"range": (-0.6, max(most) + 0.6), "dtick": max(1, int(max(most) // 8))})


def _checked(runs: Runs, pool: pd.DataFrame, by: str | Sequence[str], group: str) -> list[str]:
    """The measure of every variant."""
    names = [by] * len(runs.variants) if isinstance(by, str) else list(by)
    for name in (*names, group):
        if name not in pool:
            raise ValueError(f"the pool has no column {name!r} to show schedules by; it has {', '.join(pool.columns)}")
    if runs.exposure.empty:
        raise ValueError("no draws to show: no row was trained (runs.exposure is empty)")
    return names


def _empty(columns: int) -> go.Figure:
    """Panels and traces without numbers."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    from curriculab.figures.screen import Figure

    figure = make_subplots(
        3,
        columns,
        figure=Figure(),
        row_heights=[0.46, 0.27, 0.27],
        column_titles=[" "] * columns,
        horizontal_spacing=0.22 / columns,
        vertical_spacing=0.12,
    )
    for column in range(1, columns + 1):
        figure.add_trace(go.Heatmap(coloraxis="coloraxis"), row=1, col=column)
        figure.add_trace(go.Bar(hovertemplate="%{y:,} tokens<extra></extra>"), row=2, col=column)
        figure.add_trace(go.Bar(hovertemplate="%{y} rows %{x} times<extra></extra>"), row=3, col=column)
    for row in (2, 3):  # columns are to be compared
        first = next(figure.select_yaxes(row=row)).plotly_name.replace("axis", "")
        figure.update_yaxes(matches=first, tickformat="~s", rangemode="tozero", row=row)
    figure.update_xaxes(type="category", row=2)
    for axis in figure.select_yaxes(row=1):
        axis.domain = (axis.domain[0], 0.95)
    figure.update_layout(
        template=template(),
        height=660,
        autosize=True,
        showlegend=False,
        bargap=0.15,
        coloraxis=dict(colorscale=SCALE, cmin=0, showscale=False),
    )
    figure.update_annotations(font_size=None, y=1, yanchor="top")
    return figure


def _most(figure: go.Figure) -> list[float]:
    """How often the rows of every column come at most."""
    return [0 if trace.x is None else max(trace.x) for trace in figure.data[2::3]]


def _change(what: Any, properties: dict[str, Any]) -> None:
    """Set what differs; every setting of a live figure is checked, stored and sent."""
    for name, value in properties.items():
        old = what[name]
        same = isinstance(old, np.ndarray | tuple) and np.array_equal(old, value)
        if not same and (isinstance(value, np.ndarray | tuple) or isinstance(old, np.ndarray) or old != value):
            what[name] = value


def _name_axes(figure: go.Figure, column: int, measure: str, group: str, scores: int) -> None:
    names = [("optimiser step", measure.replace("_", " ")), (group, "learned tokens"), ("times a row comes", "rows")]
    for row, (x, y) in enumerate(names, 1):
        for axes, text in ((figure.select_xaxes, x), (figure.select_yaxes, y)):
            _change(next(axes(row=row, col=column + 1)).title, {"text": text})
    _change(next(figure.select_yaxes(row=1, col=column + 1)), {"dtick": 1 if scores <= GROUPS else None})


def _numbers(own: pd.DataFrame, pool: pd.DataFrame, measure: str, group: str, colour: str) -> list[dict[str, Any]]:
    """Of a map of difficulty by step, of bars of tokens per group, of bars of rows by how often they come."""
    at = pool.index.get_indexer(own.id)
    at = at[at >= 0] if (at < 0).any() else at
    known = own[own.id.isin(pool.index)] if len(at) < len(own) else own
    steps, scores = bin_edges(own.step, 50), bin_edges(pool[measure], 24)
    counts = np.histogram2d(pool[measure].to_numpy(float)[at], known.step, [scores, steps])[0]
    codes, groups = pd.factorize(pool[group], sort=True)
    tokens = np.bincount(codes[at], known.tokens, len(groups))
    often = np.bincount(np.bincount(at, minlength=len(pool)))
    times = np.flatnonzero(often)
    middles = [(edges[:-1] + edges[1:]) / 2 for edges in (steps, scores)]
    hover = f"step %{{x:.0f}}, {measure} %{{y:.3g}}: %{{z:.0%}} of the rows<extra></extra>"
    share = counts / np.maximum(counts.sum(axis=0), 1)
    return [
        {"x": middles[0], "y": middles[1], "z": share, "hovertemplate": hover},
        {"x": np.asarray(groups), "y": tokens, "marker.color": colour},
        {"x": times, "y": often[times], "marker.color": colour},
    ]
