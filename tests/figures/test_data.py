"""The data of a figure are those of its table."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab import figures
from curriculab.runs import Runs
from curriculab.statistics import compare


def test_the_csv_of_curves_holds_the_table(signed: Runs):
    table = figures.data_of(figures.learning_curves(signed))
    accuracy = signed.items.groupby(["variant", "seed", "step"]).correct.mean()
    for variant in ("random", "easy & first", "hard first"):
        seeds = table[table.name == f"{variant}, seeds"].set_index(["of", "optimiser steps"]).accuracy
        for seed in range(3):
            for step in (0, 4):
                assert seeds[f"seed {seed}", step] == pytest.approx(accuracy[variant, seed, step])
        mean = table[table.name == variant].set_index("optimiser steps").accuracy
        assert mean[4] == pytest.approx(accuracy[variant, :, 4].mean())
        band = table[table.name == f"{variant}, 95% interval"]
        assert list((band.low + band.high) / 2) == pytest.approx(list(mean), abs=0.2)  # clipped to [0, 1] at most


def test_the_csv_of_a_comparison_holds_its_intervals(signed: Runs):
    result = compare(signed)
    table = figures.data_of(figures.comparison(result))
    means = table[table.of == "mean"].set_index("name")
    for variant in ("easy & first", "hard first"):
        row = result.table.loc[variant]
        found = means.loc[variant]
        assert [found["accuracy minus random"], found.low, found.high] == pytest.approx(
            [row.difference, row.low, row.high]
        )
    assert "no difference" not in set(table.name)
    null = table[table.name == "worst to best of 2 random orders"].iloc[0]
    assert [null.low, null.high] == pytest.approx([result.null.worst, result.null.gain])


def test_the_csv_of_maps_and_histograms(signed: Runs, pool: pd.DataFrame):
    draws = figures.data_of(figures.draws(signed, pool))
    first = draws[(draws.panel == "easy & first") & (draws.name == "level 1")].set_index("optimiser steps")
    assert first["share of rows"].tolist() == [1.0, 0.0, 0.0, 0.0]  # ten rows a step, ten of each level
    assert first["optimiser steps, to"].tolist() == [1.5, 2.5, 3.5, 4.5]
    transfer = figures.data_of(figures.transfer(signed, pool))
    assert list(transfer.columns) == ["panel", "name", "tested level", "trained level", "value", "text"]
    assert [f"{100 * v:+.0f}" if abs(v) >= 0.005 else "0" for v in transfer.value] == [str(t) for t in transfer.text]
    levels = figures.data_of(figures.levels(compare(signed)))
    assert levels.level.unique().tolist() == ["1", "2", "3", "4"]
    counts = figures.data_of(figures.difficulty(pool, "loss"))
    assert counts.rows.sum() == 40 and (counts["loss, to"] > counts.loss).all()
