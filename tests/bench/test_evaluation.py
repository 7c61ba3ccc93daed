"""Validation rows are read as training goes on, test rows where that was said before the start."""

from __future__ import annotations

import dataclasses
from functools import partial

import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.spec import read_spec
from curriculab.statistics.tables import at_evaluations

VARIANTS = {"random": cl.methods.random_order, "easy": partial(cl.methods.easy_to_hard, by="level")}


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", n=100, seed=0)


def simulated(pool, **how):
    more = {"steps": 8, "batch_size": 4, "evaluate_every": 2, "seed": [0, 1, 2]}
    return cl.simulate(VARIANTS, pool.iloc[:40], tests=pool.iloc[40:70], **more, **how)


def test_curves_are_of_validation_rows_and_the_comparison_of_test_rows(pool):
    valid = pool.iloc[70:]
    runs = simulated(pool, valid=valid)
    assert set(runs.validation.id) == set(valid.index) and set(runs.items.id) == set(pool.index[40:70])
    table = at_evaluations(runs)
    by = runs.validation.groupby(["variant", "seed", "share"]).correct.mean()
    assert table.set_index(["variant", "seed", "share"]).accuracy.sort_index().equals(by.sort_index())
    assert "30 validation rows" in cl.figures.learning_curves(runs).layout.meta["caption"]
    shares = runs.items.groupby(["variant", "seed"]).apply(lambda items: items.correct[items.share == 1.0].mean())
    assert cl.compare(runs).scores.set_index(["variant", "seed"]).accuracy.sort_index().equals(shares.sort_index())


def test_the_test_rows_results_are_those_without_validation_rows(pool):
    watched, plain = simulated(pool, valid=pool.iloc[70:]), simulated(pool)
    ends = plain.items[plain.items.share.isin([0.0, 1.0])].reset_index(drop=True)
    columns = ["variant", "seed", "share", "id", "correct"]
    pd.testing.assert_frame_equal(watched.items[columns], ends[columns])
    assert plain.watched is plain and plain.validation.empty


def test_a_method_that_returns_early_is_tested_on_both(pool):
    def brief(rows, run):
        yield cl.Train(rows.iloc[:4])

    runs = cl.simulate(
        brief, pool.iloc[:40], tests=pool.iloc[40:70], valid=pool.iloc[70:], steps=8, batch_size=4, evaluate_every=2
    )
    assert runs.items.share.max() == runs.validation.share.max() == 1.0 and runs.items.step.max() == 1


def bench_of(model, parts, folder, **how):
    train, test, valid = parts
    more = {"budget": cl.Budget(steps=4), "batch_size": 4, "evaluate_every": 1, "max_new_tokens": 4, "store": folder}
    return cl.Bench(model, train, test, valid=valid, **more, **how)


@pytest.fixture
def parts(small_pools):
    train, test = small_pools
    return train, test.iloc[::2], test.iloc[1::2]


def test_a_bench_reads_test_rows_at_named_shares_and_keeps_both(tiny_model, parts, tmp_path):
    bench = bench_of(tiny_model, parts, tmp_path, test_at=(0.5,))
    assert bench.valid.index.tolist() == parts[2].index.tolist()
    runs = bench.run({"random": cl.methods.random_order}, seeds=1, progress=False)
    assert sorted(runs.items.share.unique()) == [0.5, 1.0]
    assert sorted(runs.validation.share.unique()) == [0.0, 0.25, 0.5, 0.75, 1.0]
    read = cl.load_runs(tmp_path)
    pd.testing.assert_frame_equal(read.validation, runs.validation, check_dtype=False)
    assert not read.records[0].spec.get("looks") and read.records[0].spec["decides"]["validation"]["test_at"] == [
        0.5,
        1.0,
    ]


def test_a_spec_names_the_validation_rows(tiny_model, parts, tmp_path):
    bench = bench_of(tiny_model, parts, tmp_path, test_at=(0.5,))
    again = read_spec(bench.write(tmp_path / "bench.json", VARIANTS, seeds=1))
    assert again.digests == bench.ask(VARIANTS, seeds=1).digests
    pd.testing.assert_frame_equal(again.design.valid, bench.valid)
    other = dataclasses.replace(bench.design, validation=None)
    assert other.digest(cl.methods.random_order, 0) != bench.design.digest(cl.methods.random_order, 0)


def test_validation_rows_are_neither_trained_nor_tested(tiny_model, parts, tmp_path):
    train, test, valid = parts
    with pytest.raises(ValueError, match=r"^1 rows are in valid and in test, such as '.*'; use cl.split"):
        bench_of(tiny_model, (train, test, pd.concat([valid, test.iloc[:1]])), tmp_path)
    with pytest.raises(ValueError, match=r"^1 rows are in train and in valid, such as"):
        bench_of(tiny_model, (train, test, pd.concat([valid, train.iloc[:1]])), tmp_path)
    with pytest.raises(ValueError, match=r"^test_at=\(2,\); give shares of the budget between 0 and 1"):
        bench_of(tiny_model, parts, tmp_path, test_at=(2,))


def test_a_sweep_without_validation_rows_says_what_it_is_read_on(tiny_model, parts, tmp_path):
    train, test, valid = parts
    plain = cl.Bench(tiny_model, train, test, budget=cl.Budget(steps=1), batch_size=4, store=None, valid=None)
    with pytest.warns(UserWarning, match="^this sweep is read on the test rows"):
        cl.bench.learning_rate_sweep(plain, [1e-3], seeds=1, progress=False)
