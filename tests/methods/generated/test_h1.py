"""h1: its chains, stages and advantages, worked out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.methods.generated.h1 import chained, single
from curriculab.protocol import Run, Sample, Train
from tests.methods.made import answered, asked_by, make


def test_a_chain_holds_its_links_in_their_order():
    pool = make([1, 3, 2], topic=list("xyz")).assign(prompt=["1+1", "2+2", "3+3"], answer=["2", "4", "6"])
    rows = chained(pool, [np.array([2, 1]), np.array([0])])
    assert list(rows.index) == ["h2/c+b", "a"]
    assert rows.prompt.tolist() == ["3+3\n2+2", "1+1"] and rows.answer.tolist() == ["6 4", "2"]
    assert rows.parts.tolist() == rows.parents.tolist() == [("c", "b"), ("a",)]
    assert rows.topic.tolist() == ["z", "x"] and rows.level.tolist() == [3, 1]


def test_chains_of_the_pool_are_not_chained_again():
    pool = make([1, 1, 1]).assign(parts=[None, None, ("a", "b")])
    assert list(single(pool).index) == ["a", "b"]
    with pytest.raises(ValueError, match=r"^h1 makes chains of single rows, and every row of this pool has `parts`;"):
        single(pool.iloc[2:])


def test_stages_take_equal_shares_of_the_steps():
    seen, runs = asked_by(methods.h1, make([1] * 8), 6, horizons=(1, 2, 4))
    assert runs.failed == {} and runs.metrics.horizon.tolist() == [1, 1, 2, 2, 4, 4]
    links = [r.rows.parts.map(len).unique().tolist() for r in seen if isinstance(r, Sample)]
    assert links[:6] == [[1], [1], [2], [2], [4], [4]]


def test_a_uniform_mix_draws_every_chain_anew():
    request = next(methods.h1(make([1] * 8), Run(0, batch=60), horizons=(1, 2, 4), mixed=True))
    links = request.rows.parts.map(len).value_counts().to_dict()
    assert set(links) == {1, 2, 4} and all(10 <= n <= 30 for n in links.values())  # 20 each, sd 3.7


def test_advantages_are_rewards_less_their_mean():
    method = methods.h1(make([1, 1]), Run(0, batch=2), horizons=(1,))
    asked = next(method)
    request = method.send(answered(asked.rows, [[1, 0, 0, 0], [1, 1, 1, 1]]))
    assert isinstance(request, Train) and request.objective == "grpo"
    assert request.rows.advantage.tolist() == [0.75, -0.25, -0.25, -0.25, 0.0, 0.0, 0.0, 0.0]


def test_no_row_comes_twice_before_all_came_once():
    method = methods.h1(make([1] * 6), Run(0, batch=2), horizons=(3,))
    parts = next(method).rows.parts
    assert sorted(parts.iloc[0] + parts.iloc[1]) == list("abcdef")


def test_horizons_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"^horizons=\(0, 2\); give whole numbers of at least 1, such as \(1, 2, 3\)$"):
        next(methods.h1(make([1, 1]), Run(0, batch=2), horizons=(0, 2)))


def test_a_chain_is_right_where_all_links_are_and_each_learns():
    pool = make([1] * 4, topic=list("wxyz"))
    method = partial(methods.h1, horizons=(2,))
    able = cl.simulation.Student(start=2.0, varies=0.0, spread=0.0, rate=0.1)
    runs = cl.simulate(
        method, pool, steps=40, batch_size=4, learner=able, objective="grpo", num_generations=8, name="v"
    )
    first = runs.groups[runs.groups.step <= 2].reward.mean()  # (1 / (1 + e^-2))^2 = .776
    assert first == pytest.approx(0.776, abs=0.15)  # 64 answers: se .05
    assert runs.groups[runs.groups.step > 35].reward.mean() > 0.9
