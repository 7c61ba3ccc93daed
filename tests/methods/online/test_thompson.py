"""Thompson sampling: counts that fade, and the rows it finds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.simulation.pools import planted
from tests.methods.made import make, talk


def test_thompson_counts_answers_and_lets_old_ones_fade():
    pool = make([1, 1])
    seen = talk(methods.thompson, pool, [[[1, 1], [0, 0]], [[1, 1], [0, 0]], [[1, 1], [0, 0]]], candidates=None)
    # whichever row came first in a step was right twice: means of Beta(1, 1), then of what was counted, of both rows
    assert seen[0].note["expected pass rate"] == 0.5
    order = [list(r.rows.index) for r in seen]
    right = dict.fromkeys("ab", 1.0)
    wrong = dict.fromkeys("ab", 1.0)
    for step, rows in enumerate(order[1:], start=1):
        for row, (r, w) in zip(order[step - 1], ((2, 0), (0, 2)), strict=True):
            right[row], wrong[row] = 1 + 0.5 * (right[row] - 1) + r, 1 + 0.5 * (wrong[row] - 1) + w
        expected = np.mean([right[row] / (right[row] + wrong[row]) for row in rows])
        assert seen[step].note["expected pass rate"] == pytest.approx(expected)


@pytest.mark.slow
def test_thompson_finds_the_middling_rows_and_a_target_moves_it():
    pool, student = planted({"easy": 0.9, "middling": 0.5, "hard": 0.1})
    for target, topic in ((0.5, "middling"), (0.9, "easy"), (0.1, "hard")):
        method = partial(methods.thompson, target=target)
        runs = simulate(method, pool, steps=60, batch_size=8, learner=student, objective="grpo")
        late = runs.exposure[runs.exposure.step > 40].join(pool, on="id")
        assert (late.topic == topic).mean() > 0.6, topic
