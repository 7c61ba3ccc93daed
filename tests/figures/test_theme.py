"""Colours: one for a variant in every figure, and all of them told apart with any colour vision."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from curriculab import figures
from curriculab.figures import comparison, learning_curves, levels, palette, theme
from curriculab.runs import Runs
from curriculab.statistics import compare
from tests.figures.made import VARIANTS, traces


def test_a_variant_has_one_colour_in_every_figure(runs: Runs):
    result, colours = compare(runs), palette(runs.variants)
    assert colours == {"random": "#757575", "easy first": "#0072B2", "hard first": "#D55E00"}
    for figure in (learning_curves(runs), learning_curves(runs, by="variant"), levels(result)):
        for variant in VARIANTS:
            assert {t.line.color for t in traces(figure, variant)} == {colours[variant]}
    for variant in VARIANTS[1:]:
        assert traces(comparison(result), variant)[1].error_x.color == colours[variant]


def test_colours_go_by_place_and_lines_stay_apart_beyond_the_palette():
    names = ["random", *(f"v{i}" for i in range(20))]
    styles = [tuple(figures.theme.style_of(v, names).values()) for v in names]
    assert len(set(styles)) == len(names)
    assert palette(names[:3])["v1"] == palette(names)["v1"]


@pytest.fixture
def kept(signed: Runs) -> Iterator[None]:
    figures.keep_colours(signed.variants)
    yield
    figures.keep_colours()


def test_colours_stay_over_a_set_of_figures(signed: Runs, kept: None):
    some = Runs(tuple(r for r in signed.records if r.key[0] in ("random", "hard first")))
    for make in (figures.learning_curves, lambda r: figures.levels(compare(r))):
        whole, part = ({t.name: t.line.color for t in make(r).data} for r in (signed, some))
        assert part["hard first"] == whole["hard first"] == theme.COLOURS[1]
    assert figures.palette(["new", "hard first"]) == {
        "random": theme.GREY,
        "new": theme.COLOURS[2],
        "hard first": theme.COLOURS[1],
    }


def test_without_a_set_colours_go_by_the_figure(signed: Runs):
    assert figures.palette(["hard first"])["hard first"] == theme.COLOURS[0]


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of relative luminances."""
    dark, light = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


def test_text_and_lines_stand_out_from_the_card_they_are_on():
    """White is the ground of paper and of light themes; `test_screen` has the dark ones."""
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
