"""load_pool: drawn rows, unknown sources and arguments, published files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.loading import load_pool
from curriculab.data.mapping import count_solution_steps, text_after
from curriculab.data.registry import SOURCES, source
from tests.data.written import FILES, KNOWN, message, write


def test_n_rows_are_drawn_by_seed_in_file_order(here: Path) -> None:
    text = "".join(json.dumps({"prompt": f"q{i}", "answer": "1"}) + "\n" for i in range(50))
    source = write(here, "q.jsonl", text)
    pool = load_pool(source, n=20, seed=4)
    assert len(pool) == 20 and pool.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(pool, load_pool(source, n=20, seed=4))
    assert set(pool.index) != set(load_pool(source, n=20, seed=5).index)
    assert message(source, n=51) == "q.jsonl: asked for 51 rows, it has 50; ask for 1 to 50"


def test_unknown_sources_and_arguments(here: Path) -> None:
    assert message("laddder") == f"unknown source 'laddder'; known are {KNOWN}"
    assert message("ftp:x") == f"unknown source 'ftp:x'; known are {KNOWN}"
    assert message("ladder", split="test") == (
        "load_pool('ladder') takes no argument 'split'; it takes skills, levels, solutions, n, seed"
    )


def published(name: str) -> Path:
    return Path(os.environ["CURRICULAB_DATA"]) / name


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_gsm8k_loads_with_one_call() -> None:
    columns = {"prompt": "question", "solution": "answer", "answer": text_after("answer", "####")}
    columns["level"] = count_solution_steps("answer")
    pool = load_pool(published("gsm8k_train.jsonl"), columns=columns)
    assert len(pool) == 7473
    assert (~pool["prompt"].add(pool["solution"]).map(str.isascii)).sum() == 651
    assert pool["answer"].str.fullmatch(r"-?\d+(\.\d+)?").all() and pool["level"].between(1, 12).all()
    assert pool["answer"].iloc[0] == pool["solution"].iloc[0].rpartition("#### ")[2]


@pytest.mark.needs("data:math500_test.json")
def test_math500_loads_with_one_call() -> None:
    pool = load_pool(published("math500_test.json"), columns={"prompt": "problem", "topic": "subject"})
    assert len(pool) == 500 and set(pool["level"]) == {1, 2, 3, 4, 5} and "unique_id" in pool


def test_a_source_of_ones_own_is_drawn_from_and_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SOURCES, "_registered", dict(SOURCES._registered))

    @source("riddles:")
    def riddles(name: str, *, legs: int = 4) -> pd.DataFrame:
        prompts = [f"{name.removeprefix('riddles:')} {i}" for i in range(20)]
        index = pd.Index([f"riddle/{i:02d}" for i in range(20)], name="id")
        return pd.DataFrame({"prompt": prompts, "answer": str(legs)}, index=index)

    pool = load_pool("riddles:sphinx", n=5, seed=3, legs=3)
    drawn = np.sort(np.random.default_rng(3).choice(20, 5, replace=False))
    assert pool["prompt"].tolist() == [f"sphinx {i}" for i in drawn] and set(pool["answer"]) == {"3"}
    assert message("riddles:sphinx", arms=1) == (
        "load_pool('riddles:sphinx') takes no argument 'arms'; it takes legs, n, seed"
    )
    assert message("riddle").endswith(f"or a file {FILES} (also packed, .gz)")
    assert "'riddles:<name>'" in message("riddle")

    @source("holes")
    def holes(name: str) -> pd.DataFrame:
        return pd.DataFrame({"prompt": ["a"], "answer": [None]}, index=pd.Index(["x"], name="id"))

    assert message("holes") == (
        "holes, row 'x', column 'answer': found nothing, expected the right answer, or the text to learn"
    )


COLUMNS = {
    "prompt": "question",
    "solution": "answer",
    "answer": cl.text_after("answer", "####"),
    "level": cl.count_solution_steps("answer"),
}


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_all_of_gsm8k_loads_with_one_call():
    pool = cl.load_pool(published("gsm8k_train.jsonl"), columns=COLUMNS)
    assert len(pool) == 7473
    foreign = (pool.prompt + pool.solution).map(lambda t: not t.isascii())
    assert foreign.sum() == 651
    assert pool.answer.str.fullmatch(r"-?[\d.]+").all() and pool.level.between(1, 20).all()


@pytest.mark.pocket
@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_gsm8k_is_scored_and_trained_on_with_the_pocket_model(tmp_path):
    pool = cl.load_pool(published("gsm8k_train.jsonl"), columns=COLUMNS)
    model = cl.load_model("pocket", bits=4)
    assert all(model.tokenizer.decode(model.tokens(t)) == t for t in pool.prompt[:700])
    lengths = model.lengths(pool)
    assert (lengths <= model.positions).all(), lengths[lengths > model.positions]
    rows = pool.iloc[:200].copy()
    rows["loss"] = cl.difficulty.answer_loss(rows, model)
    assert np.isfinite(rows["loss"]).all() and rows["loss"].nunique() > 190
    train, test = cl.split(rows, test=10, by=None, seed=0)
    bench = cl.Bench(
        model, train, test, budget=cl.Budget(steps=5), batch_size=4, max_new_tokens=8, store=tmp_path, valid=None
    )
    runs = bench.run({"random": cl.methods.random_order}, seeds=1, progress=False)
    assert runs.metrics.step.max() == 5 and runs.metrics.loss.iloc[-1] < runs.metrics.loss.iloc[0]


def test_a_table_that_is_there_already_is_a_source() -> None:
    table = pd.DataFrame({"question": ["one", "two"], "answer": [1, 2]}, index=["a", "b"])
    pool = load_pool(table, columns={"prompt": "question", "task": "math"})
    assert list(pool.index) == ["a", "b"] and pool["answer"].tolist() == ["1", "2"]
    assert list(load_pool(table.reset_index(drop=True), columns={"prompt": "question"}).index) == [
        "table/00001",
        "table/00002",
    ]
    assert len(load_pool(table, columns={"prompt": "question"}, n=1)) == 1
    assert message(table) == (
        "the table: no column 'prompt'; it has question, answer, id; say which one it is, for example "
        'columns={"prompt": "question"}'
    )
    assert message(table, levels=1) == (
        "load_pool of a DataFrame takes no argument 'levels'; it takes columns, level_order, n, seed"
    )
    twice = pd.DataFrame([["one", "1", "2"]], columns=["prompt", "answer", "answer"])
    assert message(twice) == "the table: found the column 'answer' twice, expected every name once"
