"""Books by role: steps are the learner's, throw-away students are no exposure, all work is charged."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from curriculab import figures
from curriculab.bench.monitor import points_of
from curriculab.bench.preview import Preview
from curriculab.bench.simulate import simulate
from curriculab.environments import ask
from curriculab.figures.explore import quantities
from curriculab.figures.explore import traces as explored
from curriculab.protocol import Copy, Sample, Script, Train
from curriculab.runs.roles import of_learner
from curriculab.statistics import waste
from curriculab.statistics.costs import spent
from curriculab.widgets import Explorer
from tests.figures.made import traces


@pytest.fixture
def pool() -> pd.DataFrame:
    table = {"prompt": [f"q{i:02d}" for i in range(12)], "answer": "yes", "topic": "x", "level": np.arange(12) % 3 + 1}
    return pd.DataFrame(table, index=pd.Index([f"r{i}" for i in range(12)], name="id"))


def with_a_student(keep: bool):
    """A student learns r0 to r3 for two steps; it becomes the learner, or is forgotten; then the learner trains."""

    def method(pool, run):
        while True:
            yield Copy("learner", to="student")
            for at in (0, 2):
                yield Train(pool.iloc[at : at + 2], role="student")
            yield Copy("student" if keep else "learner", to="learner")
            yield Copy(None, to="student")
            yield Train(pool.iloc[4:8], note={"mine": 1.0})

    return method


def test_a_student_that_is_thrown_away_counts_for_work_alone(pool):
    runs = simulate(with_a_student(False), pool, steps=3, batch_size=4, tests=pool, evaluate_every=1)
    (record,) = runs.records
    assert record.steps == record.spec["steps"] == 3 and record.spec["ended"] == "budget of steps spent"
    own = of_learner(runs.metrics)
    assert own["step"].tolist() == [1, 2, 3] and own["rows"].tolist() == [4, 4, 4]
    assert set(of_learner(runs.exposure)["id"]) == {"r4", "r5", "r6", "r7"}
    student = runs.metrics[runs.metrics.role == "student"]
    assert student["step"].tolist() == [0, 0, 1, 1, 2, 2]  # where the learner stood
    assert set(runs.exposure[runs.exposure.role == "student"]["id"]) == {"r0", "r1", "r2", "r3"}
    trains = runs.ledger[runs.ledger.request == "Train"].groupby("role").tokens.sum()
    assert runs.items["tokens"].max() == trains["learner"] and trains["student"] > 0
    assert sorted(runs.items["step"].unique()) == [0, 1, 2, 3]


def test_a_student_that_becomes_the_learner_brings_its_steps(pool):
    runs = simulate(with_a_student(True), pool, steps=6, batch_size=4)
    own = of_learner(runs.metrics)
    assert own["step"].tolist() == [1, 2, 3, 4, 5, 6] and own["rows"].tolist() == [2, 2, 4, 2, 2, 4]
    assert own["progress"].tolist() == pytest.approx([k / 6 for k in range(1, 7)])
    taught = of_learner(runs.exposure).groupby("step").id.agg(list).tolist()
    assert taught[:3] == [["r0", "r1"], ["r2", "r3"], ["r4", "r5", "r6", "r7"]]
    assert own["tokens"].iloc[-1] == runs.ledger[runs.ledger.request == "Train"].tokens.sum()


def test_steps_are_brought_once_and_follow_copies(pool):
    def method(pool, run):
        yield Copy("init", to="a")
        yield Train(pool.iloc[:1], role="a")
        yield Copy("a", to="b")
        yield Train(pool.iloc[1:2], role="b")
        yield Copy("b", to="learner")  # the step of a, and its own
        yield Copy("a", to="learner")  # nothing that the learner does not have
        yield Copy({"a": 0.5, "b": 0.5}, to="learner")  # a sum brings none
        yield Train(pool.iloc[2:3])

    runs = simulate(method, pool, steps=9, batch_size=4)
    assert of_learner(runs.exposure)["id"].tolist() == ["r0", "r1", "r2"]


def test_a_preview_keeps_the_same_books(pool):
    for keep in (False, True):
        drawn = Preview(pool, batch_size=4)("it", with_a_student(keep), steps=6)
        whole = simulate(with_a_student(keep), pool, steps=6, batch_size=4, name="it")
        pd.testing.assert_frame_equal(drawn.exposure, whole.exposure)


def test_a_list_of_two_roles_uses_the_whole_budget(pool):
    def method(pool, run):
        yield Copy("init", to="other")
        while True:
            yield [Train(pool.iloc[:4]), Train(pool.iloc[4:8], role="other")]

    runs = simulate(method, pool, steps=5, batch_size=4)
    assert runs.records[0].spec["ended"] == "budget of steps spent"
    assert runs.metrics.groupby("role").size().to_dict() == {"learner": 5, "other": 5}


# -- one method of two roles, followed through ------------------------------------------------------------------------
def with_a_critic(pool, run):
    """The learner learns from rewards, a critic of other rows from given answers, twice as often; a teacher hints."""
    yield Copy("init", to="critic")
    while True:
        yield Sample(ask(pool.iloc[:3], "a hint?"), role="teacher", purpose="hint")
        for _ in range(2):
            yield Train(pool.iloc[8:], "sft", role="critic", note={"doubt": 9.0})
        yield Train(pool.iloc[:4], "grpo", note={"mine": 1.0})


@pytest.fixture
def followed(pool):
    teacher = Script(lambda rows, rng: ["look again"] * len(rows))
    how = dict(objective="grpo", num_generations=3, reference_models={"teacher": teacher})
    runs = simulate(with_a_critic, pool, steps=4, batch_size=4, tests=pool, evaluate_every=1, seed=[0, 1], **how)
    assert runs.failed == {}
    return runs


def test_its_record_and_its_ledger_tell_the_roles_apart(followed):
    runs = followed
    assert [record.steps for record in runs.records] == [4, 4]
    assert runs.metrics.groupby(["seed", "role"]).size().to_dict() == {
        (0, "critic"): 8, (0, "learner"): 4, (1, "critic"): 8, (1, "learner"): 4,
    }  # fmt: skip
    assert set(of_learner(runs.exposure)["id"]) == {"r0", "r1", "r2", "r3"}
    assert set(runs.groups[runs.groups.role == "teacher"]["purpose"]) == {"hint"}
    assert len(runs.groups[runs.groups.role == "learner"]) == 2 * 4 * 4
    assert set(runs.rollouts["role"]) == {"learner", "teacher"}
    own = runs.ledger[(runs.ledger.seed == 0) & ~runs.ledger.test]
    assert own.groupby(["request", "role"]).size().to_dict() == {
        ("Copy", ""): 1, ("Sample", "learner"): 4, ("Sample", "teacher"): 4, ("Train", "critic"): 8,
        ("Train", "learner"): 4,
    }  # fmt: skip
    last = runs.items[(runs.items.seed == 0) & (runs.items.share == 1.0)].iloc[0]
    assert last["tokens"] == own[(own.request == "Train") & (own.role == "learner")].tokens.sum()
    assert last["rollouts"] == own.rollouts.sum() and last["generated"] == own.generated.sum()  # whoever wrote them


def test_its_figures_and_costs_are_the_learner_s(followed, pool):
    runs = followed
    losses = of_learner(runs.metrics)["loss"].tolist()
    drawn = traces(figures.loss_curves(runs), "with_a_critic")[0]
    assert list(drawn.x) == [1, 2, 3, 4]
    assert list(drawn.y) == pytest.approx(np.mean(np.reshape(losses, (2, 4)), axis=0))
    assert list(traces(figures.learning_curves(runs), "with_a_critic")[0].x) == [0, 1, 2, 3, 4]
    assert "mine" in quantities(runs) and "doubt" not in quantities(runs)
    seen = explored(runs, "loss")
    assert sorted(seen["step"]) == sorted([1, 2, 3, 4] * 2) and seen["examples"].max() == 4 * 12  # 12 answers a step
    shares = figures.draws(runs, pool.assign(half=pool.index.isin(pool.index[8:])), by="half")
    assert not any("True" in str(trace.name) and np.nansum(trace.y) > 0 for trace in shares.data)
    spent_by_it = spent(runs.records[0])
    assert spent_by_it["steps"] == 4 and spent_by_it["rows_trained"] == 48
    line = waste(runs).loc["with_a_critic"]
    assert line.rollouts == 48 and line.rejected == 0
    assert {p["role"] for p in points_of(runs.records[0]) if p["kind"] == "step"} == {"learner"}


def test_the_explorer_shows_the_answers_of_one_role_at_a_time(followed):
    explorer = Explorer(followed)
    assert set(explorer.answers["role"]) == {"learner"}
    explorer.set(role="teacher")
    assert set(explorer.answers["role"]) == {"teacher"} and set(explorer.answers["text"]) == {"look again"}
    explorer.set(role="")
    assert set(explorer.answers["role"]) == {"learner", "teacher"} and "teacher" in explorer.table.value


# -- helper texts -----------------------------------------------------------------------------------------------------
WRITERS = {"hint": lambda rows, rng: ["look again"] * len(rows)}


def hinted(pool, run):
    while True:
        yield Sample(ask(pool.iloc[:3], "a hint?"), 2, purpose="hint")
        out = yield Sample(pool.iloc[:4], 4)
        yield Train(out[out.groupby("group").cumcount() < 2])


def test_a_hint_is_no_waste_and_warns_of_nothing(pool):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = simulate(hinted, pool, steps=3, batch_size=4, objective="grpo")
    hints = runs.groups[runs.groups.purpose == "hint"]
    assert len(hints) == 9 and hints["reward"].isna().all()
    line = waste(runs).loc["hinted"]
    assert line.rollouts == 3 * 4 * 4 and line.rejected == pytest.approx(0.5, abs=0.02)
