"""Measures asked together: what they share, what they cost, what a method pays, and what is kept."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch

import curriculab as cl
from curriculab.difficulty import cache as cached
from curriculab.engine.loading import load_model

pytestmark = pytest.mark.pocket
D = cl.difficulty
FIVE = ["answer_loss", "perplexity", "prefix_entropy", "answer_entropy", "angle_concentration"]


@pytest.fixture(scope="module")
def model():
    return load_model("pocket", bits=32)


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=20, seed=1)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(cached, "_memory", {})


def test_five_measures_share_one_forward_and_the_ledger_shows_it(model, pool):
    seen = D.survey(pool, model, FIVE)
    (line,) = seen.ledger.to_dict("records")
    assert line["request"] == "Score" and line["measures"] == line["purpose"] == ", ".join(FIVE)
    assert line["tokens"] == model.lengths(pool).sum() and line["rows"] == 20
    assert seen.cost.tokens.tolist() == pytest.approx([line["tokens"] / 5] * 5)
    assert seen.cost.seconds.sum() == pytest.approx(line["seconds"])


@pytest.mark.parametrize(
    "names",
    [
        FIVE,
        ["answer_loss", "instruction_difficulty", "self_perplexity"],
        ["pass_rate", "self_consistency", "prompt_value"],
    ],
)
def test_together_is_the_same_as_alone(model, pool, names):
    pool = pool.iloc[:10]
    together = D.measure(pool, model, names, seed=4, cache=False)
    for name in names:
        np.testing.assert_allclose(together[name], D.MEASURES[name](pool, model, seed=4, cache=False), atol=1e-5)


def test_another_seed_samples_other_answers(model, pool):
    one, two = (D.pass_rate(pool.iloc[:8], model, n=4, seed=s, cache=False) for s in (0, 1))
    assert (one != two).any()


def test_knobs_errors_and_measures_without_a_model_in_one_table(model, pool):
    table = D.measure(pool, model, {"level": {}, "pass_rate": {"n": 2}, "answer_loss": {}}, uncertainty=True)
    assert table.columns.tolist() == ["level", "pass_rate", "se_pass_rate", "answer_loss"]
    assert table.index.equals(pool.index)
    assert set(table.pass_rate.round(4)) <= {0.25, 0.5, 0.75}
    assert D.measure(pool, None, ["level", "word_count"]).shape == (20, 2)


def test_a_method_pays_for_what_it_asks():
    pool = cl.load_pool("ladder", n=40, seed=0)

    def curriculum(rows, run):
        table = yield from D.request_scores(["answer_loss", "answer_entropy", "level"], rows)
        hard, error = yield from D.request_scores("pass_rate", rows, n=4, uncertainty=True)
        yield cl.Train(rows.loc[table.answer_loss.nsmallest(4).index])
        return table.assign(hard=hard, error=error)

    runs = cl.simulate(curriculum, pool, budget=cl.Budget(steps=1, max_total_tokens=10**9), batch_size=4)
    found = runs.findings["curriculum", 0]
    assert found.columns.tolist() == ["answer_loss", "answer_entropy", "level", "hard", "error"]
    asked = runs.ledger[~runs.ledger.test]
    assert asked.request.tolist() == ["Score", "Sample", "Train"]
    assert asked.purpose.tolist() == ["answer_loss, answer_entropy", "probe", "train"]
    assert asked.rollouts.tolist() == [0, 160, 0] and (asked.tokens > 0).all()
    assert found.answer_loss.reindex(pool.index).corr(pool.level.astype(float)) > 0.5


def test_a_method_on_the_model_gets_what_the_function_gives(model):
    pool = cl.load_pool("ladder", n=120, seed=0)
    train, test = cl.split(pool, test=4, seed=0)
    train = train.iloc[:16]

    def curriculum(rows, run):
        loss = yield from D.request_scores("answer_loss", rows)
        yield cl.Train(rows.iloc[:2])
        return loss.to_frame()

    budget = cl.Budget(steps=1, max_total_tokens=10**9)
    bench = cl.Bench(model, train, test, budget=budget, batch_size=2, store=None, valid=None)
    found = bench.run({"c": curriculum}, seeds=1, progress=False).findings["c", 0]
    expected = D.answer_loss(train, model)
    np.testing.assert_allclose(found.answer_loss.reindex(train.index), expected, atol=1e-4)  # fresh: the base's


@pytest.mark.parametrize("name", ["token_length", "confidence"])
def test_what_a_method_cannot_ask_for(name, pool):
    message = f"{name}: cannot be asked for in a method; put it into a column of the pool before"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(D.request_scores(name, pool))


# -- kept -------------------------------------------------------------------------------------------------------------
def hits(pool, model, cache, **more):
    seen = D.survey(pool, model, {"answer_loss": more.pop("knobs", {})}, cache=cache, **more)
    return seen.ledger.request.tolist() == ["cache"]


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_what_decides_the_numbers_decides_the_key(where, model, pool, tmp_path):
    cache = None if where == "memory" else tmp_path / "difficulty"
    first = D.survey(pool, model, ["answer_loss", "pass_rate"], cache=cache)
    again = D.survey(pool, model, ["answer_loss", "pass_rate"], cache=cache)
    assert again.ledger.request.tolist() == ["cache", "cache"]
    pd.testing.assert_frame_equal(again.scores, first.scores)
    pd.testing.assert_frame_equal(again.errors, first.errors)
    pd.testing.assert_frame_equal(again.cost, first.cost)
    assert hits(pool.assign(beauty=1.0), model, cache)  # a column that nobody reads
    for changed in ("prompt", "answer"):
        other = pool.copy()
        other.iloc[3, other.columns.get_loc(changed)] = "1"
        assert not hits(other, model, cache)
    assert not hits(pool.rename({pool.index[0]: "another id"}), model, cache)
    assert not hits(pool, model, cache, seed=1)
    assert not hits(pool, model, cache, knobs={"role": "init"})
    adapter = model.adapter(0)
    assert not hits(pool, model, cache, adapter=adapter)
    assert hits(pool, model, cache, adapter=model.adapter(0))
    with torch.no_grad():
        adapter.weights += 0.01
    assert not hits(pool, model, cache, adapter=adapter)
    assert D.survey(pool, model, {"pass_rate": {"n": 2}}, cache=cache).ledger.request.tolist() == ["Sample"]


def test_another_model_is_measured_anew(pool, model, tiny_folder, tmp_path):
    assert not hits(pool, model, tmp_path)
    other = load_model(str(tiny_folder), bits=32)
    assert not hits(pool, other, tmp_path)
    assert hits(pool, load_model("pocket", bits=32), tmp_path)


def test_files_are_whole_and_damage_is_told(model, pool, tmp_path):
    D.answer_loss(pool, model, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"answer_loss-[0-9a-f]{16}\.parquet", path.name)
    assert hits(pool, model, tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="^answer_loss: .*parquet is damaged .*, so it is measured again$"):
        score = D.answer_loss(pool, model, cache=tmp_path)
    assert hits(pool, model, tmp_path) and np.isfinite(score).all()


def test_nothing_is_kept_when_nothing_shall_be(model, pool):
    assert not hits(pool, model, False)
    assert not hits(pool, model, False)


def test_a_kept_constant_is_told_again(model, pool, tmp_path):
    same = pool.iloc[[0] * 3].set_axis(["a", "b", "c"])
    for _ in range(2):
        with pytest.warns(UserWarning, match="^answer_loss: all 3 rows score"):
            D.answer_loss(same, model, cache=tmp_path)
