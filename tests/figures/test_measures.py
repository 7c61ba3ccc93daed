"""Agreement of measures, and means by level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import figures


def test_agreement_is_spearmans(pool: pd.DataFrame):
    from scipy.stats import spearmanr

    measures = pool.assign(odd=np.random.default_rng(0).normal(size=len(pool)))
    shown = figures.agreement(measures, ["level", "loss", "odd"]).data[0]
    assert (list(shown.x), list(shown.y)) == (["level", "loss"], ["loss", "odd"])
    for i, j in ((0, 0), (1, 0), (1, 1)):
        pair = measures[["level", "loss", "odd"]].iloc[:, [i + 1, j]]
        assert shown.z[i, j] == pytest.approx(spearmanr(pair).statistic)
        assert shown.text[i][j] == f"{shown.z[i, j]:.2f}"
    assert np.isnan(shown.z[0, 1])
    with pytest.raises(ValueError) as error:
        figures.agreement(measures, ["loss"])
    assert str(error.value) == "one measure ('loss') agrees with itself; give at least two columns of the pool"


def test_agreements_show_one_table_below_and_one_above():
    names = ["a", "b", "c"]
    rho, tau = (pd.DataFrame(np.full((3, 3), v), names, names) for v in (0.5, 0.25))
    shown = figures.agreements(rho, tau).data[0]
    assert (shown.z[np.tril_indices(3, -1)] == 0.5).all() and (shown.z[np.triu_indices(3, 1)] == 0.25).all()
    assert np.isnan(np.diag(shown.z)).all() and shown.text[1][0] == "0.50" and shown.text[0][0] == ""
    with pytest.raises(ValueError, match="two square tables of the same measures"):
        figures.agreements(rho, tau.loc[["b", "a", "c"]])


def test_means_by_level_have_a_panel_a_measure():
    table = pd.DataFrame({"measure": ["a", "a", "b", "b"], "level": [1, 2, 1, 2], "rows": 3, "mean": [1.0, 2, 3, 4]})
    figure = figures.by_level(table.assign(low=table["mean"] - 0.5, high=table["mean"] + 0.5))
    assert [t.xaxis for t in figure.data] == ["x", "x2"] and list(figure.data[1].y) == [3, 4]
    assert list(figure.data[0].error_y.array) == [0.5, 0.5]
