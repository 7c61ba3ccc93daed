"""ACuRL: its first tasks, what follows them, and its rounds, worked out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.methods.generated.acurl import Bank, repeated
from curriculab.protocol import Clock, Run, Sample, Train
from tests.methods.made import answered, asked_by, numbered


def pool(levels=6, each=20, topics=("x",)) -> pd.DataFrame:
    parts = [(t, level) for t in topics for level in range(1, levels + 1) for _ in range(each)]
    return numbered([level for _, level in parts]).assign(topic=[t for t, _ in parts])


def bank(**how) -> Bank:
    return Bank(pool(**how), "topic", np.random.default_rng(0))


def test_first_tasks_are_of_each_third_of_the_levels_in_every_context():
    made = bank(topics=("x", "y"))
    found = made.first(32, (16, 10, 6))
    assert len(found) == len(set(found)) == 64
    for context in (0, 1):
        level = made.level[found[made.context[found] == context]]
        assert [int(np.isin(level, two).sum()) for two in ([1, 2], [3, 4], [5, 6])] == [16, 10, 6]


def test_first_tasks_are_at_most_half_of_a_context():
    assert len(bank(levels=2, each=5).first(32, (16, 10, 6))) == 5


def test_what_follows_is_of_the_next_level_and_was_never_given():
    made = bank(levels=3, each=2)
    start = int(np.flatnonzero(made.level == 2)[0])
    made.used[start] = True
    found = [made.follow(start, step) for step in (1, 0, -1, 1)]
    assert made.level[found].tolist() == [3, 2, 1, 3] and len({start, *found}) == 5
    # levels 2 and 3 are used up: from level 1 onward nothing is nearer than what is left of level 1
    assert made.level[made.follow(start, 1)] == 1 and made.used.all()
    assert made.level[made.follow(start, 1)] == 3  # all were given: one of the level again


def test_levels_end_where_the_context_ends():
    made = bank(levels=3, each=9)
    top, bottom = (int(np.flatnonzero(made.level == level)[0]) for level in (3, 1))
    assert made.level[made.follow(top, 2)] == 3 and made.level[made.follow(bottom, -2)] == 1


def test_of_two_levels_that_are_as_near_the_one_onward_is_taken():
    made = bank(levels=3, each=3)
    made.used[made.level == 2] = True
    start = int(np.flatnonzero(made.level == 2)[0])
    for step, level in ((1, 3), (-1, 1)):
        assert made.level[made.pick(0, 2.0, step)] == level
    assert made.level[made.follow(start, 1)] == 3


def test_success_rates_decide_between_harder_same_and_easier():
    clock = Clock()
    rows = pool(levels=5, each=30)
    method = methods.acurl(rows, Run(0, batch=4, rollouts=4, clock=clock), tasks=5, mix=(0, 1, 0), tries=10, rounds=1)
    assert isinstance(next(method), Train)  # all of level 3, or of 2 to 4: levels 1-2, 3-4, 5
    clock.progress = 0.5
    asked = method.send(None)
    assert isinstance(asked, Sample) and asked.n == 10 and asked.purpose == "probe" and len(asked.rows) == 5
    right = [8, 7, 5, 3, 9]  # of 10: above 0.7, at it, within, at 0.3, above 0.7
    trained = method.send(answered(asked.rows, [[1] * n + [0] * (10 - n) for n in right]))
    seen = set(trained.rows.index)
    for progress in (0.6, 0.7, 0.8):
        clock.progress = progress
        seen |= set(method.send(None).rows.index)
    before = asked.rows.level.tolist()
    due = sorted(level + step for level, step in zip(before, [1, 0, 0, 0, 1], strict=True))
    assert len(seen) == 5 and not seen & set(asked.rows.index)
    assert sorted(rows.level[list(seen)]) == due
    assert trained.note == {"round": 1, "success": pytest.approx(0.64), "from_half": pytest.approx(0.22)}


def test_what_is_hardly_solved_is_followed_by_something_easier():
    clock = Clock()
    method = methods.acurl(pool(), Run(0, batch=2, clock=clock), tasks=2, mix=(0, 1, 0), tries=10, rounds=1)
    next(method)
    clock.progress = 0.5
    asked = method.send(None)
    trained = method.send(answered(asked.rows, [[1] * 3 + [0] * 7, [1] * 2 + [0] * 8]))
    assert sorted(trained.rows.level) == sorted((asked.rows.level - [0, 1]).tolist())


def test_rounds_are_of_equal_length():
    seen, runs = asked_by(partial(methods.acurl, tries=2), pool(), 8)
    assert runs.failed == {} and runs.metrics["round"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sum(isinstance(r, Sample) and r.purpose == "probe" for r in seen) == 3


def test_nothing_told_keeps_the_first_tasks():
    _, runs = asked_by(partial(methods.acurl, tries=2, told="nothing", tasks=4), pool(), 12)
    assert runs.exposure.id.nunique() == 4 and runs.metrics["round"].max() == 3


def test_repeats_are_tasks_of_an_earlier_round():
    table = [(0, "a", 0), (0, "b", 0), (0, "a", 1), (0, "c", 1), (0, "c", 1), (0, "d", 2), (1, "a", 1)]
    assert repeated(pd.DataFrame(table, columns=["seed", "id", "round"])) == pytest.approx(1 / 4)


def test_a_pool_without_topics_is_one_context():
    made = Bank(pool().drop(columns="topic"), "topic", np.random.default_rng(0))
    assert len(made.names) == 1 and len(made.first(32, (16, 10, 6))) == 32


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"^told='none' is unknown; give one of 'own', 'others', 'nothing'$"):
        next(methods.acurl(pool(), Run(0, batch=1), told="none"))
    with pytest.raises(ValueError, match=r"^low=0.8 is above high=0.7; give low at most high$"):
        next(methods.acurl(pool(), Run(0, batch=1), low=0.8))
    with pytest.raises(
        ValueError, match=r"^acurl: row 'r0' has no level; every task of the bank has one: fill or drop"
    ):
        next(methods.acurl(pool().assign(level=np.nan), Run(0, batch=1)))
    assert cl.methods.acurl is methods.acurl
