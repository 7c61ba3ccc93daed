"""Captions name rows, seeds and the method of intervals."""

from __future__ import annotations

import pandas as pd

from curriculab import figures
from curriculab.runs import Runs
from curriculab.statistics import compare
from tests.figures.made import DIGESTS


def test_captions_name_n_seeds_and_method(signed: Runs, pool: pd.DataFrame):
    result = compare(signed)
    said = figures.about(figures.learning_curves(signed))
    assert said.title == "Accuracy against optimiser steps" and said.runs == tuple(DIGESTS)
    for words in ("40 test rows", "3 seeds", "95% interval", "Student's t", "2 further random orders"):
        assert words in said.caption
    assert "filled where the variant differs after Holm" in figures.about(figures.comparison(result)).caption
    assert "not adjusted for the number of levels" in figures.about(figures.levels(result, "difference")).caption
    for figure in (
        figures.draws(signed, pool),
        figures.difficulty(pool),
        figures.scatter(pool, "level", "loss"),
        figures.agreement(pool, ["level", "loss"]),
        figures.transfer(signed, pool),
    ):
        told = figures.about(figure)
        assert told.title and told.caption.endswith(".")
