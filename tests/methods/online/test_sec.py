"""SEC: values of arms, the shares they give, and where they settle."""

from __future__ import annotations

import re
from math import comb

import numpy as np
import pytest

from curriculab import methods
from curriculab.methods.online import sec
from curriculab.methods.samplers import softmax
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run
from tests.methods.made import numbered, sampled, shares, trained

TWO = numbered([1, 1, 1, 2, 2, 2])


@pytest.mark.parametrize(
    ("absent", "expected"),
    # Q = .4, .2 after |A| = .8, .4 and alpha = 1/2; then arm 1 alone brings .8: Q = .6 and .2 kept, or .1
    [("keep", [0.6, 0.2]), ("decay", [0.6, 0.1])],
)
def test_sec_moves_the_value_of_each_arm_seen(absent, expected):
    made = methods.sec(TWO, Run(0, batch=4), absent=absent)
    request = next(made)
    assert shares(request) == [0.5, 0.5]
    gains = {1: 0.8, 2: 0.4}
    both = trained(TWO, advantage=lambda out: out.level.map(gains) * np.resize([1, -1], len(out)))
    request = made.send(both)
    assert shares(request) == pytest.approx(softmax(np.array([0.4, 0.2]) / 0.4))
    request = made.send(trained(TWO.iloc[:3], advantage=lambda out: np.full(len(out), 0.8)))
    assert shares(request) == pytest.approx(softmax(np.array(expected) / 0.4))


def test_sec_lets_a_new_value_in_by_alpha():
    made = methods.sec(TWO, Run(0, batch=4), alpha=0.25)
    next(made)
    request = made.send(trained(TWO, advantage=lambda out: np.full(len(out), 0.8)))
    request = made.send(trained(TWO.iloc[:3], advantage=lambda out: np.full(len(out), -0.4)))
    # Q = .25 * .8 = .2 each; then arm 1 has .75 * .2 + .25 * .4 = .25
    assert shares(request) == pytest.approx(softmax(np.array([0.25, 0.2]) / 0.4))


def test_an_arm_comes_without_repeats_within_a_pass():
    pool = numbered([1] * 6 + [2] * 6)
    made = methods.sec(pool, Run(0, batch=3))
    request, rows = next(made), {1: [], 2: []}
    for _ in range(30):
        for row, level in zip(request.rows.index, request.rows.level, strict=True):
            rows[level].append(row)
        request = made.send(trained(request.rows, right=4))
    for arm in rows.values():
        assert len(arm) >= 18 and all(len(set(arm[at : at + 6])) == 6 for at in range(0, len(arm) - 5, 6))


def test_alpha_is_the_weight_of_what_is_new():
    # alpha = .2: Q = .2 * .8 = .16 and .2 * .4 = .08; then arm 1 alone brings .8: .8 * .16 + .2 * .8 = .288
    made = methods.sec(TWO, Run(0, batch=4), alpha=0.2)
    next(made)
    both = trained(TWO, advantage=lambda out: out.level.map({1: 0.8, 2: 0.4}))
    assert shares(made.send(both)) == pytest.approx(softmax(np.array([0.16, 0.08]) / 0.4))
    request = made.send(trained(TWO.iloc[:3], advantage=lambda out: np.full(len(out), 0.8)))
    assert shares(request) == pytest.approx(softmax(np.array([0.288, 0.08]) / 0.4))


def test_the_rows_of_an_arm_come_without_repeats_within_a_pass():
    one = numbered([1] * 6)
    made = methods.sec(one, Run(0, batch=2))
    request, seen = next(made), []
    for _ in range(6):
        seen += request.rows.index.tolist()
        request = made.send(trained(request.rows))
    assert sorted(seen[:6]) == sorted(seen[6:]) == sorted(one.index)


def settle(steps=400, batch=8, **knobs) -> np.ndarray:
    """Mean P of arms with pass rates .02, .2, .5, .8, .98 that never get better."""
    rates, rng = {1: 0.02, 2: 0.2, 3: 0.5, 4: 0.8, 5: 0.98}, np.random.default_rng(0)
    pool = numbered(np.repeat([1, 2, 3, 4, 5], 20))
    made = methods.sec(pool, Run(0, batch=batch), **knobs)
    request, seen = next(made), []
    for _ in range(steps):
        out = sampled(request.rows, 8, lambda rows: rng.binomial(8, rows.level.map(rates)))
        request = made.send(out.assign(advantage=Grpo().advantages(out)))
        seen.append(shares(request))
    return np.mean(seen[50:], axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tau", "expected"),
    [
        (0.4, [0.06, 0.23, 0.42, 0.23, 0.06]),
        (0.2, [0.01, 0.18, 0.61, 0.18, 0.01]),
        (1.0, [0.13, 0.23, 0.29, 0.23, 0.13]),
    ],
)
def test_sec_settles_where_the_expected_advantage_says(tau, expected):
    # softmax(E|A| / tau), up to .03 from Q that wanders: E|A| = .094, .630, .868, .630, .094
    assert settle(batch=24, tau=tau) == pytest.approx(expected, abs=0.03)


@pytest.mark.slow
def test_sec_prefers_the_best_arm_more_where_absent_arms_decay():
    kept, decayed = settle(), settle(absent="decay")
    assert decayed[2] - kept[2] == pytest.approx(0.05, abs=0.03)


def test_the_expected_advantage_of_secs_check_is_the_binomials():
    expected = []
    for p in (0.02, 0.2, 0.5):
        means = [np.abs(Grpo().advantages(sampled(numbered([1]), 8, k))).mean() for k in range(9)]
        expected.append(sum(comb(8, k) * p**k * (1 - p) ** (8 - k) * means[k] for k in range(9)))
    assert np.allclose(sec.MEAN_ADVANTAGE[:3], expected, atol=1e-4)


def test_sec_may_be_greedy():
    # the released code takes the first of the best, and with the chance epsilon one of the others
    assert sec.greedy(np.array([0.0, 2.0, 2.0, 1.0]), 0.3).tolist() == pytest.approx([0.1, 0.7, 0.1, 0.1])
    assert sec.greedy(np.array([0.5]), 0.3).tolist() == [1.0]
    made = methods.sec(TWO, Run(0, batch=4), epsilon=0.1)
    next(made)
    request = made.send(trained(TWO, advantage=lambda out: out.level.map({1: 0.1, 2: 0.5})))
    assert shares(request) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"absent": "drop"}, "absent='drop' is unknown; give 'keep' (the paper) or 'decay' (its released code)"),
        ({"arms": "source"}, "arms='source' is no column of the pool; it has prompt, answer, topic, level"),
    ],
)
def test_knobs_that_mean_nothing(knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(methods.sec(TWO, Run(0, batch=4), **knobs))
