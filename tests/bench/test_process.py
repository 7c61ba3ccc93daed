"""A bench whose requests another process answers: the same bits, and one line when that process is gone."""

from __future__ import annotations

import os
import pickle
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.process import BackendLost, ProcessBackend
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.protocol import Ask, Piece, Sample, Score, Train
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.student import Student
from tests.bench.test_session import same

POOL = pd.DataFrame({"prompt": ["1 + 1", "2 + 2"], "answer": ["2", "4"]}, index=pd.Index(["a", "b"], name="id"))


def served(folder, objectives, max_new_tokens):
    """The backend that a bench would make of this model, made in the other process."""
    import torch

    torch.set_num_threads(1)
    return ModelBackend(load_model(folder, bits=32), objectives, {}, 1.0, max_new_tokens)


def elsewhere(folder, design):
    return ProcessBackend(partial(served, str(folder), design.objectives, design.max_new_tokens))


def student():
    return SimulatedLearner(Student(), POOL)


def broken():
    raise ValueError("no model here")


def bench(model, pools, store, objective, backend=None):
    return cl.Bench(
        model,
        *pools,
        objective=objective,
        budget=cl.Budget(steps=3),
        batch_size=4,
        rollouts=4,
        evaluate_every=1,
        max_new_tokens=4,
        store=store,
        backend=backend,
    )


SUPERVISED = {
    "random": methods.random_order,
    "easy": partial(methods.easy_to_hard, by="level"),
    "self-paced": methods.self_paced,
}
REINFORCED = {"random": methods.random_order, "sec": methods.sec, "filter": methods.dynamic_sampling}


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "variants"), [("sft", SUPERVISED), ("grpo", REINFORCED)])
def test_another_process_gives_the_same_bits(objective, variants, tiny_folder, tiny_model, small_pools, tmp_path):
    here = bench(tiny_model, small_pools, tmp_path / "here", objective).run(variants, seeds=2, progress=False)
    there = bench(tiny_model, small_pools, tmp_path / "there", objective, partial(elsewhere, tiny_folder))
    runs = there.run(variants, seeds=2, progress=False)
    assert not runs.failed and len(runs.records) == 6
    same(here, runs)


def test_an_ask_is_a_plain_value_that_can_be_pickled():
    turns = pd.Series([(Piece("2", learn=True, tokens=(5,), logprobs=(-0.5,)),), ()], index=POOL.index, dtype=object)
    for request in (Sample(POOL, n=2), Score(POOL, "nll"), Train(POOL.assign(turns=turns))):
        ask = Ask(("random", 3), 2, 1, (3, 2, 1), request)
        again = pickle.loads(pickle.dumps(ask))
        assert (again.owner, again.turn, again.place, again.stream) == (("random", 3), 2, 1, (3, 2, 1))
        pd.testing.assert_frame_equal(again.request.rows, request.rows)
    assert again.request.rows.turns.iloc[0][0].logprobs == (-0.5,)
    with pytest.raises(AttributeError, match="cannot assign"):
        ask.turn = 5


@pytest.mark.slow
def test_what_is_submitted_is_collected_in_order_and_errors_come_back():
    backend, own = ProcessBackend(student), student()
    asks = [[Ask(("v", 0), turn, 0, (0, turn, 0), Sample(POOL, n=4))] for turn in (1, 2)]
    numbers = [backend.submit(each) for each in asks]
    answers = [backend.collect(number)[0] for number in numbers]
    for ask, answer in zip(asks, answers, strict=True):
        (expected,) = own.answer(ask)
        assert answer.reply.text.tolist() == expected.reply.text.tolist()
        assert np.array_equal(answer.reply.correct, expected.reply.correct) and answer.tokens == expected.tokens
    backend.submit(asks[0])
    with pytest.raises(ValueError, match="call 7 is not the next to collect; that is call 3"):
        backend.collect(7)
    backend.collect(3)
    with pytest.raises(FileNotFoundError):
        backend.load(Path("nowhere"))
    backend.close()


@pytest.mark.slow
def test_a_process_that_dies_or_cannot_begin_is_told_in_one_line():
    with pytest.raises(ValueError, match="^no model here$"):
        ProcessBackend(broken)
    backend = ProcessBackend(student)
    os.kill(backend._process.pid, signal.SIGKILL)
    backend._process.join()
    with pytest.raises(BackendLost, match="ended with exit code -9; ask again"):
        backend.answer([Ask(("v", 0), 1, 0, (0, 1, 0), Sample(POOL))])
