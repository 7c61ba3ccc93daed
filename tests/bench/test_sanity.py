"""The truth test holds on the bench as it is, and not on one that shuffles, repeats or loses what was asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench import bench, grading, recording
from curriculab.bench.sanity import SanityCheckError, truth_test
from curriculab.engine import backend
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model


@pytest.fixture(scope="module")
def pool():
    return cl.load_pool("ladder", levels=[1, 2], n=60, seed=0)


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load_model(str(tiny_folder), bits=32)


@pytest.mark.slow
def test_it_holds_here(model, pool):
    table = truth_test(model, pool)
    assert table.holds.all() and len(table) == 13
    assert table.loc["asked, trained, recorded: rows", "found"] == "160 of 160 equal, in their order"
    assert table.loc["grading: wrong answers are wrong", "found"] == "40 of 40"


def shuffled(rows, rng):
    return rows.iloc[rng.permutation(len(rows))]


@pytest.mark.slow
def test_it_fails_loudly_on_a_loader_that_shuffles_a_batch(model, pool, monkeypatch):
    inner, rng = backend.train_steps, np.random.default_rng(0)
    monkeypatch.setattr(
        backend,
        "train_steps",
        lambda m, a, tables, *more, **how: inner(m, a, [shuffled(t, rng) for t in tables], *more, **how),
    )
    with pytest.raises(SanityCheckError, match=r"rows: \d+ of 160 equal, in their order.*no result of this"):
        truth_test(model, pool)


@pytest.mark.slow
def test_it_fails_on_a_loader_that_trains_other_rows_under_the_names_of_those_asked(model, pool, monkeypatch):
    inner, rng = backend.train_steps, np.random.default_rng(0)

    def swapped(m, adapters, tables, *more, **how):
        others = [pool.sample(len(t), random_state=int(rng.integers(99))).set_axis(t.index) for t in tables]
        return inner(m, adapters, others, *more, **how)

    monkeypatch.setattr(backend, "train_steps", swapped)
    with pytest.raises(SanityCheckError, match=r"losses of these rows: at most .* nats apart"):
        truth_test(model, pool)


@pytest.mark.slow
def test_it_fails_on_a_bench_that_shuffles_its_pool_by_the_clock(model, pool, monkeypatch):
    inner, rng = bench.Bench.run, np.random.default_rng()

    def run(self, *args, **kwargs):
        self.design = replace(self.design, train=shuffled(self.train, rng))
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(bench.Bench, "run", run)
    with pytest.raises(SanityCheckError, match="same seed: order of rows: different"):
        truth_test(model, pool)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        lambda t: t.assign(id=t.id.to_numpy()[::-1]),
        lambda t: t[t.step < 10],
        lambda t: pd.concat([t, t[-1:]]),
    ],
    ids=["turned round", "a step lost", "a row too many"],
)
def test_it_fails_on_a_record_that_is_not_what_was_trained(wrong, model, pool, monkeypatch):
    inner = recording._exposure
    monkeypatch.setattr(recording, "_exposure", lambda job: wrong(inner(job)))
    with pytest.raises(SanityCheckError, match="asked, trained, recorded: rows: "):
        truth_test(model, pool)


@pytest.mark.slow
def test_it_fails_where_a_seed_means_nothing(model, pool, monkeypatch):
    inner = Model.adapter
    monkeypatch.setattr(Model, "adapter", lambda self, seed: inner(self, 7))
    with pytest.raises(SanityCheckError, match="another seed: adapter at the start: equal"):
        truth_test(model, pool)


@pytest.mark.slow
def test_it_fails_on_two_variants_whose_adapters_are_crossed_in_training(model, pool, monkeypatch):
    inner = backend.train_steps
    monkeypatch.setattr(
        backend, "train_steps", lambda m, adapters, *more, **how: inner(m, crossed(adapters), *more, **how)
    )
    with pytest.raises(SanityCheckError, match=r"losses of these rows: at most .*; side by side: what each "):
        truth_test(model, pool)


@pytest.mark.slow
def test_it_fails_on_two_variants_whose_adapters_are_crossed_in_training_and_reading(model, pool, monkeypatch):
    step, read = backend.train_steps, backend.score
    monkeypatch.setattr(backend, "train_steps", lambda m, a, *more, **how: step(m, crossed(a), *more, **how))
    monkeypatch.setattr(backend, "score", lambda m, a, *more, **how: read(m, crossed(a), *more, **how))
    with pytest.raises(SanityCheckError, match=r"failed \(side by side: each writes as it reads: at most "):
        truth_test(model, pool)


@pytest.mark.slow
def test_it_fails_on_two_variants_that_write_with_each_others_adapters(model, pool, monkeypatch):
    inner = backend.write

    def write(m, prompts, **room):
        adapters = list(dict.fromkeys(prompt.adapter for prompt in prompts))
        other = dict(zip(adapters, crossed(adapters), strict=True))
        return inner(m, [replace(prompt, adapter=other[prompt.adapter]) for prompt in prompts], **room)

    monkeypatch.setattr(backend, "write", write)
    with pytest.raises(SanityCheckError, match=r"failed \(side by side: each writes as it reads: at most "):
        truth_test(model, pool)


def crossed(adapters):
    """The adapters of the first and the last asked change places."""
    return [adapters[-1], *adapters[1:-1], adapters[0]] if len(adapters) > 1 else adapters


@pytest.mark.slow
@pytest.mark.parametrize(("worth", "kind"), [(1.0, "wrong"), (0.0, "right")])
def test_it_fails_on_a_verifier_that_says_the_same_of_everything(worth, kind, model, pool, monkeypatch):
    monkeypatch.setattr(grading, "verify_rows", lambda rows, texts: np.full(len(texts), worth))
    with pytest.raises(SanityCheckError, match=rf"failed \(grading: {kind} answers are {kind}: 0 of 40\)"):
        truth_test(model, pool)


def test_too_few_rows_are_one_line(model, pool):
    with pytest.raises(ValueError, match="^the truth test wants 41 rows, the pool has 40; load more$"):
        truth_test(model, pool.iloc[:40])
