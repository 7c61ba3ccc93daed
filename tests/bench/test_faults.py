"""A variant that blows up, or asks for nonsense, ends alone, says why, and leaves its neighbours' bits as they were."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import curriculab as cl
from curriculab import methods
from curriculab.bench import evaluation
from tests.bench.test_session import same


def made(model, pools, folder, objective="sft", steps=6):
    return cl.Bench(
        model,
        *pools,
        objective=objective,
        budget=cl.Budget(steps=steps),
        batch_size=4,
        rollouts=4,
        evaluate_every=3,
        max_new_tokens=4,
        store=folder,
    )


NEIGHBOURS = {"random": methods.random_order, "self paced": methods.self_paced}


@pytest.fixture(scope="module", params=["sft", "grpo"])
def alone(request, tiny_model, small_pools, tmp_path_factory):
    bench = made(tiny_model, small_pools, tmp_path_factory.mktemp("alone"), request.param)
    return request.param, bench.run(NEIGHBOURS, seeds=1, progress=False)


# -- numbers that are none --------------------------------------------------------------------------------------------
def batch(pool, run):
    return pool.iloc[run.step * run.batch : (run.step + 1) * run.batch]


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
    bench = made(tiny_model, small_pools, tmp_path, objective)
    with pytest.warns(UserWarning, match=re.escape(f"{name!r} with seed 0 failed: ")):
        runs = bench.run({name: method, **NEIGHBOURS}, seeds=1, progress=False)
    assert re.fullmatch(f"failed: {why}", runs.failed[name, 0]), runs.failed
    same(cl.load_runs(tmp_path), expected)
    (failed,) = tmp_path.glob("*.failed")
    record = next(r for r in runs.records if r.key == (name, 0))
    assert record.spec["steps"] == 2 and record.adapter == failed / "adapter"
    assert all(torch.isfinite(w).all() for w in load_file(failed / "adapter" / "adapter_model.safetensors").values())


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (dict(lr=float("nan")), "Sft(learning_rate=nan); give a number from 0 to 10"),
        (dict(lr="1e-3"), "Sft(learning_rate='1e-3'); give a number from 0 to 10"),
        (dict(lr=1e6), "Sft(learning_rate=1000000.0); give a number from 0 to 10"),
        (dict(max_grad_norm=float("inf")), "Sft(max_grad_norm=inf); give a number of at least 0"),
        (dict(weight_decay=-0.1), "Sft(weight_decay=-0.1); give a number of at least 0"),
    ],
)
def test_settings_that_cannot_end_well_are_refused(setting, line):
    with pytest.raises(ValueError) as caught:
        cl.Sft(**setting)
    assert str(caught.value) == line


# -- methods that ask for nonsense ------------------------------------------------------------------------------------
def new_id(rows):
    return rows.set_axis([f"{i}/new" for i in rows.index])


def asks(request):
    def method(pool, run):
        while True:
            yield request(pool, run)

    return method


def raising(pool, run):
    yield cl.Train(batch(pool, run))
    raise ZeroDivisionError("by a mean of no rows")


def endless(rows):
    while True:
        yield cl.Sample(rows, purpose="test")


def noisy(rows):
    raise KeyError("no such column")
    yield


def examined_by(solver):
    def method(pool, run):
        yield cl.Use({"mine": solver})
        while True:
            yield cl.Train(batch(pool, run))

    return method


KINDS = "a method yields Sample, Score, Train, Copy, Use or a list of them"
ENDS = "weights are finite and at least 0"
TRAIN = {  # what a method yields, and what the record says
    "raises": (raising, "ZeroDivisionError: by a mean of no rows"),
    "text": (asks(lambda pool, run: "Train"), f"ValueError: yielded str; {KINDS}"),
    "nothing": (asks(lambda pool, run: None), f"ValueError: yielded NoneType; {KINDS}"),
    "an empty list": (
        asks(lambda pool, run: []),
        "ValueError: yielded an empty list; yield at least one request, or return to end the run",
    ),
    "an empty batch": (
        asks(lambda pool, run: cl.Train(pool.iloc[:0])),
        "ValueError: Train of 0 rows; ask only when there are rows, or return to end the run",
    ),
    "ids": (
        asks(lambda pool, run: cl.Train(list(pool.index[:3]))),
        "ValueError: Train of a list; its rows are a DataFrame, such as pool.loc[ids]",
    ),
    "a stranger": (
        asks(lambda pool, run: cl.Train(new_id(pool.iloc[:2]))),
        "ValueError: Train of row '{0}/new', which is not in the pool, without `parents`; rows of your own "
        "bring a column `parents` with the ids that each was made from",
    ),
    "a stranger's child": (
        asks(lambda pool, run: cl.Train(new_id(pool.iloc[:2]).assign(parents="nobody"))),
        "ValueError: the parent 'nobody' of row '{0}/new' is neither in the pool nor a row trained before",
    ),
    "a negative weight": (
        asks(lambda pool, run: cl.Train(pool.iloc[:2].assign(weight=[1, -2]))),
        "ValueError: Train with weight -2 for row '{1}'; " + ENDS,
    ),
    "no weight": (
        asks(lambda pool, run: cl.Train(pool.iloc[:2].assign(weight=np.nan))),
        "ValueError: Train with weight nan for row '{0}'; " + ENDS,
    ),
    "a sum of nothing": (
        asks(lambda pool, run: cl.Copy({"learner": np.nan}, to="x")),
        "ValueError: Copy of a sum with 'learner': nan; weights are finite numbers",
    ),
    "an unknown role": (
        asks(lambda pool, run: cl.Copy("nobody", to="x")),
        "ValueError: no adapter 'nobody' yet; there are base, init, learner; make it with Copy('init', to='nobody')",
    ),
    "an unknown measure": (
        asks(lambda pool, run: cl.Score(pool.iloc[:2], "beauty")),
        "ValueError: no measure 'beauty'; there are nll, entropy, angle, embedding, options, grad_norm",
    ),
    "scores for ever": (asks(lambda pool, run: cl.Score(pool.iloc[:50], "nll")), "ceiling on work"),
    "copies for ever": (
        asks(lambda pool, run: cl.Copy("learner", to="x")),
        "ValueError: asked 1,000 times in a row for nothing but Copy and Use; sample, score or train",
    ),
    "tests for ever": (
        examined_by(endless),
        "RuntimeError: the test took more than {ceiling} tokens; does its solver ever return? (solver 'mine')",
    ),
    "tests badly": (examined_by(noisy), "KeyError: 'no such column' (solver 'mine')"),
    "answers nothing": (
        examined_by(lambda rows: iter(())),
        "ValueError: 'mine' is not a generator function (it returned tuple_iterator); a method yields "
        "requests (solver 'mine')",
    ),
    "trains in a test": (
        examined_by(lambda rows: (i for i in [cl.Train(rows)])),
        "ValueError: a solver yielded Train; a test may only Sample and Score (solver 'mine')",
    ),
}


@pytest.fixture(scope="module")
def plain(tiny_model, small_pools, tmp_path_factory):
    return made(tiny_model, small_pools, tmp_path_factory.mktemp("plain")).run(NEIGHBOURS, seeds=1, progress=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*with seed 0 failed")
@pytest.mark.parametrize("name", TRAIN)
def test_a_method_that_asks_for_nonsense_ends_alone_and_says_why(
    name, plain, tiny_model, small_pools, tmp_path, monkeypatch
):
    monkeypatch.setattr(evaluation, "EVALUATION_WORK", 2)
    method, why = TRAIN[name]
    runs = made(tiny_model, small_pools, tmp_path).run({name: method, **NEIGHBOURS}, seeds=1, progress=False)
    record = next(r for r in runs.records if r.key == (name, 0))
    train, test = small_pools
    characters = int(test.prompt.str.len().sum() + test.answer.str.len().sum())
    work = round(10 * 6 * 4 * float(tiny_model.lengths(train).mean()))  # ten times the tokens of six steps of four rows
    ceiling = max(work, 2 * (characters + 4 * len(test)))
    failed = "" if why == "ceiling on work" else "failed: "
    assert record.spec["ended"] == failed + why.format(*train.index[:2], ceiling=f"{ceiling:,}")
    others = cl.Runs(tuple(r for r in runs.records if r.key[0] in NEIGHBOURS))
    same(others, plain)


def test_a_row_made_from_a_row_that_was_made_is_known(tiny_model, small_pools):
    def grows(pool, run):
        rows = pool.iloc[:2]
        while True:
            made = new_id(rows).assign(parents=[[i] for i in rows.index])
            yield cl.Train(made)
            yield cl.Train(made.drop(columns="parents"))  # known by now
            rows = made

    runs = made(tiny_model, small_pools, None).run({"grows": grows}, seeds=1, progress=False)
    assert not runs.failed and runs.exposure.id.str.endswith("/new/new/new").any()
