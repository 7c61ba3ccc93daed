"""Train Long, Think Short: the budget over steps, and the reward composed with it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.reward.train_long_think_short import budget_at
from curriculab.protocol import Sample, Train
from curriculab.simulation.pools import planted
from curriculab.simulation.student import Student
from tests.methods.made import asked_by

POOL, STUDENT = planted({"easy": 0.9, "middling": 0.5, "hard": 0.1}, rows=8)


def test_the_budget_is_the_papers_series():
    at = partial(budget_at, start=256, gamma=0.7, every=150)
    # 256, 179.2, 125.44, 87.808: the paper prints 256, 179, 125, 87, so they are rounded down
    assert [at(t) for t in (0, 149, 150, 299, 300, 449, 450, 599)] == [256, 256, 179, 179, 125, 125, 87, 87]
    assert at(150 * 40) == 1  # 256 * .7^40 = .0002
    assert budget_at(450, start=87, gamma=1.0, every=150) == 87  # the fixed control


def test_a_linear_budget_falls_by_equal_parts_and_meets_the_other():
    at = partial(budget_at, start=256, gamma=0.7, every=150, shape="linear")
    # parts of 256 (1 - .343) / 3 = 56.064: 256, 199.936, 143.872, 87.808, and no further
    assert [at(t) for t in (0, 150, 300, 450, 600, 6000)] == [256, 199, 143, 87, 87, 87]
    drops = [budget_at(150, start=256, gamma=g, every=150) for g in (0.343, 0.7, 0.343 ** (1 / 7))]
    assert drops == [87, 179, 219]  # one, three or seven drops to the same end: d = (S_f / S_0)^(1 / n)


@pytest.mark.parametrize("steps", [8, 60, 100])
def test_a_run_of_any_length_sees_the_papers_four_budgets(steps):
    """By default each holds for a quarter of the steps: 256, 179, 125 and 87 tokens, section 4 of the paper."""
    how = dict(steps=steps, batch_size=2, num_generations=2, objective="grpo", learner=STUDENT)
    budgets = simulate(methods.train_long_think_short, POOL, **how).metrics.budget
    assert budgets.value_counts().to_dict() == dict.fromkeys([256, 179, 125, 87], steps // 4)
    assert budgets.is_monotonic_decreasing


def test_the_prompt_ends_with_the_budget_and_the_reward_is_composed():
    student = Student(words=4.0, rate=0.0)
    pool = POOL.assign(topic="x")
    knobs = {"start": 20, "every": 2, "weights": (0.6, 0.3, 0.1)}
    seen, runs = asked_by(methods.train_long_think_short, pool, 4, student=student, **knobs)
    asked = [r for r in seen if isinstance(r, Sample)]
    for request, budget in zip(asked, (20, 20, 14, 14), strict=False):
        assert [p.split("\n") for p in request.rows.prompt] == [
            [pool.prompt[i], f"Answer in {budget} tokens."] for i in request.rows.index
        ]
    rows = next(r for r in seen if isinstance(r, Train)).rows
    share = rows.length / 20
    close = np.clip(np.where(share <= 1, share, 2 - share), 0, 1)
    assert rows.reward.to_numpy() == pytest.approx(0.6 * rows.correct + 0.3 * close)
    assert rows["reward/length"].to_numpy() == pytest.approx(close) and (rows["reward/tags"] == 0).all()
    assert runs.metrics.budget.tolist() == [20, 20, 14, 14]


def test_a_band_and_a_bare_prompt():
    knobs = {"start": 30, "length": "band", "tell_budget": False, "max_new_tokens": 60}
    seen, _ = asked_by(methods.train_long_think_short, POOL, 2, student=STUDENT, **knobs)
    first, trained = (next(r for r in seen if isinstance(r, kind)) for kind in (Sample, Train))
    assert (first.rows.prompt == POOL.prompt[first.rows.index]).all() and first.max_completion_length == 60
    assert (trained.rows["reward/length"] == 1).all()  # "yes" and "wrong answer 3" are shorter than 30


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"length": "square"}, "length='square' is unknown; give 'triangle' or 'band'"),
        ({"shape": "step"}, "shape='step' is unknown; give 'exponential' or 'linear'"),
        (
            {"weights": (1, 0)},
            "weights=(1, 0); give three of correct, length and tags, at least 0 and some above",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(
        partial(methods.train_long_think_short, **knobs), POOL, steps=3, batch_size=2, name="v", objective="grpo"
    )
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
