"""The pool before any training: how measures are distributed, and one against another."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.data.conversations import without_system
from curriculab.figures.captions import tell
from curriculab.figures.panels import arrange, bin_edges, panelled, stairs
from curriculab.figures.theme import COLOURS, group_name, groups_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


def difficulty(
    pool: pd.DataFrame, measures: str | Sequence[str] | None = None, *, by: str | None = "level", bins: int = 40
) -> go.Figure:
    """Distribution of each measure over the rows of the pool, one panel a measure, coloured by `by` where there is one.

    measures: columns of the pool, each higher = harder; None: all that hold numbers. A measure with at most `bins`
    whole values gets one bar a value.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> pool["words"] = cl.difficulty.word_count(pool)
    >>> type(cl.figures.difficulty(pool, "words")).__name__
    'Figure'
    """
    names = numeric_columns(pool, measures)
    groups, colours = groups_of(pool[by]) if by in pool and len(pool) else (pd.Series("", pool.index), {"": COLOURS[0]})
    figure = panelled([""] * len(names), x=[n.replace("_", " ") for n in names], y="rows", shared=False, ratio=0.5)
    for panel, name in enumerate(names):
        edges = bin_edges(pool[name], bins)
        for group, colour in colours.items():
            counts = np.histogram(pool[name][groups == group], edges)[0]
            figure.add_trace(
                stairs(
                    edges,
                    counts,
                    colour,
                    panel,
                    name=group_name(by, group, colours),
                    legendgroup=group,
                    showlegend=panel == 0 and len(colours) > 1,
                    hovertemplate=f"from {name} %{{x:.3g}}: %{{y}} rows",
                )
            )
    caption = f"{len(pool):,} rows of the pool; higher is harder{f'; shades: {by}' if len(colours) > 1 else ''}."
    return tell(arrange(figure), f"Distribution of {', '.join(n.replace('_', ' ') for n in names)}", caption)


def numeric_columns(pool: pd.DataFrame, measures: str | Sequence[str] | None) -> list[str]:
    numeric = [c for c in pool if pd.api.types.is_numeric_dtype(pool[c]) and not pd.api.types.is_bool_dtype(pool[c])]
    names = [measures] if isinstance(measures, str) else list(numeric if measures is None else measures)
    if not names or not len(pool):
        raise ValueError("no measure to show: the pool has no rows or no column of numbers; add one, as pool['loss']")
    for name in names:
        if name not in numeric:
            raise ValueError(
                f"the pool has no column {name!r} of numbers to show; it has {', '.join(numeric) or 'none'}"
            )
        if bad := int((~np.isfinite(pool[name].astype(float))).sum()):
            raise ValueError(f"column {name!r} holds {bad} values that are not finite; a measure has one for every row")
    return names


def scatter(pool: pd.DataFrame, x: str, y: str, *, by: str | None = "level") -> go.Figure:
    """Every row of the pool by two measures, coloured by `by` where the pool has it; hover tells the prompt.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> pool["words"] = cl.difficulty.word_count(pool)
    >>> type(cl.figures.scatter(pool, "level", "words")).__name__
    'Figure'
    """
    import plotly.graph_objects as go

    numeric_columns(pool, [x, y])
    groups, colours = groups_of(pool[by]) if by in pool else (pd.Series("", pool.index), {"": COLOURS[0]})
    figure = panelled([""], x=x.replace("_", " "), y=y.replace("_", " "), ratio=0.5)
    for name, colour in colours.items():
        part = pool[groups == name]
        figure.add_trace(
            go.Scatter(
                x=part[x],
                y=part[y],
                mode="markers",
                name=group_name(by, name, colours),
                showlegend=len(colours) > 1,
                marker=dict(color=colour, size=6, opacity=0.75, line=dict(color="#555555", width=0.4)),
                customdata=[escape(without_system(p).split("\n")[0][:60], quote=False) for p in part.prompt],
                hovertemplate="%{customdata}<br>%{x:.3g}, %{y:.3g}<extra></extra>",
            )
        )
    caption = f"{len(pool):,} rows of the pool{f'; colours: {by}' if len(colours) > 1 else ''}."
    return tell(arrange(figure), f"{y} against {x}".replace("_", " "), caption)
