"""Human strategies: orders by category and difficulty, written out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from tests.methods.made import drawn, make

GRID = make([2, 1, 3, 1, 3, 2, 3, 2, 1], topic=["m", "m", "m", "k", "k", "k", "z", "z", "z"])


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("blocked_curriculum", "bac" + "dfe" + "ihg"),  # m, k, z as they first appear, easy to hard within
        ("interleaved_curriculum", "bdi" + "afh" + "ceg"),  # the easiest third of each, then the next
    ],
)
def test_human_strategies_written_out(order, expected):
    steps = drawn(methods.human_strategies, GRID, 6, batch_size=3, order=order)
    assert "".join(steps) == 2 * expected


def test_human_strategies_by_category_alone():
    blocked = "".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="blocked", by=None))
    assert [set(blocked[i : i + 3]) for i in (0, 3, 6)] == [set("abc"), set("def"), set("ghi")]
    mixed = "".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="interleaved", by=None))
    for part in (mixed[0:3], mixed[3:6], mixed[6:9]):  # one of each category, in their order
        assert part[0] in "abc" and part[1] in "def" and part[2] in "ghi"
    assert sorted(mixed) == list("abcdefghi")


def test_human_strategies_by_difficulty_alone_and_by_neither():
    rising = "".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="curriculum"))
    assert [set(rising[i : i + 3]) for i in (0, 3, 6)] == [set("bdi"), set("afh"), set("ceg")]
    assert sorted("".join(drawn(methods.human_strategies, GRID, 3, batch_size=3, order="random"))) == list("abcdefghi")


def test_a_later_epoch_has_new_ties():
    # 24 rows of one level: two epochs in the same order have a chance of 1 / 24!
    steps = drawn(methods.human_strategies, make([1] * 24), 2, batch_size=24, order="curriculum")
    assert sorted(steps[0]) == sorted(steps[1]) and steps[0] != steps[1]


def test_human_strategies_take_a_models_difficulty_and_other_parts():
    pool = GRID.assign(option_probability=[0.1, 0.2, 0.3, 0.3, 0.2, 0.1, 0.2, 0.1, 0.3], speciality=GRID.topic)
    knobs = {"order": "interleaved_curriculum", "by": "option_probability", "category": "speciality", "parts": 1}
    assert "".join(drawn(methods.human_strategies, pool, 3, batch_size=3, **knobs)) == "abc" + "fed" + "hgi"


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3], minus=[-1.0, 0.0, 1.0, 2.0])
COLUMNS = "prompt, answer, topic, level, loss, minus"


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"order": "spiral"},
            "order='spiral' is unknown; give one of random, curriculum, blocked, blocked_curriculum, interleaved, "
            "interleaved_curriculum",
        ),
        ({"category": "area"}, f"category='area' is no column of the pool; it has {COLUMNS}"),
        (
            {"by": None},
            "by=None is no column of the pool; it has " + COLUMNS,
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.human_strategies, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
