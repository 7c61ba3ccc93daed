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

from curriculab.figures.captions import seeds, tell
from curriculab.figures.curves import AXES
from curriculab.figures.panels import MOST_BANDS, arrange, panelled, region, whiskers
from curriculab.figures.theme import BAND, clear, style_of
from curriculab.registry.names import also_named
from curriculab.runs import CUMULATIVE, KEYS, Runs
from curriculab.runs.roles import of_learner
from curriculab.statistics import paired_t

if TYPE_CHECKING:
    import plotly.graph_objects as go

EXPLORED = {**AXES, "examples": ("examples", "rows trained")}
ACCURACY = "accuracy"
LEAST_SEEDS = 3  # for an interval: over two it is 12.7 times their standard error, wider than any lines
MEANING = {  # what a menu calls a column of runs.metrics; "": a step of a method's own computation, which means little
    "accuracy": "accuracy on test rows",
    "loss": "training loss",
    "reward": "mean reward",
    "length": "tokens an answer",
    "signal": "share of rows with a signal",
    "arms in use": "arms in use",
    "accepted": "share of rows kept",
    "target": "target difficulty",
    **dict.fromkeys("asked, value, last error, value error, angle, mu, block, bin, faded".split(", "), ""),
}


def quantities(runs: Runs) -> list[str]:
    """What there is to explore: accuracy where tests were made, and every number that was noted at each step."""
    taken = {*KEYS, *CUMULATIVE, "progress", "rows"}
    metrics = of_learner(runs.metrics)
    noted = [c for c in metrics.select_dtypes("number") if c not in taken and metrics[c].notna().any()]
    return [*([ACCURACY] if len(runs.items) else []), *noted]


def in_words(quantity: str) -> str:
    """What a menu calls a quantity; "" for one that is no use to look at."""
    if quantity.startswith("p/"):
        return f"chance that {quantity[2:]} is drawn"
    return MEANING.get(quantity, quantity.replace("_", " "))


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
    steps = of_learner(runs.metrics).sort_values("step", kind="stable")
    steps = steps.assign(examples=steps.groupby(["variant", "seed"]).rows.cumsum(), point=steps.step)
    steps = steps.assign(label=steps.variant, y=steps[quantity].astype(float)).dropna(subset="y")
    return steps[["label", "variant", "seed", "point", "step", "examples", *CUMULATIVE, "y"]].reset_index(drop=True)


def _tests(runs: Runs) -> pd.DataFrame:
    """Accuracy of every test; of two that a long step passed at once, the later."""
    runs, line = runs.watched, ["variant", "seed", "solver", "step"]
    due = runs.items.assign(point=runs.items[["share", "progress"]].min(axis=1))
    due = due.groupby(line, as_index=False, observed=True).point.max()
    table = runs.accuracy().merge(due, on=line).rename(columns={"accuracy": "y"})
    trained = (
        of_learner(runs.exposure).groupby(KEYS).size().groupby(level=[0, 1]).cumsum().rename("examples").reset_index()
    )
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
        for place, label in enumerate(own):
            style = style_of(label, among or runs.variants) | dict(place=(place, len(own)))
            draw(figure, table[table.label == label], label, style, confidence, smooth)
    if len(raw):  # an interval of two seeds would squeeze the lines; it is cut where it reaches far beyond them
        reach = 0.1 * (raw.y.max() - raw.y.min()) or 0.05
        figure.update_yaxes(range=[raw.y.min() - reach, raw.y.max() + reach])
    counts = raw[raw.label.isin(own)].groupby("label").seed.nunique()
    caption = f"Thin lines: {seeds(counts)}, as recorded; thick: their mean"
    kind = "vertical lines" if len(own) > MOST_BANDS else "bands"
    if len(counts) and counts.max() >= LEAST_SEEDS:
        caption += f"; {kind}: its {confidence:.0%} interval (Student's t)."
    else:
        caption += f"; no interval: it takes {LEAST_SEEDS} seeds."
    caption += f" Thick lines and intervals are of means over {smooth} neighbouring points." if smooth > 1 else ""
    return tell(arrange(figure), f"{named} against {title}", caption, runs)


def _whole(part: pd.DataFrame) -> pd.DataFrame:
    """Points that every seed has, as a table (points, seeds) of x and y."""
    return part.pivot_table(index="point", columns="seed", values=["x", "y"]).dropna()


def _interval(figure: go.Figure, part: pd.DataFrame, label: str, style: dict, confidence: float, smooth: int) -> None:
    whole = _whole(part)
    if whole.empty or part.seed.nunique() < LEAST_SEEDS:
        return
    found = paired_t(whole.y.to_numpy(), confidence=confidence)
    low, high = (np.where(np.isnan(side), found.mean, side) for side in (found.low, found.high))
    common = dict(name=f"{label}, {confidence:.0%} interval", legendgroup=label, showlegend=False)
    x = whole.x.mean(axis=1)
    if style["place"][1] > MOST_BANDS:
        figure.add_trace(whiskers(x, found.mean, low, high, style["color"], style["place"], **common))
    else:
        figure.add_trace(region(x, low, high, clear(style["color"], 0.12), **common))


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
            line=dict(
                color=clear(style["color"], 0.45 if smooth == 1 and style["place"][1] <= MOST_BANDS else 0.25),
                width=0.9,
            ),
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
