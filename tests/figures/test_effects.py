"""Comparison and levels show the table of a comparison."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from curriculab.figures import comparison, levels
from curriculab.runs import Record, Runs
from curriculab.statistics import compare
from tests.figures.made import VARIANTS, traces


def test_comparison_shows_the_table(runs: Runs):
    result = compare(runs)
    figure = comparison(result)
    for variant in VARIANTS[1:]:
        points, mean = traces(figure, variant)
        row = result.table.loc[variant]
        assert list(points.x) == pytest.approx(list(result.scores[result.scores.variant == variant].difference))
        assert mean.x[0] == pytest.approx(row.difference)
        assert mean.x[0] + mean.error_x.array[0] == pytest.approx(row.high)
        assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(row.low)
        assert (mean.marker.color == "white") != row.differs
    assert list(figure.layout.yaxis.ticktext) == list(VARIANTS[1:])
    assert sorted(set(traces(figure, "worst to best of 2 random orders")[0].x)) == [result.null.worst, result.null.gain]


def test_levels_show_the_table(runs: Runs):
    result = compare(runs)
    table = result.levels[result.levels.variant == "easy first"]
    assert list(traces(levels(result), "easy first")[0].y) == pytest.approx(list(table.accuracy))
    differences = levels(result, "difference")
    assert list(traces(differences, "easy first")[0].y) == pytest.approx(list(table.difference))
    assert not traces(differences, "random")


BAD = {
    "value='p' is not known here; choose 'accuracy' or 'difference'": (lambda r, p: levels(compare(r), "p")),
    "no levels to show: the test rows have no column 'level'": (lambda r, p: levels(compare(without_level(r)))),
    "nothing to show: only 'random' was compared, with itself": (lambda r, p: comparison(compare(Runs(r.records[:3])))),
}


def without_level(runs: Runs) -> Runs:
    tables = [{**r.tables, "items": r.tables["items"].drop(columns="level")} for r in runs.records]
    return Runs(tuple(Record(r.spec, t) for r, t in zip(runs.records, tables, strict=True)), runs.null)


@pytest.mark.parametrize(("message", "call"), BAD.items())
def test_bad_input_gives_one_clear_line(runs: Runs, pool: pd.DataFrame, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(runs, pool)
    assert str(error.value) == message
