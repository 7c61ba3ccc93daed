"""The figure of a bench in training: drawn from its points, again and again, with what was done to it by hand.

    training(live.points, "accuracy", x="tokens")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.figures.theme import INK, clear, style_of, template

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXES = {
    "step": "optimiser steps", "rows": "examples trained", "tokens": "tokens trained", "rollouts": "answers sampled",
    "generated": "tokens sampled", "seconds": "seconds",
}  # fmt: skip
QUANTITIES = {
    "accuracy": "share of test rows right", "loss": "loss, nats a token", "reward": "mean reward",
    "length": "tokens an answer",
}  # fmt: skip
POINTS = 120  # a line is drawn through so many; more steps are averaged
SIGNS = {"stop": "x", "swap": "diamond-wide", "fork": "star-triangle-up", "pause": "line-ns", "resume": "line-ns"}
EMPTY = "Nothing measured yet: the start is being tested."


def lines(points: Sequence[Mapping[str, object]], y: str = "accuracy") -> pd.DataFrame:
    """Points as lines: variant, seed, every axis, y; where a line is long, means of neighbouring steps."""
    table = pd.DataFrame([p for p in points if p.get("kind") in ("step", "test")])
    if table.empty:
        return pd.DataFrame(columns=["variant", "seed", *AXES, "y"])
    table["rows"] = table.get("rows", pd.Series(0.0, table.index)).fillna(0.0)
    table["rows"] = table.groupby(["variant", "seed"]).rows.cumsum()
    if y not in table:
        return pd.DataFrame(columns=["variant", "seed", *AXES, "y"])
    known = table.assign(y=table[y]).dropna(subset="y")
    size = known.groupby(["variant", "seed"]).cumcount()
    each = 1 + (int(size.max()) // POINTS if len(known) else 0)
    found = known.groupby(["variant", "seed", size // each], sort=False)[[*AXES, "y"]].mean()
    return found.reset_index(level=[0, 1]).reset_index(drop=True)


def training(
    points: Sequence[Mapping[str, object]], y: str = "accuracy", *, x: str = "step", variants: Sequence[str] = ()
) -> go.Figure:
    """How all variants stand: seeds thin, their mean thick, interventions as signs on the curve they changed."""
    import plotly.graph_objects as go

    if x not in AXES or y not in QUANTITIES:
        wrong, allowed = (x, AXES) if x not in AXES else (y, QUANTITIES)
        raise ValueError(f"no axis {wrong!r} here; choose among {', '.join(allowed)}")
    table = lines(points, y)
    variants = list(dict.fromkeys([*variants, *table.variant]))
    figure = go.Figure(layout=dict(template=template(), height=380, hovermode="x"))
    for variant in variants:
        own = table[table.variant == variant]
        style = style_of(variant, variants)
        figure.add_trace(_seeds(own, x, variant, style))
        figure.add_trace(_mean(own, x, variant, style))
    figure.add_trace(_signs(points, table, x, variants))
    empty = [dict(text=EMPTY, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font=dict(color=INK))]
    return figure.update_layout(
        xaxis=dict(title=dict(text=AXES[x]), rangemode="tozero"), yaxis=dict(title=dict(text=QUANTITIES[y])),
        annotations=[] if len(table) else empty, margin=dict(t=40, r=20),
    )  # fmt: skip


def _seeds(own: pd.DataFrame, x: str, variant: str, style: Mapping[str, str]) -> go.Scatter:
    """All seeds of a variant in one thin trace, with gaps between them."""
    import plotly.graph_objects as go

    parts = [np.vstack([part[[x, "y"]].to_numpy(float), [np.nan, np.nan]]) for _, part in own.groupby("seed")]
    at = np.vstack(parts) if parts and own.seed.nunique() > 1 else np.empty((0, 2))
    line = dict(color=clear(style["color"], 0.35), width=1)
    return go.Scatter(x=at[:, 0], y=at[:, 1], mode="lines", line=line, showlegend=False, hoverinfo="skip",
                      legendgroup=variant, name=f"{variant}, seeds")  # fmt: skip


def _mean(own: pd.DataFrame, x: str, variant: str, style: Mapping[str, str]) -> go.Scatter:
    """The mean of the seeds, as far as all of them have come."""
    import plotly.graph_objects as go

    place = own.groupby("seed").cumcount()
    all_there = place.groupby(place).transform("size") == own.seed.nunique()
    mean = own[all_there].groupby(place[all_there])[[x, "y"]].mean()
    return go.Scatter(
        x=mean[x].to_numpy(float), y=mean.y.to_numpy(float), mode="lines+markers", name=variant, legendgroup=variant,
        line=dict(color=style["color"], width=2.5, dash=style["dash"]), marker=dict(symbol=style["symbol"], size=6),
        hovertemplate="%{y:.3f}",
    )  # fmt: skip


def _signs(points: Sequence[Mapping], table: pd.DataFrame, x: str, variants: Sequence[str]) -> go.Scatter:
    """What was done by hand: on the curve that it changed, or, where it concerns all, at the foot."""
    import plotly.graph_objects as go

    found = []
    for p in points:
        if p.get("kind") != "intervention" or p.get("event") not in SIGNS:
            continue
        of = p.get("of") or p.get("variant")
        own = table[table.variant == of] if of else table
        before = own[own.step <= max(p["step"], own.step.min() if len(own) else 0)]
        if len(before):
            last = before.sort_values("step").iloc[-1]
            told = f"{p['event']} {p.get('variant') or ''} at step {p['step']}"
            colour = style_of(str(of), variants)["color"] if of else INK
            found.append((last[x], last.y if of else table.y.min(), SIGNS[str(p["event"])], colour, told))
    at, y, symbols, colours, told = ([*column] for column in zip(*found, strict=True)) if found else ([],) * 5
    marker = dict(symbol=symbols, size=14, color=colours, line=dict(width=2, color=colours))
    return go.Scatter(x=at, y=y, mode="markers", marker=marker, text=told, hovertemplate="%{text}", name="by hand",
                      showlegend=bool(found))  # fmt: skip
