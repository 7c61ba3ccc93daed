"""Grids and matrices show differences, transfer and forgetting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import figures, statistics
from curriculab.runs import Runs
from curriculab.statistics import compare
from tests.figures.made import VARIANTS, record, traces


def test_the_grid_shows_differences_and_blanks_luck():
    names = ["random", "easy first, level", "easy first, loss", "hard first, level", "order 2", "order 3"]
    result = compare(Runs(tuple(record(v, s) for v in names for s in range(3)), null=("order 2", "order 3")))
    heat = figures.grid(result).data[0]
    of = result.table.difference
    assert [list(line) for line in heat.text] == [
        [f"{of['easy first, level']:+.3f}", f"{of['easy first, loss']:+.3f}"],
        [f"{of['hard first, level']:+.3f}", ""],
    ]
    lucky = of["easy first, level"] <= result.null.gain and of["easy first, level"] >= result.null.worst
    assert heat.z[0][0] == (0 if lucky else pytest.approx(of["easy first, level"]))
    assert np.isnan(heat.z[1][1]) and heat.zmin == -heat.zmax
    assert list(figures.grid(result).layout.yaxis.ticktext) == ["easy first", "hard first"]


@pytest.mark.slow
def test_transfer_and_forgetting_show_their_tables(runs: Runs, pool: pd.DataFrame):
    table = statistics.transfer(runs, pool)
    figure = figures.transfer(runs, pool)
    assert [trace.name for trace in figure.data] == list(VARIANTS)
    own = table[(table.variant == "easy first") & (table.trained == 1)].set_index("tested").change
    assert list(figure.data[1].z[0]) == pytest.approx(list(own))
    assert figure.data[1].text[0][0] in ("0", f"{100 * own[1]:+.0f}")
    forgot = statistics.forgetting(runs, "level")
    shown = traces(figures.forgetting(runs, "level"), "easy first")[0]
    assert list(shown.x) == pytest.approx(list(forgot[forgot.variant == "easy first"].forgetting))
    bands = traces(figures.forgetting(runs, "level"), "smallest to largest of 2 random orders")
    assert len(bands) == 5 and sum(band.showlegend for band in bands) == 1
    assert figures.forgetting(runs, "level").data[-1].name == "95% interval (t, n=3)"


def test_a_grid_needs_names_in_pairs(runs: Runs):
    with pytest.raises(ValueError) as error:
        figures.grid(compare(runs))
    message = 'nothing to lay out in a grid; name the variants "row, column", such as "easy first, loss"'
    assert str(error.value) == message
