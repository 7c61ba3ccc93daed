"""Runs divided among processes: the same bits as in one, checkpoints that any number goes on from."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from functools import partial

import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench import divided
from curriculab.bench.locking import Stopped
from curriculab.bench.process import BackendLost
from curriculab.protocol import Ask, Train
from tests.bench.test_session import same

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux only")
SUPERVISED = {"random": methods.random_order, "easy": partial(methods.easy_to_hard, by="level")}
REINFORCED = {"random": methods.random_order, "sec": methods.sec}


def bench(model, pools, store, processes, objective="sft"):
    return cl.Bench(
        model,
        *pools,
        objective=objective,
        budget=cl.Budget(steps=3, max_total_tokens=10**6),
        batch_size=4,
        rollouts=4,
        evaluate_every=1,
        max_new_tokens=4,
        valid=None,
        store=store,
        processes=processes,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "variants"), [("sft", SUPERVISED), ("grpo", REINFORCED)])
def test_two_processes_give_the_bits_of_one(objective, variants, tiny_model, small_pools, tmp_path):
    found = [
        bench(tiny_model, small_pools, tmp_path / str(n), n, objective).run(variants, seeds=3, progress=False)
        for n in (1, 2)
    ]
    assert not found[1].failed and len(found[1].records) == 6
    same(*found)


def stop_at(call):
    def watch(session):
        if session.scheduler.call == call:
            raise Stopped

    return watch


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(2, 1), (1, 2), (2, 3)])
def test_a_checkpoint_of_any_number_of_processes_is_gone_on_from_by_another(
    numbers, tiny_model, small_pools, tmp_path, whole
):
    first, then = (bench(tiny_model, small_pools, tmp_path / "store", n) for n in numbers)
    asked = first.ask(SUPERVISED, seeds=3)
    with pytest.raises(Stopped):
        asked.train(stop_at(4))
    again = then.ask(SUPERVISED, seeds=3)
    calls = []
    runs = again.runs(again.train(lambda session: calls.append(session.scheduler.call)))
    assert min(calls) == 4
    same(runs, whole)


@pytest.fixture(scope="module")
def whole(tiny_model, small_pools, tmp_path_factory):
    return bench(tiny_model, small_pools, tmp_path_factory.mktemp("one"), 1).run(SUPERVISED, seeds=3, progress=False)


def steered(session):
    """A swap, a fork of now, and a fork of an earlier checkpoint."""
    if session.scheduler.call == 3:
        session.checkpoint()
    if session.scheduler.call == 4 and not session.events:
        session.swap("easy", methods.hard_to_easy)
    if session.scheduler.call == 5 and len(session.events) == 1:
        session.fork("random", methods.hard_to_easy, name="now")
        session.fork("easy", methods.random_order, since=3)


@pytest.mark.slow
def test_steered_and_forked_runs_have_the_bits_of_one_process(tiny_model, small_pools, tmp_path):
    found = []
    for n in (1, 2):
        asked = bench(tiny_model, small_pools, tmp_path / str(n), n).ask(SUPERVISED, seeds=2)
        found.append(asked.runs(asked.train(steered)))
    assert found[1].variants == ["random", "easy", "now", "easy > random_order"]
    same(*found)


@pytest.mark.slow
def test_a_copy_that_dies_is_told_and_gone_on_from(tiny_model, small_pools, tmp_path, whole):
    def kill(session):
        if session.scheduler.call == 4:
            session.checkpoint()
            os.kill(session.backend.parts[1]._process.pid, signal.SIGKILL)

    divides = bench(tiny_model, small_pools, tmp_path, 2)
    with pytest.raises(BackendLost, match="ended with exit code -9; ask again"):
        divides.ask(SUPERVISED, seeds=3).train(kill)
    same(divides.run(SUPERVISED, seeds=3, progress=False), whole)


@pytest.mark.slow
def test_copies_end_with_the_bench_and_with_the_process_that_made_them(tiny_model, small_pools, tmp_path):
    backend = divided.DividedBackend(bench(tiny_model, small_pools, None, 1).design.backend(), 3)
    backend.start([("a", seed) for seed in range(3)])
    processes = [copy._process for copy in backend.parts[1:]]
    assert [p.is_alive() for p in processes] == [True, True] and sorted(backend.place.values()) == [0, 1, 2]
    rows = small_pools[0].head(4)
    asks = [Ask(("a", seed), 1, 0, (seed, 1, 0), Train(rows)) for seed in range(3)]
    assert [answer.trained for answer in backend.answer(asks)] == [int(tiny_model.lengths(rows).sum())] * 3
    processes[1].join(0)
    backend.parts[1]._pipe.close()  # as if this process had been killed: nobody else holds its end
    processes[0].join(10)
    assert not processes[0].is_alive() and processes[1].is_alive()
    backend.close()
    assert not processes[1].is_alive()


def test_how_many_processes_train(tiny_model, small_pools, monkeypatch):
    """As many as there are cores, at most four and not fewer than one has threads, where it trains ten seconds."""
    monkeypatch.setattr(divided.torch, "get_num_threads", lambda: 1)
    keys = [("a", seed) for seed in range(3)]
    monkeypatch.setattr(divided, "cores", lambda: 8)

    def number(processes, owners=keys, worth=0.0, **more):
        monkeypatch.setattr(divided, "WORTH", worth)
        design = dataclasses.replace(bench(tiny_model, small_pools, None, processes).design, **more)
        return divided.processes_of(design, owners)

    assert number(None) == 3 and number(None, keys * 3) == 4 and number(None, keys[:1]) == 1
    assert number(None, worth=1e30) == 1 and number(2, worth=1e30) == 2 and number(5) == 3
    assert number(None, make_backend=object()) == 1
    with pytest.raises(ValueError, match="^processes=2: backend= answers in the model's place; leave it out, or give"):
        number(2, make_backend=object())
    monkeypatch.setattr(divided.torch, "get_num_threads", lambda: 4)
    assert number(None) == 1 and number(None, keys * 3) == 4 and number(2) == 2
    monkeypatch.setattr(divided.sys, "platform", "darwin")
    assert number(None) == 1
    with pytest.raises(ValueError, match="processes=2: a process that computes cannot be copied on darwin"):
        number(2)
    with pytest.raises(ValueError, match="^processes=0; give how many processes train, at least 1, or leave it out$"):
        bench(tiny_model, small_pools, None, 0)


def test_the_work_of_a_bench_by_hand(tiny_model, small_pools):
    """Six runs of three steps with four rows, and four tests, each of a mean row and an answer of 4 tokens."""
    design = bench(tiny_model, small_pools, None, None).design
    text = float(tiny_model.lengths(small_pools[0]).mean()) + 4
    tokens = 6 * (3 * 4 * text + len(design.shares) * len(small_pools[1]) * text)
    assert divided._work(design, 6) == pytest.approx(tokens * tiny_model.base.num_parameters())
    learned = bench(tiny_model, small_pools, None, None, "grpo").design
    more = 6 * 3 * 4 * 3 * text * tiny_model.base.num_parameters()
    assert divided._work(learned, 6) == pytest.approx(divided._work(design, 6) + more)
