"""The figure of a bench in training: drawn from its points, again and again, with what was done to it by hand.

training(live.points, "accuracy", x="tokens")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curriculab.figures.explore import EXPLORED
from curriculab.figures.theme import GREY, INK, SIGNS, clear, style_of, template

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXES = dict(EXPLORED.values())  # column: title, as in the figures of recorded runs
QUANTITIES = {
    "accuracy": "share of test rows right",
    "loss": "loss, nats a token",
    "reward": "mean reward",
    "length": "tokens an answer",
}
POINTS = 120  # a line is drawn through so many; more steps are averaged
NULL = "null band"
EMPTY = "Nothing measured yet: the start is being tested."


@dataclass
class Line:
    """One variant and seed: its points, (points, axes) in the order of AXES, and y, (points,)."""

    variant: str
    at: np.ndarray
    y: np.ndarray

    def on(self, x: str) -> np.ndarray:
        return self.at[:, list(AXES).index(x)]


def lines(points: Sequence[Mapping[str, object]], y: str = "accuracy") -> list[Line]:
    """Points as one line per variant and seed; where a line is long, means of neighbouring steps."""
    found: dict[tuple[object, object], tuple[list, list]] = {}
    trained: dict[tuple[object, object], float] = {}
    for p in points:
        if p.get("kind") not in ("step", "test"):
            continue
        key = p["variant"], p["seed"]
        trained[key] = trained.get(key, 0.0) + float(p.get("rows") or 0.0)
        value = p.get(y)
        if value is not None and value == value:
            at, ys = found.setdefault(key, ([], []))
            at.append([trained[key] if a == "examples" else float(p.get(a) or 0.0) for a in AXES])
            ys.append(float(value))
    each = -(-max((len(ys) for _, ys in found.values()), default=0) // POINTS)  # of all lines alike: they are averaged
    return [
        Line(str(variant), _fewer(np.array(at), each), _fewer(np.array(ys), each))
        for (variant, _), (at, ys) in found.items()
    ]


def _fewer(values: np.ndarray, each: int) -> np.ndarray:
    """Means of so many neighbours."""
    starts = np.arange(0, len(values), each)
    sums = np.add.reduceat(values, starts, axis=0)
    counts = np.diff([*starts, len(values)])
    return sums / (counts if values.ndim == 1 else counts[:, None])


def training(
    points: Sequence[Mapping[str, object]],
    y: str = "accuracy",
    *,
    x: str = "step",
    variants: Sequence[str] = (),
    null: Sequence[str] = (),
) -> go.Figure:
    """How all variants stand: seeds thin, their mean thick, interventions as signs on the curve they changed.

    variants: names in the order of their colours; null: those that are random orders of a null band, all in grey.
    """
    from curriculab.figures.screen import Figure

    if x not in AXES or y not in QUANTITIES:
        wrong, allowed = (x, AXES) if x not in AXES else (y, QUANTITIES)
        raise ValueError(f"no axis {wrong!r} here; choose among {', '.join(allowed)}")
    drawn = lines(points, y)
    names = dict.fromkeys([*variants, *[line.variant for line in drawn]])
    variants = [name for name in names if name not in null]
    figure = Figure(layout=dict(template=template(), height=380, hovermode="x"))
    if null:
        band = _seeds([line for line in drawn if line.variant in null], x, NULL, {"color": GREY})
        figure.add_trace(band.update(showlegend=True, name=NULL))
    for variant in variants:
        own = [line for line in drawn if line.variant == variant]
        style = style_of(variant, variants)
        figure.add_trace(_seeds(own if len(own) > 1 else [], x, variant, style))
        figure.add_trace(_mean(own, x, variant, style))
    figure.add_trace(_signs(points, drawn, x, variants))
    empty = dict(text="" if drawn else EMPTY, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    return figure.update_layout(
        xaxis=dict(title=dict(text=AXES[x]), rangemode="tozero"),
        yaxis=dict(title=dict(text=QUANTITIES[y])),
        annotations=[empty | dict(font=dict(color=INK))],
        margin=dict(t=20, r=20),
        legend=dict(orientation="v", x=1.01, xanchor="left", y=1, yanchor="top"),
    )


def _seeds(own: Sequence[Line], x: str, variant: str, style: Mapping[str, str]) -> go.Scatter:
    """All seeds of a variant in one thin trace, with gaps between them."""
    import plotly.graph_objects as go

    at = np.concatenate([np.append(line.on(x), np.nan) for line in own] or [np.empty(0)])
    y = np.concatenate([np.append(line.y, np.nan) for line in own] or [np.empty(0)])
    line = dict(color=clear(style["color"], 0.35), width=1)
    return go.Scatter(
        x=at,
        y=y,
        mode="lines",
        line=line,
        showlegend=False,
        hoverinfo="skip",
        legendgroup=variant,
        name=f"{variant}, seeds",
    )


def _mean(own: Sequence[Line], x: str, variant: str, style: Mapping[str, str]) -> go.Scatter:
    """The mean of the seeds, as far as all of them have come."""
    import plotly.graph_objects as go

    n = min((len(line.y) for line in own), default=0)
    at = np.mean([line.on(x)[:n] for line in own], axis=0) if n else np.empty(0)
    y = np.mean([line.y[:n] for line in own], axis=0) if n else np.empty(0)
    return go.Scatter(
        x=at,
        y=y,
        mode="lines+markers",
        name=variant,
        legendgroup=variant,
        line=dict(color=style["color"], width=2.5, dash=style["dash"]),
        marker=dict(symbol=style["symbol"], size=6),
        hovertemplate="%{y:.3f}",
    )


def _signs(points: Sequence[Mapping], drawn: Sequence[Line], x: str, variants: Sequence[str]) -> go.Scatter:
    """What was done by hand: on the curve that it changed, or, where it concerns all, at the foot."""
    import plotly.graph_objects as go

    found = []
    for p in points:
        if p.get("kind") != "intervention" or p.get("event") not in SIGNS:
            continue
        of = p.get("of") or p.get("variant")
        own = [line for line in drawn if line.variant == of or not of]
        if own:  # at the last point before it, else at the first
            place = max(0, int(np.searchsorted(own[0].on("step"), p["step"], side="right")) - 1)
            foot = min(line.y.min() for line in own)
            hover = f"{p['event']} {p.get('variant') or ''} at step {p['step']}"
            colour = style_of(str(of), variants)["color"] if of else INK
            y = np.mean([line.y[min(place, len(line.y) - 1)] for line in own]) if of else foot
            found.append((own[0].on(x)[place], y, SIGNS[str(p["event"])], colour, hover))
    at, y, symbols, colours, hover = ([*column] for column in zip(*found, strict=True)) if found else ([],) * 5
    marker = dict(symbol=symbols, size=14, color=colours, line=dict(width=2, color=colours))
    return go.Scatter(
        x=at,
        y=y,
        mode="markers",
        marker=marker,
        text=hover,
        hovertemplate="%{text}",
        name="by hand",
        showlegend=bool(found),
    )
