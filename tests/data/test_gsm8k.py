"""Published data, where it is at hand: GSM8K and MATH-500 with one call each."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import curriculab as cl

COLUMNS = {
    "prompt": "question",
    "solution": "answer",
    "answer": cl.after("answer", "####"),
    "level": cl.steps("answer"),
}


def folder() -> Path:
    return Path(os.environ["CURRICULAB_DATA"])


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_all_of_gsm8k_loads_with_one_call():
    pool = cl.load_pool(folder() / "gsm8k_train.jsonl", columns=COLUMNS)
    assert len(pool) == 7473
    foreign = (pool.prompt + pool.solution).map(lambda t: not t.isascii())
    assert foreign.sum() == 651
    assert pool.answer.str.fullmatch(r"-?[\d.]+").all() and pool.level.between(1, 20).all()


@pytest.mark.pocket
@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_gsm8k_is_scored_and_trained_on_with_the_pocket_model(tmp_path):
    pool = cl.load_pool(folder() / "gsm8k_train.jsonl", columns=COLUMNS)
    model = cl.load_model("pocket", bits=4)
    assert all(model.tokenizer.decode(model.tokens(t)) == t for t in pool.prompt[:700])
    lengths = model.lengths(pool)
    assert (lengths <= model.positions).all(), lengths[lengths > model.positions]
    rows = pool.iloc[:200].copy()
    rows["loss"] = cl.difficulty.answer_loss(rows, model)
    assert np.isfinite(rows["loss"]).all() and rows["loss"].nunique() > 190
    train, test = cl.split(rows, test=10, by=None, seed=0)
    bench = cl.Bench(model, train, test, budget=cl.Budget(steps=5), batch_size=4, max_new_tokens=8, store=tmp_path)
    runs = bench.run({"random": cl.methods.random_order}, seeds=1, progress=False)
    assert runs.metrics.step.max() == 5 and runs.metrics.loss.iloc[-1] < runs.metrics.loss.iloc[0]


@pytest.mark.needs("data:math500_test.json")
def test_math500_loads_with_one_call():
    pool = cl.load_pool(folder() / "math500_test.json", columns={"prompt": "problem", "topic": "subject"})
    assert len(pool) == 500 and pool.level.between(1, 5).all()
