"""PUDF: planted abilities that it finds, its gate and its probes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.simulate import simulate
from curriculab.methods.order import pudf
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.simulation.student import Student
from tests.methods.made import asked, make, reply


def ruler(rows=250):
    """Rows of one skill, evenly spread over the quantiles of a standard normal distribution of difficulties."""
    from statistics import NormalDist

    b = np.array([NormalDist().inv_cdf((i + 0.5) / rows) for i in range(rows)])
    pool = pd.DataFrame({"prompt": [f"q {i}" for i in range(rows)], "answer": "yes", "topic": "all", "b": b})
    return pool.set_index(pd.Index([f"ruler/{i:04d}" for i in range(rows)], name="id"))


@pytest.mark.slow
@pytest.mark.parametrize("ability", [-1.0, 0.5])
def test_pudf_recovers_a_planted_ability(ability):
    """200 probe rows, 100 seeds: the error is 1 / sqrt(sum p (1 - p) + 1), about 0.16."""
    pool = ruler(1000)
    student = Student(rate=0.0, start=ability, varies=0.0, spread=float(pool.b.std(ddof=0)), difficulty="b")
    runs = simulate(
        partial(methods.pudf, by="b", spread=None),
        pool,
        budget=Budget(steps=1, max_total_tokens=10**6),
        batch_size=2,
        seed=range(100),
        learner=student,
    )
    found = runs.metrics[runs.metrics.step == 1]
    assert len(found) == 100
    assert (np.abs(found.ability - ability) <= 0.4).sum() >= 95
    assert found.se.mean() == pytest.approx(0.16, abs=0.015)
    assert np.abs(found.ability - ability).std() < 0.2


def test_the_gate():
    b = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert pudf.gate(b, -np.inf, 0.5, 2) == (0, 3)
    assert pudf.gate(b, -1.0, 1.0, 2) == (1, 4)
    assert pudf.gate(b, -np.inf, -5.0, 2) == (0, 2)  # too few: the easiest
    assert pudf.gate(b, 0.5, 9.0, 3) == (0, 3)


def test_pudf_opens_the_gate_to_the_best_ability_and_bumps_it_otherwise():
    pool = make(range(26)).assign(b=np.linspace(-3, 3, 26))
    run = Run(0, batch=4)
    method = methods.pudf(pool, run, by="b", spread=None, probes=5, every=1, least=2)
    request, caps, abilities, probes = next(method), [], [], set()
    for right in ([1] * 5, [0] * 5, [0] * 5, [1] * 5, [1] * 5):
        assert isinstance(request, Sample) and request.purpose == "probe" and request.temperature == 0
        probes |= set(request.rows.index)
        train = method.send(reply(request, correct=np.array(right, float)))
        caps.append(train.note["cap"])
        abilities.append(train.note["ability"])
        assert set(train.rows.index).isdisjoint(probes) and len(train.rows) == 4
        assert pool.b[train.rows.index].max() <= train.note["cap"]
        request = method.send(reply(train, loss=0.1))
    assert len(probes) == 5  # a fifth of 26
    assert abilities[0] > 0 > abilities[1] and abilities[0] == abilities[3]
    assert caps == pytest.approx([abilities[0] + 0.1 * i for i in range(5)])


def test_pudf_can_wait_for_two_stagnant_probes():
    pool = make(range(26)).assign(b=np.linspace(-3, 3, 26))
    method = methods.pudf(pool, Run(0, batch=4), by="b", spread=None, every=1, patience=2)
    request, caps = next(method), []
    for _ in range(5):
        train = method.send(reply(request, correct=1.0))
        caps.append(train.note["cap"])
        request = method.send(reply(train, loss=0.1))
    assert np.diff(caps) == pytest.approx([0.0, 0.1, 0.0, 0.1])


@pytest.mark.slow
def test_a_permuted_difficulty_takes_the_gain_away():
    knobs = dict(signal=("level",), by="level", every=5, least=40, probes=96, upper=0.6)
    bench, twin = SimulatedCheckBench(), SimulatedCheckBench(broken=True)
    random = bench.accuracy(bench.random).mean()
    assert bench.accuracy(methods.pudf, **knobs).mean() - random > 0.1
    assert abs(twin.accuracy(methods.pudf, **knobs).mean() - random) < 0.05  # two standard errors: .04


def test_an_epoch_is_every_row_in_the_gate_once():
    pool = make(range(26))
    trained = [r for r in asked("pudf", pool, 12, batch_size=7, spread=9.0) if isinstance(r, Train)]
    first = [i for r in trained[:3] for i in r.rows.index]  # 21 rows are left, all of them at least
    assert len(set(first)) == 21


def test_probes_by_options_where_there_are_options():
    pool = make([1] * 6, options=pd.Series([["1", "2"]] * 3 + [None] * 3, index=list("abcdef")))
    exam = pudf.examine(pool)
    first = next(exam)
    assert isinstance(first, Score) and first.measure == "options" and list(first.rows.index) == list("abc")
    second = exam.send(reply(first, text=["1", "2", "1"]))
    assert isinstance(second, Sample) and list(second.rows.index) == list("def")
    with pytest.raises(StopIteration) as stop:
        exam.send(reply(second, correct=[0.0, 1.0, 1.0]))
    assert stop.value.value.tolist() == [1, 0, 1, 0, 1, 1]


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"lower": 1.0},
            "lower=1.0, upper=0.0: the gate is closed; give a lower end below the upper",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.pudf, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
