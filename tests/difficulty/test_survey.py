"""One contract, held by every measure: deterministic, finite, on the pool's index, refusing, never constant unsaid."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.difficulty import MEASURES
from curriculab.engine.loading import load_model

pytestmark = pytest.mark.pocket
EVERY = list(MEASURES)
NEEDS_MODEL = [n for n in EVERY if MEASURES[n].needs in ("model", "tokenizer")]
NEEDS_RUNS = [n for n in EVERY if MEASURES[n].needs == "runs"]
LADDER, CLINIC = "ladder", "clinic"
SAMPLED = ("pass_rate", "expected_advantage", "self_consistency")
# What a measure needs besides a pool and a model: other rows, or settings that fit the embedded model.
ROWS = {"option_probability": CLINIC, "bloom_stage": CLINIC, "reasoning_steps": CLINIC, "rating": "add"}
KNOBS: dict[str, dict[str, object]] = {
    **{name: {"n": 3} for name in SAMPLED},
    "source_rank": {"order": ["add", "sort", "words"], "column": "origin"},
    "turns_to_solve": {"attempts": 2, "max_new_tokens": 8},
    "prompt_value": {"n": 2, "share": 0.5},
    "propagated_difficulty": {"n": 2, "share": 0.5},
    "rating": {"template": "{prompt}", "low": -1e9, "high": 1e9},  # the embedded model cannot rate, but it adds
    "comparisons": {"rounds": 1},
}
# Settings under which equal rows must score equal.
GREEDY = {name: {"temperature": 0.0} for name in (*SAMPLED, "turns_to_solve")}


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pools():
    ladder = cl.load_pool("ladder", n=16, seed=3, skills=["add", "sort", "words"], levels=[1, 3, 5])
    add = cl.load_pool("ladder", n=8, seed=0, skills=["add"], levels=[1, 2])
    clinic = cl.load_pool("clinic", n=12, seed=0)
    return {LADDER: ladder.assign(origin=ladder["topic"]), CLINIC: clinic, "add": add}


def evaluations(pool, right=None):
    """Four evaluations of two seeds; without `right`, whatever chance says."""
    rng = np.random.default_rng(0)
    lines = [
        (s, t, i, float(rng.integers(2)) if right is None else right)
        for s in (0, 1)
        for t in (0, 5, 10, 15)
        for i in pool.index
    ]
    return pd.DataFrame(lines, columns=["seed", "step", "id", "correct"])


def teacher(model):
    adapter = model.adapter(0)
    with torch.no_grad():
        adapter.weights += 0.02
    return adapter


def measured(name, pool, model, **knobs):
    if name in NEEDS_RUNS:
        return MEASURES[name](pool, knobs["runs"] if "runs" in knobs else evaluations(pool))
    if name == "token_length":
        return MEASURES[name](pool, model)
    if name not in NEEDS_MODEL:
        return MEASURES[name](pool, **{**KNOBS.get(name, {}), **knobs})
    if name == "teacher_gap":
        knobs = {"teacher": teacher(model), **knobs}
    return MEASURES[name](pool, model, cache=False, **{**KNOBS.get(name, {}), **knobs})


@pytest.mark.parametrize("name", EVERY)
def test_it_is_deterministic_finite_and_on_the_pools_index(name, model, pools):
    pool = pools[ROWS.get(name, LADDER)]
    before = pool.copy(deep=True)
    score = measured(name, pool, model)
    assert score.index.equals(pool.index) and score.dtype == float and score.name == name
    assert np.isfinite(score).all() and score.nunique() > 1
    pd.testing.assert_series_equal(score, measured(name, pool, model))
    pd.testing.assert_frame_equal(pool, before)


@pytest.mark.parametrize("name", EVERY)
def test_another_order_of_rows_changes_nothing_that_is_not_sampled(name, model, pools):
    pool = pools[ROWS.get(name, LADDER)]
    sampled = {*SAMPLED, "turns_to_solve", "prompt_value", "propagated_difficulty", "comparisons"}
    if name in sampled or name in NEEDS_RUNS:
        assert measured(name, pool.iloc[::-1], model).index.equals(pool.index[::-1])
        return
    turned = measured(name, pool.iloc[::-1], model)
    np.testing.assert_allclose(turned.reindex(pool.index), measured(name, pool, model), atol=1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_it_says_its_unit_and_source_and_who_it_asks(name):
    said = inspect.getdoc(MEASURES[name])
    assert said and said[0].isupper() or said[0].isdigit() or said.startswith("exp")
    first = list(inspect.signature(MEASURES[name]).parameters)
    assert first[0] == "pool"
    assert (first[1:2] == ["model"]) == (name in NEEDS_MODEL) and (first[1:2] == ["runs"]) == (name in NEEDS_RUNS)


@pytest.mark.parametrize("name", EVERY)
def test_bad_pools_are_refused_in_one_line(name, model, pools):
    pool = pools[ROWS.get(name, LADDER)]
    first = pool.index[0]
    twice = pool.iloc[[0, 0, 1]]
    cases = [
        (pool.iloc[:0], f"{name}: the pool has no rows; there is nothing to measure"),
        (twice, f"{name}: the id {first!r} is there more than once; measure every row once"),
        (list(pool.prompt), f"{name}: the pool is a list; give a DataFrame such as cl.load_pool returns"),
    ]
    needs_prompt = name not in (*NEEDS_RUNS, "level", "source_rank", "reasoning_steps")
    if needs_prompt:
        bare = "map one with load_pool(columns={'prompt': ...})"
        cases += [
            (pool.drop(columns="prompt"), f"{name}: the pool has no column 'prompt'; {bare}"),
            (
                pool.assign(prompt=1.5),
                f"{name}: row {first!r} has a prompt that is no text; a prompt is a string ({len(pool)} such rows)",
            ),
        ]
    for bad, message in cases:
        runs = {"runs": evaluations(pool)} if name in NEEDS_RUNS else {}
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            measured(name, bad, model, **runs)


@pytest.mark.parametrize("name", EVERY)
def test_a_constant_is_told(name, model, pools):
    pool = pools[ROWS.get(name, LADDER)]
    same = pool.iloc[[0] * 4].set_axis(pd.Index(list("abcd"), name="id"))
    knobs = dict(GREEDY.get(name, {}))
    if name in NEEDS_RUNS:
        knobs = {"runs": evaluations(same, right=1.0)}
    if name in ("prompt_value", "propagated_difficulty"):
        knobs = {"observed": pd.Series(0.5, index=same.index)}
    if name == "source_rank":
        same = same.assign(origin="add")
    with pytest.warns(UserWarning) as told:
        score = measured(name, same, model, **knobs)
    message = f"{name}: all 4 rows score {score.max():g}, so it orders nothing; choose another measure or setting"
    assert message in [str(w.message) for w in told]


@pytest.mark.parametrize("name", [n for n in NEEDS_MODEL if n not in ("teacher_gap",)])
def test_without_a_model_it_asks_for_one(name, pools):
    with pytest.raises(ValueError, match=f"^{name}: reads the rows with a model.*; give one, such as cl.load_model"):
        MEASURES[name](pools[ROWS.get(name, LADDER)], None)


@pytest.mark.parametrize("name", [n for n in NEEDS_MODEL if n not in ("option_probability", "teacher_gap")])
def test_a_measure_either_has_an_error_or_says_that_it_has_none(name, model, pools):
    if name == "token_length":
        return
    pool = pools[ROWS.get(name, LADDER)]
    knobs = {**KNOBS.get(name, {}), "seed": 1}
    try:
        score, error = MEASURES[name](pool, model, uncertainty=True, **knobs)
    except ValueError as said:
        assert str(said) == f"{name}: has no uncertainty, with these settings it is no estimate from several values"
    else:
        assert error.index.equals(score.index) and (error > 0).all() and error.name == f"se_{name}"


def test_an_unknown_measure_says_what_there_is(pools):
    message = f"no measure 'beauty'; there are {', '.join(EVERY)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cl.difficulty.measure(pools[LADDER], None, ["beauty"])
