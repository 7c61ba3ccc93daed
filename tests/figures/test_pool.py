"""Difficulty and scatter show the rows of a pool."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from curriculab import figures
from curriculab.figures import difficulty
from curriculab.runs import Runs
from tests.figures.made import traces


def test_difficulty_counts_rows(pool: pd.DataFrame):
    figure = difficulty(pool, ["loss", "level"])
    assert [figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text] == ["loss", "level"]
    assert sum(sum(t.y[:-1]) for t in figure.data if t.xaxis == "x") == 40
    second = [t for t in figure.data if t.xaxis == "x2"]
    assert [list(t.y[:-1]) for t in second] == (10 * np.eye(4)).tolist()
    assert len(difficulty(pool.drop(columns="level"), "loss").data) == 1
    assert difficulty(pool).layout.meta["x"] == ["level", "loss"]


def test_many_levels_and_topics_are_merged(pool: pd.DataFrame):
    many = pool.assign(level=range(40), topic=[f"t{i}" for i in range(40)])
    assert traces(difficulty(many, "loss"), "7 and more") != []
    assert traces(difficulty(many, "loss", by="topic"), "others") != []


BAD = {
    "the pool has no column 'topic' of numbers to show; it has level, loss": (lambda r, p: difficulty(p, "topic")),
    "column 'loss' holds 40 values that are not finite; a measure has one for every row": (
        lambda r, p: difficulty(p.assign(loss=np.nan), "loss")
    ),
    "no measure to show: the pool has no rows or no column of numbers; add one, as pool['loss']": (
        lambda r, p: difficulty(p[["prompt", "answer"]])
    ),
}


@pytest.mark.parametrize(("message", "call"), BAD.items())
def test_bad_input_gives_one_clear_line(runs: Runs, pool: pd.DataFrame, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(runs, pool)
    assert str(error.value) == message


def test_scatter_shows_every_row_once(pool: pd.DataFrame):
    figure = figures.scatter(pool, "level", "loss")
    assert sum(len(t.x) for t in figure.data) == len(pool)
    assert [t.name for t in figure.data] == ["level 1", "2", "3", "4"]
    one = figure.data[2]
    assert one.y.tolist() == pool.loss[pool.level == 3].tolist()
    assert figures.scatter(pool, "level", "loss", by=None).data[0].showlegend is False
