"""The benchmarks run and say what they should; how fast things are is not tested here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import draws, grpo, score, sft
from benchmarks.measure import Clock, figure, in_turns, single
from curriculab.bench.budget import Budget
from curriculab.bench.job import open_job
from curriculab.bench.scheduler import Scheduler
from curriculab.data.loading import load_pool
from curriculab.engine.backend import ModelBackend
from curriculab.engine.loading import load_model
from curriculab.engine.training import train_steps
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run, Sample, Score, Train

KEYS = ["name", "ours", "peer", "unit", "ratio", "note"]


def clock(*seconds: float) -> Clock:
    return Clock(list(seconds), list(seconds))


def test_a_figure_is_the_ratio_of_median_speeds() -> None:
    made = figure("x", clock(1.0, 2.0, 9.0), clock(5.0, 6.0, 6.0), work=120.0, unit="rows/s", note="120 rows")
    note = "120 rows; median of 3 turns; by CPU time 3.00"
    assert made == {"name": "x", "ours": 60.0, "peer": 20.0, "unit": "rows/s", "ratio": 3.0, "note": note}


def test_a_figure_without_a_peer_is_printed_with_its_unit() -> None:
    made = single("draw_1m_x", 0.12345, unit="ms", note="set-up 9 ms")
    assert list(made) == KEYS and (made["ours"], made["peer"], made["ratio"]) == (0.123, None, None)
    assert command.line(made) == f"{'draw_1m_x':32s}      -   0.123 ms; set-up 9 ms"


def test_contestants_run_in_turns() -> None:
    ran: list[str] = []
    contestants = {n: lambda clock, n=n: ran.append(n) or clock.time(lambda: None) for n in ("ours", "peer", "slow")}
    clocks = in_turns(contestants, 3, once=("slow",))
    assert ran == ["ours", "peer", "slow", "ours", "peer", "ours", "peer"]
    assert [len(clocks[n].wall) for n in ("ours", "peer", "slow")] == [3, 3, 1]


@pytest.mark.pocket
def test_uniform_rows_have_the_lengths_they_promise() -> None:
    rows = score.uniform(load_pool("ladder", n=500, seed=0), 400)
    texts = load_model("pocket", bits=32).encode(rows)
    lengths = np.array([len(t) for t in texts])
    assert score.SHORTEST <= lengths.min() <= 20 and 252 <= lengths.max() <= score.LONGEST
    assert abs(lengths.mean() - 136) < 3 * 69.6 / 400**0.5  # standard deviation of the uniform distribution: 69.6
    assert all(t.learned[1:].all() for t in texts)


@pytest.mark.pocket
def test_padded_losses_are_those_of_single_rows() -> None:
    model, base = load_model("pocket", bits=32), sft.plain_base(32)
    texts = model.encode(load_pool("ladder", n=500, seed=0).iloc[:5])
    singles = np.concatenate([score.padded_losses(base, [t], 0) for t in texts])
    np.testing.assert_allclose(score.padded_losses(base, texts, 256), singles, atol=1e-5)


@pytest.mark.pocket
def test_a_family_runs_and_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    before, whole = torch.get_num_threads(), score.run
    monkeypatch.setattr(score, "run", lambda *, repeats, say: whole(n=12, repeats=repeats, nf4=False, say=say))
    path = command.main(["--only", "score", "--repeats", "1", "--to", str(tmp_path / "bench.json")])
    torch.set_num_threads(before)
    figures = json.loads(path.read_text())
    assert [f["name"] for f in figures] == [
        "score_vs_padded",
        "score_vs_batch1",
        "score_five_vs_padded",
        "score_ladder_vs_padded",
    ]
    assert all(list(f) == KEYS for f in figures)
    assert all(f["ours"] > 0 and f["ratio"] == pytest.approx(f["ours"] / f["peer"], rel=0.05) for f in figures)
    said = capsys.readouterr().out
    assert f"torch {torch.__version__}" in said and "1 torch thread(s)" in said and "load average" in said


@pytest.mark.pocket
@pytest.mark.needs("trl")
def test_trl_trains_the_same_tokens_to_the_same_loss() -> None:
    """Losses after the first step too: both sides start from equal weights and take equal steps."""
    figures = list(sft.run(rows=(2,), steps=2, variants=2, repeats=1, nf4=False, say=lambda text: None))
    assert [f["name"] for f in figures] == ["sft_six_vs_trl_rows2", "sft_six_vs_sequential_rows2"]
    assert all(list(f) == KEYS and f["unit"] == "tokens/s" for f in figures)
    model = load_model("pocket", bits=32)
    work = sft.tables(load_pool("ladder", n=3000, seed=0), 2, 3, 1)[0]
    adapter, mine = model.adapter(0), []
    for rows in work:
        answer = train_steps(model, [adapter], [rows], [sft.SETTING])[0]
        mine.append(float(np.average(answer.reply["loss"], weights=answer.learned)))
    assert sft.losses_by_trl(model, work) == pytest.approx(mine, rel=1e-3)


# -- reinforcement ----------------------------------------------------------------------------------------------------
@pytest.mark.pocket
@pytest.mark.needs("trl")
def test_grpo_of_both_sides_writes_and_trains_the_same_tokens() -> None:
    figures = list(grpo.run(steps=1, variants=2, repeats=1, say=lambda text: None))
    assert [f["name"] for f in figures] == ["grpo_one_vs_trl", "grpo_six_vs_trl"]
    assert all(list(f) == KEYS and f["unit"] == "steps/s" and f["ours"] > 0 and f["peer"] > 0 for f in figures)
    model, pool = load_model("pocket", bits=32), load_pool("ladder", n=3000, seed=0)
    for variants, made in zip((1, 2), figures, strict=True):
        prompts = sum(8 * len(model.prompt(p)) for own in grpo.tables(pool, 1, variants) for p in own[0].prompt)
        written = variants * 32 * 16  # answers, tokens
        assert f" {written} tokens written and {prompts + written} trained on either side" in made["note"]


@pytest.mark.pocket
def test_grpo_refuses_a_peer_that_did_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def less(model, work, count, clock):
        clock.time(lambda: None)
        count.steps += 1

    monkeypatch.setattr(grpo, "by_trl", less)
    model, pool = grpo.endless(load_model("pocket", bits=32)), load_pool("ladder", n=3000, seed=0)
    differs = r"^x: the work differs, ours Count\(steps=1, generated=512, .*TRL's Count\(steps=1, generated=0"
    with pytest.raises(AssertionError, match=differs):
        grpo.compare("x", model, grpo.tables(pool, 1, 1), 1)


@pytest.mark.pocket
def test_an_endless_model_has_no_logit_for_its_end() -> None:
    model = load_model("pocket", bits=32)
    assert grpo.endless(model).tokenizer.eos_token_id == model.base.get_output_embeddings().weight.shape[0]
    assert model.tokenizer.eos_token == "<|end|>"  # the model itself is as it was


def test_the_reward_is_by_hand() -> None:
    assert grpo.worth(["aab", ""]) == [2 / 16, 0.0]


# -- draws ------------------------------------------------------------------------------------------------------------
def test_every_method_that_listens_is_timed() -> None:
    made = {f["name"]: f for f in draws.run(steps=3, sizes={"10k": 700}, say=lambda text: None)}
    assert list(made) == [f"draw_10k_{name}" for name in draws.listening()]
    assert {"draw_10k_random_order", "draw_10k_sec", "draw_10k_pcl"} <= set(made)
    for f in made.values():
        assert list(f) == KEYS and f["ours"] > 0 and f["peer"] is f["ratio"] is None and f["unit"] == "ms"
        assert f["note"].startswith("set-up ") and "median of 3 steps" in f["note"]


def test_the_clock_runs_only_while_a_method_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second each for the set-up, for what follows a reply to Sample, and two for what follows one to Train."""
    now = [0.0]
    monkeypatch.setattr(draws.time, "perf_counter", lambda: now[0])
    whole = draws.Replies.__call__

    def slowly(self, request, run):
        now[0] += 100
        return whole(self, request, run)

    def method(pool, run):
        now[0] += 1
        while True:
            out = yield Sample(pool.iloc[:4], 3)
            now[0] += 1
            yield [Train(out), Score(pool.iloc[:4], "nll")]
            assert run.step == round(now[0] // 301) and 0 < run.progress < 1
            now[0] += 2

    monkeypatch.setattr(draws.Replies, "__call__", slowly)
    assert draws.drive(method, draws.big_pool(10), 5) == (2.0, [3.0] * 5)


@pytest.mark.pocket
def test_made_up_replies_look_like_those_of_a_model() -> None:
    pool, seen = load_pool("ladder", n=60, seed=0), {}

    def method(pool, run):
        seen["sample"] = yield Sample(pool.iloc[:2], [2, 3])
        seen["train"] = yield Train(pool.iloc[:2])
        seen["embedding"] = yield Score(pool.iloc[:2], "embedding")
        seen["angle"] = yield Score(pool.iloc[:2], "angle")

    learner = ModelBackend(load_model("pocket", bits=32), {"grpo": Grpo()}, max_new_tokens=4)
    job = open_job("v", method, pool, seed=0, batch=2, rollouts=8, objective=learner.setting)
    Scheduler(learner, Budget(steps=2)).drive([job])
    assert job.ended == "returned", job.ended
    real, replies, run = dict(seen), draws.Replies(), Run(0, batch=2, rollouts=8)
    made, reply = method(pool, run), None
    for _ in range(4):
        reply = replies(made.send(reply), run)
    with pytest.raises(StopIteration):
        made.send(reply)
    for name, table in seen.items():
        assert set(table.columns) == set(real[name].columns), name
        assert list(table.index) == list(real[name].index)
        numbers = table.select_dtypes("number").columns
        assert set(numbers) == set(real[name].select_dtypes("number").columns), name
    assert len(seen["embedding"].embedding.iloc[0]) == len(real["embedding"].embedding.iloc[0])
    assert seen["sample"].group.nunique() == 2 and seen["train"].groupby("group").size().tolist() == [8, 8]
