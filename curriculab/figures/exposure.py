"""Which rows each variant trained when."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.figures.captions import seeds_of, tell
from curriculab.figures.panels import arrange, bin_edges, on_panel, panelled, stairs
from curriculab.figures.theme import GROUPS, SCALE, group_name, groups_of
from curriculab.runs import Runs
from curriculab.runs.roles import of_learner

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draws(runs: Runs, pool: pd.DataFrame, by: str = "level", *, bins: int = 50) -> go.Figure:
    """Which rows each variant trained when, all seeds together: one panel a variant, steps from left to right.

    A column of names, or with at most 16 numbers, is shown as shares of each step (or bin of steps); any other column
    of numbers as a map of difficulty by step, darker where more of the step's rows lie. Rows that are not in the pool
    (new ones that a method made) are shown apart, or counted in the panel's title.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4)
    >>> type(cl.figures.draws(runs, pool, by="level")).__name__
    'Figure'
    """
    exposure = of_learner(runs.exposure[runs.exposure.variant.isin(runs.variants)])
    if exposure.empty:
        raise ValueError("no draws to show: no row was trained (runs.exposure is empty)")
    if by not in pool:
        raise ValueError(f"the pool has no column {by!r} to show draws by; it has {', '.join(map(str, pool.columns))}")
    exposure = exposure.assign(value=exposure.id.map(pool[by]), known=exposure.id.isin(pool.index))
    steps = bin_edges(exposure.step, bins)
    few = not pd.api.types.is_numeric_dtype(pool[by]) or pool[by].nunique() <= 2 * GROUPS
    figure = (_shares if few else _map)(exposure, pool, by, runs.variants, steps, bins)
    caption = (
        f"Rows that were really trained, {seeds_of(runs)} together: shares of every step by {by.replace('_', ' ')}."
    )
    return tell(figure, f"What was trained when, by {by.replace('_', ' ')}", caption, runs)


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
            figure.add_trace(
                stairs(
                    steps,
                    share,
                    colour,
                    panel,
                    name=group_name(by, name, colours),
                    legendgroup=name,
                    showlegend=panel == 0,
                    hovertemplate=f"{by} {name}: %{{y:.0%}} from step %{{x:.0f}}<extra>{escape(variant)}</extra>",
                )
            )
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
        figure.add_trace(
            go.Heatmap(
                x=(steps[:-1] + steps[1:]) / 2,
                y=(scores[:-1] + scores[1:]) / 2,
                z=share,
                coloraxis="coloraxis",
                name=variant,
                **on_panel(panel),
                hovertemplate=f"step %{{x}}, {by} %{{y:.3g}}: %{{z:.0%}} of the rows",
            )
        )
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
