"""What a method reads of its own run: progress, phases, what it sets aside."""

from __future__ import annotations

import re

import pytest

from curriculab.protocol import Clock, Run


def test_a_phase_is_a_share_of_what_is_left_where_it_begins():
    clock = Clock(progress=0.2)
    run = Run(0, batch=8, clock=clock)
    quarter = run.phase(0.25)  # from .2 to .4
    clock.progress = 0.3
    assert quarter.progress == pytest.approx(0.5) and quarter.open
    clock.progress = 0.1 + 0.2 + 0.1  # .4 but for rounding
    assert quarter.progress == 1.0 and not quarter.open
    rest = run.phase()
    clock.progress = 0.7
    assert rest.progress == pytest.approx(0.5)
    clock.progress = 1.0
    assert rest.progress == 1.0 and run.phase().progress == 1.0


def test_a_phase_of_nothing_is_over_at_once():
    assert not Run(0, batch=8).phase(0.0).open


def test_steps_beside_the_budget_are_measured_in_tokens():
    """3,000 tokens lie ahead: a quarter of the run is 1,000 tokens beside them."""
    clock = Clock(ahead=3000.0)
    phase = Run(0, batch=8, clock=clock).phase(0.25)
    clock.beside = 500.0
    assert phase.progress == pytest.approx(0.5)
    clock.beside = 1000.0
    assert not phase.open


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_of_no_run_is_refused(share):
    message = f"a phase of {share:g}; give its share of what is left of the run, in [0, 1]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Run(0, batch=8).phase(share)


def test_what_is_set_aside_adds_up():
    clock = Clock()
    run = Run(0, batch=8, clock=clock)
    run.set_aside(40)
    run.set_aside(8)
    assert clock.set_aside == 48
