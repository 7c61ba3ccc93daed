"""Hard mining: the hardest candidates, ranks and minimax."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.methods.order import hard_mining
from curriculab.protocol import Clock, Run
from tests.methods.made import make, reply


def test_the_hardest_candidates_are_trained():
    method = methods.hard_mining(make(range(8)), Run(0, batch=2), candidates=2)
    request = next(method)
    assert len(request.rows) == 4
    train = method.send(reply(request, nll=request.rows.level.to_numpy(float)))
    assert sorted(train.rows.index) == sorted(request.rows.index)[2:]


def test_ranks_are_drawn_exponentially():
    u = (np.arange(100_000) + 0.5) / 100_000
    shares = np.bincount(hard_mining.geometric_ranks(5, 100.0, u), minlength=5) / 100_000
    p = 100.0 ** (-np.arange(5) / 5)
    assert shares == pytest.approx(p / p.sum(), abs=1e-4)  # .6066, .2415, .0961, .0383, .0152... up to a factor
    assert np.bincount(hard_mining.geometric_ranks(4, 1.0, u)).tolist() == [25_000] * 4


def test_ranks_follow_the_last_loss_known_after_a_first_pass():
    pool, run = make(range(6)), Run(0, batch=3)
    method = methods.hard_mining(pool, run, rule="ranks", pressure=1e6, last=1e6)
    request, seen = next(method), []
    for _ in range(42):
        seen.append("".join(request.rows.index))
        request = method.send(reply(request, loss=request.rows.level.to_numpy(float)))
    assert sorted("".join(seen[:2])) == list("abcdef")
    late = "".join(seen[2:])  # p ~ 10^-rank: nine in ten are the hardest
    assert late.count("f") / len(late) == pytest.approx(0.9, abs=0.09)


def test_the_pressure_falls_exponentially_over_the_budget():
    clock = Clock()
    method = methods.hard_mining(make(range(4)), Run(0, batch=4, clock=clock), rule="ranks", pressure=100.0, last=4.0)
    request, seen = next(method), []
    for progress in (0.0, 0.25, 0.5, 1.0):  # the first pass over all rows is one step
        clock.progress = progress
        request = method.send(reply(request, loss=request.rows.level.to_numpy(float)))
        seen.append(request.note["pressure"])
    assert seen == pytest.approx([100, 44.7214, 20, 4], abs=1e-3)  # 100^(3/4) 4^(1/4) = 31.623 * 1.4142; sqrt(400)


def test_minimax_divides_a_loss_by_the_chance_of_its_row():
    # two rows, loss 1: w <- w exp(.5 / (2 p)), p = 1/4 + w / (2 sum w). At first p = 1/2, so w = exp(.5) = 1.6487 and
    # then p = .25 + .5 * 1.6487 / 2.6487 = .5612; once more w = 1.6487 * exp(.25 / .5612) = 2.5741, p = .6101. The
    # other row has p = .4388 then, w = exp(.25 / .4388) = 1.7678, and the first one .25 + .8244 / 3.4165 = .4913
    found = {}
    for seed in range(40):
        method = methods.hard_mining(make([1, 1]), Run(seed, batch=1), rule="minimax")
        asked = [next(method)]
        for _ in range(2):
            asked.append(method.send(reply(asked[-1], loss=[1.0])))
        found["".join(request.rows.index[0] for request in asked)] = [r.note["largest p"] for r in asked]
    assert found["aaa"] == found["bbb"] == pytest.approx([0.5, 0.5612, 0.6101], abs=1e-4)
    assert found["aba"] == pytest.approx([0.5, 0.4388, 0.4913], abs=1e-4)


def test_minimax_comes_back_to_what_stays_wrong():
    pool, run = make(range(10)), Run(0, batch=4)
    method = methods.hard_mining(pool, run, rule="minimax")
    request, seen = next(method), []
    for _ in range(200):
        seen += list(request.rows.index)
        request = method.send(reply(request, loss=(request.rows.index == "c").astype(float)))
    # half of the draws are even, the other half end on the one row with a loss
    assert seen[400:].count("c") / 400 == pytest.approx(0.55, abs=0.1)
    assert np.isfinite(request.note["largest p"])


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"rule": "ohem"}, "rule='ohem' is unknown; give one of top, ranks, minimax"),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.hard_mining, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
