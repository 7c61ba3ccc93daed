"""The bench of a real model: its table against plain numpy and scipy, what it writes, and that it goes on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

pytestmark = [pytest.mark.pocket, pytest.mark.slow]


def short_problems(data):
    """Problems of one and two steps with short solutions: the embedded model writes a token for each character."""
    import curriculab as cl

    pool = cl.load_pool("word_problems", levels=[1, 2], n=240, seed=0)
    return pool.assign(solution=[solution.rpartition("\n")[0] for solution in pool.solution])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    from benchmarks import real

    folder = tmp_path_factory.mktemp("real")
    given = ["--model", "pocket", "--longest", "400", "--seeds", "3", "--steps", "1", "--tests", "4", "--threads", "1"]
    given += ["--store", str(folder / "runs"), "--to", str(folder / "reference")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real, "problems", short_problems)
        real.main([*given, "--first", "2", "--train-only"])
        trained = written(folder / "runs")
        about = real.main(given)
    assert trained and trained.items() <= written(folder / "runs").items()  # seed 2 was found, not trained again
    return folder, about


def written(store):
    """When each run of a store was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("*/spec.json")}


def test_every_control_runs_with_every_seed(recorded):
    folder, about = recorded
    assert not about["failed"]
    assert len(about["settings"]["variants"]) == 4 and len(about["settings"]["null_orders"]) == 3
    losses = pd.read_csv(folder / "reference" / "real_word_problems_losses.csv")
    assert losses.groupby(["variant", "seed"]).id.nunique().eq(4).all() and len(losses) == 7 * 3 * 4
    assert np.isfinite(losses.loss).all()


def test_the_table_is_what_scipy_finds_of_the_losses(recorded):
    folder, about = recorded
    table = pd.read_csv(folder / "reference" / "real_word_problems_table.csv", index_col="variant")
    losses = pd.read_csv(folder / "reference" / "real_word_problems_losses.csv")
    mean = losses.groupby(["variant", "seed"]).loss.mean().unstack("seed")
    for name in table.index.drop("random"):
        found = stats.ttest_rel(mean.loc[name], mean.loc["random"])
        low, high = found.confidence_interval(0.95)
        line = table.loc[name]
        assert line.loss == pytest.approx(mean.loc[name].mean(), abs=1e-5)
        assert [line.loss_low, line.loss_high] == pytest.approx([low, high], abs=1e-4)
    smallest = min(
        stats.ttest_rel(mean.loc[name], mean.loc["random"]).pvalue for name in mean.index if name[:4] in ("easy",)
    )
    claims = table.loc[[name for name in table.index if name.startswith("easy")], "loss_p"]
    assert claims.min() == pytest.approx(min(3 * smallest, 1), abs=1e-3)  # Holm's factor of the smallest of three
    assert f"{table.loc['easy to hard', 'loss_difference']:+.4f}" in about["verdict"]


def test_the_record_says_when_with_what_and_how(recorded):
    folder, _ = recorded
    about = json.loads((folder / "reference" / "real_word_problems.json").read_text())
    assert about["date"] and about["versions"]["torch"] and about["settings"]["model"]["bits"] == 32
    assert about["command"].startswith("python -m benchmarks.real --data word_problems")
    measures = pd.read_csv(folder / "reference" / "real_word_problems_measures.csv", index_col="measure")
    assert np.allclose(np.diag(measures), 1) and np.allclose(measures, measures.T)
    assert measures.loc["level", "reasoning_steps"] == 1  # a step a level


def test_gsm8k_is_read_where_it_lies(tmp_path, monkeypatch):
    from benchmarks import real

    row = {"question": "Ann has 3 apples and buys 4. How many?", "answer": "3 + 4 = 7\n#### 7"}
    (tmp_path / "gsm8k_train.jsonl").write_text(
        "\n".join(json.dumps({**row, "question": f"{i}: {row['question']}"}) for i in range(3))
    )
    monkeypatch.setenv("CURRICULAB_DATA", str(tmp_path))
    pool = real.problems("gsm8k")
    assert pool.answer.tolist() == ["7"] * 3 and pool.level.tolist() == [1] * 3
