"""Figures as files: HTML for the screen; PDF, SVG and PNG for a column of a paper."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curriculab.figures.browser import NO_BROWSER, ExportError, find_browser, render
from curriculab.figures.panels import arrange, wrap
from curriculab.figures.theme import PRINT_PX

if TYPE_CHECKING:
    import plotly.graph_objects as go

FORMATS = ("html", "pdf", "svg", "png")
THINNED = (
    "line.width", "marker.size", "marker.line.width", "error_x.thickness", "error_x.width", "error_y.thickness",
)  # fmt: skip


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
        render(jobs, browser)
        content = {target: part.read_bytes() for target, part in parts.items()}
    return [_write(path, _with_dpi(data) if path.suffix == ".png" else data) for path, data in content.items()]


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
            trace.name = wrap(unescape(trace.name), (across - 40) / (0.56 * px), lines=3)
    figure.update_layout(width=across, font_size=px, margin=dict(l=2, r=8, t=4, b=5))
    figure.update_xaxes(title_font_size=px, title_standoff=4, ticklen=3)
    figure.update_yaxes(title_font_size=px, title_standoff=6, ticklen=3)
    tall = round(height * 96) if height else None
    if isinstance(figure.layout.meta, dict) and "panels" in figure.layout.meta:
        return arrange(figure, width=across, px=px, height=tall, most=6)
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
