"""Figures on paper: files that say what they show, in widths of a column, and numbers that equal their CSV."""

from __future__ import annotations

import os
import re
import stat
import struct
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

from curriculab import __version__, figures
from curriculab.figures import ExportError, comparison, draws, export, export_all, for_print, learning_curves, paper
from curriculab.runs import Runs
from curriculab.statistics import compare
from tests.figures.made import DIGESTS, cloud


@pytest.mark.parametrize(("width", "columns"), [(3.25, 2), (6.75, 4)])
def test_print_has_a_column_of_the_paper(runs: Runs, width: float, columns: int):
    figure = for_print(learning_curves(runs, by="level"), width=width)
    assert figure.layout.width == round(96 * width)
    assert figure.layout.font.size == pytest.approx(8 / 0.75)  # 8 pt at 96 px to the inch
    axes = [figure.layout[name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert len({axis.domain[0] for axis in axes}) == columns
    assert all(low.domain[1] <= high.domain[0] for low, high in zip(axes, axes[1:columns], strict=False))
    assert for_print(learning_curves(runs), height=2).layout.height == 192


def test_figures_are_left_as_they_were(runs: Runs):
    figure = learning_curves(runs)
    before = figure.to_json()
    for_print(figure)
    assert figure.to_json() == before


BAD = {
    "cannot export to 'eps'; choose from html, csv, txt, pdf, svg, png": (
        lambda r, p: export(learning_curves(r), "x", formats=["eps"])
    ),
    "width=312 is in inches, between 1 and 40; a column of a paper has 3.25, two have 6.75": (
        lambda r, p: export(learning_curves(r), "x", width=312)
    ),
}


@pytest.mark.parametrize(("message", "call"), BAD.items())
def test_bad_input_gives_one_clear_line(runs: Runs, pool: pd.DataFrame, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(runs, pool)
    assert str(error.value) == message


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures.paper, "find_browser", lambda: None)
    monkeypatch.setattr(figures.paper, "_printed", set())


def test_html_needs_no_network(runs: Runs, tmp_path: Path):
    (path,) = export(learning_curves(runs), tmp_path / "figures" / "curves.v2", formats="html")
    text = path.read_text()
    assert path == tmp_path / "figures" / "curves.v2.html"
    assert "easy first" in text and "<script src=" not in text and len(text) > 1_000_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing half written is left


def test_without_a_browser_html_is_written_and_one_line_says_how(
    runs: Runs, tmp_path: Path, no_browser: None, capsys: pytest.CaptureFixture
):
    for _ in range(2):
        made = [tmp_path / f"curves.{form}" for form in ("html", "csv", "txt")]
        assert export(learning_curves(runs), tmp_path / "curves") == made
    assert capsys.readouterr().out == (
        "no Chrome or Chromium for PDF, SVG and PNG: on Debian `sudo apt install chromium`; on Ubuntu, whose apt "
        "chromium is a snap that cannot be driven from here, Google's .deb from https://www.google.com/chrome or "
        "`plotly_get_chrome`\n"
    )


def test_a_format_asked_for_by_name_is_an_error_without_a_browser(runs: Runs, tmp_path: Path, no_browser: None):
    with pytest.raises(ExportError) as error:
        export(learning_curves(runs), tmp_path / "curves", formats=("pdf",))
    assert str(error.value) == figures.NO_BROWSER
    assert [p.name for p in tmp_path.iterdir()] == ["curves.html"]


@pytest.fixture(scope="module")
def exported(runs: Runs, pool: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    result = compare(runs)
    made = {"curves": learning_curves(runs), "draws": draws(runs, pool), "final": comparison(result)}
    paths = export_all({folder / name: figure for name, figure in made.items()})
    assert sorted(p.name for p in paths) == sorted(f"{n}.{f}" for n in made for f in figures.FORMATS)
    return folder


@pytest.mark.needs("chromium")
def test_images_have_the_width_of_a_column_and_are_small(exported: Path):
    for path in exported.iterdir():
        assert path.stat().st_size > 0
        assert path.suffix in (".html", ".png") or path.stat().st_size < 200_000
    png = (exported / "curves.png").read_bytes()
    assert struct.unpack(">I", png[16:20])[0] == 975  # 3.25 in at 300 dpi
    assert png[37:41] == b"pHYs" and struct.unpack(">II", png[41:49]) == (11811, 11811)  # dots a metre
    assert 'width="312"' in (exported / "curves.svg").read_text()[:400]


@pytest.mark.needs("chromium")
@pytest.mark.needs("pdffonts")
def test_pdf_embeds_its_fonts(exported: Path):
    listed = subprocess.run(["pdffonts", exported / "curves.pdf"], capture_output=True, text=True, check=True).stdout
    fonts = listed.splitlines()[2:]
    assert fonts and all("TrueType" in font and "Type 3" not in font and " yes yes " in font for font in fonts)
    info = subprocess.run(["pdfinfo", exported / "curves.pdf"], capture_output=True, text=True, check=True).stdout
    assert "Page size:       234 x" in info  # 3.25 in of 72 pt


@pytest.mark.needs("chromium")
def test_export_works_where_a_loop_runs_already(runs: Runs, tmp_path: Path):
    import asyncio

    async def cell() -> list[Path]:
        return export(learning_curves(runs), tmp_path / "curves", formats=("svg",))

    assert [p.name for p in asyncio.run(cell())] == ["curves.html", "curves.svg"]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".part-")]


SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(signed: Runs, pool: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All figures of a report in both widths, one start of the browser."""
    to, result = tmp_path_factory.mktemp("paper"), compare(signed)
    made = {
        "curves": figures.learning_curves(signed),
        "panels": figures.learning_curves(signed, by="level"),
        "final": figures.comparison(result),
        "levels": figures.levels(result, "difference"),
        "draws": figures.draws(signed, pool),
        "map": figures.draws(signed, pool, by="loss"),
        "transfer": figures.transfer(signed, pool),
        "forgetting": figures.forgetting(signed, "level"),
        "pool": figures.difficulty(pool),
        "cloud": figures.scatter(cloud(), "level", "loss"),
    }
    figures.export_all({to / name: figure for name, figure in made.items()}, width=(3.25, 6.75), runs=signed)
    return to


@pytest.mark.needs("chromium")
def test_every_figure_is_written_in_every_form_and_width_and_small(folder: Path):
    names = {path.stem for path in folder.glob("*.html")}
    assert len(names) == 10
    for name in names:
        assert {path.suffix for path in folder.glob(f"{name}.*")} == {".html", ".csv", ".txt"}
        for width, px in ((325, 312), (675, 648)):
            assert f'width="{px}"' in (folder / f"{name}-{width}.svg").read_text()[:600]
            for form in figures.paper.IMAGES:
                assert 0 < (folder / f"{name}-{width}.{form}").stat().st_size <= 200_000


@pytest.mark.needs("chromium")
@pytest.mark.needs("pdffonts")
def test_no_figure_has_a_font_that_is_not_embedded(folder: Path):
    for path in folder.glob("*.pdf"):
        fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
        assert fonts, path.name
        for font in fonts:
            assert "LiberationSans" in font and "Type 3" not in font and " yes yes " in font, (path.name, font)


@pytest.mark.needs("chromium")
def test_files_tell_their_title_caption_and_runs(folder: Path, signed: Runs):
    title = "Accuracy minus that of random"
    caption = "Circles: 3 seeds; diamonds: means with 95% intervals (t, n=3)"
    info = PdfReader(folder / "final-325.pdf").metadata
    assert (info["/Title"], info["/Creator"]) == (title, f"curriculab {__version__}")
    assert caption in info["/Subject"] and info["/Keywords"] == ", ".join(DIGESTS)
    root = ET.parse(folder / "final-325.svg").getroot()
    assert root.find(f"{SVG}title").text == title
    core = {name: [e.text for e in root.iter(f"{{{figures.files.DUBLIN_CORE}}}{name}")] for name in ("title", "source")}
    assert core == {"title": [title], "source": DIGESTS}
    texts = dict(chunks((folder / "final-325.png").read_bytes()))
    assert texts["Title"] == title and caption in texts["Description"] and texts["Source"] == ", ".join(DIGESTS)
    assert f"<title>{title}</title>" in (folder / "final.html").read_text()[:300]
    assert (folder / "final.txt").read_text().splitlines()[0] == title
    for path in folder.iterdir():
        assert b"Kaleido-fier" not in path.read_bytes()


def chunks(png: bytes) -> Iterator[tuple[str, str]]:
    """Keyword and text of each iTXt chunk; every chunk's checksum is that of its bytes."""
    import zlib

    at = 8
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        data = png[at + 8 : at + 8 + size]
        assert int.from_bytes(png[at + 8 + size : at + 12 + size], "big") == zlib.crc32(kind + data)
        if kind == b"iTXt":
            key, _, text = data.split(b"\0", 1)[0].decode(), None, data.split(b"\0\0\0\0\0", 1)[1].decode()
            yield key, text
        at += 12 + size


@pytest.mark.needs("chromium")
def test_marks_in_the_svg_lie_where_the_csv_says(folder: Path):
    """Positions of the diamonds, read against the tick labels, are the means in the CSV to a tenth of a pixel."""
    root = ET.parse(folder / "final-675.svg").getroot()
    ticks = {}
    for tick in root.iter(f"{SVG}text"):
        place = re.match(r"translate\(([\d.]+),0\)", tick.get("transform", ""))
        if place and re.fullmatch(r"[−\d.]+", "".join(tick.itertext())):
            ticks[float("".join(tick.itertext()).replace("−", "-"))] = float(place[1])
    scale, offset = np.polyfit([*ticks], [*ticks.values()], 1)
    table = pd.read_csv(folder / "final.csv")
    plot = next(g for g in root.iter(f"{SVG}g") if g.get("class", "").startswith("scatterlayer"))
    marks = [p.get("transform") for p in plot.iter(f"{SVG}path") if "point" in p.get("class", "")]
    inner = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "xy")
    left = float(re.match(r"translate\(([\d.]+),", inner.get("transform"))[1])
    drawn = sorted(float(re.match(r"translate\(([-\d.]+),", m)[1]) + left for m in marks)
    wanted = sorted(scale * v + offset for v in table["accuracy minus random"].dropna())
    assert len(ticks) >= 3 and drawn == pytest.approx(wanted, abs=0.1)


@pytest.mark.needs("chromium")
def test_numbers_printed_in_the_svg_are_those_of_the_csv(folder: Path):
    groups = ET.parse(folder / "transfer-675.svg").getroot().iter(f"{SVG}g")
    shown = ["".join(g.itertext()) for g in groups if g.get("class") == "heatmap-label"]
    table = pd.read_csv(folder / "transfer.csv", dtype=str)
    assert sorted(shown) == sorted(table.text) and len(shown) == 48


def test_large_clouds_are_binned_in_print_and_lose_no_point():
    figure = figures.scatter(cloud(), "level", "loss", by=None)
    assert len(figure.data[0].x) == 10_000  # on the screen every point can be hovered
    (printed,) = figures.for_print(figure).data
    assert len(printed.x) <= paper.MOST_MARKS and sum(printed.customdata) == 10_000
    table = figures.data_of(paper.binned(figure))
    assert table.points.sum() == 10_000
    mean = (table.loss * table.points).sum() / 10_000
    assert mean == pytest.approx(cloud().loss.mean())
    few = figures.scatter(cloud().iloc[:1500], "level", "loss", by=None)
    assert len(figures.for_print(few).data[0].x) == 1500
    assert "several points" in figures.about(paper.binned(figure)).caption


def test_widths_are_checked():
    for width, message in [
        ((), "width=() names no width; give inches, such as 3.25, or (3.25, 6.75) for both columns"),
        ((3.25, 648), "width=648 is in inches, between 1 and 40; a column of a paper has 3.25, two have 6.75"),
    ]:
        with pytest.raises(ValueError) as error:
            figures.export_all({}, width=width)
        assert str(error.value) == message
