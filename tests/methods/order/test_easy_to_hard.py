"""Easy to hard: orders written out by hand, over a pass and over the budget."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from tests.methods.made import drawn, make


def test_easy_to_hard_by_passes_is_sorted_and_begins_again_at_the_easy_end():
    pool = make([3, 1, 2, 5, 4])
    assert drawn(methods.easy_to_hard, pool, 5, span="pass") == ["bc", "ae", "db", "ca", "ed"]


def test_easy_to_hard_shuffles_ties_anew_each_pass():
    pool = make([1] * 6 + [2] * 6)
    steps = drawn(methods.easy_to_hard, pool, 4, batch_size=6, span="pass")
    assert [set(s) for s in steps] == [set("abcdef"), set("ghijkl")] * 2
    assert steps[0] != steps[2]


def test_easy_to_hard_over_the_budget_walks_all_ranks():
    pool = make([3, 1, 2, 5, 4, 7, 6, 8, 10, 9])  # from easy to hard: b c a e d g f h j i
    # ranks from floor(progress * 10): 0, 2, 5, 7, at progress 0, 1/4, 2/4, 3/4
    assert drawn(methods.easy_to_hard, pool, 4) == ["bc", "ae", "gf", "hj"]
    # more steps than ranks: windows overlap, the last ends with the hardest
    assert drawn(methods.easy_to_hard, make([1, 2, 3]), 4) == ["ab", "ab", "bc", "bc"]
    assert drawn(methods.easy_to_hard, make([1, 2, 3]), 1, batch_size=4) == ["abca"]


def test_any_column_may_be_the_order():
    pool = make([1, 1, 1, 1], loss=[0.4, 0.1, 0.3, 0.2])
    assert drawn(methods.easy_to_hard, pool, 2, by="loss") == ["bd", "ca"]


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])
COLUMNS = "prompt, answer, topic, level, loss, minus"


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"by": "lvl"}, f"by='lvl' is no column of the pool; it has {COLUMNS}"),
        (
            {"span": "epoch"},
            "span='epoch' is unknown; give 'budget' (one walk over all ranks) or 'pass' (sorted passes)",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.easy_to_hard, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
