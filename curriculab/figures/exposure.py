"""Which rows each variant trained when."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.panels import arrange, bin_edges, on_panel, panelled, stairs
from curriculab.figures.theme import GROUPS, SCALE, group_name, groups_of, style_of, template
from curriculab.runs import Runs

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draws(runs: Runs, pool: pd.DataFrame, by: str = "level", *, bins: int = 50) -> go.Figure:
    """Which rows each variant trained when, all seeds together: one panel a variant, steps from left to right.

    A column of names, or with at most 16 numbers, is shown as shares of each step (or bin of steps); any other column
    of numbers as a map of difficulty by step, darker where more of the step's rows lie. Rows that are not in the pool
    (new ones that a method made) are shown apart, or counted in the panel's title.
    """
    exposure = runs.exposure[runs.exposure.variant.isin(runs.variants)]
    if exposure.empty:
        raise ValueError("no draws to show: no row was trained (runs.exposure is empty)")
    if by not in pool:
        raise ValueError(f"the pool has no column {by!r} to show draws by; it has {', '.join(map(str, pool.columns))}")
    exposure = exposure.assign(value=exposure.id.map(pool[by]), known=exposure.id.isin(pool.index))
    steps = bin_edges(exposure.step, bins)
    few = not pd.api.types.is_numeric_dtype(pool[by]) or pool[by].nunique() <= 2 * GROUPS
    return (_shares if few else _map)(exposure, pool, by, runs.variants, steps, bins)


def _shares(
    exposure: pd.DataFrame, pool: pd.DataFrame, by: str, variants: Sequence[str], steps: np.ndarray, bins: int
) -> go.Figure:
    groups, colours = groups_of(pool[by])
    group = exposure.id.map(groups).where(exposure.known, "new rows")
    colours |= {"new rows": "#bbbbbb"} if not exposure.known.all() else {}
    figure = panelled([*variants], x="optimiser steps", y="share of rows", ratio=0.6)
    for panel, variant in enumerate(variants):
        own = exposure.variant == variant
        total = np.histogram(exposure.step[own], steps)[0]
        for name, colour in colours.items():
            share = np.histogram(exposure.step[own & (group == name)], steps)[0] / np.maximum(total, 1)
            figure.add_trace(stairs(
                steps, share, colour, panel, name=group_name(by, name, colours), legendgroup=name,
                showlegend=panel == 0,
                hovertemplate=f"{by} {name}: %{{y:.0%}} from step %{{x:.0f}}<extra>{escape(variant)}</extra>",
            ))  # fmt: skip
    figure.update_xaxes(range=[steps[0], steps[-1]])
    figure.update_yaxes(range=[0, 1], showgrid=False, tickvals=[0, 0.5, 1])
    return arrange(figure)


def _map(
    exposure: pd.DataFrame, pool: pd.DataFrame, by: str, variants: Sequence[str], steps: np.ndarray, bins: int
) -> go.Figure:
    import plotly.graph_objects as go

    scores = np.histogram_bin_edges(pool[by].dropna().astype(float), min(bins, 24))
    titles = [_less_new(v, exposure.known[exposure.variant == v].mean()) for v in variants]
    figure = panelled(titles, x="optimiser steps", y=by.replace("_", " "), ratio=0.6)
    for panel, variant in enumerate(variants):
        own = exposure[(exposure.variant == variant) & exposure.known]
        counts = np.histogram2d(own.value.astype(float), own.step, [scores, steps])[0]
        share = counts / np.maximum(counts.sum(axis=0), 1)
        figure.add_trace(go.Heatmap(
            x=(steps[:-1] + steps[1:]) / 2, y=(scores[:-1] + scores[1:]) / 2, z=share,
            coloraxis="coloraxis", name=variant, **on_panel(panel),
            hovertemplate=f"step %{{x}}, {by} %{{y:.3g}}: %{{z:.0%}} of the rows",
        ))  # fmt: skip
    bar = dict(orientation="h", x=0.5, xanchor="center", yref="container", yanchor="top", outlinewidth=0)
    bar |= dict(thickness=8, len=0.6, ypad=3, tickformat=".0%", nticks=5)
    title = dict(text="share of the step's rows", showarrow=False, xref="paper", yref="paper", x=0.5, y=1)
    figure.add_annotation(name="bar", yanchor="top", borderpad=0, **title)
    figure.update_layout(coloraxis=dict(colorscale=SCALE, cmin=0, colorbar=bar))
    figure.update_xaxes(range=[steps[0], steps[-1]])
    figure.update_yaxes(range=[scores[0], scores[-1]], showgrid=False)
    return arrange(figure)


def _less_new(variant: str, known: float) -> str:
    return variant if known == 1 else f"{variant} (without {1 - known:.0%} new rows)"


def schedules(runs: Runs, pool: pd.DataFrame, by: str | Sequence[str] = "level", *, group: str = "level") -> go.Figure:
    """One column a variant: difficulty of the rows by step, learned tokens per `group`, how often rows come.

    by: the measure each variant is drawn by, one name or one a variant. Every column has the same three traces, so a
    live figure can be given new numbers in place.
    """
    from plotly.subplots import make_subplots

    exposure = runs.exposure
    names = [by] * len(runs.variants) if isinstance(by, str) else list(by)
    for name in (*names, group):
        if name not in pool:
            raise ValueError(f"the pool has no column {name!r} to show schedules by; it has {', '.join(pool.columns)}")
    if exposure.empty:
        raise ValueError("no draws to show: no row was trained (runs.exposure is empty)")
    figure = make_subplots(
        3, len(names), row_heights=[0.46, 0.27, 0.27], column_titles=[escape(v, quote=False) for v in runs.variants],
        horizontal_spacing=0.22 / len(names), vertical_spacing=0.12,
    )  # fmt: skip
    for column, (variant, measure) in enumerate(zip(runs.variants, names, strict=True), start=1):
        own = exposure[exposure.variant == variant]
        for row, trace in enumerate(_schedule(own, pool, measure, group, style_of(variant, runs.variants)["color"]), 1):
            figure.add_trace(trace, row=row, col=column)
        for row, (x, y) in enumerate(_schedule_axes(measure, group), 1):
            figure.update_xaxes(title_text=x, row=row, col=column)
            figure.update_yaxes(title_text=y, row=row, col=column)
        figure.update_yaxes(dtick=1 if len(figure.data[-3].y) <= GROUPS else None, row=1, col=column)
    most = max((t.x.max() for t in figure.data if t.type == "bar" and t.yaxis in _row(figure, 3)), default=1)
    figure.update_xaxes(range=[-0.6, most + 0.6], dtick=max(1, int(most // 8)), row=3)
    figure.update_xaxes(type="category", dtick=1 if pool[group].nunique() <= GROUPS else None, row=2)
    for row in (2, 3):  # columns are to be compared
        figure.update_yaxes(matches=_row(figure, row)[0], tickformat="~s", rangemode="tozero", row=row)
    for axis in figure.select_yaxes(row=1):
        axis.domain = (axis.domain[0], 0.95)
    figure.update_layout(
        template=template(), height=660, autosize=True, showlegend=False, bargap=0.15,
        coloraxis=dict(colorscale=SCALE, cmin=0, showscale=False),
    )  # fmt: skip
    figure.update_annotations(font_size=None, y=1, yanchor="top")
    return figure


def _row(figure: go.Figure, row: int) -> list[str]:
    """Names of the y axes of a row of panels."""
    return [axis.plotly_name.replace("axis", "") for axis in figure.select_yaxes(row=row)]


def _schedule(own: pd.DataFrame, pool: pd.DataFrame, measure: str, group: str, colour: str) -> list[Any]:
    """A map of difficulty by step, bars of tokens per group, bars of rows by how often they come."""
    import plotly.graph_objects as go

    steps, scores = bin_edges(own.step, 50), bin_edges(pool[measure], 24)
    counts = np.histogram2d(own.id.map(pool[measure]).astype(float), own.step, [scores, steps])[0]
    tokens = own.tokens.groupby(own.id.map(pool[group])).sum().reindex(sorted(pool[group].unique()), fill_value=0)
    times = own.id.value_counts().reindex(pool.index, fill_value=0).value_counts().sort_index()
    middles = [(edges[:-1] + edges[1:]) / 2 for edges in (steps, scores)]
    return [
        go.Heatmap(
            x=middles[0], y=middles[1], z=counts / np.maximum(counts.sum(axis=0), 1), coloraxis="coloraxis",
            hovertemplate=f"step %{{x:.0f}}, {measure} %{{y:.3g}}: %{{z:.0%}} of the rows<extra></extra>",
        ),
        go.Bar(x=tokens.index, y=tokens, marker_color=colour, hovertemplate="%{y:,} tokens<extra></extra>"),
        go.Bar(x=times.index, y=times, marker_color=colour, hovertemplate="%{y} rows %{x} times<extra></extra>"),
    ]  # fmt: skip


def _schedule_axes(measure: str, group: str) -> list[tuple[str, str]]:
    return [("optimiser step", measure.replace("_", " ")), (group, "learned tokens"), ("times a row comes", "rows")]
