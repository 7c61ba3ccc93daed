"""CurES: its posterior, the quota of answers a row, and its probes."""

from __future__ import annotations

import re
from functools import partial
from math import sqrt

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.online import cures
from curriculab.methods.samplers import BetaPosterior
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run, Sample, Train
from curriculab.simulation.student import Student
from tests.methods.made import numbered, sampled, trained

TWO = numbered([1, 1, 1, 2, 2, 2])


def counted(right, asked) -> BetaPosterior:
    posterior = BetaPosterior(len(right))
    posterior.update(np.arange(len(right)), np.array(right), np.array(asked))
    return posterior


@pytest.mark.parametrize(
    ("tau", "expected"), [(0.1, [0.09, 0.25, 0.33, 0.25, 0.09]), (0.5, [0.18, 0.21, 0.22, 0.21, 0.18])]
)
def test_cures_draws_by_the_posterior(tau, expected):
    after_four = counted([0, 1, 2, 3, 4], [4] * 5)  # p = 1/6, 2/6, 3/6, 4/6, 5/6
    assert cures.chances(after_four, tau) == pytest.approx(expected, abs=0.006)


def test_cures_released_sampler_is_nearly_even():
    p = cures.chances(counted([0, 1, 2, 3, 4], [4] * 5), 0.1, "code")
    assert p.max() / p.min() == pytest.approx(1.003, abs=0.0005)


def test_cures_quota_is_a_bell_that_is_zero_where_answers_agree():
    sigma = cures.spread(counted([0, 1, 2, 3, 4, 0], [4] * 5 + [0]))
    assert sigma == pytest.approx([0, sqrt(3) / 4, 1 / 2, sqrt(3) / 4, 0, 0])
    # 32 (.433, .5, .433) / 1.366 = 10.14, 11.71, 10.14
    assert cures.quota(sigma, 32).tolist() == [0, 10, 12, 10, 0, 0]
    assert cures.quota(np.array([0.5, 0.43, 0.0]), 16).tolist() == [9, 7, 0]
    assert cures.quota(np.zeros(3), 16).tolist() == [0, 0, 0]


def test_cures_quota_keeps_its_bounds_and_its_total():
    assert cures.quota(np.array([0.5, 0.01, 0.5]), 16, n_min=2).tolist() == [7, 2, 7]
    assert cures.quota(np.array([0.5, 0.1, 0.1]), 16, n_max=8).tolist() == [8, 4, 4]
    assert cures.quota(np.array([0.5, 0.1, 0.0]), 16, n_max=6).tolist() == [6, 6, 0]  # no room for the other 4
    rng = np.random.default_rng(0)
    for _ in range(200):
        sigma = rng.random(rng.integers(1, 12)) * (rng.random() < 0.9)
        n = cures.quota(sigma, 96, 2, 32)
        some = sigma > 0
        assert (n[~some] == 0).all() and (n[some] >= 2).all() and (n <= 32).all()
        assert n.sum() == min(96, 32 * some.sum())


def test_cures_opens_each_subset_with_a_probe_and_forgets_the_last():
    pool = numbered(range(12))
    made = methods.cures(pool, Run(0, batch=4, rollouts=8), subset=6, subset_steps=3, tau=1e6)
    probe, seen = next(made), []
    for _ in range(4):
        assert isinstance(probe, Sample) and (probe.n, probe.purpose, len(probe.rows)) == (4, "probe", 6)
        seen += probe.rows.index.tolist()
        level = probe.rows.level % 3  # 0, 1 or 2 of 4 right
        request = made.send(sampled(probe.rows, 4, lambda rows: rows.level % 3))
        # drawn evenly (tau without end), each row of the subset has 8 answers to give away: 48 in proportion to
        # 0, .433, .5; of whole numbers those above and below
        sigma = np.sqrt(level / 4 * (1 - level / 4))
        exact = dict(48 * sigma / sigma.sum())
        for _ in range(3):
            assert isinstance(request, Sample) and request.purpose == "answer"
            assert request.rows.index.is_unique and not (request.rows.level % 3 == 0).any()
            for row, n in zip(request.rows.index, request.n, strict=True):
                assert abs(n - exact[row]) < 1  # the first answers alone decide, whatever training has counted
            train = made.send(sampled(request.rows, request.n, 0))
            assert isinstance(train, Train)
            request = made.send(trained(train.rows))
        probe = request
    assert sorted(seen[:12]) == sorted(seen[12:]) == sorted(pool.index)  # disjoint, then the next pass


def test_cures_draws_a_batch_without_repeats_by_rho():
    run, log_rho = Run(0, batch=3), np.log([0.7, 0.1, 0.1, 0.1])
    n = np.array([5, 5, 0, 5])
    drawn = [cures.drawn(log_rho, n, run).tolist() for _ in range(600)]
    assert all(len(set(at)) == len(at) and 2 not in at for at in drawn)
    # of draws without repeats row 0 is missed when the three others come: 6 * .1 * .1 / .9 * .1 / .8 = .00833
    assert np.mean([0 in at for at in drawn]) == pytest.approx(1 - 0.0083, abs=0.015)
    assert all(cures.drawn(np.zeros(4), np.array([0, 0, 9, 0]), Run(s, batch=1)).tolist() == [2] for s in range(9))


def test_a_batch_has_its_number_of_answers_on_average():
    pool = numbered(range(400))
    made = methods.cures(pool, Run(0, batch=100, rollouts=8), subset=400, subset_steps=20)
    probe = next(made)
    request = made.send(sampled(probe.rows, 4, lambda rows: rows.level % 5))
    total = 0
    for _ in range(20):
        total += sum(request.n)
        train = made.send(sampled(request.rows, request.n, np.array(request.n) // 2))
        if total == sum(request.n):
            first = total
        request = made.send(trained(train.rows))
    # rho by 0 .. 4 of 4 right at tau = .1 is .09 .25 .33 .25 .09: a batch of 100 gets 8 answers a place, and draws
    # without repeats come to rows of smaller rho
    assert first == pytest.approx(800, rel=0.12)


def test_cures_counts_the_answers_of_training():
    pool = numbered([0, 1])
    made = methods.cures(pool, Run(0, batch=2, rollouts=8), subset_steps=3)
    request = made.send(sampled(next(made).rows, 4, [2, 2]))
    assert dict(zip(request.rows.index, request.n, strict=True)) == {"r0": 8, "r1": 8}
    train = made.send(sampled(request.rows, request.n, request.n))  # all right
    assert train.note["p"] == pytest.approx(0.5)
    request = made.send(trained(train.rows))
    assert sum(request.n) == 16
    train = made.send(sampled(request.rows, request.n, request.n))
    assert train.note["p"] == pytest.approx((2 + 8 + 1) / (4 + 8 + 2))


def test_cures_goes_on_where_all_answers_agree():
    pool = numbered(range(6))
    runs = simulate(
        partial(methods.cures, subset_steps=3),
        pool,
        steps=6,
        batch_size=4,
        rollouts=4,
        objective=Grpo(),
        learner=Student(start=-50.0),
    )
    assert runs.failed == {} and (runs.metrics.rows == 16).all()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"sampler": "x"}, "sampler='x' is unknown; give 'paper' or 'code' (the released one, nearly even)"),
        ({"n_max": 4}, "n_min=2, n_max=4 must lie around the 8 answers a row of this bench"),
    ],
)
def test_knobs_that_mean_nothing(knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(methods.cures(TWO, Run(0, batch=4), **knobs))
