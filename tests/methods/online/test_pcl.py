"""PCL: the value model against a regression, and which rows it reads and trains."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.online import pcl
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Clock, Run, Score, Train
from curriculab.simulation.pools import planted
from tests.methods.made import numbered, trained


def embedding(rows: pd.DataFrame) -> pd.DataFrame:
    x = [np.array([level, level**2, 1.0]) for level in rows.level]
    return rows[[]].assign(embedding=pd.Series(x, index=rows.index, dtype=object))


def test_pcl_value_is_the_discounted_ridge_regression():
    rng = np.random.default_rng(0)
    value, batches = pcl.Value(ridge=0.3, memory=0.9), []
    assert value(rng.normal(size=(4, 3))).tolist() == [0.5] * 4
    for _ in range(3):
        z, rate = rng.normal(size=(5, 3)), rng.random(5)
        batches.append((z, rate))
        value.update(z, rate)
    age = np.repeat([2, 1, 0], 5)
    z, rate = np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches])
    # ordinary least squares of rows scaled by sqrt(memory^age), with sqrt(ridge) rows added for the penalty
    scale = np.sqrt(0.9**age)
    rows = np.concatenate([z * scale[:, None], np.sqrt(0.3) * np.eye(3)])
    w = np.linalg.lstsq(rows, np.concatenate([(rate - 0.5) * scale, np.zeros(3)]), rcond=None)[0]
    assert np.allclose(value(z), 0.5 + z @ w)


def test_of_the_base_model_pcl_reads_each_candidate_once_and_trains_the_nearest():
    pool = numbered(np.arange(40))
    made = methods.pcl(pool, Run(0, batch=4), k=4, role="base")
    request, read, last = next(made), set(), None
    for step in range(12):
        if isinstance(request, Score):
            assert (request.measure, request.role) == ("embedding", "base")
            assert len(request.rows) <= 16 and not read & set(request.rows.index)
            read |= set(request.rows.index)
            request = made.send(embedding(request.rows))
        assert isinstance(request, Train) and len(request.rows) == 4 and set(request.rows.index) <= read
        if step == 0:
            assert request.note["value"] == 0.5
        last = request
        request = made.send(trained(request.rows, n=8, right=lambda rows: (8 - rows.level // 5).to_numpy()))
    assert abs(last.rows.level.mean() - 20) < 6  # 4 of 8 right at levels 20 to 24
    assert len(read) == 40


def test_of_the_policy_pcl_reads_all_candidates_of_every_step():
    """What a prompt looks like to the policy turns round; the rows that are trained turn round with it."""
    pool = numbered(np.arange(40))
    made = methods.pcl(pool, Run(0, batch=4), k=10)
    request, means = next(made), []
    for step in range(24):
        assert isinstance(request, Score) and request.role == "learner" and len(request.rows) == 40
        easy = request.rows.level if step < 12 else 39 - request.rows.level  # what the policy's states say
        x = pd.Series([np.array([level, 1.0]) for level in easy], index=request.rows.index, dtype=object)
        request = made.send(request.rows[[]].assign(embedding=x))
        assert isinstance(request, Train)
        means.append(request.rows.level.mean())
        # the rows whose states say 0 .. 9 are right 8 of 8 times, up to 30 .. 39, right 0 of 8
        seen = easy.loc[request.rows.index].to_numpy()
        request = made.send(trained(request.rows, n=8, right=8 - np.minimum(seen // 4, 8)))
    # half right at 16: levels about 16 first, and after the turn 39 - 16 = 23 at once, without a new fit
    assert abs(np.mean(means[8:12]) - 16) < 4 and abs(means[12] - 23) < 4


def test_the_value_model_learns_after_every_step():
    # All prompts look alike, so that V = 1/2 + T / (M + ridge), M <- M / 2 + 2 rows, T <- T / 2 + 2 (rate - 1/2):
    # all right M, T = 2, 1: 1/2 + 1/3; then all wrong 3, -1/2: 1/2 - 1/8; and again 7/2, -5/4: 1/2 - 1.25 / 4.5
    clock = Clock()
    made = methods.pcl(numbered([1] * 8), Run(0, batch=2, clock=clock), ridge=1.0, memory=0.5)
    request, values = next(made), []
    for step, right in enumerate((8, 0, 0, 0)):
        clock.step = step
        request = made.send(embedding(request.rows))
        values.append(request.note["value"])
        clock.step = step + 1
        request = made.send(trained(request.rows, n=8, right=right))
    assert values == pytest.approx([0.5, 0.8333, 0.375, 0.2222], abs=1e-4)


def test_pcl_projects_long_embeddings_and_fills_batches_of_small_pools():
    embedded = pcl.Embedded(1000, 4, np.random.default_rng(0))
    embedded.add(np.array([3, 5]), np.random.default_rng(1).normal(size=(2, 50)))
    assert embedded[np.array([5, 3, 5])].shape == (3, 5) and embedded.missing(np.array([5, 9])).tolist() == [9]
    before = embedded[np.array([3])]
    embedded.add(np.array([5, 7]), np.ones((2, 50)))  # 5 anew: 3 keeps what it had
    assert (embedded[np.array([5])] == embedded[np.array([7])]).all() and (embedded[np.array([3])] == before).all()
    made = methods.pcl(numbered([1, 2, 3]), Run(0, batch=8))
    request = made.send(embedding(next(made).rows))
    assert len(request.rows) == 8 and set(request.rows.index) == {"r0", "r1", "r2"}


def test_pcl_values_foretell_the_next_batch():
    pool, student = planted({"a": 0.9, "b": 0.6, "c": 0.3})
    runs = simulate(partial(methods.pcl, k=1), pool, steps=40, batch_size=16, objective=Grpo(), learner=student)
    late = runs.metrics[runs.metrics.step > 20]  # random batches (k = 1): explained variance above 0
    assert 1 - late["last error"].mean() / late["last spread"].mean() > 0.3
