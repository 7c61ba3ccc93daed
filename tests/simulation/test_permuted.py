"""Feedback that lies: columns of one purpose or role alone, dealt to other rows, while answers stay true."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.scripted import ScriptedRoles
from curriculab.bench.simulate import simulate
from curriculab.protocol import Sample, Script, Train
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.permuted import with_permuted_feedback
from curriculab.simulation.student import Student


@pytest.fixture
def pool() -> pd.DataFrame:
    table = {"prompt": [f"q{i}" for i in range(5)], "answer": [f"a{i}" for i in range(5)], "topic": "x"}
    return pd.DataFrame(table, index=pd.Index([f"r{i}" for i in range(5)], name="id"))


def heard(pool, *columns, ask=lambda pool: [(pool, 2)]):
    """The replies that a method hears to hints of a teacher, and to answers of its own."""
    hints, answers = [], []

    def method(pool, run):
        for rows, n in ask(pool):
            hints.append((yield Sample(rows, n, role="teacher", purpose="hint")))
        answers.append((yield Sample(pool, 3)))
        yield Train(pool)

    teacher = Script(lambda rows, rng: ("think of " + rows["answer"]).tolist())
    learner = ScriptedRoles(SimulatedLearner(Student(), pool), {"teacher": teacher})
    runs = simulate(with_permuted_feedback(method, columns), pool, steps=1, batch_size=4, learner=learner)
    assert runs.failed == {}
    return hints, answers[0]


@pytest.mark.parametrize("column", ["hint:text", "teacher:text"])
def test_every_row_gets_the_hint_of_another_and_answers_stay(pool, column):
    (hints,), answers = heard(pool, column)
    true = "think of " + pd.Series(pool["answer"].reindex(hints.index).to_numpy())
    assert (hints["text"].to_numpy() != true.to_numpy()).all() and sorted(hints["text"]) == sorted(true)
    assert hints["text"].groupby(level=0).nunique().eq(1).all()  # from one other row
    _, untouched = heard(pool)
    assert answers["text"].tolist() == untouched["text"].tolist()
    assert not any(str(c).startswith(("true ", "shown ")) for c in (*hints, *answers))


def test_rows_with_more_texts_get_those_of_a_row_with_fewer(pool):
    (hints,), _ = heard(pool, "hint:text", ask=lambda pool: [(pool.iloc[:2], [1, 3])])
    assert hints["text"].tolist() == ["think of a1", *["think of a0"] * 3]


def test_a_reply_of_one_row_gets_the_one_before(pool):
    one_by_one = lambda pool: [(pool.iloc[[k]], 1) for k in range(4)]  # noqa: E731
    hints, _ = heard(pool, "hint:text", ask=one_by_one)
    assert [h["text"].iloc[0] for h in hints] == ["think of a0", "think of a0", "think of a1", "think of a2"]


def test_numbers_of_one_purpose_are_put_back_where_they_are_trained(pool):
    told = []

    def method(pool, run):
        out = yield Sample(pool, 4, purpose="probe")
        told.append((out, (yield Train(out, "grpo"))))
        told.append((yield Sample(pool, 4)))

    learner = SimulatedLearner(Student(start=0.0), pool, objective=_grpo)
    permuted = with_permuted_feedback(method, ("probe:reward",))
    simulate(permuted, pool, steps=2, batch_size=4, learner=learner, objective="grpo")
    (out, trained), later = told
    assert (out["reward"] != out["correct"]).any() and trained["reward"].tolist() == out["correct"].tolist()
    assert later["reward"].tolist() == later["correct"].tolist()


def _grpo(request):
    from curriculab.objectives.grpo import Grpo

    return Grpo()


def test_a_check_names_the_purpose_in_its_signal():
    shown = []

    def method(pool, run):
        while True:
            out = yield Sample(pool.head(4), 1, purpose="probe")
            shown.append(out["text"].tolist())
            yield Train(pool.head(4))

    method.__name__ = "method"
    for broken in (False, True):
        bench = SimulatedCheckBench(seeds=(0,), broken=broken)
        bench.reinforce(method, signal=("probe:text",), steps=1)
    true, lied = map(np.array, shown[:2])
    assert sorted(true) == sorted(lied)
