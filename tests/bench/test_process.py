"""A bench whose requests another process answers: the same bits, and one line when that process is gone."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
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
        budget=cl.Budget(steps=3, max_total_tokens=10**6),  # room for a curriculum that reads the pool first
        batch_size=4,
        rollouts=4,
        evaluate_every=1,
        max_new_tokens=4,
        store=store,
        backend=backend,
        valid=None,
    )


SUPERVISED = {
    "random": methods.random_order,
    "easy": partial(methods.easy_to_hard, by="level"),
    "self-paced": methods.self_paced,
}
REINFORCED = {"random": methods.random_order, "sec": methods.sec, "thompson": methods.thompson}


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


class Odd(Exception):
    """It pickles, and cannot be made again from what was pickled."""

    def __init__(self, row, why):
        super().__init__(f"row {row}: {why}")


class Faulty(SimulatedLearner):
    """Answers one ask by an exception that cannot be sent, and raises another that cannot."""

    def answer(self, asks):
        return [Odd(3, "no reply"), *super().answer(asks[1:])]

    def limit(self, tokens):
        error = ValueError("a forward that cannot be limited")
        error.held = lambda: None  # what it holds cannot be pickled
        raise error


def faulty():
    return Faulty(Student(), POOL)


def unsendable():
    raise Odd(1, "no model")


@pytest.mark.slow
def test_exceptions_that_cannot_be_pickled_are_told_and_end_nothing_else():
    with pytest.raises(RuntimeError, match="^Odd: row 1: no model$"):
        ProcessBackend(unsendable)
    backend = ProcessBackend(faulty)
    asks = [Ask(("v", seed), 1, 0, (seed, 1, 0), Sample(POOL)) for seed in (0, 1)]
    wrong, right = backend.answer(asks)
    assert type(wrong) is RuntimeError and str(wrong) == "Odd: row 3: no reply"
    assert len(right.reply) == 2
    with pytest.raises(RuntimeError, match="^ValueError: a forward that cannot be limited$"):
        backend.limit(512)
    assert len(backend.answer(asks)) == 2  # it lives
    backend.close()


INTERRUPTED = """
import sys
import curriculab as cl
from curriculab.bench.process import ProcessBackend
from curriculab.engine.loading import load_model
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.student import Student

pool = cl.load_pool("ladder", n=60, seed=0)


def student():
    return SimulatedLearner(Student(), pool)


if __name__ == "__main__":
    model = load_model(sys.argv[1], bits=32)
    bench = cl.Bench(
        model, pool[:50], pool[50:], budget=cl.Budget(steps=100_000), batch_size=2, max_completion_length=4,
        store=sys.argv[2], backend=lambda design: ProcessBackend(student),
    )
    bench.run({"random": cl.methods.random_order}, seeds=1, progress=False)
"""


@pytest.mark.slow
def test_an_interrupt_of_all_processes_stops_between_two_calls(tiny_folder, tmp_path):
    """A terminal, and a notebook's stop button, interrupt the backend's process too; it leaves that to the bench."""
    script, store = tmp_path / "script.py", tmp_path / "runs"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(tiny_folder), str(store)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            end = time.monotonic() + 120
            while not any(p.stat().st_size for p in store.glob(".bench-*/*") if p.is_file() and p.name != "lock"):
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.05)
            time.sleep(1.0)
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert said.endswith("KeyboardInterrupt: stopped after the current call; ask again to go on from there\n")
    assert list(store.glob(".bench-*/*/state.json")) or list(store.glob(".bench-*/*"))
