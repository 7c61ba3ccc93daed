"""Captions name rows, seeds and the method of intervals."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

import curriculab as cl
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


STEERED = {"swap": {"event": "swap", "to": "sec", "step": 1}, "stop": {"event": "stop", "step": 1}}


def steered_runs() -> cl.Runs:
    """easy was swapped, 'easy, late' stopped, random left alone."""
    pool = cl.load_pool("ladder", n=24, seed=0)
    variants = {"random": cl.methods.random_order, "easy": cl.methods.easy_to_hard, "easy, late": cl.methods.baby_steps}
    how = {"tests": pool, "steps": 4, "batch_size": 4, "evaluate_every": 2, "seed": [0, 1, 2]}
    runs = cl.simulate(variants, pool, **how)
    done = {"easy": (STEERED["swap"],), "easy, late": (STEERED["stop"],)}
    return cl.Runs(tuple(dataclasses.replace(r, events=done.get(r.key[0], ())) for r in runs.records))


@pytest.mark.parametrize("draw", ["learning_curves", "loss_curves", "by variant", "comparison", "levels"])
def test_what_was_done_by_hand_is_marked_in_every_figure_and_its_caption(draw: str):
    runs = steered_runs()
    result = cl.compare(runs)
    figure = {
        "learning_curves": lambda: cl.figures.learning_curves(runs),
        "loss_curves": lambda: cl.figures.loss_curves(runs),
        "by variant": lambda: cl.figures.learning_curves(runs, by="variant"),
        "comparison": lambda: cl.figures.comparison(result),
        "levels": lambda: cl.figures.levels(result),
    }[draw]()
    seen = [t.name for t in figure.data if t.showlegend is not False] + [a.text for a in figure.layout.annotations]
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        seen += list(axis.ticktext or ())
    plain = [" ".join(str(text).replace("<br>", " ").split()) for text in seen]
    assert "easy (steered)" in plain and "easy, late (stopped)" in plain
    assert "easy" not in plain and "easy, late" not in plain and "random (steered)" not in plain
    caption = cl.figures.about(figure).caption
    assert "(steered): another method took over by hand while it trained." in caption
    assert "(stopped): stopped by hand before its budget was spent." in caption
