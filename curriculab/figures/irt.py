"""What an IRT fit found: curves of items, people and items on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.captions import tell
from curriculab.figures.panels import arrange, on_panel, panelled
from curriculab.figures.theme import COLOURS, DASHES, GREY, GROUPS, group_name, groups_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


def item_curves(fit: Any, items: Sequence[object] | None = None, *, people: bool = True) -> go.Figure:
    """Draw the chance of a right answer over ability for some items of an IRT fit, with its people as ticks below.

    Where a curve falls, the able solve the item less often.

    Parameters
    ----------
    fit : difficulty.irt.Fit
    items : sequence, optional
        Names, 8 at most; None: up to eight, evenly over the order of difficulty.
    people : bool
        Whether people are shown.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        For no item or more than 8, or an item that was not fitted.

    Examples
    --------
    >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
    >>> figure = cl.figures.item_curves(cl.difficulty.irt.fit(responses))
    >>> [trace.name for trace in figure.data]
    ['a', 'b', 'c', 'people']
    """
    import plotly.graph_objects as go

    order = fit.items["difficulty"].sort_values(kind="stable").index
    evenly = order[np.unique(np.linspace(0, len(order) - 1, GROUPS).round().astype(int))]
    shown = list(evenly if items is None else items)
    if not 1 <= len(shown) <= GROUPS:
        raise ValueError(f"{len(shown)} curves in one figure; give 1 to {GROUPS} items")
    ability = fit.people["ability"]
    reach = max(3.0, float(ability.abs().max()) + 0.5)
    x = np.linspace(-reach, reach, 121)
    figure = panelled([""], x=f"ability, {_unit(fit)}", y="P(right)", ratio=0.5)
    for place, name in enumerate(shown):
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // 2 % len(DASHES)]
        figure.add_trace(
            go.Scatter(
                x=x,
                y=fit.curve(name, x)["probability"],
                mode="lines",
                name=escape(str(name), quote=False),
                line=dict(color=colour, width=2, dash=dash),
                hovertemplate="%{x:.2f}: %{y:.2f}",
            )
        )
    if people:
        figure.add_trace(
            go.Scatter(
                x=ability,
                y=np.full(len(ability), -0.05),
                mode="markers",
                name="people",
                hoverinfo="skip",
                marker=dict(color=GREY, symbol="line-ns", size=8, line=dict(color=GREY, width=1), opacity=0.5),
            )
        )
    figure.update_xaxes(range=[-reach, reach])
    figure.update_yaxes(range=[-0.1, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1])
    caption = f"{len(shown)} of {len(order)} items, fitted to {len(ability)} people{' (ticks)' if people else ''}."
    return tell(arrange(figure), "Chance of a right answer against ability", caption)


def wright_map(fit: Any, *, bins: int = 30, groups: pd.Series | None = None) -> go.Figure:
    """Draw people (left) and items (right) of an IRT fit on one scale, as counts.

    Who stands beside an item has an even chance of solving it (with guessing: half of what is left). The easiest and
    hardest 2% of the items share the outermost bins where they lie far from everybody.

    Parameters
    ----------
    fit : difficulty.irt.Fit
    bins : int
        Along the scale.
    groups : pd.Series, optional
        Of the items, which are coloured by it, such as their level.

    Returns
    -------
    go.Figure

    Examples
    --------
    >>> responses = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, 1, 0], "c": [0, 0, 1, 0]})
    >>> figure = cl.figures.wright_map(cl.difficulty.irt.fit(responses), bins=10)
    >>> {trace.name: int(sum(trace.x)) for trace in figure.data}
    {'people': 4, 'items': 3}
    """
    import plotly.graph_objects as go

    ability, difficulty = fit.people["ability"], fit.items["difficulty"]
    center, spread = float(ability.median()), max(float(ability.std()), 0.5)
    rim = difficulty.quantile([0.02, 0.98])
    low = max(min(ability.min(), difficulty.min()), min(center - 4 * spread, ability.min(), rim.iloc[0]))
    high = min(max(ability.max(), difficulty.max()), max(center + 4 * spread, ability.max(), rim.iloc[1]))
    edges = np.linspace(low, high, bins + 1)
    middle, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    figure = panelled(["people", "items"], x=["people", "items"], y=f"position, {_unit(fit)}", shared=False, ratio=0.8)
    of, colours = groups_of(groups.reindex(fit.items.index)) if groups is not None else (None, {"": COLOURS[1]})
    parts = [(0, "people", ability, COLOURS[0], False)]
    for name, colour in colours.items():
        own = difficulty if of is None else difficulty[of == name]
        label = "items" if of is None else group_name(str(groups.name or "group"), name, colours)
        parts.append((1, label, own, colour, of is not None))
    for panel, label, values, colour, in_legend in parts:
        counts = np.histogram(values.clip(low, high), edges)[0]
        figure.add_trace(
            go.Bar(
                x=counts,
                y=middle,
                width=width,
                orientation="h",
                name=label,
                showlegend=in_legend,
                marker=dict(color=colour, line=dict(color="white", width=0.5)),
                hovertemplate="%{x} at %{y:.2f}<extra></extra>",
                **on_panel(panel),
            )
        )
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(rangemode="tozero", showgrid=True, tickformat="d")
    figure.update_layout(xaxis_autorange="reversed", yaxis2_matches="y")
    figure.update_yaxes(range=[low - width, high + width], showgrid=False)
    caption = f"{len(ability)} people and {len(difficulty)} items on one scale ({_unit(fit)}), as counts."
    return tell(arrange(figure), "People and items on one scale", caption)


def _unit(fit: Any) -> str:
    return "logits" if fit.scale == "rasch" else "standard deviations"
