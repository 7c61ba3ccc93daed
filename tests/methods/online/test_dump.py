"""DUMP: upper bounds worked out by hand, and the window of answers behind them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.online import dump
from curriculab.methods.samplers import softmax
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run
from tests.methods.made import numbered, sampled, shares, trained

TWO = numbered([1, 1, 1, 2, 2, 2])


def test_dump_upper_bounds_and_shares_by_hand():
    # N = 32, ln 33 = 3.4965: sqrt(6.9930 / 25) = .5289, sqrt(6.9930 / 9) = .8815
    bound = dump.upper_bound(np.array([0.9, 0.1]), np.array([24.0, 8.0]))
    assert bound == pytest.approx([1.4289, 0.9815], abs=1e-4)
    assert softmax(bound / 0.1)[1] == pytest.approx(0.0113, abs=1e-4)  # 1 / (1 + exp(4.474))
    assert dump.upper_bound(np.zeros(3), np.zeros(3)).tolist() == [0, 0, 0]


def test_dump_asks_by_its_bounds_and_counts_answers():
    pool = numbered([1] * 4, topic=["a", "a", "b", "b"])
    made = methods.dump(pool, Run(0, batch=4))
    assert shares(next(made)) == [0.5, 0.5]
    # 3 rows of a and 1 of b, 8 answers each: n = 24 and 8
    rows = pool.iloc[[0, 0, 1, 2]]
    request = made.send(trained(rows, advantage=lambda out: out.topic.map({"a": 0.9, "b": 0.1})))
    assert shares(request) == pytest.approx([1 - 0.0113, 0.0113], abs=1e-4)


def test_dump_leaves_an_arm_that_is_mastered():
    rates, rng = {"medium": 0.5, "next": 0.3, "far": 0.0}, np.random.default_rng(0)
    pool = numbered([1] * 30, topic=np.repeat(list(rates), 10))
    made = methods.dump(pool, Run(0, batch=8))
    request, seen = next(made), []
    for step in range(60):
        rates["medium"] = 0.5 if step < 30 else 1.0
        out = sampled(request.rows, 16, lambda rows: rng.binomial(16, rows.topic.map(rates)))
        request = made.send(out.assign(advantage=Grpo().advantages(out)))
        seen.append(request.note)
    before, after = pd.DataFrame(seen[20:30]).mean(), pd.DataFrame(seen[-10:]).mean()
    assert before["p/medium"] > 0.5 and before["p/medium"] > before["p/next"]
    # a window of 300 answers is 19 groups, so it is emptied in three steps
    assert after["p/next"] > 0.9 and after["p/medium"] < 0.05 and after["p/far"] < 0.05


def test_dump_listens_to_the_last_answers_of_its_window():
    pool = numbered([1, 1], topic=["a", "b"])
    made = methods.dump(pool, Run(0, batch=2), window=8, bonus=0.0)
    next(made)
    made.send(trained(pool, advantage=lambda out: np.full(len(out), 0.5)))
    request = made.send(trained(pool.iloc[:1], advantage=lambda out: np.full(len(out), 0.3)))
    assert shares(request) == pytest.approx(softmax(np.array([3.0, 5.0])))  # .3 / .1 and .5 / .1


def test_dump_draws_rows_of_a_source_with_replacement():
    pool = numbered([1, 1], topic=["a", "a"])
    counts = [next(methods.dump(pool, Run(seed, batch=8))).rows.index.value_counts() for seed in range(400)]
    even = np.mean([count.get("r0", 0) == 4 for count in counts])
    assert even == pytest.approx(70 / 256, abs=0.067)  # of 8 coins 4 heads; three standard errors


def test_dump_may_listen_to_what_is_not_normalised():
    # one right of four: the mean of |r - 1/4| is (3/4 + 3/4) / 4 = 2 1/4 3/4 = .375; two of four: .5
    pool = numbered([1, 1], topic=["a", "b"])
    made = methods.dump(pool, Run(0, batch=2), value="spread", bonus=0.0, tau=1.0)
    next(made)
    request = made.send(trained(pool, n=4, right=[1, 2]))
    assert shares(request) == pytest.approx(softmax(np.array([0.375, 0.5])))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"value": "x"}, "value='x' is unknown; give 'advantage' (the paper) or 'spread' (not normalised)"),
    ],
)
def test_knobs_that_mean_nothing(knobs, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        next(methods.dump(TWO, Run(0, batch=4), **knobs))
