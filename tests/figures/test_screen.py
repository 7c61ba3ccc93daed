"""Figures in a notebook: what stands out from white stands out from a dark theme; what is announced, and to whom."""

from __future__ import annotations

import re

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from curriculab.figures import for_print, learning_curves, theme
from curriculab.figures.screen import CSS, INVERTED, LINE, OWN, Figure
from curriculab.runs import Runs
from notebooks.run import execute

GROUND = "#111111"  # of outputs in JupyterLab's dark theme: --jp-layout-color0
# W3C Filter Effects 1, hue-rotate by 180 degrees: cos is -1, sin 0.
HUE = np.array([[0.213, 0.715, 0.072]] * 3) - (np.eye(3) - [[0.213, 0.715, 0.072]] * 3)


def in_the_dark(colour: str) -> str:
    """A colour after both filters of the dark theme, in the order of the CSS."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    turned = np.clip(c * (1 - 2 * INVERTED) + INVERTED, 0, 1)
    return "#" + "".join(f"{round(255 * v):02x}" for v in np.clip(HUE @ turned, 0, 1))


def contrast(a: str, b: str) -> float:
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of relative luminances."""

    def luminance(colour: str) -> float:
        c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted(map(luminance, (a, b)))
    return (light + 0.05) / (dark + 0.05)


def test_everything_stands_out_from_the_dark_ground_as_well():
    assert "invert(0.93) hue-rotate(180deg)" in CSS
    assert contrast(in_the_dark("#ffffff"), GROUND) < 1.05  # white becomes the ground
    assert contrast(in_the_dark(theme.INK), GROUND) >= 7
    assert all(contrast(in_the_dark(c), GROUND) >= 3 for c in (*theme.COLOURS, theme.GREY))


def test_a_colour_keeps_its_hue():
    """Blue stays blue: the largest and the smallest of red, green and blue stay the same ones."""
    for colour in ("#0072B2", "#D55E00", "#009E73", "#9231E8"):
        own, turned = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (colour, in_the_dark(colour)))
        assert np.argmax(own) == np.argmax(turned) and np.argmin(own) == np.argmin(turned)


def test_files_stay_white(runs: Runs):
    figure = learning_curves(runs)
    assert isinstance(figure, Figure)
    assert LINE not in figure.to_html() and "invert(" not in figure.to_json()
    printed = for_print(figure)
    assert printed.layout.template.layout.paper_bgcolor == "white" and not isinstance(printed, Figure)


@pytest.mark.slow
def test_a_cell_shows_the_css_and_then_the_figure():
    source = "from curriculab.figures.screen import Figure\nFigure(layout=dict(title_text='mine'))"
    cell = new_code_cell(source)
    execute(new_notebook(cells=[cell]), report=lambda line: None)
    css, *drawn = [output["data"]["text/html"] for output in cell.outputs]
    assert css == LINE
    assert "mine" in drawn[-1] and re.search(r'"showSendToCloud":\s*false', drawn[-1])


def test_outside_of_notebooks_nothing_is_announced(runs: Runs, capsys: pytest.CaptureFixture):
    learning_curves(runs).show(renderer="json")
    assert OWN not in capsys.readouterr().out
