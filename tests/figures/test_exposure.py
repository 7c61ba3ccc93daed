"""Draws show the shares of what was trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from curriculab.figures import draws
from curriculab.runs import Record, Runs
from tests.figures.made import VARIANTS, record, traces


def test_draws_show_shares_of_levels(runs: Runs, pool: pd.DataFrame):
    figure = draws(runs, pool)
    ascending = np.array([t.y[:-1] for t in figure.data if t.yaxis == "y2"])  # (levels, steps): panel of easy first
    assert ascending[:, 0] == pytest.approx([1, 0, 0, 0]) and ascending[:, -1] == pytest.approx([0, 0, 0, 1])
    for panel in ("y", "y2", "y3"):
        assert np.sum([t.y for t in figure.data if t.yaxis == panel], axis=0) == pytest.approx(np.ones(11))
    assert [t.name for t in figure.data if t.showlegend] == ["level 1", "2", "3", "4"]
    assert [a.text for a in figure.layout.annotations] == list(VARIANTS)


def test_draws_map_a_score(runs: Runs, pool: pd.DataFrame):
    figure = draws(runs, pool, by="loss")
    assert [t.type for t in figure.data] == ["heatmap"] * 3
    z = figure.data[1].z
    assert z.sum(axis=0) == pytest.approx(np.ones(10))
    bins = np.histogram_bin_edges(pool.loss, 24)
    assert z[:, 0] == pytest.approx(np.histogram(pool.loss.iloc[:4], bins)[0] / 4)  # step 1 of easy first


def test_draws_say_which_rows_are_new(pool: pd.DataFrame):
    made = record("random", 0)
    made.tables["exposure"].loc[:9, "id"] = "made/0"
    assert draws(Runs((made,)), pool, by="loss").layout.annotations[0].text == "random (without 25% new rows)"
    assert traces(draws(Runs((made,)), pool), "new rows")[0].y[0] == 1


NONE_TRAINED = Runs(
    (Record(dict(variant="random", seed=0), dict(record("random", 0).tables, exposure=pd.DataFrame())),)
)


BAD = {
    "the pool has no column 'lvl' to show draws by; it has prompt, answer, level, loss, topic": (
        lambda r, p: draws(r, p, by="lvl")
    ),
    "no draws to show: no row was trained (runs.exposure is empty)": (lambda r, p: draws(NONE_TRAINED, p)),
}


@pytest.mark.parametrize(("message", "call"), BAD.items())
def test_bad_input_gives_one_clear_line(runs: Runs, pool: pd.DataFrame, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(runs, pool)
    assert str(error.value) == message
