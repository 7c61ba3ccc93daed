"""Any number that runs recorded, against whatever it cost: what an explorer of runs draws.

    explore(runs, "reward", x="generated", smooth=9)    # nine steps averaged, over the raw lines

Smoothing is a centred mean over so many points of a seed's own line, fewer at its ends; the raw lines stay visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.figures.captions import tell
from curriculab.figures.curves import AXES
from curriculab.figures.panels import arrange, panelled, region
from curriculab.figures.theme import BAND, clear, style_of
from curriculab.registry.names import also_named
from curriculab.runs import CUMULATIVE, KEYS, Runs
from curriculab.statistics import paired_t

if TYPE_CHECKING:
    import plotly.graph_objects as go

EXPLORED = {**AXES, "examples": ("examples", "rows trained")}
ACCURACY = "accuracy"


def quantities(runs: Runs) -> list[str]:
    """What there is to explore: accuracy where tests were made, and every number that was noted at each step."""
    taken = {*KEYS, *CUMULATIVE, "progress", "rows"}
    noted = [c for c in runs.metrics.select_dtypes("number") if c not in taken and runs.metrics[c].notna().any()]
    return [*([ACCURACY] if len(runs.items) else []), *noted]


def traces(runs: Runs, quantity: str = ACCURACY) -> pd.DataFrame:
    """One line per variant (and solver, where a variant has several), seed and point: y, and the cost until then.

    Columns label, variant, seed, point (a step, or the share of the budget a test was due at), step, examples, tokens,
    rollouts, generated, seconds, y.
    """
    known = quantities(runs)
    if quantity not in known:
        raise ValueError(f"no run recorded {quantity!r}; they have {', '.join(known) or 'no numbers yet'}")
    if quantity == ACCURACY:
        return _tests(runs)
    steps = runs.metrics.sort_values("step", kind="stable")
    steps = steps.assign(examples=steps.groupby(["variant", "seed"]).rows.cumsum(), point=steps.step)
    steps = steps.assign(label=steps.variant, y=steps[quantity].astype(float)).dropna(subset="y")
    return steps[["label", "variant", "seed", "point", "step", "examples", *CUMULATIVE, "y"]].reset_index(drop=True)


def _tests(runs: Runs) -> pd.DataFrame:
    """Accuracy of every test; of two that a long step passed at once, the later."""
    line = ["variant", "seed", "solver", "step"]
    due = runs.items.assign(point=runs.items[["share", "progress"]].min(axis=1))
    due = due.groupby(line, as_index=False, observed=True).point.max()
    table = runs.accuracy().merge(due, on=line).rename(columns={"accuracy": "y"})
    trained = runs.exposure.groupby(KEYS).size().groupby(level=[0, 1]).cumsum().rename("examples").reset_index()
    table = (
        pd.merge_asof(
            table.sort_values("step", kind="stable").astype({"step": int}),
            trained.astype({"step": int}).sort_values("step", kind="stable"),
            on="step",
            by=["variant", "seed"],
        )
        if len(trained)
        else table.assign(examples=0)
    )
    several = table.groupby("variant").solver.transform("nunique") > 1
    label = table.variant.where(~several, table.variant + " / " + table.solver)
    table = table.assign(label=label, examples=table.examples.fillna(0))
    return table[["label", "variant", "seed", "point", "step", "examples", *CUMULATIVE, "y"]]


def smoothed(table: pd.DataFrame, width: int) -> pd.DataFrame:
    """The same lines, each point the mean of the `width` points around it, fewer at the ends of a line."""
    if not (isinstance(width, int) and width >= 1 and width % 2):
        raise ValueError(f"smooth={width!r}; give an odd number of points, 1 for the raw line")
    table = table.sort_values(["label", "seed", "step"], kind="stable")
    mean = table.groupby(["label", "seed"], sort=False).y.transform(
        lambda y: y.rolling(width, center=True, min_periods=1).mean()
    )
    return table.assign(y=mean)


@also_named(level="confidence")
def explore(
    runs: Runs,
    quantity: str = ACCURACY,
    *,
    x: str = "steps",
    smooth: int = 1,
    confidence: float = 0.95,
    among: Sequence[str] | None = None,
) -> go.Figure:
    """Seeds as thin lines, their mean thick, its interval (Student's t over the seeds at a point) as a band.

    quantity: "accuracy", or a column of runs.metrics; x: "steps", "examples" (rows trained), "tokens" (trained),
    "rollouts", "generated" (tokens) or "seconds"; smooth: points averaged, an odd number: then the thin lines are still
    the raw ones, and the legend names the width. Means and bands reach as far as all seeds of a variant do. Null-band
    orders are a grey band, worst to best. among: names that colours go by (None: runs.variants).

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> type(cl.figures.explore(runs)).__name__
    'Figure'
    """
    if x not in EXPLORED:
        raise ValueError(f"x={x!r} is not an axis of runs; choose from {', '.join(EXPLORED)}")
    column, title = EXPLORED[x]
    raw = traces(runs, quantity).assign(x=lambda t: t[column].astype(float))
    means = smoothed(raw, smooth)
    named = quantity.replace("_", " ")
    figure = panelled([""], x=title, y=named if smooth == 1 else f"{named}, mean of {smooth} points", ratio=0.5)
    _null(figure, means[means.variant.isin(runs.null)], runs)
    own = [v for v in dict.fromkeys(raw.label[~raw.variant.isin(runs.null)])]
    for draw, table in ((_interval, means), (_thin, raw), (_thick, means)):
        for label in own:
            draw(
                figure, table[table.label == label], label, style_of(label, among or runs.variants), confidence, smooth
            )
    caption = f"Thin lines: seeds, as recorded; thick: their mean; bands: its {confidence:.0%} interval (Student's t)."
    caption += f" Thick lines and bands are of means over {smooth} neighbouring points." if smooth > 1 else ""
    return tell(arrange(figure), f"{named} against {title}", caption, runs)


def _whole(part: pd.DataFrame) -> pd.DataFrame:
    """Points that every seed has, as a table (points, seeds) of x and y."""
    return part.pivot_table(index="point", columns="seed", values=["x", "y"]).dropna()


def _interval(figure: go.Figure, part: pd.DataFrame, label: str, style: dict, confidence: float, smooth: int) -> None:
    whole = _whole(part)
    if whole.empty or part.seed.nunique() < 2:
        return
    found = paired_t(whole.y.to_numpy(), confidence=confidence)
    low, high = (np.where(np.isnan(side), found.mean, side) for side in (found.low, found.high))
    figure.add_trace(
        region(
            whole.x.mean(axis=1),
            low,
            high,
            clear(style["color"], 0.12),
            name=f"{label}, {confidence:.0%} interval",
            legendgroup=label,
            showlegend=False,
        )
    )


def _thin(figure: go.Figure, part: pd.DataFrame, label: str, style: dict, confidence: float, smooth: int) -> None:
    import plotly.graph_objects as go

    gap = pd.DataFrame({"x": [np.nan], "y": [np.nan]})
    lines = [piece for _, seed in part.groupby("seed") for piece in (seed[["x", "y"]], gap)]
    thin = pd.concat(lines)
    figure.add_trace(
        go.Scatter(
            x=thin.x,
            y=thin.y,
            mode="lines",
            name=f"{label}, seeds as recorded",
            legendgroup=label,
            showlegend=False,
            line=dict(color=clear(style["color"], 0.45 if smooth == 1 else 0.3), width=0.9),
            hoverinfo="skip",
        )
    )


def _thick(figure: go.Figure, part: pd.DataFrame, label: str, style: dict, confidence: float, smooth: int) -> None:
    import plotly.graph_objects as go

    whole, seeds = _whole(part), part.seed.nunique()
    mean = whole.T.groupby(level=0).mean().T if len(whole) else pd.DataFrame({"x": [], "y": []})
    name = escape(label, quote=False) + (f", mean of {smooth} points" if smooth > 1 else "")
    few = len(mean) <= 40  # a marker each; more would hide the line
    figure.add_trace(
        go.Scatter(
            x=mean.x,
            y=mean.y,
            mode="lines+markers" if few else "lines",
            name=name,
            legendgroup=label,
            line=dict(color=style["color"], width=2.4, dash=style["dash"]),
            marker=dict(color=style["color"], symbol=style["symbol"], size=7),
            hovertemplate=f"%{{y:.3f}} at %{{x:,.0f}} (mean of {seeds} seed{'s' * (seeds > 1)})",
        )
    )


def _null(figure: go.Figure, part: pd.DataFrame, runs: Runs) -> None:
    if part.empty:
        return
    each = part.groupby(["variant", "point"])[["x", "y"]].mean()  # over seeds first, as with a variant's own mean
    mean = each.groupby("point").agg(x=("x", "mean"), low=("y", "min"), high=("y", "max"))
    name = f"worst to best of {part.variant.nunique()} random orders"
    figure.add_trace(region(mean.x, mean.low.to_numpy(), mean.high.to_numpy(), BAND, name=name))
