"""How accuracy, and whatever a method noted, went as training went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.captions import null_of, seeds_of, tell
from curriculab.figures.panels import MOST_BANDS, arrange, on_panel, panelled, region, whiskers
from curriculab.figures.theme import BAND, INK, SIGNS, clear, style_of
from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.runs.roles import of_learner
from curriculab.statistics import paired_t
from curriculab.statistics.tables import rows_or_sets, untested

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXES = {
    "steps": ("step", "optimiser steps"),
    "tokens": ("tokens", "trained tokens"),
    "rollouts": ("rollouts", "rollouts"),
    "generated": ("generated", "generated tokens"),
    "seconds": ("seconds", "seconds"),
}


@also_named(level="confidence")
def learning_curves(runs: Runs, *, x: str = "steps", by: str | None = None, confidence: float = 0.95) -> go.Figure:
    """Accuracy on the test rows as training goes on: seeds thin, their mean thick, its t interval as a band.

    x: "steps", "tokens" (trained), "rollouts", "generated" (tokens) or "seconds". by: a column of the test rows, such
    as "level", one panel each; or "variant", each beside random in a panel of its own, for when bands of many variants
    lie upon each other.
    The null band reaches from the worst to the best of the random orders' means over seeds. A seed that ended before
    the others of its variant keeps its thin line, ends in a cross and is left out of the mean. What was done by hand
    while they trained is a sign on the mean that it changed, a pause at the foot.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, tests=pool, steps=2, batch_size=4)
    >>> cl.figures.learning_curves(runs).data[0].type
    'scatter'
    """
    if x not in AXES:
        raise ValueError(f"x={x!r} is not an axis of learning curves; choose from {', '.join(AXES)}")
    curves = _curves(runs, by, AXES[x][0])
    labels = [v for name in runs.variants for v in curves.label[curves.variant == name].unique()]
    panels = _panels(curves, labels, by)
    titles = {None: [""], "variant": panels}.get(by, [f"{by} {p}" for p in panels])
    figure = panelled(titles, x=AXES[x][1], y="accuracy", ratio=0.6)
    for panel, value in enumerate(panels):
        part = curves if by in (None, "variant") else curves[curves[by] == value]
        _null_band(figure, part[part.variant.isin(runs.null)], panel, len(runs.null))
        shown = [v for v in labels if by != "variant" or v in (value, "random")]
        for draw in (_bands, _seeds, _means):  # a mean is never veiled by another variant's band
            for own, label in enumerate(shown):
                style = style_of(label, runs.variants) | dict(confidence=confidence, place=(own, len(shown)))
                draw(figure, part[part.label == label], panel, label, style)
        _signs(figure, runs, part[part.label.isin(shown)], panel)
    many = by != "variant" and len(labels) > MOST_BANDS
    caption = _caption(runs, curves, confidence, "vertical lines" if many else "bands")
    return tell(arrange(figure), f"Accuracy against {AXES[x][1]}", caption, runs)


def _panels(curves: pd.DataFrame, labels: Sequence[str], by: str | None) -> list:
    """What each panel shows: one variant, one value of a column, or everything (None)."""
    if by is None:
        return [None]
    if by == "variant":
        return [label for label in labels if label != "random"]
    return sorted(curves[by].unique())


def _caption(runs: Runs, curves: pd.DataFrame, confidence: float, kind: str) -> str:
    """What the lines and bands of learning curves are."""
    caption = f"Accuracy on {rows_or_sets(runs.watched.items)} as training goes on."
    if len(runs.seeds) > 1:
        caption += (
            f" Thin lines: {seeds_of(runs)}; thick: their mean; {kind}: its {confidence:.0%} interval (Student's t over"
        )
        caption += " seeds, each test by itself)."
    caption += " Crosses: seeds that ended before the others, left out of the mean." if not curves.whole.all() else ""
    done = [_deed(e) for e in runs.interventions if e["what"] in SIGNS]
    caption += f" Signs: done by hand, {'; '.join(done)}." if done else ""
    return f"{caption} {null_of(runs, 'worst to best mean')}"


def _deed(event: Mapping[str, Any]) -> str:
    """An intervention in words: "fork easy > late of easy at step 20"."""
    of = f" of {event['of']}" if event["of"] else ""
    return " ".join(f"{event['what']} {event['variant']}{of} at step {event['step']}".split())


def notes(runs: Runs, columns: str | Sequence[str], *, x: str = "steps", bins: int = 12) -> go.Figure:
    """Draw what variants noted at every step, one panel a column of `runs.metrics`.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated.
    columns : str or sequence of str
        Such as "reward" or "target". One that ends in a star stands for all that begin so: ``"p/*"`` is the chance of
        every arm.
    x : str
        Axis, as in `learning_curves`.
    bins : int
        Along x, in each of which the steps are averaged; seeds are thin, their mean thick.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        For another axis, or a column that no variant noted.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=6, batch_size=4, objective="grpo", seed=[0, 1])
    >>> figure = cl.figures.notes(runs, "reward", bins=3)
    >>> figure.layout.meta["title"]
    'reward against optimiser steps'
    """
    if x not in AXES:
        raise ValueError(f"x={x!r} is not an axis of notes; choose from {', '.join(AXES)}")
    names = _noted(of_learner(runs.metrics), [columns] if isinstance(columns, str) else list(columns))
    alone = len(names) == 1
    titles = [""] if alone else [n.replace("_", " ") for n in names]
    same = len({n.split("/")[0] for n in names}) == 1  # chances of arms have one scale
    figure = panelled(titles, x=AXES[x][1], y=names[0].replace("_", " ") if alone else "", shared=same, ratio=0.6)
    for panel, name in enumerate(names):
        curves = _binned(runs, name, AXES[x][0], bins)
        shown = [v for v in runs.variants if (curves.label == v).any()]
        for draw in (_seeds, _means):
            for label in shown:
                draw(figure, curves[curves.label == label], panel, label, style_of(label, runs.variants))
    figure.update_yaxes(rangemode="tozero")
    noted = ", ".join(n.replace("_", " ") for n in names)
    caption = f"What every step noted, averaged in {bins} bins. Thin lines: {seeds_of(runs)}; thick: their mean."
    return tell(arrange(figure), f"{noted} against {AXES[x][1]}", caption, runs)


def loss_curves(runs: Runs, *, x: str = "steps", bins: int = 200) -> go.Figure:
    """Training loss as it went: seeds thin, their mean thick.

    Parameters
    ----------
    runs : Runs
        Recorded, simulated or imported runs; no test is needed.
    x : str
        Axis, as in `learning_curves`.
    bins : int
        Along x, in each of which steps are averaged where a run has more steps than that.

    Returns
    -------
    go.Figure
        In nats a token, as it was logged.

    Raises
    ------
    ValueError
        For another axis, one that was not recorded, or runs without a loss.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=6, batch_size=4, seed=[0, 1])
    >>> cl.figures.loss_curves(runs).layout.meta["title"]
    'Training loss against optimiser steps'
    """
    if x not in AXES:
        raise ValueError(f"x={x!r} is not an axis of loss curves; choose from {', '.join(AXES)}")
    table = of_learner(runs.metrics[runs.metrics.variant.isin(runs.variants)])
    if "loss" not in table or not table.loss.notna().any():
        logged = ", ".join(c for c in table.columns if c not in ("variant", "seed", "step")) or "nothing"
        raise ValueError(f"no run has a loss; map one, import_runs(..., columns={{'loss': ...}}); they have {logged}")
    table = _on_axis(table.dropna(subset="loss").assign(x=lambda t: t[AXES[x][0]].astype(float)), AXES[x][0], "loss")
    curves = pd.DataFrame(
        {"label": table.variant, "seed": table.seed, "x": table.x, "y": table.loss, "test": table.step}
    )
    if curves.groupby(["label", "seed"]).size().max() > bins:
        curves = _binned(runs, "loss", AXES[x][0], bins)
    else:
        last = curves.groupby(["label", "seed"]).test.transform("max")
        curves["whole"] = last == last.groupby(curves.label).transform("max")
    figure = panelled([""], x=AXES[x][1], y="training loss", ratio=0.6)
    shown = [v for v in runs.variants if (curves.label == v).any()]
    for draw in (_seeds, _means):
        for label in shown:
            draw(figure, curves[curves.label == label], 0, label, style_of(label, runs.variants))
    caption = f"Loss of the rows trained on, as logged. Thin lines: {seeds_of(runs)}; thick: their mean."
    return tell(arrange(figure), f"Training loss against {AXES[x][1]}", caption, runs)


def _on_axis(table: pd.DataFrame, x: str, what: str) -> pd.DataFrame:
    """Lines with a number on the axis; one line where there is none."""
    found = table[table["x"].notna()]
    if found.empty:
        name = next(name for name, (column, _) in AXES.items() if column == x)
        known = [axis for axis, (column, _) in AXES.items() if column in table and table[column].notna().any()]
        raise ValueError(
            f"no {what} of these runs has a number on the axis {name!r}: nothing can be drawn over it; there are "
            f"{', '.join(known) or 'none'}"
        )
    return found


def _noted(metrics: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Columns of numbers that were noted, patterns resolved, in the order asked for."""
    numeric = [c for c in metrics.select_dtypes("number") if c not in ("seed", "step")]
    names: list[str] = []
    for column in columns:
        found = [c for c in numeric if c == column or (column.endswith("*") and c.startswith(column[:-1]))]
        if not found:
            raise ValueError(f"no variant noted {column!r}; runs.metrics has {', '.join(numeric) or 'nothing'}")
        names += [c for c in found if c not in names]
    return names


def _binned(runs: Runs, name: str, x: str, bins: int) -> pd.DataFrame:
    """One line per variant, seed and bin of x, numbered, as `_curves` has one per test."""
    table = of_learner(runs.metrics[runs.metrics.variant.isin(runs.variants)]).dropna(subset=name)
    table = pd.DataFrame({"label": table.variant, "seed": table.seed, "x": table[x].astype(float), "y": table[name]})
    edges = np.linspace(table.x.min() - 1e-9, table.x.max(), min(bins, max(1, table.x.nunique())) + 1)
    table["test"] = np.clip(np.searchsorted(edges, table.x) - 1, 0, len(edges) - 2)
    table = table.groupby(["label", "seed", "test"], as_index=False).mean()
    last = table.groupby(["label", "seed"]).test.transform("max")
    table["whole"] = last >= last.groupby(table.label).transform("max") - 1  # an axis of tokens ends in two bins
    return table


def _curves(runs: Runs, by: str | None, x: str) -> pd.DataFrame:
    """One line per variant, solver, seed, [by] and test; `whole`: no seed of the variant came further.

    test: share of the budget it was due at, or that was spent where the method ended before. A seed may lack one: a
    long step passes two at once, and the later one counts.
    """
    runs = runs.watched
    if runs.items.empty:
        raise ValueError(untested(runs, "no learning curve to show: "))
    by = None if by == "variant" else by
    table = runs.accuracy(by).rename(columns={x: "x", "accuracy": "y"} if x != "step" else {"accuracy": "y"})
    table["x"] = table["x"] if x != "step" else table.step
    table = _on_axis(table, x, "test").dropna(subset="y")  # a run that diverged ends where its numbers do
    several = table.groupby("variant").solver.transform("nunique") > 1
    table["label"] = table.variant.where(~several, table.variant + " / " + table.solver)
    line = ["label", "seed", *([by] if by else [])]
    due = runs.items.assign(test=runs.items[["share", "progress"]].min(axis=1))
    due = due.groupby(["variant", "seed", "step", "solver"], as_index=False, observed=True).test.max()
    table = table.merge(due, on=["variant", "seed", "step", "solver"]).sort_values("step", kind="stable")
    last = table.groupby(line).test.transform("max")
    table["whole"] = last == last.groupby(table.label).transform("max")
    return table


def _bands(figure: go.Figure, part: pd.DataFrame, panel: int, label: str, style: Mapping[str, Any]) -> None:
    whole = part[part.whole].pivot_table(index="test", columns="seed", values=["x", "y"]).dropna()
    if whole.empty or whole.y.shape[1] < 2:
        return
    found = paired_t(whole.y.to_numpy(), confidence=style["confidence"])
    low, high = (np.where(np.isnan(side), found.mean, side).clip(0, 1) for side in (found.low, found.high))
    common = dict(name=f"{label}, {style['confidence']:.0%} interval", legendgroup=label, showlegend=False)
    x, common = whole.x.mean(axis=1), common | on_panel(panel)
    if style["place"][1] > MOST_BANDS:
        figure.add_trace(whiskers(x, found.mean, low, high, style["color"], style["place"], **common))
    else:
        figure.add_trace(region(x, low, high, clear(style["color"], 0.12), **common))


def _seeds(figure: go.Figure, part: pd.DataFrame, panel: int, label: str, style: Mapping[str, Any]) -> None:
    """Each seed's line, with a gap between seeds, and a cross where one ended before the others."""
    import plotly.graph_objects as go

    common = dict(legendgroup=label, showlegend=False, hoverinfo="skip", **on_panel(panel))
    if part.seed.nunique() > 1:
        gap = pd.DataFrame({"x": [np.nan], "y": [np.nan], "seed": [-1]})
        thin = pd.concat([piece for _, seed in part.groupby("seed") for piece in (seed[["x", "y", "seed"]], gap)])
        line = dict(color=clear(style["color"], 0.2 if style.get("place", (0, 0))[1] > MOST_BANDS else 0.45), width=0.9)
        name = f"{label}, seeds"
        ids = [f"seed {s}" for s in thin.seed]
        figure.add_trace(go.Scatter(x=thin.x, y=thin.y, ids=ids, mode="lines", name=name, line=line, **common))
    ended = part[~part.whole].groupby("seed").tail(1)
    if len(ended):
        cross = dict(symbol="x-thin", size=8, line=dict(color=style["color"], width=1.5))
        name = f"{label}, ended early"
        figure.add_trace(go.Scatter(x=ended.x, y=ended.y, mode="markers", name=name, marker=cross, **common))


def _means(figure: go.Figure, part: pd.DataFrame, panel: int, label: str, style: Mapping[str, Any]) -> None:
    import plotly.graph_objects as go

    means = part[part.whole].groupby("test").agg(x=("x", "mean"), y=("y", "mean"))
    shown = {t.legendgroup for t in figure.data if t.showlegend}
    titled = label in figure.layout.meta["titles"]  # has a panel of its own
    figure.add_trace(
        go.Scatter(
            x=means.x,
            y=means.y,
            mode="lines+markers",
            name=escape(label, quote=False),
            **on_panel(panel),
            legendgroup=label,
            showlegend=label not in shown and not titled,
            line=dict(color=style["color"], width=2.4, dash=style["dash"]),
            marker=dict(color=style["color"], symbol=style["symbol"], size=7),
            hovertemplate=f"%{{y:.3f}} at %{{x:,.0f}} (mean of {part.seed[part.whole].nunique()} seeds)",
        )
    )


def _null_band(figure: go.Figure, part: pd.DataFrame, panel: int, k: int) -> None:
    if part.empty:
        return
    each = part.groupby(["variant", "test"])[["x", "y"]].mean()  # over seeds first, as with a variant's own mean
    mean = each.groupby("test").agg(x=("x", "mean"), low=("y", "min"), high=("y", "max"))
    common = dict(
        name=f"worst to best of {k} random orders", legendgroup="null", showlegend=panel == 0, **on_panel(panel)
    )
    figure.add_trace(region(mean.x, mean.low.to_numpy(), mean.high.to_numpy(), BAND, **common))


def _signs(figure: go.Figure, runs: Runs, part: pd.DataFrame, panel: int) -> None:
    """What was done by hand, on the mean of the variant that it changed; at the foot where it concerned all."""
    import plotly.graph_objects as go

    found = []
    for event in runs.interventions:
        of = event["of"] or event["variant"]
        own = part[part.whole & (part.variant == of)] if of else part[part.whole]
        if event["what"] in SIGNS and len(own):
            line = own.groupby("test")[["step", "x", "y"]].mean()
            x, y = (np.interp(event["step"], line.step, line[axis]) for axis in ("x", "y"))
            colour = style_of(of, runs.variants)["color"] if of else INK
            found.append((x, y if of else part.y.min(), SIGNS[event["what"]], colour, _deed(event)))
    if found:
        x, y, symbols, colours, hover = zip(*found, strict=True)
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                text=[escape(t, quote=False) for t in hover],
                mode="markers",
                name="by hand",
                legendgroup="by hand",
                showlegend=panel == 0,
                hovertemplate="%{text}",
                **on_panel(panel),
                marker=dict(symbol=symbols, size=12, color=colours, line=dict(width=1.5, color=colours)),
            )
        )
