"""A bench in the background: awaited, paused, steered, interrupted, found again, followed by another process."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.background import AttachedRun, BackgroundRun, Interrupted
from tests.bench.test_session import same


def made(model, pools, folder, steps=12):
    train, test = pools
    return cl.Bench(
        model,
        train,
        test,
        budget=cl.Budget(steps=steps, max_total_tokens=10**7),
        batch_size=4,
        evaluate_every=6,
        max_new_tokens=4,
        store=folder,
        valid=None,
    )


VARIANTS = {"random": methods.random_order, "easy": methods.easy_to_hard}


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.mark.slow
def test_it_returns_at_once_and_gives_what_run_gives(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path / "a").start(VARIANTS, seeds=2)
    assert isinstance(live, BackgroundRun) and live.status == "training"
    runs = asyncio.run(_awaited(live))
    assert live.status == "finished" and live.progress == 1.0
    same(runs, made(tiny_model, small_pools, tmp_path / "b").run(VARIANTS, seeds=2, progress=False))
    table = live.table()
    assert table[table.kind == "step"].groupby(["variant", "seed"]).step.max().tolist() == [12] * 4
    assert table[table.kind == "test"].groupby(["variant", "seed"]).step.apply(list).tolist() == [[0, 6, 12]] * 4
    assert table[table.kind == "end"].why.tolist() == ["budget of steps spent"] * 4


async def _awaited(live):
    return await live


@pytest.mark.slow
def test_asked_again_it_is_the_same_one_and_recorded_runs_are_there_at_once(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path).start(VARIANTS, seeds=1)
    assert made(tiny_model, small_pools, tmp_path).start(VARIANTS, seeds=1) is live
    runs = live.wait(60)
    assert made(tiny_model, small_pools, tmp_path).start(VARIANTS, seeds=1) is live
    from curriculab.bench import background as module

    module._benches.clear()
    again = made(tiny_model, small_pools, tmp_path).start(VARIANTS, seeds=1)
    assert again.status == "finished"
    same(again.wait(1), runs)
    steps = again.table()
    assert steps[steps.kind == "step"].groupby("variant").step.max().to_dict() == {"random": 12, "easy": 12}


def test_pause_stands_still_and_resume_goes_on(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path, steps=400).start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0)
    live.pause()
    until(lambda: live.status == "paused")
    here = live.progress
    time.sleep(0.3)
    assert live.progress == here < 1
    live.resume()
    until(lambda: live.progress > here)
    live.interrupt()
    until(lambda: live.done)
    events = live.table()
    assert events[events.kind == "intervention"].event.tolist() == ["pause", "resume"]


@pytest.mark.slow
def test_what_is_done_by_hand_is_recorded_and_repeats_headless_to_the_bit(tiny_model, small_pools, tmp_path):
    bench = made(tiny_model, small_pools, tmp_path / "by hand", steps=60)
    live = bench.start(VARIANTS, seeds=2)
    until(lambda: live.progress > 0.05)
    live.swap("easy", methods.hard_to_easy)
    live.pause()
    until(lambda: live.status == "paused")
    live.fork("random", methods.easy_to_hard, name="branch")
    live.stop("random")
    live.resume()
    runs = live.wait(60)
    assert [e["what"] for e in runs.interventions] == ["swap", "pause", "fork", "stop", "resume"]
    again = made(tiny_model, small_pools, tmp_path / "headless", steps=60).run(
        VARIANTS, seeds=2, interventions=json.loads(json.dumps(runs.interventions)), progress=False
    )
    same(again, runs)
    assert again.variants == ["random", "easy", "branch"]


def test_a_wrong_command_comes_back_to_who_gave_it(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path, steps=400).start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0)
    with pytest.raises(ValueError, match="no variant 'hard'; there are random, easy"):
        live.stop("hard")
    with pytest.raises(ValueError, match="no checkpoint at call 999"):
        live.fork("easy", methods.random_order, since=999)
    live.interrupt()
    until(lambda: live.done)
    with pytest.raises(ValueError, match="the bench is interrupted; 'stop' has nothing to act on"):
        live.stop("easy")


@pytest.mark.slow
def test_interrupted_it_says_so_and_goes_on_when_started_again(tiny_model, small_pools, tmp_path):
    bench = made(tiny_model, small_pools, tmp_path / "a", steps=40)
    live = bench.start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0.05)
    live.interrupt()
    with pytest.raises(Interrupted, match=r"stopped after the current call, at \d+%; start it again to go on"):
        live.wait(20)
    again = bench.start(VARIANTS, seeds=1)
    assert again is not live
    runs = again.wait(60)
    same(runs, made(tiny_model, small_pools, tmp_path / "b", steps=40).run(VARIANTS, seeds=1, progress=False))


def test_cancelling_the_wait_stops_the_bench_resumable(tiny_model, small_pools, tmp_path):
    bench = made(tiny_model, small_pools, tmp_path, steps=2000)

    async def impatient():
        live = bench.start(VARIANTS, seeds=1)
        task = asyncio.ensure_future(_awaited(live))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return live

    live = asyncio.run(impatient())
    until(lambda: live.done)
    assert live.status == "interrupted" and list(tmp_path.glob(".bench-*/checkpoint-*"))


def test_an_error_in_the_training_thread_comes_out_where_it_is_awaited(tiny_model, small_pools, tmp_path, monkeypatch):
    bench = made(tiny_model, small_pools, tmp_path)
    monkeypatch.setattr(cl.bench.session.TrainingSession, "_keep", lambda self, job: 1 / 0)
    live = bench.start(VARIANTS, seeds=1)
    with pytest.raises(ZeroDivisionError):
        live.wait(30)
    assert live.status == "failed" and "ZeroDivisionError" in live.points[-1]["why"]


def test_what_it_is_doing_can_be_looked_at(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path, steps=400).start(VARIANTS, seeds=1)
    until(lambda: "easy" in live.doing)
    table = live.doing["easy"]
    assert {"id", "request", "prompt", "text", "loss"} <= set(table) and len(table) == 4
    assert live.left > 0
    live.interrupt()


@pytest.mark.slow
def test_another_process_follows_and_steers(tiny_model, small_pools, tmp_path):
    """Here both are one process: the lock is of a file, and so is everything they tell each other."""
    bench = made(tiny_model, small_pools, tmp_path, steps=150)
    live = bench.start(VARIANTS, seeds=1)
    follower = AttachedRun(bench.ask(VARIANTS, seeds=1)).begin()
    until(lambda: follower.progress > 0 and len(follower.points))
    follower.pause()
    until(lambda: live.status == "paused" and follower.status == "paused")
    follower.stop("easy")
    follower.resume()
    until(lambda: live.done)
    until(lambda: follower.done)
    ended = {p["variant"]: p["why"] for p in live.points if p["kind"] == "end"}
    assert ended == {"random": "budget of steps spent", "easy": "stopped"}
    assert [p["kind"] for p in follower.points].count("step") >= 150


@pytest.mark.slow
def test_a_command_given_as_it_is_taken_up_again_finds_it_where_it_stood(tiny_model, small_pools, tmp_path):
    """Not while what was done before is still being recalled: then it would count from the start."""
    bench = made(tiny_model, small_pools, tmp_path / "a", steps=40)
    live = bench.start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0.2)
    live.interrupt()
    until(lambda: live.settled)
    again = bench.start(VARIANTS, seeds=1)
    again.stop("easy")
    runs = again.wait(60)
    stopped = next(r for r in runs.records if r.key[0] == "easy")
    assert stopped.spec["ended"] == "stopped" and stopped.spec["steps"] >= 0.2 * 40
    headless = made(tiny_model, small_pools, tmp_path / "b", steps=40)
    same(headless.run(VARIANTS, seeds=1, interventions=runs.interventions, progress=False), runs)


@pytest.mark.slow
def test_replayed_with_fewer_variants_a_steered_run_is_still_no_plain_one(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path / "a", steps=40).start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0.2)
    live.stop("random")
    runs = live.wait(60)
    bench = made(tiny_model, small_pools, tmp_path / "b", steps=40)
    only = {"random": VARIANTS["random"]}
    again = bench.run(only, seeds=1, interventions=runs.interventions, progress=False)
    assert again.records[0].spec["ended"] == "stopped" and bench.ask(only, seeds=1).todo == [("random", 0)]


@pytest.mark.slow
def test_an_own_method_takes_over_and_is_taken_up_again_by_the_same_process(tiny_model, small_pools, tmp_path):
    def mine(pool, run):
        while True:
            yield cl.Train(pool.iloc[-run.batch :])

    bench = made(tiny_model, small_pools, tmp_path, steps=60)
    live = bench.start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0.05)
    for wrong, message in (("hard_to_easy", "'hard_to_easy' is no method"), (lambda: 0, "cannot take over")):
        with pytest.raises(ValueError, match=message):
            live.swap("easy", wrong)
    live.swap("easy", mine)
    live.interrupt()
    until(lambda: live.settled)
    runs = bench.start(VARIANTS, seeds=1).wait(60)
    assert runs.exposure[runs.exposure.variant == "easy"].id.iloc[-1] == bench.train.index[-1]


@pytest.mark.slow
def test_what_lies_in_the_folder_cannot_stop_the_training(tiny_model, small_pools, tmp_path):
    live = made(tiny_model, small_pools, tmp_path, steps=60).start(VARIANTS, seeds=1)
    until(lambda: live.progress > 0)
    commands = live.chosen.folder / "commands"
    commands.mkdir(exist_ok=True)
    nowhere = {"setting": "curriculab.nope:X", "fields": {}}
    bad = [{"do": "swap", "variant": "easy", "to": nowhere}, [1], {"do": "dance"}]
    for number, command in enumerate(bad):
        (commands / f"{number}.json").write_text(json.dumps(command))
    live.wait(60)
    assert live.status == "finished" and [p["kind"] for p in live.points].count("refused") == 3


@pytest.mark.slow
def test_a_follower_gets_the_runs_of_a_steered_bench(tiny_model, small_pools, tmp_path):
    bench = made(tiny_model, small_pools, tmp_path, steps=150)
    live = bench.start(VARIANTS, seeds=1)
    follower = AttachedRun(bench.ask(VARIANTS, seeds=1)).begin()
    until(lambda: follower.progress > 0)
    live.fork("random", methods.hard_to_easy, name="branch")
    live.stop("easy")
    runs = live.wait(60)
    until(lambda: follower.done)
    assert follower.status == "finished"
    same(follower.wait(1), runs)
