"""Tidy tables in, plotly figures out; `export` writes them for the screen and for a column of a paper.

`learning_curves(runs)` is a `go.Figure` of accuracy over optimiser steps; `export(figure, "figures/curves")` writes
`curves.html`, and `curves.pdf`, `.svg`, `.png` at 3.25 inches where a Chrome or Chromium is found.

Figures compute nothing but means, bins and the intervals of `curriculab.statistics`. A variant has one colour,
marker and dash in every figure, by its place in `runs.variants`; random is grey, the null band a light grey.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import textwrap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab import statistics
from curriculab.runs import Runs
from curriculab.statistics import Comparison, paired_t

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Arial and Liberation Sans have the same widths, so a figure breaks its lines alike on every machine;
# Chrome's package depends on the latter.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SCREEN_PX, PRINT_PX = 13.0, 8 * 96 / 72  # 8 pt, the smallest that most journals accept
SCREEN_WIDTH = 1000  # px; panels are laid out for it, the figure itself fills its cell
INK, GREY, FRAME, GRID = "#222222", "#757575", "#444444", "#ebebeb"
BAND = "rgba(0,0,0,0.10)"
# Okabe and Ito 2008, "Color Universal Design", without yellow (too light for lines); the last two are Paul Tol's
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288")
MARKERS = ("square", "diamond", "triangle-up", "x", "triangle-down", "pentagon", "cross", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
CATEGORIES = ("#4477AA", "#CCBB44", "#228833", "#EE6677", "#66CCEE", "#AA3377", "#997700", "#44AA99")  # by Paul Tol
SCALE = ((0.0, "#ffffff"), (0.02, "#eaf1f8"), (0.35, "#8fb8dc"), (0.7, "#2c6fae"), (1.0, "#08306b"))  # one hue
DIVERGING = ((0.0, "#b35806"), (0.5, "#ffffff"), (1.0, "#08306b"))  # brown below, white at 0, blue above
GROUPS = 8  # more colours than this cannot be told apart; the rest is merged
FORMATS = ("html", "pdf", "svg", "png")
THINNED = (
    "line.width", "marker.size", "marker.line.width", "error_x.thickness", "error_x.width", "error_y.thickness",
)  # fmt: skip
AXES = {
    "steps": ("step", "optimiser steps"), "tokens": ("tokens", "trained tokens"), "rollouts": ("rollouts", "rollouts"),
    "generated": ("generated", "generated tokens"), "seconds": ("seconds", "seconds"),
}  # fmt: skip


# -- one look -------------------------------------------------------------------------------------------------------
def palette(variants: Iterable[str]) -> dict[str, str]:
    """Colour of each variant by its place in the list; `random` is grey and takes no place."""
    coloured = [v for v in variants if v != "random"]
    return {"random": GREY} | {v: COLOURS[i % len(COLOURS)] for i, v in enumerate(coloured)}


def _style(label: str, variants: Sequence[str]) -> dict[str, str]:
    """Colour, marker and dash of a line of a table; "vote / gold" (variant / solver) goes by its variant."""
    name = label if label in variants else label.rsplit(" / ", 1)[0]
    place = [v for v in variants if v != "random"].index(name) if name in variants and name != "random" else None
    if place is None:
        return {"color": GREY, "symbol": "circle", "dash": "solid"}
    return {
        "color": COLOURS[place % len(COLOURS)],
        "symbol": MARKERS[place % len(MARKERS)],
        "dash": DASHES[(place // len(COLOURS) + (label != name)) % len(DASHES)],
    }


def _clear(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def template() -> go.layout.Template:
    """White, thin axes, one font, nothing that is not needed."""
    import plotly.graph_objects as go

    axis = dict(
        showline=True, linecolor=FRAME, linewidth=1, ticks="outside", ticklen=4, tickwidth=1, tickcolor=FRAME,
        zeroline=False, automargin=True, title=dict(standoff=6, font=dict(size=SCREEN_PX)), gridcolor=GRID, gridwidth=1,
    )  # fmt: skip
    layout = go.Layout(
        font=dict(family=FONT, size=SCREEN_PX, color=INK),
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin=dict(l=8, r=14, t=10, b=8, pad=0),
        xaxis=axis | dict(showgrid=False),
        yaxis=axis | dict(showgrid=True),
        legend=dict(orientation="h", x=0, xanchor="left", y=1, yanchor="bottom", tracegroupgap=0, borderwidth=0),
        hoverlabel=dict(font=dict(family=FONT)),
    )
    return go.layout.Template(layout=layout)


# -- panels ---------------------------------------------------------------------------------------------------------
def _figure(
    panels: Sequence[str], *, x: str | Sequence[str], y: str, shared: bool = True, ratio: float = 0.62, lines: float = 0
) -> go.Figure:
    """An empty figure with one panel per title; `shared` panels have one x and one y range, told once at the edge.

    What `_arrange` needs to lay the panels out again at another width stands in `layout.meta`; `lines` is a panel's
    height in lines of text, where its width shall not decide it.
    """
    import plotly.graph_objects as go

    titles = [x] * len(panels) if isinstance(x, str) else list(x)
    figure = go.Figure(layout=dict(template=template()))
    for i, title in enumerate(panels):
        for axis, other in ("xy", "yx"):
            figure.layout[_axis(axis, i)] = dict(anchor=other + _number(i), matches=axis if shared and i else None)
        if not title:
            continue
        note = dict(text="", align="left", xanchor="left", yanchor="top", xref="paper", yref="paper")
        figure.add_annotation(name=f"panel {i}", showarrow=False, borderpad=0, **note)
    meta = dict(panels=len(panels), titles=list(panels), shared=shared, ratio=ratio, x=titles, y=y, lines=lines)
    figure.layout.meta = meta
    return figure


def _number(panel: int) -> str:
    return "" if panel == 0 else str(panel + 1)


def _axis(letter: str, panel: int) -> str:
    return f"{letter}axis{_number(panel)}"


def _on(panel: int) -> dict[str, str]:
    """Which axes a trace of this panel is drawn on."""
    return dict(xaxis="x" + _number(panel), yaxis="y" + _number(panel))


def _arrange(
    figure: go.Figure, *, width: float = SCREEN_WIDTH, px: float = SCREEN_PX, height: float | None = None, most: int = 3
) -> go.Figure:
    """Lay the panels out for a width (px) and a size of text (px), as many beside each other as stay legible."""
    meta = figure.layout.meta
    n = meta["panels"]
    rows = -(-n // min(n, most, max(1, int(width // (13.5 * px)))))
    columns = -(-n // rows)
    gap_x, gap_y = ((1.3 * px, 1.0 * px) if meta["shared"] else (4.4 * px, 4.0 * px)) if n > 1 else (0, 0)
    across = width - 5.5 * px
    panel_width = (across - gap_x * (columns - 1)) / columns
    titles = [_wrapped(t, panel_width / (0.53 * px), lines=2) for t in meta["titles"]]
    strip = px * max((1.25 * t.count("<br>") + 1.7 for t in titles if t), default=0)
    above = (1.65 * _legend_rows(figure, width, px) + 3.9 * _has_bar(figure) + 0.8) * px
    below = 3.6 * px
    if height:
        panel_height = (height - above - below - (rows - 1) * gap_y) / rows - strip
    else:
        panel_height = meta["lines"] * px or min(max(panel_width * meta["ratio"], 7 * px), 24 * px)
        panel_height = max(panel_height, above / rows - strip)  # plotly cuts a legend at half the figure
    total = rows * (strip + panel_height) + (rows - 1) * gap_y
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        left, top = column * (panel_width + gap_x) / across, 1 - row * (strip + panel_height + gap_y) / total
        x, y = (left, left + panel_width / across), (top - (strip + panel_height) / total, top - strip / total)
        alone, lowest, leftmost = not meta["shared"], i + columns >= n, column == 0
        told = alone or lowest, alone or leftmost
        names = meta["x"][i] if told[0] else "", meta["y"] if leftmost else ""
        figure.layout[_axis("x", i)].update(domain=np.clip(x, 0, 1), showticklabels=told[0], title_text=names[0])
        figure.layout[_axis("y", i)].update(domain=np.clip(y, 0, 1), showticklabels=told[1], title_text=names[1])
        figure.update_annotations(dict(x=left, y=max(top, 0), text=title), selector=dict(name=f"panel {i}"))
    figure.layout.height = height or round(total + above + below)
    if _has_bar(figure):  # plotly makes room for a legend by itself; for a bar above the panels, too much
        figure.layout.margin.t = above
        figure.layout.coloraxis.colorbar.y = 1 - 1.4 * px / figure.layout.height
        figure.update_annotations(dict(yshift=above - 0.2 * px), selector=dict(name="bar"))
    return figure


def _has_bar(figure: go.Figure) -> bool:
    return figure.layout.coloraxis.colorscale is not None


def _wrapped(text: str, characters: float, *, lines: int) -> str:
    """Text as plotly reads it, broken into at most so many lines."""
    parts = textwrap.wrap(str(text), max(int(characters), 4), max_lines=lines, placeholder=" …")
    return "<br>".join(escape(part, quote=False) for part in parts)


def _legend_rows(figure: go.Figure, width: float, px: float) -> int:
    """Rows that plotly's horizontal legend will need: one if all fit, else columns as wide as the widest entry."""
    names = [t.name for t in figure.data if t.showlegend is not False and t.name and t.type != "heatmap"]
    wide = [0.56 * px * max(len(part) for part in n.split("<br>")) + 40 for n in names]
    if sum(wide) <= width:
        return int(bool(names))
    return -(-len(names) // max(1, int(width // max(wide))))


# -- the pool -------------------------------------------------------------------------------------------------------
def difficulty(
    pool: pd.DataFrame, measures: str | Sequence[str] | None = None, *, by: str | None = "level", bins: int = 40
) -> go.Figure:
    """Distribution of each measure over the rows of the pool, one panel a measure, coloured by `by` where there is one.

    measures: columns of the pool, each higher = harder; None: all that hold numbers. A measure with at most `bins`
    whole values gets one bar a value.
    """
    names = _measures(pool, measures)
    groups, colours = _groups(pool[by]) if by in pool and len(pool) else (pd.Series("", pool.index), {"": COLOURS[0]})
    figure = _figure([""] * len(names), x=[n.replace("_", " ") for n in names], y="rows", shared=False, ratio=0.5)
    for panel, name in enumerate(names):
        edges = _edges(pool[name], bins)
        for group, colour in colours.items():
            counts = np.histogram(pool[name][groups == group], edges)[0]
            figure.add_trace(_stairs(
                edges, counts, colour, panel, name=_named(by, group, colours), legendgroup=group,
                showlegend=panel == 0 and len(colours) > 1, hovertemplate=f"from {name} %{{x:.3g}}: %{{y}} rows",
            ))  # fmt: skip
    return _arrange(figure)


def _stairs(edges: np.ndarray, heights: np.ndarray, colour: str, panel: int, **more: Any) -> go.Scatter:
    """Stacked columns of a histogram as one outline: a tenth of the size of as many bars in an SVG."""
    import plotly.graph_objects as go

    line = dict(shape="hv", width=0, color=colour)
    return go.Scatter(
        x=edges, y=[*heights, heights[-1]], stackgroup=f"panel {panel}", mode="lines", line=line, fillcolor=colour,
        **_on(panel), **more,
    )  # fmt: skip


def _measures(pool: pd.DataFrame, measures: str | Sequence[str] | None) -> list[str]:
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


def _edges(values: pd.Series, bins: int) -> np.ndarray:
    """Edges of bins: one bin a value for few whole values, else `bins` of one width."""
    whole = np.unique(values)
    if np.all(whole == np.round(whole)) and np.ptp(whole) < bins:
        return np.arange(whole[0] - 0.5, whole[-1] + 1)
    return np.histogram_bin_edges(values.astype(float), bins)


def _groups(values: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """Each row's group as text, and a colour per group in order: numbers from light to dark, names each their own.

    Beyond eight, the largest numbers (or the rarest names) are one group.
    """
    if pd.api.types.is_numeric_dtype(values):
        order = sorted(values.dropna().unique())
        names = {v: f"{v:g}" for v in order}
        if len(order) > GROUPS:
            names |= dict.fromkeys(order[GROUPS - 1 :], f"{order[GROUPS - 1]:g} and more")
        shown = list(dict.fromkeys(names.values()))
        colours = dict(zip(shown, _shades(len(shown)), strict=True))
    else:
        order = [str(v) for v in values.dropna().value_counts().index]
        names = {v: str(v) if str(v) in order[: GROUPS - (len(order) > GROUPS)] else "others" for v in values.unique()}
        shown = [n for n in sorted(set(names.values()) - {"others"})] + ["others"] * (len(order) > GROUPS)
        colours = dict(zip(shown, CATEGORIES, strict=False))
    return values.map(names).astype(object), colours


def _shades(n: int) -> list[str]:
    """n colours from light (easy) to dark (hard): ColorBrewer's YlGnBu, in which lightness alone tells the order."""
    from plotly.colors import sample_colorscale

    return [_hex(c) for c in sample_colorscale("YlGnBu", list(np.linspace(0.15, 1, n) if n > 1 else [0.7]))]


def _hex(colour: str) -> str:
    return "#" + "".join(f"{int(float(x)):02x}" for x in colour[4:-1].split(","))


def _named(by: str | None, group: str, groups: Mapping[str, str]) -> str:
    """`level 1` in the first entry of a legend, then `2`, `3`, and names as they are."""
    first = group == next(iter(groups))
    return f"{by} {group}" if first and group[:1].isdigit() else escape(group, quote=False)


# -- what was trained when ------------------------------------------------------------------------------------------
def draws(runs: Runs, pool: pd.DataFrame, by: str = "level", *, bins: int = 50) -> go.Figure:
    """Which rows each variant trained when, all seeds together: one panel a variant, steps from left to right.

    A column of names, or with at most 16 numbers, is shown as shares of each step (or bin of steps); any other column
    of numbers as a map of difficulty by step, darker where more of the step's rows lie. Rows that are not in the pool
    (new ones that a method made) are shown apart, or counted in the panel's title.
    """
    exposure = runs.exposure[runs.exposure.variant.isin(runs.variants)]
    if exposure.empty:
        raise ValueError("no draws to show: no row was trained (runs.exposure is empty)")
    if by not in pool:
        raise ValueError(f"the pool has no column {by!r} to show draws by; it has {', '.join(map(str, pool.columns))}")
    exposure = exposure.assign(value=exposure.id.map(pool[by]), known=exposure.id.isin(pool.index))
    steps = _edges(exposure.step, bins)
    few = not pd.api.types.is_numeric_dtype(pool[by]) or pool[by].nunique() <= 2 * GROUPS
    return (_shares if few else _map)(exposure, pool, by, runs.variants, steps, bins)


def _shares(
    exposure: pd.DataFrame, pool: pd.DataFrame, by: str, variants: Sequence[str], steps: np.ndarray, bins: int
) -> go.Figure:
    groups, colours = _groups(pool[by])
    group = exposure.id.map(groups).where(exposure.known, "new rows")
    colours |= {"new rows": "#bbbbbb"} if not exposure.known.all() else {}
    figure = _figure([*variants], x="optimiser steps", y="share of rows", ratio=0.6)
    for panel, variant in enumerate(variants):
        own = exposure.variant == variant
        total = np.histogram(exposure.step[own], steps)[0]
        for name, colour in colours.items():
            share = np.histogram(exposure.step[own & (group == name)], steps)[0] / np.maximum(total, 1)
            figure.add_trace(_stairs(
                steps, share, colour, panel, name=_named(by, name, colours), legendgroup=name, showlegend=panel == 0,
                hovertemplate=f"{by} {name}: %{{y:.0%}} from step %{{x:.0f}}<extra>{escape(variant)}</extra>",
            ))  # fmt: skip
    figure.update_xaxes(range=[steps[0], steps[-1]])
    figure.update_yaxes(range=[0, 1], showgrid=False, tickvals=[0, 0.5, 1])
    return _arrange(figure)


def _map(
    exposure: pd.DataFrame, pool: pd.DataFrame, by: str, variants: Sequence[str], steps: np.ndarray, bins: int
) -> go.Figure:
    import plotly.graph_objects as go

    scores = np.histogram_bin_edges(pool[by].dropna().astype(float), min(bins, 24))
    titles = [_less_new(v, exposure.known[exposure.variant == v].mean()) for v in variants]
    figure = _figure(titles, x="optimiser steps", y=by.replace("_", " "), ratio=0.6)
    for panel, variant in enumerate(variants):
        own = exposure[(exposure.variant == variant) & exposure.known]
        counts = np.histogram2d(own.value.astype(float), own.step, [scores, steps])[0]
        share = counts / np.maximum(counts.sum(axis=0), 1)
        figure.add_trace(go.Heatmap(
            x=(steps[:-1] + steps[1:]) / 2, y=(scores[:-1] + scores[1:]) / 2, z=share,
            coloraxis="coloraxis", name=variant, **_on(panel),
            hovertemplate=f"step %{{x}}, {by} %{{y:.3g}}: %{{z:.0%}} of the rows",
        ))  # fmt: skip
    bar = dict(orientation="h", x=0.5, xanchor="center", yref="container", yanchor="top", outlinewidth=0)
    bar |= dict(thickness=8, len=0.6, ypad=3, tickformat=".0%", nticks=5)
    title = dict(text="share of the step's rows", showarrow=False, xref="paper", yref="paper", x=0.5, y=1)
    figure.add_annotation(name="bar", yanchor="top", borderpad=0, **title)
    figure.update_layout(coloraxis=dict(colorscale=SCALE, cmin=0, colorbar=bar))
    figure.update_xaxes(range=[steps[0], steps[-1]])
    figure.update_yaxes(range=[scores[0], scores[-1]], showgrid=False)
    return _arrange(figure)


def _less_new(variant: str, known: float) -> str:
    return variant if known == 1 else f"{variant} (without {1 - known:.0%} new rows)"


# -- how accuracy grew ----------------------------------------------------------------------------------------------
def learning_curves(runs: Runs, *, x: str = "steps", by: str | None = None, level: float = 0.95) -> go.Figure:
    """Accuracy on the test rows as training goes on: seeds thin, their mean thick, its t interval as a band.

    x: "steps", "tokens" (trained), "rollouts", "generated" (tokens) or "seconds". by: a column of the test rows, such
    as "level", one panel each; or "variant", each beside random in a panel of its own, for when bands of many variants
    lie upon each other.
    The null band reaches from the worst to the best of the random orders' means over seeds. A seed that ended before
    the others of its variant keeps its thin line, ends in a cross and is left out of the mean.
    """
    if x not in AXES:
        raise ValueError(f"x={x!r} is not an axis of learning curves; choose from {', '.join(AXES)}")
    curves = _curves(runs, by, AXES[x][0])
    labels = [v for name in runs.variants for v in curves.label[curves.variant == name].unique()]
    panels = [v for v in labels if v != "random"] if by == "variant" else sorted(curves[by].unique()) if by else [None]
    titles = {None: [""], "variant": panels}.get(by, [f"{by} {p}" for p in panels])
    figure = _figure(titles, x=AXES[x][1], y="accuracy", ratio=0.6)
    for panel, value in enumerate(panels):
        part = curves if by in (None, "variant") else curves[curves[by] == value]
        _null_band(figure, part[part.variant.isin(runs.null)], panel, len(runs.null))
        shown = [v for v in labels if by != "variant" or v in (value, "random")]
        for draw in (_bands, _seeds, _means):  # a mean is never veiled by another variant's band
            for label in shown:
                style = _style(label, runs.variants) | dict(level=level, veil=min(0.12, 0.5 / len(shown)))
                draw(figure, part[part.label == label], panel, label, style)
    return _arrange(figure)


def notes(runs: Runs, columns: str | Sequence[str], *, x: str = "steps", bins: int = 12) -> go.Figure:
    """What variants noted at every step, one panel a column of `runs.metrics`, such as "reward" or "target".

    A column ending in * stands for all that begin so: "p/*" is the chance of every arm. Steps are averaged in `bins`
    of the axis x (as in learning curves); seeds thin, their mean thick.
    """
    if x not in AXES:
        raise ValueError(f"x={x!r} is not an axis of notes; choose from {', '.join(AXES)}")
    names = _noted(runs.metrics, [columns] if isinstance(columns, str) else list(columns))
    alone = len(names) == 1
    titles = [""] if alone else [n.replace("_", " ") for n in names]
    same = len({n.split("/")[0] for n in names}) == 1  # chances of arms have one scale
    figure = _figure(titles, x=AXES[x][1], y=names[0].replace("_", " ") if alone else "", shared=same, ratio=0.6)
    for panel, name in enumerate(names):
        curves = _binned(runs, name, AXES[x][0], bins)
        shown = [v for v in runs.variants if (curves.label == v).any()]
        for draw in (_seeds, _means):
            for label in shown:
                draw(figure, curves[curves.label == label], panel, label, _style(label, runs.variants))
    figure.update_yaxes(rangemode="tozero")
    return _arrange(figure)


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
    table = runs.metrics[runs.metrics.variant.isin(runs.variants)].dropna(subset=name)
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
    if runs.items.empty:
        raise ValueError("no learning curve to show: no test was made (runs.items is empty); give the bench test rows")
    by = None if by == "variant" else by
    table = runs.accuracy(by).rename(columns={x: "x", "accuracy": "y"} if x != "step" else {"accuracy": "y"})
    table["x"] = table["x"] if x != "step" else table.step
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
    found = paired_t(whole.y.to_numpy(), level=style["level"])
    low, high = (np.where(np.isnan(side), found.mean, side).clip(0, 1) for side in (found.low, found.high))
    colour, name = _clear(style["color"], style["veil"]), f"{label}, {style['level']:.0%} interval"
    figure.add_trace(_band(
        whole.x.mean(axis=1), low, high, colour, name=name, legendgroup=label, showlegend=False, **_on(panel)
    ))  # fmt: skip


def _seeds(figure: go.Figure, part: pd.DataFrame, panel: int, label: str, style: Mapping[str, Any]) -> None:
    """Each seed's line, with a gap between seeds, and a cross where one ended before the others."""
    import plotly.graph_objects as go

    common = dict(legendgroup=label, showlegend=False, hoverinfo="skip", **_on(panel))
    if part.seed.nunique() > 1:
        gap = pd.DataFrame({"x": [np.nan], "y": [np.nan]})
        thin = pd.concat([piece for _, seed in part.groupby("seed") for piece in (seed[["x", "y"]], gap)])
        line = dict(color=_clear(style["color"], 0.45), width=0.9)
        name = f"{label}, seeds"
        figure.add_trace(go.Scatter(x=thin.x, y=thin.y, mode="lines", name=name, line=line, **common))
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
    figure.add_trace(go.Scatter(
        x=means.x, y=means.y, mode="lines+markers", name=escape(label, quote=False), **_on(panel),
        legendgroup=label, showlegend=label not in shown and not titled,
        line=dict(color=style["color"], width=2.4, dash=style["dash"]),
        marker=dict(color=style["color"], symbol=style["symbol"], size=7),
        hovertemplate=f"%{{y:.3f}} at %{{x:,.0f}} (mean of {part.seed[part.whole].nunique()} seeds)",
    ))  # fmt: skip


def _band(x: pd.Series, low: np.ndarray, high: np.ndarray, colour: str, **more: Any) -> go.Scatter:
    import plotly.graph_objects as go

    around = dict(x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]))
    return go.Scatter(**around, fill="toself", fillcolor=colour, mode="lines", line_width=0, hoverinfo="skip", **more)


def _null_band(figure: go.Figure, part: pd.DataFrame, panel: int, k: int) -> None:
    if part.empty:
        return
    each = part.groupby(["variant", "test"])[["x", "y"]].mean()  # over seeds first, as with a variant's own mean
    mean = each.groupby("test").agg(x=("x", "mean"), low=("y", "min"), high=("y", "max"))
    common = dict(name=f"worst to best of {k} random orders", legendgroup="null", showlegend=panel == 0, **_on(panel))
    figure.add_trace(_band(mean.x, mean.low.to_numpy(), mean.high.to_numpy(), BAND, **common))


# -- what came out --------------------------------------------------------------------------------------------------
def comparison(result: Comparison) -> go.Figure:
    """Difference of every variant: one point a seed, the mean with its interval; filled where it differs after Holm."""
    table, null = result.table.drop(index=result.to), result.null
    if table.empty:
        raise ValueError(f"nothing to show: only {result.to!r} was compared, with itself")
    figure = _figure([""], x=f"accuracy minus {result.to}", y="", lines=2.6 * len(table) + 0.6)
    rim = np.array([-0.6, -0.6]), np.array([len(table) - 0.4] * 2)
    if null is not None:
        name = f"worst to best of {null.k} random orders"
        figure.add_trace(_band(pd.Series([null.worst, null.gain]), *rim, BAND, name=name))
    _line(figure, [0, 0], [-0.6, len(table) - 0.4])
    for place, (label, row) in enumerate(table.iterrows()):
        _marks(
            figure, place, row, result.scores[result.scores.variant == label], _style(label, result.variants)["color"]
        )
    _legend_of_marks(figure, table, result.level)
    reached = np.concatenate([[0.0], result.scores.difference.dropna(), table.low.dropna(), table.high.dropna()])
    reached = [*reached, null.worst, null.gain] if null is not None else reached
    margin = 0.06 * np.ptp(reached) or 0.01
    figure.update_xaxes(
        range=[min(reached) - margin, max(reached) + margin], showgrid=True, tickformat=".3~f", nticks=7
    )
    names = [_wrapped(v, 22, lines=2) for v in table.index]
    figure.update_yaxes(range=[len(table) - 0.4, -0.6], tickvals=[*range(len(table))], ticktext=names)
    figure.update_yaxes(ticks="", showgrid=False)
    return _arrange(figure)


def _line(figure: go.Figure, x: Sequence[float], y: Sequence[float]) -> None:
    """Where nothing differs: over the null band, under the marks."""
    import plotly.graph_objects as go

    line = dict(color=FRAME, width=1)
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line=line, name="no difference", showlegend=False, hoverinfo="skip")
    )


def _marks(figure: go.Figure, place: int, row: pd.Series, scores: pd.DataFrame, colour: str) -> None:
    """One variant's line of the comparison: its seeds, and below them their mean and its interval."""
    import plotly.graph_objects as go

    points = scores.dropna(subset="difference")
    common = dict(mode="markers", name=escape(str(row.name), quote=False), showlegend=False)
    figure.add_trace(go.Scatter(
        x=points.difference, y=place - 0.27 + np.linspace(-0.07, 0.07, len(points)), **common,
        marker=dict(color="white", line=dict(color=colour, width=1.2), size=6, symbol="circle"),
        customdata=points.seed, hovertemplate="seed %{customdata}: %{x:+.3f}",
    ))  # fmt: skip
    if row.n < 2:
        return
    reach = dict(array=[row.high - row.difference], arrayminus=[row.difference - row.low], width=4, thickness=2)
    marker = dict(color=colour if row.differs else "white", size=10, symbol="diamond", line=dict(color=colour, width=2))
    figure.add_trace(go.Scatter(
        x=[row.difference], y=[place + 0.1], marker=marker, **common,
        error_x=reach | dict(color=colour, visible=bool(np.isfinite(row.low))),
        hovertemplate=f"%{{x:+.3f}}, {row.low:+.3f} to {row.high:+.3f} ({row.interval})",
    ))  # fmt: skip


def _legend_of_marks(figure: go.Figure, table: pd.DataFrame, level: float) -> None:
    """Grey samples of the marks, so that the legend tells shapes and the axis tells names."""
    import plotly.graph_objects as go

    kinds = " and ".join(dict.fromkeys(table.interval[table.low.notna()]))
    diamond = dict(symbol="diamond", size=10, line=dict(color=GREY, width=2))
    marks = {"one seed": dict(color="white", size=6, symbol="circle", line=dict(color=GREY, width=1.2))}
    if kinds:
        marks[f"mean, {level:.0%} interval ({kinds})"] = diamond | dict(color="white")
    if table.differs.any():
        marks["differs after Holm"] = diamond | dict(color=GREY)
    for name, marker in marks.items():
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=name))


def levels(result: Comparison, value: str = "accuracy") -> go.Figure:
    """Final accuracy of every variant on each level, or (`value="difference"`) its difference with the interval."""
    import plotly.graph_objects as go

    if value not in ("accuracy", "difference"):
        raise ValueError(f"value={value!r} is not known here; choose 'accuracy' or 'difference'")
    if result.levels.empty:
        raise ValueError("no levels to show: the test rows have no column 'level'")
    names = [v for v in result.table.index if value == "accuracy" or v != result.to]
    y = "accuracy" if value == "accuracy" else f"accuracy minus {result.to}"
    figure = _figure([""], x="level", y=y, ratio=0.6)
    if value == "difference":
        _line(figure, [-0.5, result.levels.level.nunique() - 0.5], [0, 0])
    places = {name: i for i, name in enumerate(result.levels.level.unique())}
    for i, name in enumerate(names):
        part, style = result.levels[result.levels.variant == name], _style(name, result.variants)
        shift = 0.0 if value == "accuracy" else (i - (len(names) - 1) / 2) * 0.5 / len(names)
        reach = dict(array=part.high - part.difference, arrayminus=part.difference - part.low, color=style["color"])
        figure.add_trace(go.Scatter(
            x=part.level.map(places) + shift, y=part[value], name=escape(name, quote=False),
            mode="lines+markers" if value == "accuracy" else "markers",
            error_y=reach | dict(width=2, thickness=1.4) if value == "difference" else None,
            line=dict(color=style["color"], width=2, dash=style["dash"]),
            marker=dict(color=style["color"], symbol=style["symbol"], size=8),
            hovertemplate="%{y:.3f}",
        ))  # fmt: skip
    figure.update_xaxes(tickvals=[*places.values()], ticktext=[*map(str, places)], range=[-0.5, len(places) - 0.5])
    return _arrange(figure)


WASTE = {  # parts of what was generated: name, colour, pattern and its colour; in grey they differ by these
    "taught": ("taught something", "#08306b", "", "#08306b"),
    "silent": ("no signal: all advantages 0", "#8fb8dc", "", "#8fb8dc"),
    "rejected": ("rejected", "#f2c58f", "/", "#dba35f"),
    "probed": ("asked to measure difficulty", "#eeeeee", ".", "#cccccc"),
}


def waste(runs: Runs) -> go.Figure:
    """Where each variant's generated tokens went, as shares; how many there were stands under its name.

    The shares are those of `statistics.waste`: means over seeds.
    """
    import plotly.graph_objects as go

    table = statistics.waste(runs)
    table["taught"] = 1 - table[["silent", "rejected", "probed"]].sum(axis=1)
    figure = _figure([""], x="share of generated tokens", y="", lines=2.9 * len(table))
    for part, (name, colour, shape, lines) in WASTE.items():
        share = table[part].clip(lower=0)
        if part != "taught" and not (share > 0).any():
            continue
        figure.add_trace(go.Bar(
            x=share, y=[*range(len(table))], orientation="h", name=name, width=0.62,
            text=[f"{v:.0%}" if v >= 0.06 else "" for v in share], textposition="inside", insidetextanchor="middle",
            textangle=0, textfont_color="white" if part == "taught" else INK, constraintext="none", cliponaxis=False,
            marker=dict(color=colour, line=dict(color="white", width=1)),
            marker_pattern=dict(shape=shape, fgcolor=lines, bgcolor=colour, solidity=0.25, size=6),
            hovertemplate=f"{name}: %{{x:.1%}}<extra></extra>",
        ))  # fmt: skip
    under = [f"{_wrapped(v, 22, lines=1)}<br>{t:,.0f} tokens" for v, t in table.generated.items()]
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(range=[0, 1.04], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%", showgrid=False)
    figure.update_yaxes(range=[len(table) - 0.5, -0.5], tickvals=[*range(len(table))], ticktext=under)
    figure.update_yaxes(ticks="", showgrid=False)
    return _arrange(figure)


# -- grids and matrices ---------------------------------------------------------------------------------------------
def grid(result: Comparison) -> go.Figure:
    """Differences of variants named "row, column" (a schedule, a measure), as a map with the numbers in it.

    White is what the null band reaches by luck; bold differs after Holm. Intervals are in `comparison`.
    """
    table = result.table.drop(index=result.to)
    table = table[[", " in str(v) for v in table.index]]
    if table.empty:
        raise ValueError('nothing to lay out in a grid; name the variants "row, column", such as "easy first, loss"')
    names = [str(v).rsplit(", ", 1) for v in table.index]
    rows, columns = (list(dict.fromkeys(part)) for part in zip(*names, strict=True))
    low, high = (result.null.worst, result.null.gain) if result.null else (0.0, 0.0)
    luck = table.difference.between(low - 1e-9, high + 1e-9)
    z = np.full((len(rows), len(columns)), np.nan)
    text = np.full(z.shape, "", dtype=object)
    for (row, column), d, lucky, sure in zip(names, table.difference, luck, table.differs, strict=True):
        place = rows.index(row), columns.index(column)
        z[place] = 0.0 if lucky else d
        text[place] = f"<b>{d:+.3f}</b>" if sure else f"{d:+.3f}"
    said = f"accuracy minus {result.to}"
    said += f"; white: within the null band, {low:+.3f} to {high:+.3f}" if result.null else ""
    figure = _figure([said + ("; bold: differs" if table.differs.any() else "")], x="", y="", lines=2.6 * len(rows))
    _cells(figure, 0, rows, columns, z, text, most=np.nanmax(np.abs(table.difference)))
    return _arrange(figure)


def transfer(runs: Runs, pool: pd.DataFrame, by: str = "level") -> go.Figure:
    """Change of accuracy on each tested group while each group was trained, in hundredths; a panel a variant.

    The numbers are those of `statistics.transfer`, which has their intervals; a line stays empty where no row of its
    group was trained.
    """
    table = statistics.transfer(runs, pool, by)
    variants = list(table.variant.unique())
    rows, columns = (sorted(table[side].unique()) for side in ("trained", "tested"))
    lines = 2.2 * len(rows)
    figure = _figure(variants, x=f"tested {by}", y=f"trained {by}", lines=lines)
    most = table.change.abs().max()
    for panel, variant in enumerate(variants):
        z = table[table.variant == variant].pivot(index="trained", columns="tested", values="change")
        z = z.reindex(index=rows, columns=columns).to_numpy(float)
        text = [["" if np.isnan(v) else f"{100 * v:+.0f}" if abs(v) >= 0.005 else "0" for v in line] for line in z]
        _cells(figure, panel, rows, columns, z, text, most=most)
    return _arrange(figure)


def _cells(
    figure: go.Figure, panel: int, rows: Sequence, columns: Sequence, z: np.ndarray, text: Any, *, most: float
) -> None:
    """A map of numbers around 0 with the numbers in it; first row on top."""
    import plotly.graph_objects as go

    most = float(most) or 1.0
    figure.add_trace(go.Heatmap(
        x=[*range(len(columns))], y=[*range(len(rows))], z=z, text=text, texttemplate="%{text}", xgap=2, ygap=2,
        zmin=-most, zmax=most, colorscale=DIVERGING, showscale=False, name=figure.layout.meta["titles"][panel],
        hoverinfo="text", hoverongaps=False, **_on(panel),
    ))  # fmt: skip
    wrapped = [_wrapped(c, 12, lines=2) for c in columns]
    figure.layout[_axis("x", panel)].update(
        tickvals=[*range(len(columns))], ticktext=wrapped, ticks="", showline=False, autotickangles=[0, 90]
    )
    figure.layout[_axis("y", panel)].update(
        tickvals=[*range(len(rows))], ticktext=[_wrapped(r, 16, lines=2) for r in rows], ticks="", showline=False,
        showgrid=False, range=[len(rows) - 0.5, -0.5],
    )  # fmt: skip


def forgetting(runs: Runs, by: str = "topic") -> go.Figure:
    """Best earlier accuracy minus final accuracy of every group of test rows: means with intervals, and null bands.

    The numbers are those of `statistics.forgetting`; right of 0 is forgotten.
    """
    import plotly.graph_objects as go

    table = statistics.forgetting(runs, by)
    groups, variants = list(table[by].unique()), list(table.variant.unique())
    figure = _figure([""], x="best earlier accuracy minus final", y="", lines=(1.1 * len(variants) + 0.8) * len(groups))
    for i, group in enumerate(groups):
        band = table[table[by] == group].iloc[0]
        if np.isfinite(band.null_low):
            name, rim = f"smallest to largest of {len(runs.null)} random orders", np.array([i - 0.46] * 2)
            reach = pd.Series([band.null_low, band.null_high])
            figure.add_trace(_band(reach, rim, rim + 0.92, BAND, name=name, legendgroup="null", showlegend=i == 0))
    _line(figure, [0, 0], [-0.6, len(groups) - 0.4])
    for k, variant in enumerate(variants):
        own, style = table[table.variant == variant], _style(variant, runs.variants)
        reach = dict(array=own.high - own.forgetting, arrayminus=own.forgetting - own.low, width=3, thickness=1.6)
        figure.add_trace(go.Scatter(
            x=own.forgetting, y=[groups.index(g) + 0.8 * ((k + 0.5) / len(variants) - 0.5) for g in own[by]],
            mode="markers", name=escape(variant, quote=False), error_x=reach | dict(color=style["color"]),
            marker=dict(color=style["color"], symbol=style["symbol"], size=8), customdata=own.interval,
            hovertemplate="%{x:+.3f} (%{customdata})",
        ))  # fmt: skip
    if kinds := " and ".join(dict.fromkeys(table.interval[table.low.notna()])):
        line = dict(color=GREY, width=1.6)
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="lines", line=line, name=f"95% interval ({kinds})"))
    names = [_wrapped(g, 16, lines=2) for g in groups]
    figure.update_xaxes(showgrid=True, tickformat=".2~f", nticks=7)
    figure.update_yaxes(range=[len(groups) - 0.4, -0.6], tickvals=[*range(len(groups))], ticktext=names)
    figure.update_yaxes(ticks="", showgrid=False)
    return _arrange(figure)


# -- for papers -----------------------------------------------------------------------------------------------------
NO_BROWSER = (
    "no Chrome or Chromium for PDF, SVG and PNG: on Debian `sudo apt install chromium`; on Ubuntu, whose apt chromium "
    "is a snap that cannot be driven from here, Google's .deb from https://www.google.com/chrome or `plotly_get_chrome`"
)


class ExportError(RuntimeError):
    """A figure could not be written in the format that was asked for."""


def export(
    figure: go.Figure,
    path: str | Path,
    *,
    width: float = 3.25,
    height: float | None = None,
    formats: Sequence[str] | None = None,
) -> list[Path]:
    """Write a figure as `path`.html (needs no network), and as PDF, SVG and PNG (300 dpi) for a column of a paper.

    width, height: inches; 3.25 and 6.75 are one and two columns, the height follows the panels. formats: None takes all
    that can be had and says in one line what cannot; formats asked for by name raise ExportError where no Chrome or
    Chromium is found. HTML is always written. Returns the files written.
    """
    return export_all({path: figure}, width=width, height=height, formats=formats)


def export_all(
    figures: Mapping[str | Path, go.Figure],
    *,
    width: float = 3.25,
    height: float | None = None,
    formats: Sequence[str] | None = None,
) -> list[Path]:
    """`export` of many figures, {path: figure}, in one start of the browser."""
    wanted = _formats(formats)
    if not 1 <= width <= 40:
        raise ValueError(f"width={width!r} is in inches, between 1 and 40; a column of a paper has 3.25, two have 6.75")
    written = [_write(_file(path, "html"), _html(figure).encode()) for path, figure in figures.items()]
    images = [f for f in wanted if f != "html"]
    if not images:
        return written
    try:
        return written + _images(figures, images, width, height)
    except ExportError as error:
        if formats is not None:
            raise
        _say_once(str(error))
        return written


def find_browser() -> str | None:
    """Path of a Chrome or Chromium that can be driven: $BROWSER_PATH, plotly_get_chrome's, or the system's; no snap."""
    from choreographer.browsers.chromium import Chromium

    path = os.environ.get("BROWSER_PATH") or Chromium.find_browser(skip_local=False)
    return path if path and Path(path).is_file() and not _is_snap(Path(path)) and _answers(str(path)) else None


@cache
def _answers(path: str) -> bool:
    """Does it tell its version? One that is broken, or waits for something, would be waited for in vain later."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_snap(path: Path) -> bool:
    """Is it a snap, or the shell script that Ubuntu has in its place?"""
    if "/snap/" in str(path.resolve()) or path.resolve().name == "snap":
        return True
    with open(path, "rb") as file:
        start = file.read(8192)
    return start.startswith(b"#!") and b"/snap/" in start


def _formats(formats: Sequence[str] | None) -> list[str]:
    wanted = [formats] if isinstance(formats, str) else list(FORMATS if formats is None else formats)
    for name in wanted:
        if name not in FORMATS:
            raise ValueError(f"cannot export to {name!r}; choose from {', '.join(FORMATS)}")
    return wanted


def _file(path: str | Path, form: str) -> Path:
    """`figures/curves` and `figures/curves.pdf` both mean `figures/curves.<form>`; other dots belong to the name."""
    path = Path(path)
    stem = path.stem if path.suffix[1:] in FORMATS else path.name
    return path.with_name(f"{stem}.{form}")


def _html(figure: go.Figure) -> str:
    return figure.to_html(include_plotlyjs=True, config=dict(displaylogo=False, responsive=True))


def _images(
    figures: Mapping[str | Path, go.Figure], forms: Sequence[str], width: float, height: float | None
) -> list[Path]:
    browser = find_browser()
    if browser is None:
        raise ExportError(NO_BROWSER)
    with tempfile.TemporaryDirectory() as folder:
        jobs, parts = [], {}
        for i, (path, figure) in enumerate(figures.items()):
            printed = for_print(figure, width=width, height=height)
            size = dict(width=printed.layout.width, height=printed.layout.height)
            for form in forms:
                parts[_file(path, form)] = part = Path(folder) / f"{i}.{form}"
                options = dict(format=form, scale=300 / 96 if form == "png" else 1, **size)
                jobs.append(dict(fig=printed, path=part, opts=options))
        _render(jobs, browser)
        content = {target: part.read_bytes() for target, part in parts.items()}
    return [_write(path, _with_dpi(data) if path.suffix == ".png" else data) for path, data in content.items()]


def _render(jobs: list[dict[str, Any]], browser: str) -> None:
    """Draw all jobs in one browser, in a thread of its own since a notebook's thread already runs a loop."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import kaleido

    async def draw() -> None:  # no MathJax: it would be fetched from the network
        options = dict(path=browser, mathjax=False, timeout=60)
        work = kaleido.write_fig_from_object(jobs, kopts=options, cancel_on_error=True)
        await asyncio.wait_for(work, 60 + 10 * len(jobs))

    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(draw())).result()
    except Exception as error:
        reason = " ".join(str(error.args[0] if error.args else "").split())[:200] or type(error).__name__
        raise ExportError(f"{browser} did not draw ({reason}); {NO_BROWSER}") from error


def for_print(figure: go.Figure, *, width: float = 3.25, height: float | None = None) -> go.Figure:
    """A copy laid out for print: inches become px at 96 to the inch, text has 8 pt, lines and marks are thinner."""
    import plotly.graph_objects as go

    figure = go.Figure(figure)
    px, across, factor = PRINT_PX, round(width * 96), 0.7
    for trace in figure.data:
        for name in THINNED:
            if name in trace and np.isscalar(trace[name]):
                trace[name] = trace[name] * factor
        if trace.name and trace.showlegend is not False:
            trace.name = _wrapped(unescape(trace.name), (across - 40) / (0.56 * px), lines=3)
    figure.update_layout(width=across, font_size=px, margin=dict(l=2, r=8, t=4, b=5))
    figure.update_xaxes(title_font_size=px, title_standoff=4, ticklen=3)
    figure.update_yaxes(title_font_size=px, title_standoff=6, ticklen=3)
    tall = round(height * 96) if height else None
    if isinstance(figure.layout.meta, dict) and "panels" in figure.layout.meta:
        return _arrange(figure, width=across, px=px, height=tall, most=6)
    return figure.update_layout(height=tall or round(0.68 * across))


def _write(path: Path, content: bytes) -> Path:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return path


def _with_dpi(png: bytes) -> bytes:
    """A PNG that says it has 300 dots to the inch (a pHYs chunk behind the header): LaTeX takes its width from it."""
    header = 33  # signature 8 bytes, IHDR 25
    chunk = b"pHYs" + round(300 / 0.0254).to_bytes(4, "big") * 2 + b"\x01"  # dots per metre
    return png[:header] + (9).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + png[header:]


_said: set[str] = set()


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        print(line)


# -- looking before training ----------------------------------------------------------------------------------------
def schedules(runs: Runs, pool: pd.DataFrame, by: str | Sequence[str] = "level", *, group: str = "level") -> go.Figure:
    """One column a variant: difficulty of the rows by step, learned tokens per `group`, how often rows come.

    by: the measure each variant is drawn by, one name or one a variant. Every column has the same three traces, so a
    live figure can be given new numbers in place.
    """
    from plotly.subplots import make_subplots

    exposure = runs.exposure
    names = [by] * len(runs.variants) if isinstance(by, str) else list(by)
    for name in (*names, group):
        if name not in pool:
            raise ValueError(f"the pool has no column {name!r} to show schedules by; it has {', '.join(pool.columns)}")
    if exposure.empty:
        raise ValueError("no draws to show: no row was trained (runs.exposure is empty)")
    figure = make_subplots(
        3, len(names), row_heights=[0.46, 0.27, 0.27], column_titles=[escape(v, quote=False) for v in runs.variants],
        horizontal_spacing=0.22 / len(names), vertical_spacing=0.12,
    )  # fmt: skip
    for column, (variant, measure) in enumerate(zip(runs.variants, names, strict=True), start=1):
        own = exposure[exposure.variant == variant]
        for row, trace in enumerate(_schedule(own, pool, measure, group, _style(variant, runs.variants)["color"]), 1):
            figure.add_trace(trace, row=row, col=column)
        for row, (x, y) in enumerate(_schedule_axes(measure, group), 1):
            figure.update_xaxes(title_text=x, row=row, col=column)
            figure.update_yaxes(title_text=y, row=row, col=column)
        figure.update_yaxes(dtick=1 if len(figure.data[-3].y) <= GROUPS else None, row=1, col=column)
    most = max((t.x.max() for t in figure.data if t.type == "bar" and t.yaxis in _row(figure, 3)), default=1)
    figure.update_xaxes(range=[-0.6, most + 0.6], dtick=max(1, int(most // 8)), row=3)
    figure.update_xaxes(type="category", dtick=1 if pool[group].nunique() <= GROUPS else None, row=2)
    for row in (2, 3):  # columns are to be compared
        figure.update_yaxes(matches=_row(figure, row)[0], tickformat="~s", rangemode="tozero", row=row)
    for axis in figure.select_yaxes(row=1):
        axis.domain = (axis.domain[0], 0.95)
    figure.update_layout(
        template=template(), height=660, autosize=True, showlegend=False, bargap=0.15,
        coloraxis=dict(colorscale=SCALE, cmin=0, showscale=False),
    )  # fmt: skip
    figure.update_annotations(font_size=None, y=1, yanchor="top")
    return figure


def _row(figure: go.Figure, row: int) -> list[str]:
    """Names of the y axes of a row of panels."""
    return [axis.plotly_name.replace("axis", "") for axis in figure.select_yaxes(row=row)]


def _schedule(own: pd.DataFrame, pool: pd.DataFrame, measure: str, group: str, colour: str) -> list[Any]:
    """A map of difficulty by step, bars of tokens per group, bars of rows by how often they come."""
    import plotly.graph_objects as go

    steps, scores = _edges(own.step, 50), _edges(pool[measure], 24)
    counts = np.histogram2d(own.id.map(pool[measure]).astype(float), own.step, [scores, steps])[0]
    tokens = own.tokens.groupby(own.id.map(pool[group])).sum().reindex(sorted(pool[group].unique()), fill_value=0)
    times = own.id.value_counts().reindex(pool.index, fill_value=0).value_counts().sort_index()
    middles = [(edges[:-1] + edges[1:]) / 2 for edges in (steps, scores)]
    return [
        go.Heatmap(
            x=middles[0], y=middles[1], z=counts / np.maximum(counts.sum(axis=0), 1), coloraxis="coloraxis",
            hovertemplate=f"step %{{x:.0f}}, {measure} %{{y:.3g}}: %{{z:.0%}} of the rows<extra></extra>",
        ),
        go.Bar(x=tokens.index, y=tokens, marker_color=colour, hovertemplate="%{y:,} tokens<extra></extra>"),
        go.Bar(x=times.index, y=times, marker_color=colour, hovertemplate="%{y} rows %{x} times<extra></extra>"),
    ]  # fmt: skip


def _schedule_axes(measure: str, group: str) -> list[tuple[str, str]]:
    return [("optimiser step", measure.replace("_", " ")), (group, "learned tokens"), ("times a row comes", "rows")]


def agreement(pool: pd.DataFrame, measures: Sequence[str]) -> go.Figure:
    """Spearman's rank correlation of every two measures, as a map with the numbers in it."""
    import plotly.graph_objects as go

    names = _measures(pool, measures)
    if len(names) < 2:
        raise ValueError(f"one measure ({names[0]!r}) agrees with itself; give at least two columns of the pool")
    found = pool[names].rank().corr().to_numpy()[1:, :-1]
    shown = np.where(np.tri(len(names) - 1, dtype=bool), found, np.nan)
    labels = [name.replace("_", " ") for name in names]
    text = [["" if np.isnan(v) else f"{v:.2f}" for v in line] for line in shown]
    scale = ((0.0, "#b35806"), (0.5, "#ffffff"), (1.0, "#08306b"))  # brown against, white none, blue together
    figure = go.Figure(go.Heatmap(
        x=labels[:-1], y=labels[1:], z=shown, text=text, texttemplate="%{text}", zmin=-1, zmax=1, colorscale=scale,
        showscale=False, xgap=2, ygap=2, hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
    ))  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", showline=False)
    figure.update_xaxes(ticks="", showline=False, title_text="Spearman's rank correlation")
    return figure.update_layout(template=template(), height=80 + 56 * len(names))


def scatter(pool: pd.DataFrame, x: str, y: str, *, by: str | None = "level") -> go.Figure:
    """Every row of the pool by two measures, coloured by `by` where the pool has it; hover tells the prompt."""
    import plotly.graph_objects as go

    _measures(pool, [x, y])
    groups, colours = _groups(pool[by]) if by in pool else (pd.Series("", pool.index), {"": COLOURS[0]})
    figure = _figure([""], x=x.replace("_", " "), y=y.replace("_", " "), ratio=0.5)
    for name, colour in colours.items():
        part = pool[groups == name]
        figure.add_trace(go.Scatter(
            x=part[x], y=part[y], mode="markers", name=_named(by, name, colours), showlegend=len(colours) > 1,
            marker=dict(color=colour, size=6, opacity=0.75, line=dict(color="#555555", width=0.4)),
            customdata=[escape(p.split("\n")[0][:60], quote=False) for p in part.prompt],
            hovertemplate="%{customdata}<br>%{x:.3g}, %{y:.3g}<extra></extra>",
        ))  # fmt: skip
    return _arrange(figure)


# -- measures side by side, and answers of many ---------------------------------------------------------------------
def agreements(
    below: pd.DataFrame, above: pd.DataFrame, *, names: tuple[str, str] = ("Spearman", "Kendall")
) -> go.Figure:
    """Two matrices of rank correlations (measures, measures) as one map: one below the diagonal, one above it."""
    import plotly.graph_objects as go

    if list(below.index) != list(above.index) or list(below.index) != list(below.columns):
        raise ValueError("two square tables of the same measures in the same order make one map")
    n, labels = len(below), [str(name).replace("_", " ") for name in below]
    z = np.where(np.tri(n, k=-1, dtype=bool), below, above).astype(float)
    np.fill_diagonal(z, np.nan)
    text = [["" if np.isnan(v) else f"{v:.2f}" for v in line] for line in z]
    scale = ((0.0, "#b35806"), (0.5, "#ffffff"), (1.0, "#08306b"))  # as in agreement()
    wrapped = [label.replace(" ", "<br>", 1) for label in labels]
    title = f"{names[0]} below the diagonal, {names[1]} above"
    figure = _figure([""], x=title, y="", lines=2.1 * n)
    figure.add_trace(go.Heatmap(
        x=[*range(n)], y=[*range(n)], z=z, text=text, texttemplate="%{text}", zmin=-1, zmax=1, colorscale=scale,
        showscale=False, xgap=2, ygap=2, customdata=[[f"{a} and {b}" for b in labels] for a in labels],
        hovertemplate="%{customdata}: %{z:.2f}<extra></extra>",
    ))  # fmt: skip
    common = dict(showgrid=False, ticks="", showline=False, tickvals=[*range(n)])
    figure.update_xaxes(**common, ticktext=wrapped, tickangle=-90 if n > 6 else 0)
    figure.update_yaxes(**common, ticktext=labels, range=[n - 0.5, -0.5])
    return _arrange(figure)


def by_level(table: pd.DataFrame, *, level: str = "level") -> go.Figure:
    """Means of measures at every level with their intervals, one panel a measure: the table of atlas.by_level."""
    import plotly.graph_objects as go

    measures = list(dict.fromkeys(table["measure"]))
    if not measures:
        raise ValueError("no means to show: the table has no rows; give that of difficulty.atlas.by_level")
    figure = _figure([m.replace("_", " ") for m in measures], x=level, y="mean", shared=False, ratio=0.62)
    for panel, name in enumerate(measures):
        part = table[table["measure"] == name]
        reach = dict(array=part["high"] - part["mean"], arrayminus=part["mean"] - part["low"], width=3, thickness=1.4)
        figure.add_trace(go.Scatter(
            x=part["level"], y=part["mean"], mode="lines+markers", showlegend=False, name=name, customdata=part["rows"],
            error_y=reach | dict(color=COLOURS[0]), line=dict(color=COLOURS[0], width=1.4), marker=dict(size=6),
            hovertemplate="level %{x:g}: %{y:.3g}, %{customdata} rows<extra></extra>", **_on(panel),
        ))  # fmt: skip
    whole = table["level"].nunique() <= 2 * GROUPS
    figure.update_xaxes(tickvals=sorted(table["level"].unique()) if table["level"].nunique() <= GROUPS else None)
    figure.update_xaxes(dtick=2 if whole and table["level"].nunique() > GROUPS else None)
    return _arrange(figure)


def item_curves(fit: Any, items: Sequence[object] | None = None, *, people: bool = True) -> go.Figure:
    """P(right) over ability of some items of an IRT fit, with its people as ticks below; where a curve falls, the able
    solve the item less often.

    items: names; None: up to eight, evenly over the order of difficulty.
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
    figure = _figure([""], x=f"ability, {_unit(fit)}", y="P(right)", ratio=0.5)
    for place, name in enumerate(shown):
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // 2 % len(DASHES)]
        figure.add_trace(go.Scatter(
            x=x, y=fit.curve(name, x)["probability"], mode="lines", name=escape(str(name), quote=False),
            line=dict(color=colour, width=2, dash=dash), hovertemplate="%{x:.2f}: %{y:.2f}",
        ))  # fmt: skip
    if people:
        figure.add_trace(go.Scatter(
            x=ability, y=np.full(len(ability), -0.05), mode="markers", name="people", hoverinfo="skip",
            marker=dict(color=GREY, symbol="line-ns", size=8, line=dict(color=GREY, width=1), opacity=0.5),
        ))  # fmt: skip
    figure.update_xaxes(range=[-reach, reach])
    figure.update_yaxes(range=[-0.1, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1])
    return _arrange(figure)


def wright_map(fit: Any, *, bins: int = 30, groups: pd.Series | None = None) -> go.Figure:
    """People (left) and items (right) of an IRT fit on one scale, as counts; who stands beside an item has an even
    chance of solving it (with guessing: half of what is left). groups: of the items, coloured, such as their level.

    The easiest and hardest 2% of the items share the outermost bins where they lie far from everybody.
    """
    import plotly.graph_objects as go

    ability, difficulty = fit.people["ability"], fit.items["difficulty"]
    center, spread = float(ability.median()), max(float(ability.std()), 0.5)
    rim = difficulty.quantile([0.02, 0.98])
    low = max(min(ability.min(), difficulty.min()), min(center - 4 * spread, ability.min(), rim.iloc[0]))
    high = min(max(ability.max(), difficulty.max()), max(center + 4 * spread, ability.max(), rim.iloc[1]))
    edges = np.linspace(low, high, bins + 1)
    middle, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    figure = _figure(["people", "items"], x=["people", "items"], y=f"position, {_unit(fit)}", shared=False, ratio=0.8)
    of, colours = _groups(groups.reindex(fit.items.index)) if groups is not None else (None, {"": COLOURS[1]})
    parts = [(0, "people", ability, COLOURS[0], False)]
    for name, colour in colours.items():
        own = difficulty if of is None else difficulty[of == name]
        label = "items" if of is None else _named(str(groups.name or "group"), name, colours)
        parts.append((1, label, own, colour, of is not None))
    for panel, label, values, colour, told in parts:
        counts = np.histogram(values.clip(low, high), edges)[0]
        figure.add_trace(go.Bar(
            x=counts, y=middle, width=width, orientation="h", name=label, showlegend=told,
            marker=dict(color=colour, line=dict(color="white", width=0.5)),
            hovertemplate="%{x} at %{y:.2f}<extra></extra>", **_on(panel),
        ))  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(rangemode="tozero", showgrid=True, tickformat="d")
    figure.update_layout(xaxis_autorange="reversed", yaxis2_matches="y")
    figure.update_yaxes(range=[low - width, high + width], showgrid=False)
    return _arrange(figure)


def _unit(fit: Any) -> str:
    return "logits" if fit.scale == "rasch" else "standard deviations"
