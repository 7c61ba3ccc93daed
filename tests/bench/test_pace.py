"""Estimates of the time left, of ledgers made by hand, and of a run whose steps cost unequally."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from curriculab.bench.pace import Pace


def line(step, request, seconds, *, rows=4, tokens=40, test=False):
    return (step, request, "", "learner", rows, tokens, 0, 0, seconds, test)


def job(name, seed=0, *, spent=0.0, due=(), ledger=(), shares=(), opened=True, evaluations=()):
    """A job as the pace reads it; shares: of the tests that it had."""
    return SimpleNamespace(
        variant=name,
        seed=seed,
        open=opened,
        run=SimpleNamespace(spent=spent),
        due=list(due),
        ledger=list(ledger),
        watched=[{"share": share} for share in shares],
        evaluations=list(evaluations),
    )


def test_steps_and_tests_that_are_left_at_their_own_pace():
    # A fifth of the budget in 8 s, one of five tests in 3 s: 4 x 8 + 4 x 3 = 44 s; of 11 s, 11 were answers.
    ledger = [line(0, "Sample", 3.0, test=True), *(line(k, "Train", 2.0) for k in (1, 2, 3, 4))]
    mine = job("a", spent=0.2, due=(0.25, 0.5, 0.75, 1.0), shares=(0.0,), ledger=ledger)
    pace = Pace()
    pace.taken_up = 0.0
    assert pace.left([mine], 11.0) == pytest.approx(44.0)
    assert pace.left([mine], 22.0) == pytest.approx(88.0)  # twice the time that answers took went by


def test_before_a_first_step_nothing_is_known():
    assert math.isnan(Pace().left([job("a", ledger=[line(0, "Sample", 3.0, test=True)], shares=(0.0,))], 3.0))


def test_a_variant_without_a_step_yet_is_taken_to_be_like_the_others_and_one_that_ended_takes_none():
    going = job("a", spent=0.5, ledger=[line(1, "Train", 10.0)])
    pace = Pace()
    pace.taken_up = 0.0
    assert pace.left([going, job("b"), job("c", opened=False)], 10.0) == pytest.approx(10.0 + 20.0)


def test_what_measured_rows_before_training_is_no_part_of_the_pace():
    mine = job("a", spent=0.5, ledger=[line(0, "Score", 100.0), line(1, "Train", 10.0)])
    pace = Pace()
    pace.taken_up = 0.0
    assert pace.left([mine], 10.0) == pytest.approx(10.0)


def test_the_start_that_variants_have_in_common_is_counted_once():
    start = line(0, "Sample", 6.0, test=True)
    jobs = [job(name, spent=0.5, shares=(0.0,), ledger=[start, line(1, "Train", 2.0)]) for name in "ab"]
    pace = Pace()
    pace.taken_up = 0.0
    assert pace.left(jobs, 10.0) == pytest.approx(4.0)  # 6 + 2 + 2 s of answers in 10 s: nothing is added


@pytest.mark.parametrize("order", ["easy first", "hard first", "short rows only"])
def test_after_a_tenth_of_a_run_whose_steps_cost_unequally_it_is_within_a_factor_of_1_5(order):
    """400 steps of 30 to 90 tokens a row, 4 ms a token and 50 ms a step; five tests of 20 s; checkpoints take 5%."""
    steps, tests = 400, (0.0, 0.25, 0.5, 0.75, 1.0)
    lengths = [30 + 60 * k / (steps - 1) for k in range(steps)]
    lengths = {"easy first": lengths, "hard first": lengths[::-1], "short rows only": [30.0] * steps}[order]
    seconds = [0.05 + 0.004 * 4 * length for length in lengths]
    whole = 1.05 * (sum(seconds) + 20.0 * len(tests))
    assert whole > 60
    done, ledger, gone, estimates = [0.0], [line(0, "Sample", 20.0, test=True)], 20.0, []
    pace = Pace(tokens_per_row=60.0)
    for k in range(steps):
        ledger.append(line(k + 1, "Train", seconds[k], tokens=round(4 * lengths[k])))
        gone += seconds[k]
        share = (k + 1) / steps
        if share in tests:
            ledger.append(line(k + 1, "Sample", 20.0, test=True))
            gone += 20.0
            done.append(share)
        due = [t for t in tests if t > share]
        if 1.05 * gone > 0.1 * whole and due:
            mine = job("a", spent=share, due=due, shares=done, ledger=ledger)
            pace.taken_up = 0.0
            estimates.append(pace.left([mine], 1.05 * gone) / (whole - 1.05 * gone))
    assert len(estimates) > 300
    assert max(max(estimates), 1 / min(estimates)) < 1.5
