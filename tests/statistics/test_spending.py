"""What reinforcement spent: by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.runs import Record, Runs
from curriculab.statistics import filter_savings, waste


def grouped(**columns):
    """Runs of one variant and seed whose groups of answers are given."""
    n = len(next(iter(columns.values())))
    same = {"step": 0, "purpose": "answer", "id": "r", "group": range(n), "n": 4, "tokens": 40}
    table = pd.DataFrame({**same, **columns})
    ledger = pd.DataFrame({"step": [0], "request": "Sample", "seconds": [2.0], "test": [False]})
    tables = {"groups": table, "ledger": ledger, "metrics": pd.DataFrame({"step": [1]})}
    return Runs((Record({"variant": "v", "seed": 0}, tables),))


def test_waste_by_hand():
    # a probe, a rejected group, a silent one, one with a signal, and one of which half was dropped
    runs = grouped(
        purpose=["probe", *["answer"] * 4],
        trained=[0, 0, 4, 4, 2],
        reward=[0.5, 0, 1, 0.5, 0.25],
        signal=[False, False, False, True, True],
        tokens=[10, 40, 50, 60, 40],
    )
    line = waste(runs).loc["v"]
    assert (line.rollouts, line.generated, line.seconds) == (20, 200, 2)
    assert line.probed == pytest.approx(10 / 200) and line.rejected == pytest.approx((40 + 20) / 200)
    assert line.silent == pytest.approx(50 / 200) and line.wasted == pytest.approx(110 / 200)
    assert line.signal == pytest.approx(2 / 3)


def test_what_a_filter_would_have_saved_by_hand():
    runs = grouped(
        trained=[4, 4, 4, 2, 0], reward=[0, 1, 0.5, 0.9, 0], spread=[0, 0, 1, 1, 0], tokens=[10, 20, 30, 40, 100]
    )
    line = filter_savings(runs).loc["v"]
    assert line.dropped == 0.5 and line.generation == pytest.approx(30 / 200) and line.signal_lost == 0
    assert line.training == pytest.approx(30 / (10 + 20 + 30 + 20))
    line = filter_savings(runs, low=0.2, high=0.8).loc["v"]
    assert line.dropped == 0.75 and line.signal_lost == 0.5


def test_without_answers_there_is_no_waste():
    runs = grouped(trained=[0], reward=[0.0], spread=[0.0])
    with pytest.raises(ValueError, match=r"^nothing to filter: no group of answers was trained \(runs.groups\)$"):
        filter_savings(runs)
