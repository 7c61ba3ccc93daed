"""Corgi: orders over subjects, stages and Bloom levels, written out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from tests.methods.made import make, trained_ids

# two subjects m (a-d) and k (e-h); stage 1 or 2; Bloom 1 or 2
SCHOOL = make([1, 1, 2, 2, 1, 1, 2, 2], topic=list("mmmmkkkk")).assign(
    bloom=["apply", "remember", "remember", "apply", "remember", "apply", "apply", "remember"]
)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("blocking", "bacd" + "efhg"),
        ("clustering", "bc" + "eh" + "ad" + "fg"),  # remember: m, k; then apply: m, k
        ("interleaving", "be" + "af" + "ch" + "dg"),
    ],
)
def test_corgi_written_out(order, expected):
    assert "".join(trained_ids("corgi", SCHOOL, 4, order=order, bloom="bloom", span="pass")) == expected
    numbers = SCHOOL.assign(bloom=SCHOOL.bloom.map({"remember": 1, "apply": 3}))
    assert "".join(trained_ids("corgi", numbers, 4, order=order, bloom="bloom", span="budget")) == expected


def test_the_spiral_returns_to_every_subject_in_each_stage_whatever_the_bloom_level():
    seen = set()
    for seed in range(30):
        ids = "".join(trained_ids("corgi", SCHOOL, 4, order="spiral", bloom="bloom", span="pass", seed=seed))
        assert [SCHOOL.topic[i] for i in ids] == list("mkmkmkmk")
        assert set(ids[:4]) == set("abef")
        seen.add(ids)
    assert len(seen) > 4


def test_a_subject_without_rows_drops_out_of_the_turns():
    pool = make([1] * 5, topic=list("mmmkk"))
    topics = [pool.topic[i] for i in "".join(trained_ids("corgi", pool, 5, batch_size=1))]
    assert topics == list("mkmkm")


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])
COLUMNS = "prompt, answer, topic, level, loss"


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"order": "random"},
            "order='random' is unknown; give one of blocking, clustering, spiral, interleaving",
        ),
        ({"subject": "area"}, f"subject='area' is no column of the pool; it has {COLUMNS}"),
        (
            {"bloom": "topic"},
            "bloom='topic' is 'x' for row 'a'; give one of remember, understand, apply, analyse, evaluate, create, or "
            "numbers",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.corgi, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
