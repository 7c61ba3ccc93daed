"""Schedules show steps, tokens and repeats before training."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab import figures
from curriculab.runs import Runs
from tests.figures.made import VARIANTS


def test_schedules_show_steps_tokens_and_repeats(runs: Runs, pool: pd.DataFrame):
    figure = figures.schedules(runs, pool, ["level", "level", "loss"])
    assert [t.type for t in figure.data] == ["heatmap", "bar", "bar"] * 3
    assert [a.text for a in figure.layout.annotations] == list(VARIANTS)
    easy = figure.data[3]
    assert easy.z.sum(axis=0).tolist() == [1.0] * 10  # shares of each of ten steps
    assert easy.z[0].tolist() == [1.0, 1.0, 0.5] + [0.0] * 7  # level 1 is the first ten rows: 2.5 steps of 4
    assert figure.data[4].y.tolist() == [3 * 10 * 10] * 4  # seeds x rows x tokens of every level
    assert (figure.data[5].x.tolist(), figure.data[5].y.tolist()) == ([3], [40])  # every row once a seed
    assert figure.layout.yaxis3.title.text == "loss"


def test_schedules_want_columns_of_the_pool(runs: Runs, pool: pd.DataFrame):
    with pytest.raises(ValueError) as error:
        figures.schedules(runs, pool, "rarity")
    columns = ", ".join(pool.columns)
    assert str(error.value) == f"the pool has no column 'rarity' to show schedules by; it has {columns}"
