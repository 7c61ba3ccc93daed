"""Figures as files: HTML for the screen; PDF, SVG and PNG for a column of a paper; the numbers and the caption beside.

export_all({"figures/curves": curves, "figures/final": final}, width=(3.25, 6.75)) starts one browser and writes
`figures/curves.html`, `.csv`, `.txt`, `curves-325.pdf`, `curves-675.pdf` and so on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.figures.browser import NO_BROWSER, ExportError, find_browser, render
from curriculab.figures.captions import About, about, tell
from curriculab.figures.data import BINNED, data_of
from curriculab.figures.files import signed, write
from curriculab.figures.panels import arrange, wrap
from curriculab.figures.theme import PRINT_PX
from curriculab.registry.progress import working
from curriculab.runs import Runs

if TYPE_CHECKING:
    import plotly.graph_objects as go

FORMATS = ("html", "csv", "txt", "pdf", "svg", "png")
IMAGES = ("pdf", "svg", "png")
MOST_MARKS = 2000  # of clouds; ten thousand markers make an SVG of 1.8 MB
THINNED = {
    "line.width": 0.7,
    "marker.size": 0.85,
    "marker.line.width": 0.7,
    "error_x.thickness": 0.7,
    "error_x.width": 0.7,
    "error_y.thickness": 0.7,
}


def export(
    figure: go.Figure,
    path: str | Path,
    *,
    width: float | Sequence[float] = 3.25,
    height: float | None = None,
    formats: Sequence[str] | None = None,
    runs: Runs | None = None,
) -> list[Path]:
    """Write a figure for the screen and for a column of a paper, its numbers as CSV, and its caption as text.

    HTML, which needs no network, is always written.

    Parameters
    ----------
    figure : go.Figure
    path : str or Path
        Without its ending.
    width : float or sequence of float
        Inches; 3.25 and 6.75 are one and two columns. Of several widths each image has its own in its name, in
        hundredths of an inch.
    height : float, optional
        Inches; None: as the panels need.
    formats : sequence of str, optional
        Among "html", "csv", "txt", "pdf", "svg", "png" (300 dpi). None takes all that can be had and says in one line
        what cannot.
    runs : Runs, optional
        Those it shows, where the figure does not know them; their digests go into the files.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ExportError
        Where a format was asked for by name that needs a browser, and none is found.
    ValueError
        For an unknown format, or a width that is not between 1 and 40 inches.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> figure = cl.figures.tell(go.Figure(go.Bar(x=["a", "b"], y=[1, 2])), "Two bars")
    >>> [path.as_posix() for path in cl.figures.export(figure, "figures/bars", formats=["csv", "txt"])]
    ['figures/bars.html', 'figures/bars.csv', 'figures/bars.txt']
    """
    return export_all({path: figure}, width=width, height=height, formats=formats, runs=runs)


def export_all(
    figures: Mapping[str | Path, go.Figure],
    *,
    width: float | Sequence[float] = 3.25,
    height: float | None = None,
    formats: Sequence[str] | None = None,
    runs: Runs | None = None,
) -> list[Path]:
    """Export many figures in one start of the browser.

    Parameters
    ----------
    figures : mapping of str or Path to go.Figure
        By path, as for `export`.
    width, height, formats, runs
        As for `export`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ExportError
        Where a format was asked for by name that needs a browser, and none is found.
    ValueError
        For an unknown format, or a width that is not between 1 and 40 inches.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> two = {"figures/a": go.Figure(go.Bar(y=[1, 2])), "figures/b": go.Figure(go.Bar(y=[2, 1]))}
    >>> [path.as_posix() for path in cl.figures.export_all(two, formats=["csv"])]
    ['figures/a.html', 'figures/a.csv', 'figures/b.html', 'figures/b.csv']
    """
    wanted, widths = _formats(formats), _widths(width)
    infos = {path: about(binned(figure), runs) for path, figure in figures.items()}
    written = [write(*file) for path, figure in figures.items() for file in _texts(path, figure, infos[path], wanted)]
    images = [f for f in wanted if f in IMAGES]
    if not images:
        return written
    try:
        with working(f"drawing {len(figures)} figures for print"):
            return written + _images(figures, infos, images, widths, height)
    except ExportError as error:
        if formats is not None:
            raise
        _say_once(str(error))
        return written


def _texts(path: str | Path, figure: go.Figure, info: About, wanted: Sequence[str]) -> Iterator[tuple[Path, bytes]]:
    """The files that need no browser; a cloud that is binned in print is binned in the CSV."""
    yield _file(path, "html"), _html(figure, info).encode()
    if "csv" in wanted:
        yield _file(path, "csv"), data_of(binned(figure)).to_csv(index=False).encode()
    if "txt" in wanted:
        yield _file(path, "txt"), f"{info}\n".encode()


def _images(
    figures: Mapping[str | Path, go.Figure],
    infos: Mapping[str | Path, About],
    forms: Sequence[str],
    widths: Sequence[float],
    height: float | None,
) -> list[Path]:
    browser = find_browser()
    if browser is None:
        raise ExportError(NO_BROWSER)
    with tempfile.TemporaryDirectory() as folder:
        jobs, parts = [], {}
        for path, width in product(figures, widths):
            printed = for_print(figures[path], width=width, height=height)
            name = f"-{round(100 * width)}" if len(widths) > 1 else ""
            size = dict(width=printed.layout.width, height=printed.layout.height)
            for form in forms:
                part = Path(folder) / f"{len(jobs)}.{form}"
                parts[_file(path, form, name)] = part, infos[path]
                options = dict(format=form, scale=300 / 96 if form == "png" else 1, **size)
                jobs.append(dict(fig=printed, path=part, opts=options))
        render(jobs, browser)
        content = {path: signed(part.read_bytes(), path.suffix[1:], info) for path, (part, info) in parts.items()}
    return [write(path, data) for path, data in content.items()]


def _formats(formats: Sequence[str] | None) -> list[str]:
    wanted = [formats] if isinstance(formats, str) else list(FORMATS if formats is None else formats)
    for name in wanted:
        if name not in FORMATS:
            raise ValueError(f"cannot export to {name!r}; choose from {', '.join(FORMATS)}")
    return wanted


def _widths(width: float | Sequence[float]) -> list[float]:
    widths = [width] if isinstance(width, int | float) else list(width)
    for one in widths:
        if not 1 <= one <= 40:
            raise ValueError(
                f"width={one!r} is in inches, between 1 and 40; a column of a paper has 3.25, two have 6.75"
            )
    if not widths:
        raise ValueError("width=() names no width; give inches, such as 3.25, or (3.25, 6.75) for both columns")
    return list(dict.fromkeys(widths))


def _file(path: str | Path, form: str, name: str = "") -> Path:
    """`figures/curves` and `figures/curves.pdf` both mean `figures/curves.<form>`; other dots belong to the name."""
    path = Path(path)
    stem = path.stem if path.suffix[1:] in FORMATS else path.name
    return path.with_name(f"{stem}{name}.{form}")


def _html(figure: go.Figure, info: About) -> str:
    from curriculab.figures.screen import CONFIG

    page = figure.to_html(include_plotlyjs=True, config=CONFIG | dict(responsive=True))
    return page.replace("<head>", f"<head><title>{escape(info.title)}</title>", 1)


def for_print(figure: go.Figure, *, width: float = 3.25, height: float | None = None) -> go.Figure:
    """Copy a figure and lay it out for print: text has 8 pt, lines and marks are thinner.

    Parameters
    ----------
    figure : go.Figure
        It stays as it is.
    width : float
        Inches, which become px at 96 to the inch: 3.25 is a column of a paper, 6.75 are two.
    height : float, optional
        Inches; None: as the panels need.

    Returns
    -------
    go.Figure

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> printed = cl.figures.for_print(go.Figure(go.Bar(y=[1, 2])))
    >>> printed.layout.width, round(printed.layout.font.size, 2)
    (312, 10.67)
    """
    figure = binned(figure)
    px, across = PRINT_PX, round(width * 96)
    for trace in figure.data:
        for name, factor in THINNED.items():
            if name in trace and np.isscalar(trace[name]):
                trace[name] = trace[name] * factor
        if trace.name and trace.showlegend is not False:
            trace.name = wrap(unescape(trace.name), (across - 40) / (0.56 * px), lines=3)
    figure.update_layout(width=across, font_size=px, margin=dict(l=2, r=8, t=4, b=8))
    figure.update_xaxes(title_font_size=px, title_standoff=4, ticklen=3)
    figure.update_yaxes(title_font_size=px, title_standoff=6, ticklen=3)
    tall = round(height * 96) if height else None
    if isinstance(figure.layout.meta, dict) and "panels" in figure.layout.meta:
        return arrange(figure, width=across, px=px, height=tall, most=6)
    return figure.update_layout(height=tall or round(0.68 * across))


def binned(figure: go.Figure) -> go.Figure:
    """A copy in which marks of clouds stand for several points each, where there are more than `MOST_MARKS`.

    A mark lies at the mean of its points, and its area goes by their number.
    """
    import plotly.graph_objects as go

    figure = go.Figure(figure)
    clouds = [t for t in figure.data if t.type in ("scatter", "scattergl") and t.mode == "markers" and t.x is not None]
    if sum(len(t.x) for t in clouds) <= MOST_MARKS or any(t.meta == BINNED for t in clouds):
        return figure
    side = int(np.sqrt(MOST_MARKS / len(clouds)))
    edges = [_edges(clouds, name, side) for name in "xy"]
    most = max(_bin(trace, edges) for trace in clouds)
    for trace in clouds:  # the largest mark fills a third of a column's narrowest cell
        trace.marker.update(sizemode="area", sizeref=2 * most / 10**2, sizemin=1.2, opacity=0.8, line_width=0)
        trace.update(customdata=trace.marker.size, meta=BINNED, hovertemplate="%{customdata} points<extra></extra>")
    words = about(figure)
    return tell(figure, words.title, f"{words.caption} Marks stand for several points: their area goes by the number.")


def _edges(clouds: Sequence[Any], name: str, bins: int) -> np.ndarray:
    """Edges of the bins along one axis, common to all clouds, (bins + 1,)."""
    values = np.concatenate([np.asarray(trace[name], float) for trace in clouds])
    return np.histogram_bin_edges(values[np.isfinite(values)], bins)


def _bin(trace: Any, edges: Sequence[np.ndarray]) -> int:
    """Put a trace's points together by cell; returns how many are in the fullest."""
    points = pd.DataFrame({name: np.asarray(trace[name], float) for name in "xy"}).dropna()
    cell = [np.searchsorted(e[1:-1], points[name], "right") for name, e in zip("xy", edges, strict=True)]
    groups = points.groupby(cell)
    means, counts = groups.mean(), groups.size()
    trace.update(x=means.x.to_numpy(), y=means.y.to_numpy(), marker_size=counts.to_numpy())
    return int(counts.max())


_printed: set[str] = set()


def _say_once(line: str) -> None:
    if line not in _printed:
        _printed.add(line)
        print(line)
