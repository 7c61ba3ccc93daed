"""Figures on paper: files that say what they show, numbers that equal their CSV, colours that stay."""

from __future__ import annotations

import io
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

from curriculab import __version__, figures
from curriculab.figures import paper, theme
from curriculab.runs import Record, Runs
from curriculab.statistics import compare

LEVELS = np.repeat([1, 2, 3, 4], 10)
IDS = [f"ladder/add/{level}/{i:05d}" for i, level in enumerate(LEVELS)]
DIGESTS = [f"{i:016x}" for i in range(15)]
SVG = "{http://www.w3.org/2000/svg}"


def record(variant: str, seed: int, digest: str) -> Record:
    """Four steps of ten rows, tested at start and end."""
    rng = np.random.default_rng([seed, *variant.encode()])
    tests = []
    for share in (0.0, 1.0):
        right = (rng.random(40) < 0.9 - 0.15 * LEVELS + share * 0.2).astype(float)
        spent = dict(step=int(4 * share), tokens=400 * share, rollouts=0, generated=0, seconds=share)
        tests.append(
            pd.DataFrame(
                dict(
                    id=IDS,
                    correct=right,
                    level=LEVELS,
                    progress=share,
                    share=share,
                    solver="direct",
                    gold=False,
                    **spent,
                )
            )
        )
    order = np.arange(40) if variant == "easy & first" else rng.permutation(40)
    exposure = pd.DataFrame(dict(step=np.repeat(np.arange(1, 5), 10), id=np.array(IDS)[order], tokens=9, weight=1.0))
    tables = dict(items=pd.concat(tests, ignore_index=True), exposure=exposure)
    return Record(dict(variant=variant, seed=seed, ended="budget", digest=digest), tables)


@pytest.fixture(scope="module")
def runs() -> Runs:
    names = ["random", "easy & first", "hard first", "order 2", "order 3"]
    keys = [(v, s) for v in names for s in range(3)]
    return Runs(tuple(record(v, s, d) for (v, s), d in zip(keys, DIGESTS, strict=True)), null=("order 2", "order 3"))


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    loss = np.random.default_rng(0).gamma(LEVELS)
    return pd.DataFrame(dict(prompt="p", answer="a", level=LEVELS, loss=loss), pd.Index(IDS, name="id"))


@pytest.fixture(scope="module")
def folder(runs: Runs, pool: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All figures of a report in both widths, one start of the browser."""
    to, result = tmp_path_factory.mktemp("paper"), compare(runs)
    made = {
        "curves": figures.learning_curves(runs),
        "panels": figures.learning_curves(runs, by="level"),
        "final": figures.comparison(result),
        "levels": figures.levels(result, "difference"),
        "draws": figures.draws(runs, pool),
        "map": figures.draws(runs, pool, by="loss"),
        "transfer": figures.transfer(runs, pool),
        "forgetting": figures.forgetting(runs, "level"),
        "pool": figures.difficulty(pool),
        "cloud": figures.scatter(cloud(), "level", "loss"),
    }
    figures.export_all({to / name: figure for name, figure in made.items()}, width=(3.25, 6.75), runs=runs)
    return to


def cloud() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    level = rng.integers(1, 6, 10_000)
    return pd.DataFrame(dict(prompt="p", answer="a", level=level + rng.normal(0, 0.1, 10_000), loss=rng.gamma(level)))


# -- what the files say -----------------------------------------------------------------------------------------------
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
def test_files_tell_their_title_caption_and_runs(folder: Path, runs: Runs):
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


def test_captions_name_n_seeds_and_method(runs: Runs, pool: pd.DataFrame):
    result = compare(runs)
    said = figures.about(figures.learning_curves(runs))
    assert said.title == "Accuracy against optimiser steps" and said.runs == tuple(DIGESTS)
    for words in ("40 test rows", "3 seeds", "95% interval", "Student's t", "2 further random orders"):
        assert words in said.caption
    assert "filled where the variant differs after Holm" in figures.about(figures.comparison(result)).caption
    assert "not adjusted for the number of levels" in figures.about(figures.levels(result, "difference")).caption
    for figure in (
        figures.draws(runs, pool),
        figures.difficulty(pool),
        figures.scatter(pool, "level", "loss"),
        figures.agreement(pool, ["level", "loss"]),
        figures.transfer(runs, pool),
    ):
        told = figures.about(figure)
        assert told.title and told.caption.endswith(".")


# -- the numbers ------------------------------------------------------------------------------------------------------
def test_the_csv_of_curves_holds_the_table(runs: Runs):
    table = figures.data_of(figures.learning_curves(runs))
    accuracy = runs.items.groupby(["variant", "seed", "step"]).correct.mean()
    for variant in ("random", "easy & first", "hard first"):
        seeds = table[table.name == f"{variant}, seeds"].set_index(["of", "optimiser steps"]).accuracy
        for seed in range(3):
            for step in (0, 4):
                assert seeds[f"seed {seed}", step] == pytest.approx(accuracy[variant, seed, step])
        mean = table[table.name == variant].set_index("optimiser steps").accuracy
        assert mean[4] == pytest.approx(accuracy[variant, :, 4].mean())
        band = table[table.name == f"{variant}, 95% interval"]
        assert list((band.low + band.high) / 2) == pytest.approx(list(mean), abs=0.2)  # clipped to [0, 1] at most


def test_the_csv_of_a_comparison_holds_its_intervals(runs: Runs):
    result = compare(runs)
    table = figures.data_of(figures.comparison(result))
    means = table[table.of == "mean"].set_index("name")
    for variant in ("easy & first", "hard first"):
        row = result.table.loc[variant]
        found = means.loc[variant]
        assert [found["accuracy minus random"], found.low, found.high] == pytest.approx(
            [row.difference, row.low, row.high]
        )
    assert "no difference" not in set(table.name)
    null = table[table.name == "worst to best of 2 random orders"].iloc[0]
    assert [null.low, null.high] == pytest.approx([result.null.worst, result.null.gain])


def test_the_csv_of_maps_and_histograms(runs: Runs, pool: pd.DataFrame):
    draws = figures.data_of(figures.draws(runs, pool))
    first = draws[(draws.panel == "easy & first") & (draws.name == "level 1")].set_index("optimiser steps")
    assert first["share of rows"].tolist() == [1.0, 0.0, 0.0, 0.0]  # ten rows a step, ten of each level
    assert first["optimiser steps, to"].tolist() == [1.5, 2.5, 3.5, 4.5]
    transfer = figures.data_of(figures.transfer(runs, pool))
    assert list(transfer.columns) == ["panel", "name", "tested level", "trained level", "value", "text"]
    assert [f"{100 * v:+.0f}" if abs(v) >= 0.005 else "0" for v in transfer.value] == [str(t) for t in transfer.text]
    levels = figures.data_of(figures.levels(compare(runs)))
    assert levels.level.unique().tolist() == ["1", "2", "3", "4"]
    counts = figures.data_of(figures.difficulty(pool, "loss"))
    assert counts.rows.sum() == 40 and (counts["loss, to"] > counts.loss).all()


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


# -- clouds -----------------------------------------------------------------------------------------------------------
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


# -- colours ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def kept(runs: Runs) -> Iterator[None]:
    figures.keep_colours(runs.variants)
    yield
    figures.keep_colours()


def test_colours_stay_over_a_set_of_figures(runs: Runs, kept: None):
    some = Runs(tuple(r for r in runs.records if r.key[0] in ("random", "hard first")))
    for make in (figures.learning_curves, lambda r: figures.levels(compare(r))):
        whole, part = ({t.name: t.line.color for t in make(r).data} for r in (runs, some))
        assert part["hard first"] == whole["hard first"] == theme.COLOURS[1]
    assert figures.palette(["new", "hard first"]) == {
        "random": theme.GREY,
        "new": theme.COLOURS[2],
        "hard first": theme.COLOURS[1],
    }


def test_without_a_set_colours_go_by_the_figure(runs: Runs):
    assert figures.palette(["hard first"])["hard first"] == theme.COLOURS[0]


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of relative luminances."""
    dark, light = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


def test_text_and_lines_stand_out_from_the_card_they_are_on():
    """Figures bring their own white, so that what holds in light mode and on paper holds in dark mode."""
    layout = figures.template().layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "white"
    assert contrast(layout.font.color, "#ffffff") >= 7  # text, level AAA
    assert contrast(layout.xaxis.linecolor, "#ffffff") >= 4.5
    assert all(contrast(colour, "#ffffff") >= 3 for colour in (*theme.COLOURS, theme.GREY))  # graphics, 1.4.11


# Full loss of one kind of cone, on linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.
VISION = {
    "all": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_variants_can_be_told_apart_with_any_colour_vision(vision: str):
    """A distance of 10 in CIELAB is seen at a glance (2.3 is just noticeable)."""
    seen = {c: lab(np.asarray(VISION[vision]) @ linear(c)) for c in (*theme.COLOURS, theme.GREY)}
    for a, b in combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) >= 10, (a, b)


# -- small parts ------------------------------------------------------------------------------------------------------
def test_widths_are_checked():
    for width, message in [
        ((), "width=() names no width; give inches, such as 3.25, or (3.25, 6.75) for both columns"),
        ((3.25, 648), "width=648 is in inches, between 1 and 40; a column of a paper has 3.25, two have 6.75"),
    ]:
        with pytest.raises(ValueError) as error:
            figures.export_all({}, width=width)
        assert str(error.value) == message


def test_a_large_picture_gets_smaller_and_stays_the_same():
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 4, (600, 600, 3), dtype=np.uint8) * 60
    made = io.BytesIO()
    Image.fromarray(noise).save(made, "png", compress_level=0)
    smaller = Image.open(io.BytesIO(figures.files._small(made.getvalue())))
    assert np.array_equal(np.asarray(smaller.convert("RGB")), noise)  # 64 colours: nothing is lost
