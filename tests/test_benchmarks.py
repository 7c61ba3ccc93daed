"""The benchmarks run and say what they should; how fast things are is not tested here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import score, sft
from benchmarks.measure import Clock, figure, in_turns
from curriculab.models import load_model
from curriculab.pool import load_pool

KEYS = ["name", "ours", "peer", "unit", "ratio", "note"]


def clock(*seconds: float) -> Clock:
    return Clock(list(seconds), list(seconds))


def test_a_figure_is_the_ratio_of_median_speeds() -> None:
    made = figure("x", clock(1.0, 2.0, 9.0), clock(5.0, 6.0, 6.0), work=120.0, unit="rows/s", note="120 rows")
    note = "120 rows; median of 3 turns; by CPU time 3.00"
    assert made == {"name": "x", "ours": 60.0, "peer": 20.0, "unit": "rows/s", "ratio": 3.0, "note": note}


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
    assert [f["name"] for f in figures] == ["score_vs_padded", "score_vs_batch1", "score_ladder_vs_padded"]
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
        answer = sft.sft_steps(model, [adapter], [rows], [sft.SETTING])[0]
        mine.append(float(np.average(answer.reply["loss"], weights=answer.learned)))
    assert sft.losses_by_trl(model, work) == pytest.approx(mine, rel=1e-3)
