"""How a score column was made stands in the record, decides the run where it is read, and is said in the paragraph."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.spec import read_spec
from curriculab.registry import columns, fingerprint
from curriculab.registry.columns import source_of


@pytest.fixture
def scored(small_pools):
    train, test = (pool.copy() for pool in small_pools)
    train["words"] = cl.difficulty.ngram_perplexity(train, n=2)
    return train, test


def test_a_column_is_known_again_in_a_part_and_in_another_order_and_not_when_changed(scored):
    train, _ = scored
    about = source_of(train["words"])
    assert about["measure"] == "ngram_perplexity" and about["knobs"] == {"n": 2} and len(about["code"]) == 16
    part = train.iloc[np.random.default_rng(0).permutation(len(train))[:40]].rename(columns={"words": "hard"})
    assert source_of(part["hard"]) == about
    assert source_of(train["words"] + 1e-9) is None and source_of(train["prompt"]) is None


def test_it_is_known_after_many_other_scores_and_in_another_process(scored, tmp_path):
    train, _ = scored
    about = source_of(train["words"])
    for number in range(300):
        other = pd.Series(np.arange(5.0) + number, index=list("abcde"))
        columns.remember(other, cl.difficulty.ngram_perplexity, {"n": number})
    assert source_of(train["words"]) == about and source_of(other)["knobs"] == {"n": 299}
    train.to_parquet(tmp_path / "rows.parquet")
    script = (
        "import json, sys, pandas as pd; from curriculab.registry.columns import source_of; "
        "rows = pd.read_parquet(sys.argv[1]); "
        "print(json.dumps([source_of(c) for c in (rows['words'], rows['words'][::-3], rows['words'] + 1)]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "rows.parquet")]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert json.loads(told) == [about, about, None]


def test_where_the_cache_cannot_be_used_a_process_knows_its_own_scores(small_pools, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(columns, "_own", {})
    train = small_pools[0]
    score = cl.difficulty.ngram_perplexity(train, n=3)
    assert source_of(score)["knobs"] == {"n": 3} and source_of(score[10:20])["knobs"] == {"n": 3}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    score = cl.difficulty.ngram_perplexity(train, n=1)
    (kept,) = columns.cache_folder().iterdir()
    assert source_of(score)["knobs"] == {"n": 1}
    kept.write_bytes(kept.read_bytes()[:-8])
    assert source_of(score) is None, "a damaged file is none"
    assert source_of(score[:0]) is None, "no rows tell nothing"


@pytest.mark.slow
def test_it_is_recorded_decides_a_run_that_reads_it_and_survives_a_spec(tiny_model, scored, tmp_path, monkeypatch):
    train, test = scored
    bench = cl.Bench(
        tiny_model,
        train,
        test,
        budget=cl.Budget(steps=2),
        batch_size=4,
        max_new_tokens=4,
        store=tmp_path / "runs",
        valid=None,
    )
    by_words, by_level = (partial(methods.easy_to_hard, by=by) for by in ("words", "level"))
    runs = bench.run({"words": by_words}, seeds=2, progress=False)
    assert runs.records[0].spec["columns"]["words"]["measure"] == "ngram_perplexity"
    before = {method.keywords["by"]: bench.design.digest(method, 0) for method in (by_words, by_level)}
    path = bench.write(tmp_path / "bench.json", {"words": by_words}, seeds=2)
    paragraph = cl.report.methods_paragraph(runs)
    assert "easy_to_hard by words (the measure ngram_perplexity, n=2)" in paragraph
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another user"))
    assert source_of(train["words"]) is None
    assert read_spec(path, tmp_path / "runs").todo == []
    plain = fingerprint.modules
    monkeypatch.setattr(columns, "modules", lambda *roots: {**plain(*roots), "changed": "1"})
    train["words"] = cl.difficulty.ngram_perplexity(train, n=2)
    again = cl.Bench(
        tiny_model, train, test, budget=cl.Budget(steps=2), batch_size=4, max_new_tokens=4, store=None, valid=None
    )
    after = {method.keywords["by"]: again.design.digest(method, 0) for method in (by_words, by_level)}
    assert after["words"] != before["words"] and after["level"] == before["level"]
