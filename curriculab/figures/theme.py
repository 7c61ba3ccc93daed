"""One look: font, colours, markers and dashes; a variant has one of each in every figure, random is grey."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Arial and Liberation Sans have the same widths, so a figure breaks its lines alike on every machine;
# Chrome's package depends on the latter.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SCREEN_PX, PRINT_PX = 13.0, 8 * 96 / 72  # 8 pt, the smallest that most journals accept
SCREEN_WIDTH = 850  # px, of an output on a screen of 1280; panels are as high as suits it, the figure fills its cell
NARROW = 580  # px, the same at 125% zoom; titles and the legend are broken into lines for it
INK, GREY, FRAME, GRID = "#222222", "#757575", "#444444", "#ebebeb"
BAND = "rgba(0,0,0,0.10)"
# of what was done by hand
SIGNS = {"stop": "x", "swap": "diamond-wide", "fork": "star-triangle-up", "pause": "line-ns", "resume": "line-ns"}
# Okabe and Ito 2008, "Color Universal Design", without those too light for lines (below 3:1 on white); the last two are
# Paul Tol's, the two before them were searched for: far from all others with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#9231E8", "#543807", "#882255", "#332288")
MARKERS = ("square", "diamond", "triangle-up", "x", "triangle-down", "pentagon", "cross", "star")
DASHES = ("solid", "dash", "dot", "dashdot")
CATEGORIES = ("#4477AA", "#CCBB44", "#228833", "#EE6677", "#66CCEE", "#AA3377", "#997700", "#44AA99")  # by Paul Tol
SCALE = ((0.0, "#ffffff"), (0.02, "#eaf1f8"), (0.35, "#8fb8dc"), (0.7, "#2c6fae"), (1.0, "#08306b"))  # one hue
DIVERGING = ((0.0, "#b35806"), (0.5, "#ffffff"), (1.0, "#08306b"))  # brown below, white at 0, blue above
GROUPS = 8  # more colours than this cannot be told apart; the rest is merged


_kept: tuple[str, ...] = ()


def keep_colours(variants: Iterable[str] = ()) -> None:
    """Let these variants keep their colours, markers and dashes, also in figures that show only some of them.

    Others come after them, in the order of the figure they are in.

    Parameters
    ----------
    variants : iterable of str
        All variants of a paper, such as `runs.variants`; without any, colours go by each figure's own variants again.

    Examples
    --------
    >>> cl.figures.keep_colours(["random", "easy first", "sec"])
    >>> later = cl.figures.palette(["random", "sec"])["sec"]
    >>> cl.figures.keep_colours()
    >>> later == cl.figures.palette(["random", "sec"])["sec"]
    False
    """
    global _kept
    _kept = tuple(dict.fromkeys(variants))


def palette(variants: Iterable[str]) -> dict[str, str]:
    """Give the colour of each variant, by its place in the list.

    Parameters
    ----------
    variants : iterable of str
        In the order of the runs; `random` is grey and takes no place.

    Returns
    -------
    dict of str to str
        Hexadecimal colours by variant, "random" always among them.

    Examples
    --------
    >>> cl.figures.palette(["random", "easy first"])
    {'random': '#757575', 'easy first': '#0072B2'}
    """
    variants = list(variants)
    return {"random": GREY} | {v: style_of(v, variants)["color"] for v in variants}


def style_of(label: str, variants: Sequence[str]) -> dict[str, str]:
    """Colour, marker and dash of a line of a table; "vote / gold" (variant / solver) goes by its variant."""
    variants = [*_kept, *(v for v in variants if v not in _kept)]
    name = label if label in variants else label.rsplit(" / ", 1)[0]
    place = [v for v in variants if v != "random"].index(name) if name in variants and name != "random" else None
    if place is None:
        return {"color": GREY, "symbol": "circle", "dash": "solid"}
    return {
        "color": COLOURS[place % len(COLOURS)],
        "symbol": MARKERS[place % len(MARKERS)],
        "dash": DASHES[(place // len(COLOURS) + (label != name)) % len(DASHES)],
    }


def clear(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def template() -> go.layout.Template:
    """Make the template of all figures: white, thin axes, one font, nothing that is not needed.

    Returns
    -------
    plotly.graph_objects.layout.Template

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> figure = go.Figure(go.Bar(x=["easy", "hard"], y=[0.9, 0.3]), layout=dict(template=cl.figures.template()))
    >>> figure.layout.template.layout.plot_bgcolor
    'white'
    """
    import plotly.graph_objects as go

    from curriculab.figures.screen import RIGHT, TOOLBAR

    axis = dict(
        showline=True,
        linecolor=FRAME,
        linewidth=1,
        ticks="outside",
        ticklen=4,
        tickwidth=1,
        tickcolor=FRAME,
        zeroline=False,
        automargin=True,
        title=dict(standoff=6, font=dict(size=SCREEN_PX)),
        gridcolor=GRID,
        gridwidth=1,
    )
    layout = go.Layout(
        font=dict(family=FONT, size=SCREEN_PX, color=INK),
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin=dict(l=8, r=RIGHT, t=10, b=8, pad=0),
        modebar=TOOLBAR,
        xaxis=axis | dict(showgrid=False),
        yaxis=axis | dict(showgrid=True),
        legend=dict(orientation="h", x=0, xanchor="left", y=1, yanchor="bottom", tracegroupgap=0, borderwidth=0),
        hoverlabel=dict(font=dict(family=FONT)),
    )
    return go.layout.Template(layout=layout)


def groups_of(values: pd.Series) -> tuple[pd.Series, dict[str, str]]:
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


def group_name(by: str | None, group: str, groups: Mapping[str, str]) -> str:
    """`level 1` in the first entry of a legend, then `2`, `3`, and names as they are."""
    first = group == next(iter(groups))
    return f"{by} {group}" if first and group[:1].isdigit() else escape(group, quote=False)
