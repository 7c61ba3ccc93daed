"""Roles that a script or another student speaks, in a simulation and in a bench."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.scripted import ScriptedRoles
from curriculab.environments.teachers import Hint, Hinted
from curriculab.protocol import Ask
from curriculab.simulation import SimulatedLearner, Student
from curriculab.simulation.pools import planted


@pytest.fixture
def pool() -> pd.DataFrame:
    return cl.load_pool("ladder", n=60, seed=0)


def hinting(pool, run, *, own: bool = True):
    """Answers each row behind a teacher's hint."""
    while True:
        rows = pool.sample(run.batch, random_state=run.rng)
        hints = yield cl.Sample(rows, role="teacher", purpose="hint")
        texts = hints["text"].tolist()
        told = cl.tell(rows, texts if own else texts[1:] + texts[:1])
        yield cl.Train((yield cl.Sample(told, n=4)))


def reply_of(backend, request, kind=0):
    (answer,) = backend.answer([Ask(("v", 0), 1, kind, (0, 1, kind), request)])
    return answer


def test_a_script_is_charged_and_recorded_under_its_role_and_hints_help_their_own_row_only() -> None:
    pool, student = planted({"hard": 0.2}, rows=60, rate=0.0, context=Hinted(gain=3.0))
    teacher = cl.Script(Hint(right=1.0))
    how = dict(steps=30, batch_size=8, num_generations=4, objective="grpo", learner=student)
    variants = {"own": hinting, "others": partial(hinting, own=False)}
    runs = cl.simulate(variants, pool, reference_models={"teacher": teacher}, **how)
    assert not runs.failed
    ledger = runs.ledger[runs.ledger.role == "teacher"]
    assert ledger.groupby("variant").generated.sum().gt(0).all() and set(ledger.purpose) == {"hint"}
    # 8 hints a step of "Hint for ID: begin at the end." and its end, in bytes
    one = ledger[ledger.variant == "own"].iloc[0]
    length = len("Hint for planted/hard/00000: begin at the end.") + 1
    assert (one.generated, one.rollouts) == (8 * length, 8)
    right = runs.metrics.groupby("variant").reward.mean()
    p = 1 / (1 + np.exp(-(np.log(0.25) + 3.0)))  # 0.2 is log odds of log(1/4); a hint adds 3
    assert abs(right["own"] - p) < 0.05 and abs(right["others"] - 0.2) < 0.05


def test_another_student_speaks_for_a_role_and_never_learns() -> None:
    pool, student = planted({"hard": 0.2}, rows=40, rate=0.5)
    _, strong = planted({"hard": 0.95}, rows=40, rate=0.5)
    seen = []

    def watching(pool, run):
        while True:
            rows = pool.sample(run.batch, random_state=run.rng)
            out = yield cl.Sample(rows, n=4, role="teacher", purpose="probe")
            seen.append(out.correct.mean())
            yield cl.Train(rows)

    runs = cl.simulate(watching, pool, steps=40, batch_size=8, learner=student, reference_models={"teacher": strong})
    assert not runs.failed and abs(np.mean(seen) - 0.95) < 0.03 and abs(np.mean(seen[-10:]) - 0.95) < 0.05


@pytest.mark.parametrize(
    ("script", "request_of", "line"),
    [
        (lambda rows, rng: ["a"], cl.Sample, "the script of 'teacher' wrote 1 texts for 60 rows; return one a row"),
        (lambda rows, rng: [7] * len(rows), cl.Sample, "the script of 'teacher' wrote 7, a int; return texts"),
        (lambda rows, rng: ["a"] * len(rows), cl.Train, "Train of 'teacher', which never learns; copy the learner"),
        (lambda rows, rng: ["a"] * len(rows), partial(cl.Score, measure="nll"), "its script has none; give Script"),
    ],
)
def test_what_a_script_cannot_do_is_one_line(pool, script, request_of, line) -> None:
    backend = ScriptedRoles(SimulatedLearner(Student(), pool), {"teacher": cl.Script(script)})
    failed = reply_of(backend, request_of(pool, role="teacher"))
    assert isinstance(failed, Exception) and line in str(failed) and "\n" not in str(failed)


def test_asks_of_both_kinds_keep_their_places_and_scores_are_the_scripts(pool) -> None:
    scored = cl.Script(lambda rows, rng: ["a"] * len(rows), score=lambda rows: rows["level"])
    backend = ScriptedRoles(SimulatedLearner(Student(), pool), {"judge": scored})
    asks = [
        Ask(("v", 0), 1, place, (0, 1, place), cl.Score(pool, "nll", role=role))
        for place, role in enumerate(["learner", "judge", "base"])
    ]
    mine, judged, base = (answer.reply["nll"] for answer in backend.answer(asks))
    assert judged.tolist() == pool["level"].tolist() and mine.tolist() == base.tolist() != judged.tolist()
    assert isinstance(reply_of(backend, cl.Copy("learner", to="judge")), ValueError)


def test_roles_of_the_trained_model_are_not_given_away(pool) -> None:
    with pytest.raises(ValueError, match=r"^the role 'base' is the trained model's own"):
        cl.simulate(hinting, pool, steps=1, batch_size=2, reference_models={"base": cl.Script(Hint())})


@pytest.mark.slow
def test_a_bench_has_a_teacher_by_script_and_its_source_names_the_run(tiny_model, small_pools, tmp_path) -> None:
    train, test = small_pools
    how = dict(objective=cl.Grpo(), batch_size=2, num_generations=2, max_new_tokens=4, valid=None, store=tmp_path)

    def bench(right: float) -> cl.Bench:
        teacher = cl.Script(Hint(right=right))
        return cl.Bench(
            tiny_model, train, test, budget=cl.Budget(steps=2), reference_models={"teacher": teacher}, **how
        )

    runs = bench(1.0).run({"hints": hinting}, seeds=1, progress=False)
    assert not runs.failed
    spoken = runs.ledger[runs.ledger.role == "teacher"]
    assert len(spoken) == 2 and spoken.generated.gt(0).all() and spoken.purpose.eq("hint").all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the student of the plan has the teacher, too
        plan = bench(1.0).plan({"hints": hinting}, seeds=1)
    assert plan["recorded"]["hints"] == 1
    assert bench(0.5).plan({"hints": hinting}, seeds=1)["recorded"]["hints"] == 0


@pytest.mark.slow
def test_a_teacher_speaks_to_runs_in_all_processes_and_the_results_are_those_of_one(tiny_model, small_pools) -> None:
    def run(processes: int) -> cl.Runs:
        how = dict(objective=cl.Grpo(), batch_size=2, num_generations=2, max_new_tokens=4, valid=None, store=None)
        how |= dict(budget=cl.Budget(steps=2), reference_models={"teacher": cl.Script(Hint(right=0.5))})
        bench = cl.Bench(tiny_model, *small_pools, **how, processes=processes)
        return bench.run({"hints": hinting, "others'": partial(hinting, own=False)}, seeds=2, progress=False)

    one, two = run(1), run(2)
    assert not two.failed and two.ledger.role.eq("teacher").sum() == 8  # a hint a step, two steps of four runs
    pd.testing.assert_frame_equal(one.metrics.drop(columns="seconds"), two.metrics.drop(columns="seconds"))
