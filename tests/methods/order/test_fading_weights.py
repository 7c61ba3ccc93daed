"""Fading weights: eases and weights, worked out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.order import fading_weights
from tests.methods.made import asked, make, trained_ids


def test_eases_by_rank_range_and_density():
    from scipy.stats import gaussian_kde

    score, one = np.array([3.0, 1.0, 2.0, 5.0]), np.zeros(4, int)
    assert fading_weights.eases(score, "range", one).tolist() == [0.5, 1.0, 0.75, 0.0]
    assert fading_weights.eases(score, "rank", one).tolist() == [1 / 3, 1.0, 1 / 2, 1 / 4]
    assert fading_weights.eases(np.arange(2000.0), "rank", np.zeros(2000, int)).min() == 1 / 1000
    x = np.random.default_rng(0).normal(size=300)
    kde = gaussian_kde(-x)
    expected = [kde.integrate_box_1d(-np.inf, -value) for value in x[:20]]
    assert fading_weights.eases(x, "density", np.zeros(300, int))[:20] == pytest.approx(expected, abs=1e-3)
    grouped = fading_weights.eases(np.array([1.0, 2.0, 10.0, 30.0]), "range", np.array([0, 0, 1, 1]))
    assert grouped.tolist() == [1, 0, 1, 0]


def weights(steps=8, batch_size=4, **knobs) -> pd.DataFrame:
    pool = make([1, 2, 3, 5], good=[1, 1, 0, 0])
    trained = asked("fading_weights", pool, steps, batch_size=batch_size, **knobs)
    return pd.DataFrame([r.rows.weight for r in trained]).reset_index(drop=True)[list("abcd")]


def test_weights_fade_to_one():
    # D = 1, .75, .5, 0; W = D (1 - e / m) + e / m with e = 0, 1/8, 2/8, ... and m = 1/2
    expected = [[1, 0.75, 0.5, 0], [1, 0.8125, 0.625, 0.25], [1, 0.875, 0.75, 0.5], [1, 0.9375, 0.875, 0.75]]
    found = weights().to_numpy()
    assert found == pytest.approx(np.array(expected + [[1] * 4] * 4), abs=1e-6)
    assert weights(anti=True).to_numpy()[0] == pytest.approx([0, 0.25, 0.5, 1], abs=1e-6)
    assert weights(relevant="good").to_numpy()[0] == pytest.approx([1, 0.75, 0.5, 1], abs=1e-6)
    assert weights(reduction="batch").to_numpy()[0] == pytest.approx([0.5625] * 4, abs=1e-6)


def test_every_row_is_trained_in_every_pass():
    assert all(
        sorted(ids) == list("abcd") for ids in trained_ids("fading_weights", make([1, 2, 3, 5]), 4, batch_size=4)
    )


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])
COLUMNS = "prompt, answer, topic, level, loss"


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"ease": "kde"}, "ease='kde' is unknown; give one of rank, range, density"),
        ({"within": "query"}, f"within='query' is no column of the pool; it has {COLUMNS}"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.fading_weights, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
