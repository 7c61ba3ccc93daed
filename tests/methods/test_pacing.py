"""Pacing: shares of the pool over time, worked out by hand, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab.methods.pacing import Geometric, Linear, Ramp, Root, Stairs, passed, steps_within
from curriculab.protocol import Clock, Run
from tests.methods.made import make, trained_ids


# min(1, t (1 - .01) + .01); sqrt(t (1 - .0001) + .0001); .01^(1 - t)
@pytest.mark.parametrize(
    ("pacing", "expected"),
    [
        (Linear(), [0.01, 0.2575, 0.505, 1.0]),
        (Root(p=2), [0.01, 0.50007, 0.70714, 1.0]),
        (Root(p=1), [0.01, 0.2575, 0.505, 1.0]),
        (Geometric(), [0.01, 0.03162, 0.1, 1.0]),
    ],
)
def test_pacing_follows_its_formula(pacing, expected):
    assert np.allclose([pacing(t) for t in (0.0, 0.25, 0.5, 1.0)], expected, atol=1e-5)


# t = .0625, .265625, .46875, .671875, .875 are s = 0, 1/4, 1/2, 3/4, 1; c = .1 + .9 f(s)
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("linear", [0.1, 0.325, 0.55, 0.775, 1.0]),
        ("quad", [0.1, 0.15625, 0.325, 0.60625, 1.0]),
        ("root", [0.1, 0.55, 0.736396, 0.879423, 1.0]),
        ("step", [0.1, 0.1, 0.1, 0.1, 1.0]),
        ("exp", [0.1, 0.100457, 0.106024, 0.173840, 1.0]),  # (e^2.5 - 1) / (e^10 - 1) = 11.182494 / 22025.465795
        ("log", [0.1, 0.875250, 0.937625, 0.974114, 1.0]),  # 1 + (ln .25) / 10 = .861371
    ],
)
def test_ramps_follow_their_formulas(shape, expected):
    ramp = Ramp(shape)
    assert [ramp(t) for t in (0.0625, 0.265625, 0.46875, 0.671875, 0.875)] == pytest.approx(expected, abs=2e-5)
    assert ramp(0.0) == 0.1 and ramp(1.0) == 1.0
    points = [ramp(t) for t in np.linspace(0, 1, 201)]
    assert np.all(np.diff(points) >= 0)


def test_stairs():
    stairs = Stairs(start=0.04, increase=1.9, length=0.1)
    assert [stairs(t) for t in (0.0, 0.09, 0.1, 0.25, 0.6)] == pytest.approx([0.04, 0.04, 0.076, 0.1444, 1.0])


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: Linear(start=0), "Linear(start=0) is no share of the pool; give one above 0, at most 1"),
        (lambda: Geometric(start=2), "Geometric(start=2) is no share of the pool; give one above 0, at most 1"),
        (lambda: Root(p=0.5), "Root(p=0.5) is no root; give p of at least 1 (1 is linear, 2 the square root)"),
        (lambda: Ramp("cubic"), "Ramp(shape='cubic') is unknown; give one of linear, quad, root, step, exp, log"),
        (lambda: Ramp(begin=0.9), "Ramp(begin=0.9, end=0.875); give 0 <= begin < end <= 1"),
        (lambda: Ramp(start=0), "Ramp(start=0) is no share of the pool; give one above 0, at most 1"),
        (
            lambda: Stairs(increase=1),
            "Stairs(increase=1, length=0.1) never rises; give an increase above 1 and a length above 0",
        ),
    ],
)
def test_pacing_refuses_what_it_cannot_be(make_it, message):
    with pytest.raises(ValueError) as error:
        make_it()
    assert str(error.value) == message


@pytest.mark.parametrize("pacing", [Ramp("exp"), Stairs()])
def test_any_pacing_goes_with_any_order(pacing):
    pool = make(range(10))
    steps = trained_ids("competence", pool, 40, pacing=pacing, until=1.0)
    allowed = [max(2, int(pacing(i / 40) * 10)) for i in range(40)]
    assert all(max(map(ord, ids)) - ord("a") < most for ids, most in zip(steps, allowed, strict=True))


@pytest.mark.parametrize(
    ("every", "expected"),
    [(0.1, [0, 1, 2, 3, 9, 10]), (0.25, [0, 0, 0, 1, 3, 4]), (5, [0, 1, 2, 3, 9, 10]), (20, [0, 0, 0, 0, 2, 2])],
)
def test_intervals_are_shares_of_the_run_or_steps(every, expected):
    """Of 50 steps, after 0, 5, 10, 15, 45 and 50."""
    run = [Run(0, batch=1, clock=Clock(progress=n / 50, step=n)) for n in (0, 5, 10, 15, 45, 50)]
    assert [passed(one, every) for one in run] == expected


def test_an_interval_is_a_share_of_the_run_from_where_it_begins_or_steps():
    """Of 20 steps, from the fifth on: a fifth of the run is four of them; a hundredth is one."""
    for every, expected in ((0.2, 4), (0.01, 1), (3, 3)):
        clock = Clock(progress=5 / 20, step=5)
        run = Run(0, batch=1, clock=clock)
        taken = 0
        for _ in steps_within(run, every):
            taken += 1
            clock.step, clock.progress = 5 + taken, (5 + taken) / 20
        assert taken == expected
