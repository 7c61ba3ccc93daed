"""Learning progress: two averages an arm, and the chances they give."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.online.learning_progress import chances, reweighted
from tests.methods.made import make, talk


def test_reweighting_of_pass_rates():
    p = np.array([0.0, 0.1, 0.5, 1.0])
    assert reweighted(p, 0.1).tolist() == pytest.approx([0.0, 0.5, 0.9, 1.0])  # .09/.18, .45/.5
    assert reweighted(p, 0.5).tolist() == pytest.approx(p.tolist())


def test_chances_of_arms():
    progress = np.array([0.3, 0.1, 0.0])
    assert chances(progress, "proportional", 0.05, 0.2) == pytest.approx([0.6 + 1 / 15, 0.2 + 1 / 15, 1 / 15])
    e = np.exp([3.0, 1.0, 0.0])
    assert chances(progress, "boltzmann", 0.1, 0.0) == pytest.approx(e / e.sum())
    assert chances(np.array([np.nan, 0.2, 0.0]), "proportional", 1, 0.0) == pytest.approx([0.5, 0.5, 0.0])
    assert chances(np.zeros(4), "proportional", 1, 0.0) == pytest.approx([0.25] * 4)
    assert chances(np.full(4, np.nan), "proportional", 1, 0.5) == pytest.approx([0.25] * 4)


def test_learning_progress_follows_two_averages():
    pool = make([1, 1], topic=["u", "v"])
    rewards = [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[1, 0], [1, 0]]]
    for seed in range(5):
        asked = talk(methods.learning_progress, pool, rewards, seed=seed, alpha=0.5, epsilon=0.25, theta=0.5)
        fast, slow = dict.fromkeys("uv"), dict.fromkeys("uv")
        for request, rate, after in zip(asked, (0, 1, 0.5), asked[1:], strict=False):
            for arm in sorted(set(request.rows.topic)):
                if fast[arm] is None:
                    fast[arm] = slow[arm] = rate
                fast[arm] += 0.5 * (rate - fast[arm])
                slow[arm] += 0.5 * (fast[arm] - slow[arm])
            progress = {a: None if fast[a] is None else abs(fast[a] - slow[a]) for a in "uv"}
            most = max([x for x in progress.values() if x is not None]) or 1.0
            u, v = (most if x is None else x for x in progress.values())
            share = u / (u + v) if u + v else 0.5
            assert after.note["p/u"] == pytest.approx(0.75 * share + 0.125)


POOL = make([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"draw": "ucb"}, "draw='ucb' is unknown; give 'proportional' or 'boltzmann'"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(
        partial(methods.learning_progress, **knobs), POOL, steps=3, batch_size=2, name="v", objective="grpo"
    )
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
