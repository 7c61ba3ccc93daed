"""Learnability: which rows are answered again, by rank and by age."""

from __future__ import annotations

import pandas as pd

from curriculab import methods
from tests.methods.made import make, talk


def test_learnability_replays_what_was_answered_both_ways():
    pool = make([1] * 8)
    rewards = [[[1, 1], [1, 0], [0, 0], [1, 1]]] * 6
    asked = talk(methods.learnability, pool, rewards, batch=4, replay=1.0, rho=0.0, buffer=2, seed=3)
    mixed = asked[0].rows.index[1]
    assert asked[1].note["replayed"] == 0.5 and asked[1].rows.index[0] == mixed  # two rows fit in, the best comes first
    assert asked[1].note["learnability"] == 0.125  # p (1 - p) is 1/4 and 0
    assert asked[0].note == {"replayed": 0.0, "learnability": 0.0}


def test_a_score_is_of_the_pass_rate_last_seen():
    rewards = [[[1, 0]] * 4, [[1, 1]] * 4]
    asked = talk(methods.learnability, make([1] * 4), rewards, batch=4, replay=1.0, rho=0.0)
    assert [request.note["learnability"] for request in asked] == [0.0, 0.25, 0.0]


def test_staleness_counts_from_the_step_a_row_was_last_answered_in():
    again = []
    for seed in range(60):
        asked = talk(methods.learnability, make([1, 1]), [[[1, 0]]] * 2, batch=1, rho=1.0, seed=seed)
        if [request.note["replayed"] for request in asked] == [0.0, 0.0, 1.0]:  # two new rows, then one of them again
            again.append(asked[2].rows.index[0] == asked[0].rows.index[0])
    assert len(again) > 5 and all(again)  # c - C is 1 and 0


def test_staleness_brings_rows_back_that_rank_does_not():
    pool = make([1] * 20)
    rewards = [[[1, 0], [1, 1], [0, 0], [1, 1]]] * 40
    by_rank = talk(methods.learnability, pool, rewards, batch=4, rho=0.0)
    by_age = talk(methods.learnability, pool, rewards, batch=4, rho=1.0)
    seen = [pd.concat([r.rows for r in asked]).index.value_counts() for asked in (by_rank, by_age)]
    assert seen[1].max() < seen[0].max() and seen[1].min() >= seen[0].min()
