"""Thompson sampling: counts that fade, and the rows it finds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.protocol import Run
from curriculab.simulation.pools import planted
from tests.methods.made import make, talk


def test_thompson_counts_answers_and_lets_old_ones_fade():
    pool = make([1, 1])
    rewards = [[1, 1], [1, 0]]  # the first row of a step is right twice, the other once
    seen = talk(methods.thompson, pool, [rewards] * 3, candidates=None)
    assert seen[0].note["expected pass rate"] == 0.5  # Beta(1, 1)
    order = [list(r.rows.index) for r in seen]
    right, wrong = dict.fromkeys("ab", 1.0), dict.fromkeys("ab", 1.0)
    for step, rows in enumerate(order[1:], start=1):
        for row, (r, w) in zip(order[step - 1], ((2, 0), (1, 1)), strict=True):
            right[row], wrong[row] = 1 + 0.5 * (right[row] - 1) + r, 1 + 0.5 * (wrong[row] - 1) + w
        expected = np.mean([right[row] / (right[row] + wrong[row]) for row in rows])
        assert seen[step].note["expected pass rate"] == pytest.approx(expected)
    # after one step 3/4 and 2/4, whoever came first; kept whole, what was counted would give other means from the
    # second step on: (5/6 + 3/6) / 2 where the order stays, in place of (4/5 + 2.5/5) / 2
    assert seen[1].note["expected pass rate"] == pytest.approx((3 / 4 + 2 / 4) / 2)


def test_thompson_compares_eight_candidates_a_place_by_draws():
    pool = make([1] * 26)
    chosen = [tuple(next(methods.thompson(pool, Run(seed, batch=2))).rows.index) for seed in range(40)]
    assert len(set(chosen)) > 30  # nothing is known: a mean of 1/2 for every row would be no reason to choose
    right = [[1, 1], [0, 0]]  # after one step the first row has Beta(3, 1), the other Beta(1, 3): mean distance .25
    both = [talk(methods.thompson, make([1, 1]), [right], candidates=None, seed=s)[1].rows.index[0] for s in range(60)]
    assert 10 < both.count("a") < 50  # by the means both are as near to 1/2, and the order would never change


def test_a_row_comes_again_as_often_as_its_draw_is_nearer_to_the_target():
    # after six right answers of six one row is Beta(7, 1), the other still even on [0, 1]: the chance that |p - 1/2| of
    # the first is smaller is 1 - 2 E|p - 1/2|, and E|p - 1/2| = 7/8 - 1/2 + 2 * (1/2)^8 / 8 = .3760
    again = []
    for seed in range(300):
        asked = talk(methods.thompson, make([1, 1]), [[[1] * 6]], batch=1, rollouts=6, seed=seed, candidates=None)
        again.append(asked[1].rows.index[0] == asked[0].rows.index[0])
    assert np.mean(again) == pytest.approx(0.2480, abs=0.075)  # three standard errors


def test_candidates_are_drawn_anew_in_each_step():
    asked = talk(methods.thompson, make([1] * 8), [[[1, 0]]] * 60, batch=1, candidates=2)
    assert {request.rows.index[0] for request in asked} == set("abcdefgh")


def test_answers_of_the_visit_before_count_half():
    # Beta(1 + 2, 1), then Beta(1 + 2 / 2, 1 + 2): 2 of 5
    asked = talk(methods.thompson, make([1]), [[[1, 1]], [[0, 0]]], batch=1)
    assert [request.note["expected pass rate"] for request in asked] == pytest.approx([0.5, 0.75, 0.4])


def test_the_prior_counts_as_answers():
    asked = talk(methods.thompson, make([1]), [[[1, 1]]], batch=1, prior=3.0)
    assert [request.note["expected pass rate"] for request in asked] == pytest.approx([0.5, 5 / 8])  # (3 + 2) / (6 + 2)


@pytest.mark.slow
def test_thompson_finds_the_middling_rows_and_a_target_moves_it():
    pool, student = planted({"easy": 0.9, "middling": 0.5, "hard": 0.1})
    for target, topic in ((0.5, "middling"), (0.9, "easy"), (0.1, "hard")):
        method = partial(methods.thompson, target=target)
        runs = simulate(method, pool, steps=60, batch_size=8, learner=student, objective="grpo")
        late = runs.exposure[runs.exposure.step > 40].join(pool, on="id")
        assert (late.topic == topic).mean() > 0.6, topic
