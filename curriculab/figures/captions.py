"""What a figure says about itself: its title, its caption, the runs it shows.

It stands in `layout.meta`, and `export` writes it into every file:

    title    "Accuracy against optimiser steps"
    caption  "Accuracy on 300 test rows. Thin: 3 seeds; thick: their mean; bands: 95% intervals (Student's t, n=3)."
    runs     digests of the recorded runs, such as "0b8125129fdcd7f9"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from curriculab.runs import Runs
from curriculab.runs.by_hand import MEANING, marked
from curriculab.runs.by_hand import marks as marks_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class About:
    """What is written into a figure's files: one line each, and the digests of its runs."""

    title: str = ""
    caption: str = ""
    runs: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.title, self.caption, f"Runs: {', '.join(self.runs)}" if self.runs else ""]
        return "\n\n".join(line for line in lines if line)


def tell(
    figure: go.Figure,
    title: str,
    caption: str = "",
    runs: Runs | None = None,
    marks: Mapping[str, str] | None = None,
) -> go.Figure:
    """Put a title, a caption and its runs into a figure; `export` writes them into every file.

    Parameters
    ----------
    figure : go.Figure
        It is changed in place.
    title, caption : str
        White space is put in order.
    runs : Runs, optional
        Those it shows; None keeps what is known.
    marks : mapping of str to str, optional
        By variant that was changed by hand, its mark, which is put behind its name; None: as the runs tell.

    Returns
    -------
    go.Figure
        The same figure.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> figure = cl.figures.tell(go.Figure(), "Accuracy by level", "Means of   5 seeds.")
    >>> print(cl.figures.about(figure))
    Accuracy by level
    <BLANKLINE>
    Means of 5 seeds.
    """
    meta = figure.layout.meta if isinstance(figure.layout.meta, dict) else {}
    known = digests(runs) if runs is not None else meta.get("runs", [])
    by_hand = marks_of(runs.records) if runs is not None else {}
    given = by_hand if marks is None else marks
    used = mark_names(figure, {name: mark for name, mark in given.items() if mark})
    caption = " ".join([caption, *(f"({mark}): {MEANING[mark]}." for mark in used)])
    figure.layout.meta = meta | dict(title=title, caption=" ".join(caption.split()), runs=list(known))
    return figure


def mark_names(figure: go.Figure, marks: Mapping[str, str]) -> list[str]:
    """Put marks behind the names of variants in legends, at axes and above panels; the marks that were used.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> from curriculab.figures.captions import mark_names
    >>> figure = go.Figure([go.Scatter(name="easy"), go.Scatter(name="easy, seeds"), go.Scatter(name="random")])
    >>> mark_names(figure, {"easy": "stopped"}), [trace.name for trace in figure.data]
    (['stopped'], ['easy (stopped)', 'easy, seeds', 'random'])
    """
    shown = {escape(name, quote=False): mark for name, mark in marks.items()}
    used: list[str] = []

    def with_mark(text: object) -> object:
        plain = " ".join(str(text).replace("<br>", " ").split())
        mark = shown.get(plain) or shown.get(plain.partition(" / ")[0])  # a variant that several solvers are tested by
        if mark is None:
            return text
        used.append(mark)
        return marked(text, mark)

    for trace in figure.data if shown else ():
        trace.name = with_mark(trace.name) if trace.name else trace.name
    for note in figure.layout.annotations if shown else ():
        note.text = with_mark(note.text)
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()) if shown else ():
        if axis.ticktext is not None:
            axis.ticktext = [with_mark(text) for text in axis.ticktext]
    return [mark for mark in MEANING if mark in used]


def about(figure: go.Figure, runs: Runs | None = None) -> About:
    """Read what `tell` said of a figure; where nothing was said, its y axis against its x axis.

    Parameters
    ----------
    figure : go.Figure
    runs : Runs, optional
        Those it shows, where the figure does not know them.

    Returns
    -------
    About
        `title`, `caption`, and `runs`, the digests of the recorded ones.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> figure = go.Figure(layout=dict(xaxis_title_text="step", yaxis_title_text="accuracy"))
    >>> cl.figures.about(figure).title
    'accuracy against step'
    """
    meta = figure.layout.meta if isinstance(figure.layout.meta, dict) else {}
    known = tuple(digests(runs) if runs is not None else meta.get("runs", ()))
    title = meta.get("title") or figure.layout.title.text or _axes(figure)
    return About(title, meta.get("caption", ""), known)


def _axes(figure: go.Figure) -> str:
    x, y = figure.layout.xaxis.title.text, figure.layout.yaxis.title.text
    return " against ".join(name for name in (y, x) if name) or "Figure"


def digests(runs: Runs) -> list[str]:
    """Of the runs that were recorded, in their order."""
    return [str(r.spec["digest"]) for r in runs.records if r.spec.get("digest")]


def seeds(numbers: Iterable[int]) -> str:
    """ "3 seeds", or "3 to 5 seeds" where variants have different numbers of them."""
    counts = sorted(set(numbers))
    if not counts:
        return "no seed"
    few, many = counts[0], counts[-1]
    return f"{few} seed{'s' * (few != 1)}" if few == many else f"{few} to {many} seeds"


def seeds_of(runs: Runs) -> str:
    """How many seeds the variants have, null-band orders left out."""
    count: dict[str, int] = {}
    for variant, _ in (r.key for r in runs.records):
        if variant not in runs.null:
            count[variant] = count.get(variant, 0) + 1
    return seeds(count.values())


def null_of(runs: Runs, extent: str) -> str:
    """What the grey band is, where there is one."""
    return f"Grey band: {extent} of {len(runs.null)} further random orders." if runs.null else ""
