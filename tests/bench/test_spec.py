"""A bench as a file: trained by another process, found and followed from here, refused when it is not what it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.background import AttachedRun
from curriculab.bench.spec import read_spec
from curriculab.methods.pacing import Root
from curriculab.registry.serialization import made, written
from curriculab.runs.store import seal
from tests.bench.test_session import same

VARIANTS = {"random": methods.random_order, "easy": partial(methods.easy_to_hard, by="level")}


def bench_in(model, pools, folder, steps=8):
    train, test = pools
    return cl.Bench(
        model,
        train,
        test,
        budget=cl.Budget(steps=steps),
        batch_size=4,
        evaluate_every=4,
        max_new_tokens=4,
        store=folder,
        valid=None,
    )


def command(path, *more):
    return [sys.executable, "-m", "curriculab.bench", str(path), *more]


def test_a_spec_asks_for_the_very_same_runs(tiny_model, small_pools, tmp_path):
    bench = bench_in(tiny_model, small_pools, tmp_path)
    path = bench.write(tmp_path / "bench.json", VARIANTS, seeds=2, controls=["reverse"])
    again = read_spec(path)
    assert again.digests == bench.ask(VARIANTS, seeds=2, controls=["reverse"]).digests
    assert again.kinds["easy, reversed"] == {"null": False, "control": True}
    pd.testing.assert_frame_equal(again.design.train, bench.train)


@pytest.mark.slow
def test_another_process_trains_it_and_the_spec_of_its_runs_does_it_again(tiny_model, small_pools, tmp_path):
    bench = bench_in(tiny_model, small_pools, tmp_path / "runs")
    path = bench.write(tmp_path / "bench.json", VARIANTS, seeds=2)
    said = subprocess.run(command(path, "--store", tmp_path / "runs"), capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("4 runs to train, 0 recorded") and "100%" in said.stdout
    there = bench.run(VARIANTS, seeds=2, progress=False)
    assert bench.ask(VARIANTS, seeds=2).todo == []
    same(there, bench_in(tiny_model, small_pools, tmp_path / "here").run(VARIANTS, seeds=2, progress=False))
    spec = next((tmp_path / "runs").glob("easy-*/spec.json"))
    assert read_spec(spec).digests == bench.ask(VARIANTS, seeds=2).digests


@pytest.mark.slow
def test_a_notebook_attaches_to_what_a_process_trains(tiny_model, small_pools, tmp_path):
    bench = bench_in(tiny_model, small_pools, tmp_path, steps=3000)
    path = bench.write(tmp_path / "bench.json", VARIANTS, seeds=1)
    with subprocess.Popen(command(path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: list(tmp_path.glob(".bench-*/now.json")) or process.poll() is not None, 300)
            live = bench.start(VARIANTS, seeds=1)
            assert isinstance(live, AttachedRun), process.stderr and process.poll()
            until(lambda: live.progress > 0, 30)
            live.pause()
            until(lambda: live.status == "paused", 30)
            live.stop("easy")
            live.resume()
            until(lambda: any(p.get("why") == "stopped" for p in live.points), 30)
            live.interrupt()
            until(lambda: live.done, 30)
            assert live.status == "interrupted" and process.wait(30) == 130
        finally:
            process.kill()


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "value",
    [
        methods.random_order,
        partial(methods.baby_steps, by="level", buckets=3),
        partial(methods.shuffled_score, method=partial(methods.easy_to_hard, by="level")),
        partial(methods.competence, pacing=Root()),
        cl.Budget(steps=3),
        cl.Grpo(lr=1e-4, loss_type="grpo"),
        {"a": (1, [2.5, None, "x"])},
    ],
)
def test_what_is_written_is_made_again(value):
    def shown(v):
        return (v.func, v.keywords) if isinstance(v, partial) else v

    again = made(json.loads(json.dumps(written(value))))
    if isinstance(value, partial) and isinstance(value.keywords.get("method"), partial):
        assert shown(again.keywords["method"]) == shown(value.keywords["method"])
    else:
        assert shown(again) == shown(value)


def test_a_method_of_a_notebook_is_named_and_not_made(tiny_model, small_pools, tmp_path):
    def mine(pool, run):
        yield cl.Train(pool.iloc[: run.batch])

    path = bench_in(tiny_model, small_pools, tmp_path).write(tmp_path / "bench.json", {"mine": mine}, seeds=1)
    with pytest.raises(ValueError, match="was written in a notebook or script and cannot be made again from a file"):
        read_spec(path)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"method": "__import__"}, "no method '__import__'; curriculab methods lists them"),
        ({"method": "os"}, "no method 'os'"),
        ({"setting": "os:system", "fields": {}}, "'os:system' is no setting of curriculab"),
        ({"setting": "curriculab.engine.loading:load_model", "fields": {}}, "is no setting of curriculab"),
        ({"setting": "subprocess:Popen", "fields": {"args": "touch x"}}, "is no setting of curriculab"),
    ],
)
def test_a_spec_cannot_call_anything_else(found, message):
    with pytest.raises(ValueError, match=message):
        made(found)


def test_a_file_beside_the_store_finds_it_and_moves_with_it(tiny_model, small_pools, tmp_path):
    bench = bench_in(tiny_model, small_pools, tmp_path / "here" / "runs")
    path = bench.write(tmp_path / "here" / "bench.json", VARIANTS, seeds=1)
    assert read_spec(path).design.store.root == tmp_path / "here" / "runs"
    (tmp_path / "here").rename(tmp_path / "there")
    assert read_spec(tmp_path / "there" / "bench.json").design.train_digest == bench.design.train_digest
    moved = (tmp_path / "there" / "bench.json").rename(tmp_path / "bench.json")
    with pytest.raises(ValueError, match=r"no folder 'tables' beside .*; name the store with --store"):
        read_spec(moved)
    assert read_spec(moved, tmp_path / "there" / "runs").keys == [("random", 0), ("easy", 0)]


@pytest.mark.slow
def test_a_damaged_table_or_spec_is_named(tiny_model, small_pools, tmp_path):
    bench = bench_in(tiny_model, small_pools, tmp_path)
    path = bench.write(tmp_path / "bench.json", VARIANTS, seeds=1)
    (table,) = [p for p in (tmp_path / "tables").iterdir() if p.stem == bench.design.settings()["test"]["digest"]]
    table.write_text(table.read_text().replace("ladder", "bladder", 1))
    with pytest.raises(ValueError, match=r"test|tables.*its digest is another"):
        read_spec(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no spec of a bench"):
        read_spec(path)
    said = subprocess.run(command(path), capture_output=True, text=True, timeout=60, env=os.environ)
    assert said.returncode == 2 and len(said.stderr.strip().splitlines()) == 1


# -- other versions -----------------------------------------------------------------------------------------------
def as_of_before(folder: Path) -> None:
    """Make a run's folder what 0.1.0 wrote: without a format, objectives by the module they stood in."""
    path = folder / "spec.json"
    spec = json.loads(path.read_text())
    del spec["format"], spec["bench"]["format"]
    spec["bench"]["objectives"] = [{"setting": "curriculab.requests:Sft", "fields": {"lr": 0.001, "clip": 1.0}}]
    path.write_text(json.dumps(spec))
    (folder / "files.json").unlink()
    seal(folder)


@pytest.mark.slow
def test_a_run_and_a_spec_of_an_earlier_version_are_one_line_and_stay_as_they_are(tiny_model, small_pools, tmp_path):
    bench = bench_in(tiny_model, small_pools, tmp_path / "runs")
    runs = bench.run({"random": methods.random_order}, seeds=2, progress=False)
    old, kept = (record.adapter.parent for record in runs.records)
    as_of_before(old)
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    line = (
        r" is of format 1, written by curriculab 0\.1\.0 before its modules moved; this version reads format 2\. It is "
        r"left as it is: train them again with this version, or read them with the one that wrote them$"
    )
    with pytest.raises(ValueError, match=r"^the recorded run .*" + line):
        cl.runs.load_record(old)
    with pytest.raises(ValueError, match=r"^the spec .*spec\.json" + line):
        read_spec(old / "spec.json")
    with pytest.warns(UserWarning, match=r"^1 run of another version's format in .*: random-[0-9a-f]{16}; left as"):
        assert [r.key for r in cl.load_runs(tmp_path / "runs").records] == [("random", 1)]
    with pytest.warns(UserWarning, match=r"^the recorded run .*" + line):
        bench.ask({"random": methods.random_order}, seeds=2)
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before and kept.exists()
