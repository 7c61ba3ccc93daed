"""A variant that asks for nonsense ends alone, says why, and leaves its neighbours' bits as they were."""

from __future__ import annotations

import numpy as np
import pytest

import curriculab as cl
from curriculab.bench import evaluation
from tests.bench.made import NEIGHBOURS, batch, bench_of
from tests.bench.test_session import same


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


IDLE_AT_THE_CEILING = "nothing was trained, nothing was sampled (ceiling on total tokens, at 0 of 6 steps)"
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
        "ValueError: no measure 'beauty'; there are nll, entropy, angle, angle_across, embedding, options, grad_norm",
    ),
    "scores for ever": (asks(lambda pool, run: cl.Score(pool.iloc[:50], "nll")), IDLE_AT_THE_CEILING),
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
    return bench_of(tiny_model, small_pools, tmp_path_factory.mktemp("plain")).run(NEIGHBOURS, seeds=1, progress=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*failed in seed 0")
@pytest.mark.parametrize("name", TRAIN)
def test_a_method_that_asks_for_nonsense_ends_alone_and_says_why(
    name, plain, tiny_model, small_pools, tmp_path, monkeypatch
):
    monkeypatch.setattr(evaluation, "EVALUATION_WORK", 2)
    method, why = TRAIN[name]
    runs = bench_of(tiny_model, small_pools, tmp_path).run({name: method, **NEIGHBOURS}, seeds=1, progress=False)
    record = next(r for r in runs.records if r.key == (name, 0))
    train, test = small_pools
    characters = int(test.prompt.str.len().sum() + test.answer.str.len().sum())
    work = round(10 * 6 * 4 * float(tiny_model.lengths(train).mean()))  # ten times the tokens of six steps of four rows
    ceiling = max(work, 2 * (characters + 4 * len(test)))
    assert record.spec["ended"] == "failed: " + why.format(*train.index[:2], ceiling=f"{ceiling:,}")
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

    runs = bench_of(tiny_model, small_pools, None).run({"grows": grows}, seeds=1, progress=False)
    assert not runs.failed and runs.exposure.id.str.endswith("/new/new/new").any()
