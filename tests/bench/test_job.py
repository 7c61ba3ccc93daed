"""A variant whose numbers are not finite ends alone, says why, and leaves its neighbours' bits as they were."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import curriculab as cl
from tests.bench.made import NEIGHBOURS, batch, bench_of
from tests.bench.test_session import same


@pytest.fixture(scope="module", params=["sft", "grpo"])
def alone(request, tiny_model, small_pools, tmp_path_factory):
    bench = bench_of(tiny_model, small_pools, tmp_path_factory.mktemp("alone"), request.param)
    return request.param, bench.run(NEIGHBOURS, seeds=1, progress=False)


def two_steps(pool, run):
    """Two good steps, then weights beyond what float32 can multiply."""
    for _ in range(2):
        yield cl.Train(batch(pool, run), objective="sft")
    yield cl.Copy({"learner": 1e30}, to="wild")


def blows_up(pool, run):
    yield from two_steps(pool, run)
    yield cl.Train(batch(pool, run), objective="sft", role="wild")


def infinite_token(pool, run):
    """Two good steps, then a token whose weight is infinite."""
    for _ in range(2):
        yield cl.Train(batch(pool, run), objective="sft")
    rows = cl.say(batch(pool, run), "yes")
    yield cl.Train(rows.assign(token_weight=[np.full(4, np.inf)] * len(rows)), objective="sft")


def samples_noise(pool, run):
    yield from two_steps(pool, run)
    yield cl.Sample(pool.iloc[:3], role="wild")


def scores_noise(pool, run):
    yield from two_steps(pool, run)
    yield cl.Score(pool.iloc[:3], ("nll", "entropy"), role="wild")


ROW = "'ladder/[^']+'"


NUMBERS = {
    "blows up": (
        blows_up,
        f"FloatingPointError: the loss of row {ROW} is not finite at step 1; the step was not taken",
    ),
    "infinite token": (
        infinite_token,
        "FloatingPointError: the gradient's norm is (nan|inf) at step 3; lower lr, or "
        f"look at the rows {ROW}, {ROW}, {ROW}, ...; the step was not taken",
    ),
    "samples": (
        samples_noise,
        f"FloatingPointError: the (logprob|entropy) of row {ROW} is not finite after 0 steps of "
        "'wild'; lower lr, or look at the rows trained before",
    ),
    "scores": (
        scores_noise,
        f"FloatingPointError: the nll of row {ROW} is not finite after 0 steps of 'wild'; lower "
        "lr, or look at the rows trained before",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_are_not_finite_end_that_variant_alone(name, alone, tiny_model, small_pools, tmp_path):
    objective, expected = alone
    method, why = NUMBERS[name]
    bench = bench_of(tiny_model, small_pools, tmp_path, objective)
    with pytest.warns(UserWarning, match=re.escape(f"{name!r} failed in seed 0: ")):
        runs = bench.run({name: method, **NEIGHBOURS}, seeds=1, progress=False)
    assert re.fullmatch(f"failed: {why}", runs.failed[name, 0]), runs.failed
    same(cl.load_runs(tmp_path), expected)
    (failed,) = tmp_path.glob("*.failed")
    record = next(r for r in runs.records if r.key == (name, 0))
    assert record.spec["steps"] == 2 and record.adapter == failed / "adapter"
    assert all(torch.isfinite(w).all() for w in load_file(failed / "adapter" / "adapter_model.safetensors").values())
