"""Tidy tables in, plotly figures out; `export` writes them for the screen and for a column of a paper.

    pool       how measures of difficulty are distributed, one against another
    exposure   which rows were trained when, of recorded runs and of simulated ones
    preview    which rows schedules would draw, side by side, redrawn in place
    curves     accuracy, and whatever a method noted, as training went on
    explore    any recorded number against any cost, of many runs
    effects    differences between variants, by level, what was forgotten
    matrices   grids of schedules by measures, transfer
    spending   where generated tokens went
    at_test    accuracy against what the test itself took
    measures   measures of difficulty side by side
    irt        curves of items, people and items on one scale
    paper      export: HTML, PDF, SVG, PNG, the CSV behind, the caption

`learning_curves(runs)` is a `go.Figure` of accuracy over optimiser steps; `export(figure, "figures/curves")` writes
`curves.html`, and `curves.pdf`, `.svg`, `.png` at 3.25 inches where a Chrome or Chromium is found.

Figures compute nothing but means, bins and the intervals of `curriculab.statistics`. A variant has one colour,
marker and dash in every figure, by its place in `runs.variants`, or in what `keep_colours` was given where figures
show some variants only; random is grey, the null band a light grey.
"""

from curriculab.figures.at_test import test_time
from curriculab.figures.browser import NO_BROWSER, ExportError, find_browser
from curriculab.figures.captions import about, tell
from curriculab.figures.curves import learning_curves, loss_curves, notes
from curriculab.figures.data import data_of
from curriculab.figures.effects import comparison, forgetting, levels
from curriculab.figures.explore import explore
from curriculab.figures.exposure import draws
from curriculab.figures.irt import item_curves, wright_map
from curriculab.figures.matrices import grid, transfer
from curriculab.figures.measures import agreement, agreements, by_level
from curriculab.figures.paper import FORMATS, export, export_all, for_print
from curriculab.figures.pool import difficulty, scatter
from curriculab.figures.preview import redraw_schedules, schedules
from curriculab.figures.spending import waste
from curriculab.figures.theme import keep_colours, palette, template

__all__ = [
    "FORMATS",
    "NO_BROWSER",
    "ExportError",
    "about",
    "agreement",
    "agreements",
    "by_level",
    "comparison",
    "data_of",
    "difficulty",
    "draws",
    "explore",
    "export",
    "export_all",
    "find_browser",
    "for_print",
    "forgetting",
    "grid",
    "item_curves",
    "keep_colours",
    "learning_curves",
    "levels",
    "loss_curves",
    "notes",
    "palette",
    "redraw_schedules",
    "scatter",
    "schedules",
    "tell",
    "template",
    "test_time",
    "transfer",
    "waste",
    "wright_map",
]


def __dir__() -> list[str]:
    return __all__
