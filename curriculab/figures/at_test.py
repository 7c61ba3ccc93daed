"""Accuracy against what the test itself took: votes, hints, longer prompts, thoughts."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.captions import seeds_of, tell
from curriculab.figures.panels import arrange, panelled
from curriculab.figures.theme import clear, style_of
from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.statistics import estimate
from curriculab.statistics.at_test import at_test

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXES = {  # x: column of the items, title
    "tokens": ("test_tokens", "tokens a test row, read and written"),
    "generated": ("test_generated", "tokens a test row, written"),
}
WIDE = 20  # from this ratio of the dearest to the cheapest on, the axis is logarithmic


@also_named(level="confidence")
def test_time(runs: Runs, *, x: str = "tokens", confidence: float = 0.95) -> go.Figure:
    """Accuracy at the last test over what it took a row; a line joins the solvers of one variant.

    Where only one variant has several solvers, their names stand beside their marks, and no line joins them.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated; failed runs and null-band orders are left out.
    x : str
        "tokens" (read and written, by all roles that spoke in the test) or "generated" (written).
    confidence : float
        Of the t interval over seeds.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        For another axis, or runs that do not record what their tests took.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, tests=pool, steps=2, batch_size=4, seed=[0, 1])
    >>> cl.figures.test_time(runs, x="generated").layout.meta["title"]
    'Accuracy against tokens a test row, written'
    """
    if x not in AXES:
        raise ValueError(f"x={x!r} is not an axis of test-time costs; choose from {', '.join(AXES)}")
    column, title = AXES[x]
    table = at_test(runs)
    if table.empty:
        raise ValueError("no accuracy at test to show: no run that did not fail was tested; give tests")
    table = table[table.variant.isin(runs.variants)]
    figure = panelled([""], x=title, y="accuracy", ratio=0.6)
    named = (table.groupby("variant").solver.nunique() > 1).sum() == 1  # names of more would lie upon each other
    for variant in runs.variants:
        own = table[table.variant == variant]
        if len(own):
            style = style_of(variant, runs.variants) | {"confidence": confidence, "named": named}
            _solvers(figure, own, column, variant, style)
    least, most = table[column].min(), table[column].max()
    if least > 0 and most / least > WIDE:
        figure.update_xaxes(type="log")
    caption = (
        f"Accuracy at the last test against what it took a row. Small marks: {seeds_of(runs)}; large: their mean with "
        f"its {confidence:.0%} t interval{'' if named else '; a line joins the solvers of one variant'}."
    )
    return tell(arrange(figure), f"Accuracy against {title}", caption, runs)


test_time.__test__ = False  # its name is not a test's


def _solvers(figure: go.Figure, own: pd.DataFrame, column: str, variant: str, style: Mapping[str, Any]) -> None:
    """Seeds as small marks, their means with intervals as large ones, joined from the cheapest solver on."""
    import plotly.graph_objects as go

    ids = [f"{solver}, seed {seed}" for solver, seed in zip(own.solver, own.seed, strict=True)]
    dots = dict(mode="markers", marker=dict(color=clear(style["color"], 0.45), size=4), name=f"{variant}, seeds")
    hidden = dict(legendgroup=variant, hoverinfo="skip", showlegend=False)
    figure.add_trace(go.Scatter(x=own[column], y=own.accuracy, ids=ids, **dots, **hidden))
    means = own.groupby("solver", sort=False)[column].mean().sort_values(kind="stable")
    found = [estimate(own.accuracy[own.solver == name], confidence=style["confidence"]) for name in means.index]
    mean = np.array([one.mean for one in found])
    low, high = np.array([one.low for one in found], float), np.array([one.high for one in found], float)
    low, high = (np.where(np.isnan(side), mean, side).clip(0, 1) for side in (low, high))
    several = len(means) > 1
    mode = "lines+markers" if several and not style["named"] else "markers"
    figure.add_trace(
        go.Scatter(
            x=means,
            y=mean,
            mode=mode + "+text" if several and style["named"] else mode,
            name=escape(variant, quote=False),
            legendgroup=variant,
            text=[escape(name, quote=False) if several else "" for name in means.index],
            textposition="middle right",
            cliponaxis=False,
            line=dict(color=style["color"], width=1.6, dash=style["dash"]),
            marker=dict(color=style["color"], symbol=style["symbol"], size=9),
            error_y=dict(array=high - mean, arrayminus=mean - low, color=style["color"], thickness=1.2, width=3),
            hovertemplate=f"%{{text}} %{{y:.3f}} at %{{x:,.0f}} (mean of {own.seed.nunique()} seeds)",
        )
    )
