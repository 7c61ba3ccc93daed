"""A bench that is cut off, steered, forked, replayed: the same bits in the end."""

from __future__ import annotations

import re
from functools import partial

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import curriculab as cl
from curriculab import methods
from curriculab.bench.locking import Stopped

LISTENING = {"sft": methods.self_paced, "grpo": methods.sec}  # scores, or samples, before it trains


def variants(objective):
    return {
        "random": methods.random_order,
        "easy": partial(methods.easy_to_hard, by="level"),
        "listening": LISTENING[objective],
    }


def made(model, pools, folder, objective="sft", steps=6):
    train, test = pools
    budget = cl.Budget(steps=steps, max_total_tokens=10**7)
    return cl.Bench(
        model,
        train,
        test,
        objective=objective,
        budget=budget,
        batch_size=4,
        rollouts=4,
        evaluate_every=3,
        max_new_tokens=4,
        store=folder,
        valid=None,
    )


def same(one, other):
    """Equal tables but for seconds, and adapters equal to the bit."""
    assert [r.key for r in one.records] == [r.key for r in other.records]
    for table in ("metrics", "exposure", "items", "ledger", "groups", "rollouts"):
        a, b = (getattr(runs, table).drop(columns="seconds", errors="ignore") for runs in (one, other))
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    for a, b in zip(one.records, other.records, strict=True):
        ours, theirs = (load_file(r.adapter / "adapter_model.safetensors") for r in (a, b))
        assert all(torch.equal(ours[k], theirs[k]) for k in ours), a.key


def train(bench, watch):
    asked = bench.ask(variants("grpo" if "grpo" in bench.objectives else "sft"), seeds=2)
    return asked.runs(asked.train(watch))


def stopping(at):
    def watch(drive):
        if drive.scheduler.call == at:
            raise Stopped

    return watch


@pytest.fixture(scope="module", params=["sft", "grpo"])
def whole(request, tiny_model, small_pools, tmp_path_factory):
    bench = made(tiny_model, small_pools, tmp_path_factory.mktemp(request.param), request.param)
    calls = []
    runs = train(bench, lambda drive: calls.append(drive.scheduler.call))
    return request.param, runs, max(calls)


@pytest.mark.slow
def test_stopped_between_any_two_calls_it_goes_on_to_the_same_bits(whole, tiny_model, small_pools, tmp_path):
    objective, runs, calls = whole
    for at in range(0, calls, 3):
        bench = made(tiny_model, small_pools, tmp_path / str(at), objective)
        with pytest.raises(Stopped):
            train(bench, stopping(at))
        assert [p.name[:7] for p in (tmp_path / str(at)).iterdir() if p.name.startswith(".")] == [".bench-"]
        seen = []
        again = train(bench, lambda drive, seen=seen: seen.append(drive.scheduler.call))
        assert min(seen) == at  # nothing was trained twice
        same(again, runs)
        assert not list((tmp_path / str(at)).glob(".*"))


def steered(drive):
    """A stop, a swap, and two forks: one from here, one from an earlier checkpoint."""
    call = drive.scheduler.call
    if call == 4:
        drive.checkpoint()
    if call == 5 and not drive.events:
        drive.swap("easy", methods.hard_to_easy)
    if call == 6 and len(drive.events) == 1:
        drive.fork("random", partial(methods.easy_to_hard, by="level"), name="now")
    if call == 7 and len(drive.events) == 2:
        drive.fork("random", methods.hard_to_easy, since=4)
        drive.stop("listening")


@pytest.fixture(scope="module", params=["sft", "grpo"])
def by_hand(request, tiny_model, small_pools, tmp_path_factory):
    bench = made(tiny_model, small_pools, tmp_path_factory.mktemp("steered"), request.param)
    return request.param, train(bench, steered)


@pytest.mark.slow
def test_interventions_are_recorded_and_a_replay_gives_the_same_bits(by_hand, tiny_model, small_pools, tmp_path):
    objective, runs = by_hand
    assert [(e["what"], e["variant"]) for e in runs.interventions] == [
        ("swap", "easy"),
        ("fork", "now"),
        ("fork", "random > hard_to_easy"),
        ("stop", "listening"),
    ]
    assert runs.variants == ["random", "easy", "listening", "now", "random > hard_to_easy"]
    ends = {r.key[0]: r.spec["ended"] for r in runs.records}
    assert ends["listening"] == "stopped" and ends["easy"] == ends["now"] == "budget of steps spent"
    bench = made(tiny_model, small_pools, tmp_path / "replay", objective)
    again = bench.run(variants(objective), seeds=2, interventions=runs.interventions, progress=False)
    same(again, runs)
    loaded = bench.run(variants(objective), seeds=2, interventions=runs.interventions, progress=False)
    assert [r.adapter for r in loaded.records] == [r.adapter for r in again.records]


@pytest.mark.slow
def test_a_steered_bench_that_is_cut_off_goes_on_with_what_was_done_to_it(by_hand, tiny_model, small_pools, tmp_path):
    objective, runs = by_hand
    for at in (6, 8, 9):
        bench = made(tiny_model, small_pools, tmp_path / str(at), objective)

        def watch(drive, at=at):
            steered(drive)
            stopping(at)(drive)

        with pytest.raises(Stopped):
            train(bench, watch)
        same(train(bench, steered), runs)


@pytest.mark.slow
def test_what_was_steered_is_named_by_the_verdict_and_the_paragraph_of_loaded_runs(by_hand):
    _, runs = by_hand
    loaded = cl.load_runs(runs.records[0].adapter.parents[1])
    verdict, paragraph = cl.compare(loaded).verdict, cl.report.methods_paragraph(loaded)
    for variant, how in (("easy", "swapped to hard_to_easy"), ("listening", "stopped"), ("now", "swapped to easy_to")):
        assert re.search(rf"\b{variant}\b[^.]* steered by hand[:(\s]+{how}\w* at step \d", verdict) or re.search(
            rf"Steered by hand while it trained: {variant} \({how}\w* at step \d", verdict
        ), (variant, verdict)
        assert re.search(rf"Steered by hand while they trained: [^.]*\b{variant} \({how}", paragraph)
    plain = cl.compare(cl.runs.Runs(tuple(r for r in loaded.records if r.key[0] == "random")))
    assert "steered" not in plain.verdict


@pytest.mark.slow
def test_a_fork_shares_its_parents_past_and_then_parts(by_hand):
    _, runs = by_hand
    ids = {v: runs.exposure[(runs.exposure.variant == v) & (runs.exposure.seed == 0)] for v in ("random", "now")}
    steps = {v: t.groupby("step").id.apply(list) for v, t in ids.items()}
    alike = [step for step in steps["now"].index if steps["now"][step] == steps["random"].get(step)]
    assert alike and alike == list(range(1, len(alike) + 1)) and len(alike) < len(steps["now"])


@pytest.mark.slow
def test_a_steered_run_is_never_taken_for_the_plain_one(tiny_model, small_pools, tmp_path):
    bench = made(tiny_model, small_pools, tmp_path)
    train(bench, steered)
    plain = bench.ask(variants("sft"), seeds=2)
    assert {v for v, _ in plain.todo} == {"easy", "listening"}


def test_a_bench_whose_first_run_is_recorded_already_is_still_taken_up_where_it_was(tiny_model, small_pools, tmp_path):
    def short(pool, run):
        for _ in range(2):
            yield cl.Train(pool.iloc[: run.batch])

    train_rows, test = small_pools
    both = {"short": short, "random": methods.random_order}
    budget = cl.Budget(steps=6)
    bench = cl.Bench(
        tiny_model, train_rows, test, budget=budget, batch_size=4, max_new_tokens=4, store=tmp_path, valid=None
    )
    asked = bench.ask(both, seeds=1)
    with pytest.raises(Stopped):
        asked.train(stopping(5))
    assert [p.parent.name[:5] for p in tmp_path.glob("*/spec.json")] == ["short"]
    seen = []
    again = bench.ask(both, seeds=1)
    runs = again.runs(again.train(lambda drive: seen.append(drive.scheduler.call)))
    assert min(seen) == 5 and [r.key for r in runs.records] == [("short", 0), ("random", 0)]
