"""Memory and disks that run out: halved and recorded, or stopped in one line; and the same numbers afterwards."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import curriculab as cl
from curriculab import methods
from curriculab.bench.locking import Stopped, StoreFull
from curriculab.engine import generation, memory, packing, training, waves
from curriculab.engine.adapter import Adapter
from curriculab.engine.checkpoint import write_adapters
from curriculab.engine.limits import KvCacheBytes, MemoryLimits
from curriculab.runs.retention import entries
from tests.bench.test_session import same

ROOT = Path(__file__).parents[2]
FEW = 256  # tokens in one forward that the planted device has room for


def bench(model, pools, folder, objective="sft", steps=4):
    return cl.Bench(
        model,
        *pools,
        objective=objective,
        budget=cl.Budget(steps=steps, max_total_tokens=10**7),
        batch_size=16,
        rollouts=4,
        evaluate_every=2,
        max_new_tokens=4,
        store=folder,
        valid=None,
    )


VARIANTS = {"random": methods.random_order, "self paced": methods.self_paced}


def full(tokens: int) -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError(f"planted: no room for {tokens} tokens\nand a second line")


def small_device(monkeypatch, where: str) -> list[int]:
    """Let a forward, or the way back from it, fail where it holds more than FEW tokens; how many each held."""
    inner, seen = training.run_batch, []

    def run_batch(model, works, batch, read, *, grad, inside=None):
        tokens = sum(len(p) for _, packs in batch for p in packs)
        if grad and tokens > FEW and where == "forward":
            raise full(tokens)
        values, owners = inner(model, works, batch, read, grad=grad, inside=inside)
        if grad and tokens > FEW and where == "backward":
            values.register_hook(lambda gradient: (_ for _ in ()).throw(full(tokens)))
        seen.append(tokens)
        return values, owners

    monkeypatch.setattr(training, "run_batch", run_batch)
    return seen


def gradients(monkeypatch) -> list[torch.Tensor]:
    """Every gradient as it is when a step is taken."""
    inner, found = Adapter.step, []

    def step(self, **how):
        found.append(self.weights.grad.clone())
        return inner(self, **how)

    monkeypatch.setattr(Adapter, "step", step)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:planted")
@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("objective", ["sft", "grpo"])
def test_a_halved_step_has_the_gradient_of_the_whole_one(tiny_model, small_pools, where, objective, monkeypatch):
    found = gradients(monkeypatch)
    for small in (False, True):
        if small:
            seen = small_device(monkeypatch, where)
        runs = bench(tiny_model, small_pools, None, objective, steps=1).run(VARIANTS, seeds=1, progress=False)
    assert max(seen) <= FEW or where == "backward"
    assert [e["what"] for e in runs.interventions] == ["halved"] * round(math.log2(packing.MICRO_BATCH / FEW))
    whole, halved = found[:2], found[2:]
    assert len(whole) == len(halved) == 2
    for a, b in zip(whole, halved, strict=True):
        assert torch.linalg.vector_norm(a - b) <= 1e-5 * torch.linalg.vector_norm(a)
        assert torch.linalg.vector_norm(a) > 0 or objective == "grpo"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:planted")
def test_a_halving_is_an_event_and_a_bench_goes_on_behind_it_to_the_same_bits(
    tiny_model, small_pools, tmp_path, monkeypatch
):
    with monkeypatch.context() as planted:
        small_device(planted, "forward")
        with pytest.warns(UserWarning, match="planted: no room for [0-9]+ tokens; from here on 256 tokens in one"):
            runs = bench(tiny_model, small_pools, tmp_path / "whole").run(VARIANTS, seeds=1, progress=False)
        event = runs.interventions[-1]
        assert (event["what"], event["tokens"]) == ("halved", FEW)
        assert event["why"] == f"out of memory: from here on {FEW} tokens in one forward"
        for at in range(event["call"] - 1, event["call"] + 3):
            asked = bench(tiny_model, small_pools, tmp_path / str(at)).ask(VARIANTS, seeds=1)

            def watch(drive, at=at):
                if drive.scheduler.call == at:
                    raise Stopped

            with pytest.raises(Stopped):
                asked.train(watch)
            again = bench(tiny_model, small_pools, tmp_path / str(at)).ask(VARIANTS, seeds=1)
            same(again.runs(again.train(lambda drive: None)), runs)
    replayed = bench(tiny_model, small_pools, tmp_path / "replay").run(
        VARIANTS, seeds=1, interventions=runs.interventions, progress=False
    )
    same(replayed, runs)  # on a device that has room enough


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:planted")
def test_running_out_while_answers_are_written_halves_their_cache_alone(tiny_model, small_pools, tmp_path, monkeypatch):
    inner, seen = generation._write_wave, []

    def write_wave(model, prompts, wave, budget):
        answers = sum(prompts[i].n for i in wave)
        if answers > 5:
            raise full(answers)
        seen.append(budget)
        return inner(model, prompts, wave, budget)

    def events(folder, **how):
        made = bench(tiny_model, small_pools, folder, "grpo", steps=2)
        return made.run(VARIANTS, seeds=1, progress=False, **how)

    with monkeypatch.context() as planted:
        planted.setattr(generation, "_write_wave", write_wave)
        runs = events(tmp_path / "small")
    halved = [e for e in runs.interventions if e["what"] == "halved"]
    assert len(halved) > 5 and set(seen) == {packing.MICRO_BATCH}  # training's forwards stay as they were
    assert [e["tokens"] for e in halved] == [0] * len(halved)
    most = waves.MOST_TOKENS["cpu"] * waves.place_bytes(tiny_model)  # what was there at once, below 2 GiB
    assert [e["kv_cache_bytes"] for e in halved] == [most >> i + 1 for i in range(len(halved))]
    assert halved[0]["why"] == "out of memory while sampling: from here on 8 MiB of keys and values at once"
    same(events(tmp_path / "large"), runs)
    same(events(tmp_path / "again", interventions=runs.interventions), runs)


@pytest.mark.filterwarnings("ignore:planted")
def test_where_not_one_answer_fits_the_bench_says_so(tiny_model, small_pools, monkeypatch):
    monkeypatch.setattr(generation, "_write_wave", lambda *a: (_ for _ in ()).throw(full(1)))
    line = "the device has no room for the keys and values of one answer beside 1 adapters; free memory on it"
    with pytest.raises(MemoryError, match=line):
        bench(tiny_model, small_pools, None, "grpo").run({"random": methods.random_order}, seeds=1, progress=False)


def test_a_checkpoint_of_before_has_no_limit_of_the_cache(tiny_model, tmp_path):
    backend = tiny_model.backend(limits=MemoryLimits(max_tokens_per_forward=512, kv_cache_bytes=10**6))
    backend.roles.trainable(("a", 0), "learner")
    write_adapters(backend.adapters, tmp_path, {"micro_batch": 256})
    backend.load(tmp_path)
    assert (backend.micro_batch, backend.cache_bytes) == (256, 10**6)
    backend.limit(KvCacheBytes(10**5))
    backend.limit(128)
    backend.save(tmp_path)
    other = tiny_model.backend()
    other.load(tmp_path)
    assert (other.micro_batch, other.cache_bytes) == (128, 10**5)


def test_where_even_the_smallest_forward_does_not_fit_the_bench_says_so(tiny_model, small_pools, monkeypatch):
    monkeypatch.setattr(training, "run_batch", lambda *a, **k: (_ for _ in ()).throw(full(1)))
    line = "the device has no room for a forward of 64 tokens beside 1 adapters; free memory on it"
    with pytest.warns(UserWarning, match="planted"), pytest.raises(MemoryError, match=line):
        bench(tiny_model, small_pools, None).run({"random": methods.random_order}, seeds=1, progress=False)


@pytest.mark.slow
def test_predicted_and_measured_memory_are_one_line_behind_the_first_step(tiny_model, small_pools, capsys):
    bench(tiny_model, small_pools, None).run(VARIANTS, seeds=1)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("memory added by the bench: ")]
    assert len(said) == 1
    assert "2 adapters" in said[0] and " predicted (" in said[0] and said[0].endswith(" measured")
    bench(tiny_model, small_pools, None).run(VARIANTS, seeds=1, progress=False)
    assert not capsys.readouterr().out


def test_tokens_of_a_forward_on_cuda_come_from_what_is_free(tiny_model, monkeypatch):
    """Half of what is left behind the adapters to come, over the bytes of a token, down to a power of two."""
    a_token = (tiny_model.memory(1025).activations - tiny_model.memory(1).activations) * 2**20 / 1024
    on_cuda = SimpleNamespace(
        device=torch.device("cuda"), layout=tiny_model.layout, memory=tiny_model.memory, base=tiny_model.base
    )
    adapters = 3 * 16 * tiny_model.layout.size
    for free, tokens in ((2 * 5000 * a_token + adapters, 4096), (adapters, 512), (1e15, 65_536)):
        monkeypatch.setattr(memory, "free_bytes", lambda device, free=free: free)
        assert memory.tokens_for(on_cuda, 3, []) == tokens
        assert memory.cache_bytes_for(on_cuda) == int(0.3 * free)
    assert memory.tokens_for(tiny_model, 3, []) == packing.MICRO_BATCH
    assert memory.cache_bytes_for(tiny_model) == 2**31


# -- a disk that fills up ---------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded(tiny_model, small_pools, tmp_path_factory):
    return bench(tiny_model, small_pools, tmp_path_factory.mktemp("recorded")).run(VARIANTS, seeds=1, progress=False)


def often(drive):
    if drive.scheduler.pending:
        drive.checkpoint()


@pytest.mark.slow
@pytest.mark.needs("tmpfs")
@pytest.mark.parametrize("small_disk", [2], indirect=True)  # to go on takes the last checkpoint beside the next one
@pytest.mark.parametrize("free", [0, 4, 40, 150, 250, 400, 600, 800])  # KiB
def test_a_full_disk_stops_in_one_line_and_is_gone_on_from(tiny_model, small_pools, recorded, small_disk, free):
    block = small_disk / "filled"
    block.write_bytes(b"0" * (shutil.disk_usage(small_disk).free - free * 1024))
    with pytest.raises(StoreFull, match="is full; .*free some space.*it goes on from the last checkpoint") as caught:
        for watch in (often, lambda drive: None):
            asked = bench(tiny_model, small_pools, small_disk).ask(VARIANTS, seeds=1)
            asked.train(watch)
    assert "\n" not in str(caught.value)
    assert all(e.state in ("unfinished", "leftover", "finished") for e in entries(small_disk))
    block.unlink()
    with np.errstate(all="raise"):
        asked = bench(tiny_model, small_pools, small_disk).ask(VARIANTS, seeds=1)
        same(asked.runs(asked.train(lambda drive: None)), recorded)
    assert not [p for p in Path(small_disk).glob(".bench-*")]


# -- what an idle kernel holds ----------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.pocket
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_an_idle_kernel_holds_at_most_900_mb_ten_benches_add_50_and_the_prediction_is_within_a_quarter():
    ran = subprocess.run([sys.executable, "-m", "tests.engine.idle_memory"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    held = json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("{")))
    assert held["after"] <= 900e6 and held["after"] - held["before"] <= 250e6
    assert held["ten more"] - held["after"] <= 50e6
    line = next(line for line in ran.stdout.splitlines() if line.startswith("memory added by the bench: "))
    sizes = [float(size) * {"MiB": 1, "GiB": 1024}[unit] for size, unit in re.findall(r"([\d.]+) (MiB|GiB)", line)]
    assert sizes[-1] == pytest.approx(sizes[0], rel=0.25) and line.endswith("measured by 2 processes")
