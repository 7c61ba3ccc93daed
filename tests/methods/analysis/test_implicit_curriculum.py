"""Implicit curriculum: emergence, agreement, order and predictions, by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.analysis.implicit_curriculum import (
    agreement,
    curves,
    emergence,
    in_order,
    named_anew,
    predicted,
)
from curriculab.protocol import Run, Sample, Train
from tests.methods.made import answered, asked_by, make

POINTS = pd.Index([0.0, 0.25, 0.5, 0.75])
CURVE = pd.DataFrame(
    {"a": [0.9, 0.7, 0.9, 1.0], "b": [0.0, 0.8, 0.7, 1.0], "c": [0.0, 0.1, 0.2, 0.79], "ab": [0.0, 0.56, 0.63, 1.0]},
    index=POINTS,
)


def test_a_task_emerges_where_it_first_reaches_the_threshold():
    assert emergence(CURVE).to_dict() == {"a": 0.0, "b": 0.25, "c": np.inf, "ab": 0.75}
    assert emergence(CURVE, 0.5).to_dict() == {"a": 0.0, "b": 0.25, "c": 0.75, "ab": 0.25}


def test_tasks_that_did_not_emerge_share_the_last_rank():
    one = pd.Series({"a": 0.1, "b": 0.2, "c": 0.3, "d": np.inf, "e": np.inf})
    assert agreement(one, one[::-1]) == pytest.approx(1.0)
    other = pd.Series({"a": np.inf, "b": 0.3, "c": 0.2, "d": 0.1, "e": 0.0})
    # ranks 1, 2, 3, 4.5, 4.5 and 5, 4, 3, 2, 1: deviations -2, -1, 0, 1.5, 1.5 and 2, 1, 0, -1, -2
    assert agreement(one, other) == pytest.approx((-4 - 1 - 1.5 - 3) / np.sqrt(9.5 * 10))
    assert np.isnan(agreement(one, pd.Series(dict.fromkeys("abcde", np.inf))))


def test_components_before_composites():
    found = pd.Series({"a": 0.1, "b": 0.3, "c": np.inf, "ab": 0.3, "bc": np.inf})
    assert in_order(found, {"ab": ["a", "b"]}) == 0.75  # before, and as early
    assert in_order(found, {"bc": ["b", "c"]}) == 1.0  # of c and bc neither emerged
    assert in_order(found, {"a": ["c"]}) == 0.0 and np.isnan(in_order(found, {"bc": ["c"]}))


def test_a_composite_is_predicted_by_the_product_of_its_components():
    """a b = 0, .56, .63, 1: the curve itself; the means .45, .75, .8, 1 are off by .45, .19, .17, 0."""
    assert predicted(CURVE, {"ab": ["a", "b"]}) == pytest.approx(1.0)
    true = CURVE["ab"].to_numpy()
    off = 0.45**2 + 0.19**2 + 0.17**2
    assert predicted(CURVE, {"ab": ["a", "b"]}, "mean") == pytest.approx(1 - off / np.sum((true - true.mean()) ** 2))


def test_every_task_is_asked_before_the_step_at_each_point():
    pool = make([1] * 6, topic=list("xxxyyy"))
    method = methods.implicit_curriculum(pool, Run(0, batch=2), items=2, answers=3)
    request = next(method)
    assert isinstance(request, Sample) and request.n == 3 and request.purpose == "probe"
    assert list(request.rows.index) == ["a", "b", "d", "e"]  # two rows of each task
    request = method.send(answered(request.rows, [[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1]]))
    assert isinstance(request, Train) and request.note == {"right/x": 0.5, "right/y": 0.5}


def test_points_are_shares_of_the_run_and_rows_come_in_random_order():
    pool = make([1] * 8, topic=list("xxxxyyyy"))
    student = cl.simulation.Student(start=0.0, varies=0.0, spread=0.0, rate=0.0)
    method = partial(methods.implicit_curriculum, every=0.25, items=1, answers=2)
    runs = simulate(method, pool, steps=20, batch_size=2, learner=student, name="v")
    assert runs.failed == {}
    told = curves(runs.metrics)
    assert list(told.columns) == ["x", "y"] and len(told) == 4
    steps = runs.metrics.step[runs.metrics["right/x"].notna()]
    assert steps.tolist() == [1, 6, 11, 16]
    first, second = (runs.exposure.id[(runs.exposure.step - 1) // 4 == k].tolist() for k in (0, 1))
    assert sorted(first) == sorted(second) == list("abcdefgh") and first != second


def test_a_column_that_is_missing_is_named():
    _, runs = asked_by(methods.implicit_curriculum, make([1, 1]), 2, by="skill")
    assert list(runs.failed.values()) == [
        "failed: ValueError: by='skill' is no column of the pool; it has prompt, answer, topic, level"
    ]


def test_the_twin_deals_names_anew_in_each_run():
    pool = make([1] * 24, topic=[f"t{i:02d}" for i in range(24)])
    names = [next(named_anew(pool, Run(seed, batch=2), items=1)).rows.topic.to_dict() for seed in (0, 1)]
    assert all(sorted(found.values()) == sorted(pool.topic) for found in names)
    same = [found == expected for found, expected in ((names[0], names[1]), (names[0], pool.topic.to_dict()))]
    assert same == [False, False]
