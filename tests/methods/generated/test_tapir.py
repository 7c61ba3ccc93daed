"""TAPIR: gaps, shares of hard rows, and task types in balance, by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.environments import Solver
from curriculab.methods.generated.tapir import Mix, drawn
from curriculab.protocol import Copy, Run, Sample, Script, Train
from tests.methods.made import answered, make


def begun(rewards, **knobs):
    """The method after the student's answers to its rows, one list of rewards a row."""
    method = methods.tapir(make([1] * len(rewards)), Run(0, batch=4), answers=len(rewards[0]), **knobs)
    probe = next(method)
    assert isinstance(probe, Sample) and probe.purpose == "probe" and probe.n == len(rewards[0])
    return method, method.send(answered(probe.rows, rewards))


def test_rows_that_the_student_fails_are_hard():
    """Gaps of 1, .75, .5 and 0: the first two are above .5."""
    rewards = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    _, hard = begun(rewards, start=1.0)
    assert isinstance(hard, Train) and sorted(hard.rows.index) == ["a", "a", "b", "b"]
    assert hard.note == {"round": 1, "gap": pytest.approx(0.5625), "hard_share": 1.0}
    _, other = begun(rewards, start=0.0)
    assert sorted(other.rows.index) == ["c", "c", "d", "d"]
    _, half = begun(rewards, start=0.5)
    assert sorted(half.rows.index) == ["a", "b", "c", "d"]
    _, few = begun(rewards, start=1.0, delta=0.8)
    assert set(few.rows.index) == {"a"}


def test_without_hard_rows_all_are_of_the_others():
    _, request = begun([[1, 1], [1, 1]], start=1.0)
    assert sorted(request.rows.index) == ["a", "a", "b", "b"] and request.note["hard_share"] == 0.0
    _, request = begun([[0, 0], [0, 0]], start=0.0)
    assert request.note["hard_share"] == 1.0


def test_a_share_of_a_batch_is_met_on_average():
    rng = np.random.default_rng(0)
    found = [drawn(2.4, rng) for _ in range(2000)]
    assert set(found) == {2, 3} and np.mean(found) == pytest.approx(2.4, abs=0.05)
    assert drawn(3.0, rng) == 3 and drawn(0.0, rng) == 0


def test_types_take_turns_whatever_their_size():
    kinds = np.array(list("aaaaaaaabbcc"))
    mix = Mix(np.arange(12), kinds, np.random.default_rng(0))
    at = mix.take(24)
    assert [int((kinds[at] == kind).sum()) for kind in "abc"] == [8, 8, 8]
    assert sorted(at[kinds[at] == "a"]) == list(range(8))  # each once before any comes again
    assert len(mix) == 12 and len(mix.take(0)) == 0
    some = Mix(np.array([1, 9]), kinds, np.random.default_rng(0))
    assert set(some.take(6)) == {1, 9}


def test_three_rounds_each_scored_anew():
    pool = make([1] * 8, topic=list("xxxxyyyy"))
    student = cl.simulation.Student(start=-1.0, varies=0.0, spread=0.0, rate=0.0)
    how = dict(steps=12, batch_size=4, learner=student, name="v")
    runs = simulate(methods.tapir, pool, **how)
    assert runs.failed == {} and runs.metrics["round"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert runs.metrics.groupby("round").gap.nunique().eq(1).all() and runs.metrics.gap.nunique() == 3


def test_each_round_may_begin_from_the_start():
    method, request = begun([[0, 0], [0, 0]], anew=True, rounds=2)
    assert isinstance(request, Train)
    clock = cl.protocol.Clock(progress=0.0)
    method = methods.tapir(make([1, 1]), Run(0, batch=2, clock=clock), answers=2, anew=True, rounds=2)
    method.send(answered(next(method).rows, [[0, 0], [0, 0]]))
    clock.progress = 0.5
    probe = method.send(None)
    assert isinstance(probe, Sample) and probe.purpose == "probe"
    request = method.send(answered(probe.rows, [[0, 0], [0, 0]]))
    assert isinstance(request, Copy) and (request.source, request.to) == ("init", "learner")


def test_a_teachers_right_answers_are_learned_and_its_wrong_ones_left_out():
    method = methods.tapir(make([1, 1]), Run(0, batch=2), answers=2, teacher="teacher", start=1.0)
    request = next(method)
    assert request.role == "teacher" and request.temperature == 0.0
    said = request.rows.assign(text=["told a", "told b"], correct=[1.0, 0.0])
    request = method.send(said)
    request = method.send(answered(request.rows, [[0, 0], [0, 0]]))
    assert set(request.rows.index) == {"a"}
    assert {turns[-1].text for turns in request.rows.turns} == {"told a"}


def test_with_a_teacher_that_a_script_speaks():
    pool = make([1] * 8)
    method = partial(methods.tapir, teacher="teacher")
    teacher = Script(Solver(level=4), name="teacher")
    runs = simulate(method, pool, steps=6, batch_size=2, name="v", reference_models={"teacher": teacher})
    assert runs.failed == {}
