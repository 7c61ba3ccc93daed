"""What came out: differences of every variant, by level, and what was forgotten."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab import statistics
from curriculab.figures.captions import null_of, seeds, seeds_of, tell
from curriculab.figures.panels import arrange, no_difference, panelled, region, wrap
from curriculab.figures.theme import BAND, GREY, style_of
from curriculab.runs import Runs
from curriculab.statistics import Comparison
from curriculab.statistics.tables import rows_or_sets

if TYPE_CHECKING:
    import plotly.graph_objects as go


def comparison(result: Comparison) -> go.Figure:
    """Difference of every variant: one point a seed, the mean with its interval; filled where it differs after Holm.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
    >>> type(cl.figures.comparison(cl.compare(runs))).__name__
    'Figure'
    """
    table, null = result.table.drop(index=result.to), result.null
    if table.empty:
        raise ValueError(f"nothing to show: only {result.to!r} was compared, with itself")
    figure = panelled([""], x=f"accuracy minus {result.to}", y="", lines=2.6 * len(table) + 0.6)
    rim = np.array([-0.6, -0.6]), np.array([len(table) - 0.4] * 2)
    if null is not None:
        name = f"worst to best of {null.k} random orders"
        figure.add_trace(region(pd.Series([null.worst, null.gain]), *rim, BAND, name=name))
    no_difference(figure, [0, 0], [-0.6, len(table) - 0.4])
    for place, (label, row) in enumerate(table.iterrows()):
        _marks(
            figure, place, row, result.scores[result.scores.variant == label], style_of(label, result.variants)["color"]
        )
    _legend_of_marks(figure, table, result.confidence)
    reached = np.concatenate([[0.0], result.scores.difference.dropna(), table.low.dropna(), table.high.dropna()])
    reached = [*reached, null.worst, null.gain] if null is not None else reached
    margin = 0.06 * np.ptp(reached) or 0.01
    figure.update_xaxes(
        range=[min(reached) - margin, max(reached) + margin], showgrid=True, tickformat=".3~f", nticks=7
    )
    names = [wrap(v, 22, lines=2) for v in table.index]
    figure.update_yaxes(range=[len(table) - 0.4, -0.6], tickvals=[*range(len(table))], ticktext=names)
    figure.update_yaxes(ticks="", showgrid=False)
    return tell(arrange(figure), f"Accuracy minus that of {result.to}", _caption(result), marks=result.marks)


def _caption(result: Comparison) -> str:
    """What the marks of a comparison are."""
    table, null = result.table.drop(index=result.to), result.null
    caption = f"{_when(result)} minus that of {result.to}, paired by seed on the same {_rows(result)}. "
    caption += f"Circles: {seeds(table.n)}"
    if kinds := " and ".join(dict.fromkeys(table.interval[table.low.notna()])):
        caption += (
            f"; diamonds: means with {result.confidence:.0%} intervals ({kinds}), filled where the variant differs"
        )
        caption += " after Holm's correction, on these rows"
    return f"{caption}." + (f" Grey band: worst to best of {null.k} further random orders." if null else "")


def _when(result: Comparison) -> str:
    return "Final accuracy" if result.at == "end" else f"Accuracy {result.when}"


def _rows(result: Comparison) -> str:
    """How many test rows it rests on, where they have levels."""
    rows = int(result.levels.drop_duplicates("level").rows.sum())
    return f"{rows:,} test rows" if rows else "test rows"


def _marks(figure: go.Figure, place: int, row: pd.Series, scores: pd.DataFrame, colour: str) -> None:
    """One variant's line of the comparison: its seeds, and below them their mean and its interval."""
    import plotly.graph_objects as go

    points = scores.dropna(subset="difference")
    common = dict(mode="markers", name=escape(str(row.name), quote=False), showlegend=False)
    figure.add_trace(
        go.Scatter(
            x=points.difference,
            y=place - 0.27 + np.linspace(-0.07, 0.07, len(points)),
            **common,
            marker=dict(color="white", line=dict(color=colour, width=1.2), size=6, symbol="circle"),
            ids=[f"seed {s}" for s in points.seed],
            customdata=points.seed,
            hovertemplate="seed %{customdata}: %{x:+.3f}",
        )
    )
    if row.n < 2:
        return
    reach = dict(array=[row.high - row.difference], arrayminus=[row.difference - row.low], width=4, thickness=2)
    marker = dict(color=colour if row.differs else "white", size=10, symbol="diamond", line=dict(color=colour, width=2))
    figure.add_trace(
        go.Scatter(
            x=[row.difference],
            y=[place + 0.1],
            ids=["mean"],
            marker=marker,
            **common,
            error_x=reach | dict(color=colour, visible=bool(np.isfinite(row.low))),
            hovertemplate=f"%{{x:+.3f}}, {row.low:+.3f} to {row.high:+.3f} ({row.interval})",
        )
    )


def _legend_of_marks(figure: go.Figure, table: pd.DataFrame, confidence: float) -> None:
    """Grey samples of the marks, so that the legend tells shapes and the axis tells names."""
    import plotly.graph_objects as go

    kinds = " and ".join(dict.fromkeys(table.interval[table.low.notna()]))
    diamond = dict(symbol="diamond", size=10, line=dict(color=GREY, width=2))
    marks = {"one seed": dict(color="white", size=6, symbol="circle", line=dict(color=GREY, width=1.2))}
    if kinds:
        marks[f"mean, {confidence:.0%} interval ({kinds})"] = diamond | dict(color="white")
    if table.differs.any():
        marks["differs after Holm"] = diamond | dict(color=GREY)
    for name, marker in marks.items():
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=name))


def levels(result: Comparison, value: str = "accuracy") -> go.Figure:
    """Final accuracy of every variant on each level, or (`value="difference"`) its difference with the interval.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> type(cl.figures.levels(cl.compare(runs))).__name__
    'Figure'
    """
    import plotly.graph_objects as go

    if value not in ("accuracy", "difference"):
        raise ValueError(f"value={value!r} is not known here; choose 'accuracy' or 'difference'")
    if result.levels.empty:
        raise ValueError("no levels to show: the test rows have no column 'level'")
    names = [v for v in result.table.index if value == "accuracy" or v != result.to]
    y = "accuracy" if value == "accuracy" else f"accuracy minus {result.to}"
    figure = panelled([""], x="level", y=y, ratio=0.6)
    if value == "difference":
        no_difference(figure, [-0.5, result.levels.level.nunique() - 0.5], [0, 0])
    places = {name: i for i, name in enumerate(result.levels.level.unique())}
    for i, name in enumerate(names):
        part, style = result.levels[result.levels.variant == name], style_of(name, result.variants)
        shift = 0.0 if value == "accuracy" else (i - (len(names) - 1) / 2) * 0.5 / len(names)
        reach = dict(array=part.high - part.difference, arrayminus=part.difference - part.low, color=style["color"])
        figure.add_trace(
            go.Scatter(
                x=part.level.map(places) + shift,
                y=part[value],
                name=escape(name, quote=False),
                mode="lines+markers" if value == "accuracy" else "markers",
                error_y=reach | dict(width=2, thickness=1.4) if value == "difference" else None,
                line=dict(color=style["color"], width=2, dash=style["dash"]),
                marker=dict(color=style["color"], symbol=style["symbol"], size=8),
                hovertemplate="%{y:.3f}",
            )
        )
    figure.update_xaxes(tickvals=[*places.values()], ticktext=[*map(str, places)], range=[-0.5, len(places) - 0.5])
    return tell(arrange(figure), *_title_and_caption(result, value), marks=result.marks)


def _title_and_caption(result: Comparison, value: str) -> tuple[str, str]:
    """Title and caption of `levels`."""
    if value == "accuracy":
        return "Accuracy by level", f"{_when(result)} on {_rows(result)}, means of {seeds(result.table.seeds)}."
    kinds = " and ".join(dict.fromkeys(result.levels.interval[result.levels.low.notna()]))
    caption = f"{_when(result)} minus that of {result.to} on {_rows(result)}, paired by seed: means of"
    caption += f" {seeds(result.table.n.drop(result.to))}"
    caption += f" with {result.confidence:.0%} intervals ({kinds})" if kinds else ""
    return f"Accuracy minus that of {result.to}, by level", f"{caption}; not adjusted for the number of levels."


def forgetting(runs: Runs, by: str = "topic") -> go.Figure:
    """Best earlier accuracy minus final accuracy of every group of test rows: means with intervals, and null bands.

    The numbers are those of `statistics.forgetting`; right of 0 is forgotten.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> type(cl.figures.forgetting(runs, by="level")).__name__
    'Figure'
    """
    import plotly.graph_objects as go

    table = statistics.forgetting(runs, by)
    groups, variants = list(table[by].unique()), list(table.variant.unique())
    figure = panelled(
        [""], x="best earlier accuracy minus final", y="", lines=(1.1 * len(variants) + 0.8) * len(groups)
    )
    for i, group in enumerate(groups):
        band = table[table[by] == group].iloc[0]
        if np.isfinite(band.null_low):
            name, rim = f"smallest to largest of {len(runs.null)} random orders", np.array([i - 0.46] * 2)
            reach = pd.Series([band.null_low, band.null_high])
            figure.add_trace(region(reach, rim, rim + 0.92, BAND, name=name, legendgroup="null", showlegend=i == 0))
    no_difference(figure, [0, 0], [-0.6, len(groups) - 0.4])
    for k, variant in enumerate(variants):
        own, style = table[table.variant == variant], style_of(variant, runs.variants)
        reach = dict(array=own.high - own.forgetting, arrayminus=own.forgetting - own.low, width=3, thickness=1.6)
        figure.add_trace(
            go.Scatter(
                x=own.forgetting,
                y=[groups.index(g) + 0.8 * ((k + 0.5) / len(variants) - 0.5) for g in own[by]],
                mode="markers",
                name=escape(variant, quote=False),
                error_x=reach | dict(color=style["color"]),
                marker=dict(color=style["color"], symbol=style["symbol"], size=8),
                customdata=own.interval,
                hovertemplate="%{x:+.3f} (%{customdata})",
            )
        )
    if kinds := " and ".join(dict.fromkeys(table.interval[table.low.notna()])):
        line = dict(color=GREY, width=1.6)
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="lines", line=line, name=f"95% interval ({kinds})"))
    caption = f"Best earlier accuracy minus the final one on {rows_or_sets(runs.items)}: means of {seeds_of(runs)}"
    caption += f" with 95% intervals ({kinds}). {null_of(runs, 'smallest to largest mean')}"
    names = [wrap(g, 16, lines=2) for g in groups]
    figure.update_xaxes(showgrid=True, tickformat=".2~f", nticks=7)
    figure.update_yaxes(range=[len(groups) - 0.4, -0.6], tickvals=[*range(len(groups))], ticktext=names)
    figure.update_yaxes(ticks="", showgrid=False)
    return tell(arrange(figure), f"Forgetting by {by}", caption, runs)
