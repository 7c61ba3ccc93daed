"""Measures of difficulty side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.figures.captions import tell
from curriculab.figures.panels import arrange, on_panel, panelled, texts_of
from curriculab.figures.pool import numeric_columns
from curriculab.figures.theme import COLOURS, DIVERGING, GROUPS, template

if TYPE_CHECKING:
    import plotly.graph_objects as go


def by_level(table: pd.DataFrame, *, level: str = "level") -> go.Figure:
    """Draw means of measures at every level with their intervals, one panel a measure.

    Parameters
    ----------
    table : pd.DataFrame
        As `difficulty.atlas.by_level` returns it.
    level : str
        What the levels are called on the axis.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        For a table without rows.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> scores = cl.difficulty.measure(pool, names=["word_count", "prompt_length"])
    >>> figure = cl.figures.by_level(cl.difficulty.atlas.by_level(scores, pool["level"]))
    >>> [trace.name for trace in figure.data]
    ['word_count', 'prompt_length']
    """
    import plotly.graph_objects as go

    measures = list(dict.fromkeys(table["measure"]))
    if not measures:
        raise ValueError("no means to show: the table has no rows; give that of difficulty.atlas.by_level")
    figure = panelled([m.replace("_", " ") for m in measures], x=level, y="mean", shared=False, ratio=0.62)
    for panel, name in enumerate(measures):
        part = table[table["measure"] == name]
        reach = dict(array=part["high"] - part["mean"], arrayminus=part["mean"] - part["low"], width=3, thickness=1.4)
        figure.add_trace(
            go.Scatter(
                x=part["level"],
                y=part["mean"],
                mode="lines+markers",
                showlegend=False,
                name=name,
                customdata=part["rows"],
                error_y=reach | dict(color=COLOURS[0]),
                line=dict(color=COLOURS[0], width=1.4),
                marker=dict(size=6),
                hovertemplate="level %{x:g}: %{y:.3g}, %{customdata} rows<extra></extra>",
                **on_panel(panel),
            )
        )
    whole = table["level"].nunique() <= 2 * GROUPS
    figure.update_xaxes(tickvals=sorted(table["level"].unique()) if table["level"].nunique() <= GROUPS else None)
    figure.update_xaxes(dtick=2 if whole and table["level"].nunique() > GROUPS else None)
    caption = f"Means with their intervals; {int(table['rows'].min()):,} rows or more a {level}."
    return tell(arrange(figure), f"Measures by {level}", caption)


def agreement(pool: pd.DataFrame, measures: Sequence[str]) -> go.Figure:
    """Spearman's rank correlation of every two measures, as a map with the numbers in it.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> pool["words"] = cl.difficulty.word_count(pool)
    >>> type(cl.figures.agreement(pool, ["level", "words"])).__name__
    'Figure'
    """
    import plotly.graph_objects as go

    from curriculab.figures.screen import Figure

    names = numeric_columns(pool, measures)
    if len(names) < 2:
        raise ValueError(f"one measure ({names[0]!r}) agrees with itself; give at least two columns of the pool")
    found = pool[names].rank().corr().to_numpy()[1:, :-1]
    shown = np.where(np.tri(len(names) - 1, dtype=bool), found, np.nan)
    labels = [name.replace("_", " ") for name in names]
    text = texts_of(shown, "{:.2f}".format)
    figure = Figure(
        go.Heatmap(
            x=labels[:-1],
            y=labels[1:],
            z=shown,
            text=text,
            texttemplate="%{text}",
            zmin=-1,
            zmax=1,
            colorscale=DIVERGING,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", showline=False)
    figure.update_xaxes(ticks="", showline=False, title_text="Spearman's rank correlation")
    figure.update_layout(template=template(), height=80 + 56 * len(names))
    return tell(figure, "Rank correlations of measures", f"Spearman's rank correlation over {len(pool):,} rows.")


def agreements(
    below: pd.DataFrame, above: pd.DataFrame, *, names: tuple[str, str] = ("Spearman", "Kendall")
) -> go.Figure:
    """Draw two matrices of rank correlations as one map: one below the diagonal, one above it.

    Parameters
    ----------
    below, above : pd.DataFrame
        (measures, measures), in [-1, 1], such as `difficulty.atlas.agreement` returns.
    names : tuple of str
        What the two are called.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        Where the tables are not of the same measures in the same order.

    Examples
    --------
    >>> scores = pd.DataFrame({"level": [1, 2, 3, 4], "loss": [0.1, 0.4, 0.3, 0.9], "words": [3, 3, 5, 7]})
    >>> both = [cl.difficulty.atlas.agreement(scores, method) for method in ("spearman", "kendall")]
    >>> cl.figures.agreements(*both).data[0].z.shape
    (3, 3)
    """
    import plotly.graph_objects as go

    if list(below.index) != list(above.index) or list(below.index) != list(below.columns):
        raise ValueError("two square tables of the same measures in the same order make one map")
    n, labels = len(below), [str(name).replace("_", " ") for name in below]
    z = np.where(np.tri(n, k=-1, dtype=bool), below, above).astype(float)
    np.fill_diagonal(z, np.nan)
    text = texts_of(z, "{:.2f}".format)
    pairs = np.reshape([f"{a} and {b}" for a, b in product(labels, labels)], (n, n))
    wrapped = [label.replace(" ", "<br>", 1) for label in labels]
    title = f"{names[0]} below the diagonal, {names[1]} above"
    figure = panelled([""], x=title, y="", lines=2.1 * n)
    figure.add_trace(
        go.Heatmap(
            x=[*range(n)],
            y=[*range(n)],
            z=z,
            text=text,
            texttemplate="%{text}",
            zmin=-1,
            zmax=1,
            colorscale=DIVERGING,
            showscale=False,
            xgap=2,
            ygap=2,
            customdata=pairs.tolist(),
            hovertemplate="%{customdata}: %{z:.2f}<extra></extra>",
        )
    )
    common = dict(showgrid=False, ticks="", showline=False, tickvals=[*range(n)])
    figure.update_xaxes(**common, ticktext=wrapped, tickangle=-90 if n > 6 else 0)
    figure.update_yaxes(**common, ticktext=labels, range=[n - 0.5, -0.5])
    return tell(arrange(figure), "Rank correlations of measures", f"{title}.")
