"""How a score column was made stands in the record, decides the run where it is read, and is said in the paragraph."""

from __future__ import annotations

from functools import partial

import numpy as np
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


@pytest.mark.slow
def test_it_is_recorded_decides_a_run_that_reads_it_and_survives_a_spec(tiny_model, scored, tmp_path, monkeypatch):
    train, test = scored
    bench = cl.Bench(
        tiny_model, train, test, budget=cl.Budget(steps=2), batch_size=4, max_new_tokens=4, store=tmp_path / "runs"
    )
    by_words, by_level = (partial(methods.easy_to_hard, by=by) for by in ("words", "level"))
    runs = bench.run({"words": by_words}, seeds=2, progress=False)
    assert runs.records[0].spec["columns"]["words"]["measure"] == "ngram_perplexity"
    before = {method.keywords["by"]: bench.design.digest(method, 0) for method in (by_words, by_level)}
    path = bench.write(tmp_path / "bench.json", {"words": by_words}, seeds=2)
    paragraph = cl.report.methods_paragraph(runs)
    assert "easy_to_hard by words (the measure ngram_perplexity, n=2)" in paragraph
    monkeypatch.setattr(columns, "_scores", type(columns._scores)(maxlen=columns.MOST))  # as in another process
    assert read_spec(path, tmp_path / "runs").todo == []
    plain = fingerprint.modules
    monkeypatch.setattr(columns, "modules", lambda *roots: {**plain(*roots), "changed": "1"})
    train["words"] = cl.difficulty.ngram_perplexity(train, n=2)
    again = cl.Bench(tiny_model, train, test, budget=cl.Budget(steps=2), batch_size=4, max_new_tokens=4, store=None)
    after = {method.keywords["by"]: again.design.digest(method, 0) for method in (by_words, by_level)}
    assert after["words"] != before["words"] and after["level"] == before["level"]
