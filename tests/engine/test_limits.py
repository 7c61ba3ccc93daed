"""Limits of memory: what they refuse, and how a bench passes them on."""

from __future__ import annotations

import pickle

import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.spec import read_spec
from curriculab.engine.limits import KvCacheBytes, MemoryLimits


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (
            {"max_tokens_per_forward": 0},
            "max_tokens_per_forward=0; give a whole number from 1 on, such as max_tokens_per_forward=4096, or None",
        ),
        (
            {"kv_cache_bytes": 1e9},
            "kv_cache_bytes=1000000000.0; give a whole number from 1 on, such as kv_cache_bytes=1073741824, or None",
        ),
        ({"gradient_checkpointing": 2}, "gradient_checkpointing=2; give True or False"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(tiny_model, small_pools, how, line):
    with pytest.raises(ValueError) as caught:
        cl.Bench(tiny_model, *small_pools, budget=cl.Budget(steps=1), **how, valid=None)
    assert str(caught.value) == line


def test_limits_are_refused_beside_a_backend(tiny_model, small_pools):
    with pytest.raises(
        ValueError, match="^kv_cache_bytes= limits this process, and backend= answers in its place; leave it out$"
    ):
        cl.Bench(
            tiny_model,
            *small_pools,
            budget=cl.Budget(steps=1),
            kv_cache_bytes=1,
            backend=lambda design: None,
            valid=None,
        )


def test_a_bench_gives_its_limits_to_the_backend_the_record_and_a_file(tiny_model, small_pools, tmp_path):
    how = {"gradient_checkpointing": True, "max_tokens_per_forward": 300, "kv_cache_bytes": 10**6}
    plain, limited, cached = (
        cl.Bench(tiny_model, *small_pools, budget=cl.Budget(steps=1), store=tmp_path / "runs", **given, valid=None)
        for given in ({}, how, {"kv_cache_bytes": 10**6})
    )
    backend = limited.design.backend()
    assert (backend.tokens(), backend.cache_bytes, backend.limits) == (300, 10**6, MemoryLimits(**how))
    assert limited.design.settings()["memory"] == how and "memory" not in plain.design.settings()
    assert "max_tokens_per_forward=300" in limited._repr_html_() and "memory" not in plain._repr_html_()
    digests = [bench.design.digest(methods.random_order, 0) for bench in (plain, limited, cached)]
    assert digests[0] == digests[2] != digests[1]  # tokens of a forward change rounding, the others nothing
    path = limited.write(tmp_path / "bench.json", {"random": methods.random_order})
    record = tiny_model.record()
    assert record["in_memory"] is False
    assert read_spec(path).design.limits == MemoryLimits(**how)


def test_bytes_stay_bytes_on_their_way_to_another_process():
    limit = pickle.loads(pickle.dumps(KvCacheBytes(2**20)))
    assert isinstance(limit, KvCacheBytes) and limit == 2**20
