"""The loop: budgets, tickets, charging, failing, tests on time, steering and replay."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from curriculab.bench.budget import Budget, default_ceiling
from curriculab.bench.evaluation import direct
from curriculab.bench.job import Steer, open_job
from curriculab.bench.recording import record
from curriculab.bench.replay import ReplayLog
from curriculab.bench.scheduler import Scheduler
from curriculab.bench.simulate import simulate
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.registry import OBJECTIVES
from curriculab.objectives.sft import Sft
from curriculab.protocol import Copy, Sample, Score, Train, Use
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.student import Student


@pytest.fixture
def pool() -> pd.DataFrame:
    ids = [f"r{i}" for i in range(12)]
    table = {"prompt": [f"q{i:02d}" for i in range(12)], "answer": "yes", "topic": "x", "level": np.arange(12) % 3 + 1}
    return pd.DataFrame(table, index=pd.Index(ids, name="id"))


def steady(pool, run):
    at = 0
    while True:
        yield Train(pool.iloc[np.arange(at, at + run.batch) % len(pool)])
        at += run.batch


def drive(pool, *methods, budget, tests=None, shares=(0.0, 1.0), seed=0, rollouts=2, objective="sft", **more):
    """Jobs after the loop, for looking inside."""
    learner = SimulatedLearner(Student(), pool, objective=lambda request: OBJECTIVES[objective]())
    jobs = [
        open_job(
            f"{m.__name__}{i}",
            m,
            pool,
            seed=seed,
            batch=4,
            rollouts=rollouts,
            objective=lambda request: OBJECTIVES[objective](),
            **more,
        )
        for i, m in enumerate(methods)
    ]
    loop = Scheduler(learner, budget, tests, shares, log=ReplayLog())
    return loop.drive(jobs), loop


def past(loop, name="steady0"):
    return loop.log.past({(name, 0): {(name, 0): math.inf}})[name, 0]


# -- budgets ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Budget, "an empty budget never ends; give Budget(steps=), Budget(tokens=) or Budget(rollouts=)"),
        (
            lambda: Budget(max_total_tokens=5),
            "an empty budget never ends; give Budget(steps=), Budget(tokens=) or Budget(rollouts=)",
        ),
        (lambda: Budget(steps=0), "Budget(steps=0) is spent before it starts; give a number above 0"),
        (lambda: Budget(tokens=-3), "Budget(tokens=-3) is spent before it starts; give a number above 0"),
    ],
)
def test_budgets_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_the_first_axis_spent_ends_a_run(pool):
    # a row is 4 bytes of prompt with its newline and 4 of answer with its end: 8 tokens, 32 a step
    (job,), _ = drive(pool, steady, budget=Budget(steps=10, tokens=100))
    assert (job.run.step, job.spent.tokens, job.ended) == (4, 128, "budget of tokens spent")
    (job,), _ = drive(pool, steady, budget=Budget(steps=3, tokens=1000))
    assert (job.run.step, job.ended, job.run.progress) == (3, "budget of steps spent", 1.0)


def test_the_ceiling_is_ten_times_random_order():
    lengths = [8, 12]  # mean 10
    assert default_ceiling(lengths, Budget(steps=5), batch=4) == 10 * 5 * 4 * 10
    assert default_ceiling(lengths, Budget(tokens=70), batch=4) == 700
    assert default_ceiling(lengths, Budget(steps=5), batch=4, rollouts=8) == 10 * 5 * 4 * 8 * 10 * 2
    assert default_ceiling(lengths, Budget(rollouts=30), batch=4, rollouts=8) == 10 * 30 * 10 * 2
    assert default_ceiling(lengths, Budget(steps=5, tokens=70), batch=4) == 700


def prober(pool, run):
    while True:
        yield Score(pool, "nll")


def copier(pool, run):
    while True:
        yield Copy("learner", to="best")


def user(pool, run):
    while True:
        yield Use({"direct": direct})


@pytest.mark.parametrize(
    ("method", "why"),
    [
        (prober, "failed: nothing was trained, nothing was sampled (ceiling on total tokens, at 0 of 5 steps)"),
        (copier, "failed: nothing was trained, nothing was sampled (ceiling on total tokens, at 0 of 5 steps)"),
        (user, "ceiling on total tokens, at 0 of 5 steps"),
    ],
)
def test_what_never_trains_ends_at_the_ceiling(pool, method, why):
    (other, job), _ = drive(pool, steady, method, budget=Budget(steps=5, max_total_tokens=500))
    assert (job.run.step, job.ended) == (0, why)
    assert (other.run.step, other.ended) == (5, "budget of steps spent")


# -- what methods may ask ---------------------------------------------------------------------------------------------
def test_a_list_is_answered_together_and_in_order(pool):
    seen = []

    def several(pool, run):
        scored, sampled = yield [Score(pool.iloc[:3], "nll"), Sample(pool.iloc[3:5], n=2)]
        (alone,) = yield [Score(pool.iloc[:3], "entropy")]
        seen.extend([list(scored.columns), list(sampled.index), list(alone.columns)])
        yield Train(pool)

    drive(pool, several, budget=Budget(steps=1))
    assert seen == [["nll"], ["r3", "r3", "r4", "r4"], ["entropy"]]


def yields(asked):
    def method(pool, run):
        yield asked(pool)

    return method


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (lambda p: p, "yielded DataFrame; a method yields Sample, Score, Train, Copy, Use or a list of them"),
        (lambda p: [], "yielded an empty list; yield at least one request, or return to end the run"),
        (lambda p: Train(p.iloc[:0]), "Train of 0 rows; ask only when there are rows, or return to end the run"),
        (lambda p: Train(["r0"]), "Train of a list; its rows are a DataFrame, such as pool.loc[ids]"),
        (
            lambda p: Train(p[["level"]]),
            "Train of rows without a column 'prompt'; they have ['level']",
        ),
        (
            lambda p: Train(p.assign(weight=[1.0] * 11 + [-1.0])),
            "Train with weight -1.0 for row 'r11'; weights are finite and at least 0",
        ),
        (
            lambda p: Train(p.assign(weight=np.inf)),
            "Train with weight inf for row 'r0'; weights are finite and at least 0",
        ),
        (
            lambda p: Train(p, objective="ppo"),
            "objective='ppo'; choose among grpo, sft, or give a setting such as Sft(lr=1e-3)",
        ),
    ],
)
def test_a_bad_request_closes_its_method_with_one_line(pool, asked, why):
    runs = simulate({"bad": yields(asked), "good": steady}, pool, steps=2, batch_size=4)
    assert runs.failed == {("bad", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.variant.tolist() == ["good", "good"]


def test_a_method_that_is_no_generator_is_refused(pool):
    def method(pool, run):
        return [Train(pool)]

    message = "'method' is not a generator function (it returned list); a method yields requests"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        simulate(method, pool, steps=2, batch_size=4)


def test_a_method_that_fails_later_keeps_what_it_did(pool):
    def late(pool, run):
        yield Train(pool)
        raise KeyError("gone")

    runs = simulate({"late": late, "good": steady}, pool, steps=3, batch_size=4, tests=pool)
    assert runs.failed == {("late", 0): "failed: KeyError: 'gone'"}
    assert runs.metrics.groupby("variant").size().to_dict() == {"late": 1, "good": 3}


def test_a_learners_failure_closes_only_the_job_that_asked(pool):
    def curious(pool, run):
        yield [Score(pool, "beauty"), Score(pool, "nll")]

    runs = simulate({"curious": curious, "good": steady}, pool, steps=3, batch_size=4)
    why = "failed: ValueError: the simulated learner has no measure 'beauty'; it knows nll, options, entropy, "
    why += "angle, angle_across, embedding"
    assert runs.failed == {("curious", 0): why}
    assert len(runs.metrics) == 3


def test_under_grpo_bare_rows_are_sampled_first(pool):
    seen = []

    def method(pool, run):
        out = yield Train(pool.iloc[:3])
        seen.append(out)

    runs = simulate(method, pool, steps=1, batch_size=3, rollouts=4, objective="grpo")
    assert runs.ledger.request.tolist() == ["Sample", "Train"]
    assert runs.ledger.rollouts.tolist() == [12, 0]
    assert seen[0].index.tolist() == sorted(["r0", "r1", "r2"] * 4)
    assert {"reward", "group", "advantage", "loss", "text"} <= set(seen[0].columns)


# -- charging ---------------------------------------------------------------------------------------------------------
def test_everything_is_charged_and_tests_apart(pool):
    def method(pool, run):
        yield Score(pool.iloc[:2], "nll")  # 2 x (4 + 4)
        out = yield Sample(pool.iloc[:1], n=3)
        yield Train(pool.iloc[:4], note={"lucky": out.correct.sum()})

    runs = simulate(method, pool, steps=1, batch_size=4, tests=pool)
    own = runs.ledger[~runs.ledger.test]
    assert own.request.tolist() == ["Score", "Sample", "Train"]
    assert own.tokens.tolist()[0] == 16 and own.tokens.tolist()[2] == 32
    assert own.rollouts.tolist() == [0, 3, 0]
    exams = runs.ledger[runs.ledger.test]
    assert exams.purpose.unique().tolist() == ["test"] and exams.rollouts.tolist() == [12, 12]
    assert runs.metrics.tokens.tolist() == [32]
    assert "lucky" in runs.metrics


# -- tests ------------------------------------------------------------------------------------------------------------
def test_tests_happen_at_shares_of_each_variants_own_progress(pool):
    runs = simulate(steady, pool, steps=10, batch_size=4, tests=pool.iloc[:5], evaluate_every=5)
    assert runs.accuracy()[["step", "n"]].to_numpy().tolist() == [[0, 5], [5, 5], [10, 5]]
    assert runs.items.share.unique().tolist() == [0.0, 0.5, 1.0]


def test_the_start_is_tested_once_a_seed_and_stands_in_every_record(pool):
    runs = simulate({"a": steady, "b": steady}, pool, steps=2, batch_size=4, seed=[0, 1], tests=pool)
    start = runs.items[runs.items.step == 0]
    assert start.groupby(["variant", "seed"]).size().tolist() == [12] * 4
    first = runs.ledger[(runs.ledger.step == 0) & runs.ledger.test]
    assert first.groupby(["variant", "seed"]).size().to_dict() == {(v, s): 1 for v in "ab" for s in (0, 1)}


def test_a_list_of_more_steps_than_are_left_is_not_trained(pool):
    def greedy(pool, run):
        while True:
            yield [Train(pool.iloc[:2])] * 4

    runs = simulate(greedy, pool, steps=6, batch_size=2, tests=pool)
    assert runs.metrics.step.tolist() == [1, 2, 3, 4]
    assert runs.records[0].spec["ended"] == "budget of steps: 2 were left of it, and a list asked for 4"
    assert sorted(runs.items.step.unique()) == [0, 4]


@pytest.mark.parametrize(
    ("note", "line"),
    [
        ({"loss": 7.0}, "a note called 'loss'; the record has a column of that name, choose another"),
        ({"phase": "easy"}, "the note 'phase' is 'easy'; a note is a number"),
    ],
)
def test_a_note_is_a_number_under_a_name_of_its_own(pool, note, line):
    def noted(pool, run):
        yield Train(pool.iloc[:2], note=note)

    runs = simulate({"noted": noted, "steady": steady}, pool, steps=2, batch_size=4)
    assert runs.failed == {("noted", 0): f"failed: ValueError: {line}"}
    assert runs.metrics.groupby("variant").step.max().to_dict() == {"steady": 2}


@pytest.mark.parametrize("answers", ["nothing", "strangers", "no generator"])
def test_a_solver_that_fails_ends_its_own_variant_only(pool, answers):
    def solver(rows):
        out = yield Sample(rows, temperature=0.0)
        return None if answers == "nothing" else out.rename(index=lambda i: f"{i}?")

    def tested(pool, run):
        yield Use({"mine": (lambda rows: 3) if answers == "no generator" else solver})
        while True:
            yield Train(pool.iloc[:2])

    runs = simulate({"tested": tested, "steady": steady}, pool, steps=2, batch_size=4, tests=pool)
    assert list(runs.failed) == [("tested", 0)]
    assert runs.metrics.groupby("variant").step.max()["steady"] == 2


def test_a_method_that_returns_early_is_tested_and_its_findings_kept(pool):
    def brief(pool, run):
        yield Train(pool)
        return pd.DataFrame({"found": [1]})

    runs = simulate(brief, pool, steps=10, batch_size=4, tests=pool)
    assert runs.items.groupby("share").step.first().to_dict() == {0.0: 0, 1.0: 1}
    assert runs.findings["brief", 0].found.tolist() == [1]
    assert runs.records[0].spec["ended"] == "returned"


def test_a_method_gets_its_last_reply_and_may_return_findings_on_it(pool):
    def measured(pool, run):
        losses = []
        while run.progress < 1:
            out = yield Train(pool.iloc[: run.batch])
            losses.append(out.loss.mean())
        return pd.DataFrame({"loss": losses})

    runs = simulate(measured, pool, steps=3, batch_size=4)
    assert np.allclose(runs.findings["measured", 0].loss, runs.metrics.loss)
    assert runs.records[0].spec["ended"] == "budget of steps spent"


def test_what_fails_after_the_budget_is_an_event_and_no_failure(pool):
    def falls(pool, run):
        yield Train(pool)
        raise KeyError("gone")

    runs = simulate(falls, pool, steps=1, batch_size=4)
    assert runs.failed == {}
    why = "failed: KeyError: 'gone'"
    assert runs.records[0].events == ({"event": "failed after its budget was spent", "step": 1, "turn": 1, "why": why},)


def test_a_method_that_asks_for_nothing_is_tested(pool):
    def silent(pool, run):
        return
        yield

    runs = simulate(silent, pool, steps=10, batch_size=4, tests=pool)
    assert runs.items.step.tolist() == [0] * 24


def test_solvers_see_no_answers_and_are_graded_by_the_bench(pool):
    def again(rows):
        assert set(rows) == {"prompt", "level", "topic"}
        return (yield Sample(rows, n=1, temperature=0.0, purpose="test"))

    def taught(pool, run):
        yield Use({"direct": direct, "again": again})
        while True:
            yield Train(pool)

    runs = simulate(taught, pool.assign(note="yes"), steps=2, batch_size=4, tests=pool.assign(note="yes"))
    table = runs.items.pivot(index=["step", "id"], columns="solver", values="correct")
    assert list(table) == ["again", "direct"] and table.again.equals(table.direct)  # both greedy
    assert not runs.items.gold.any()


def test_gold_is_said_in_every_table(pool):
    def peeking(rows):
        assert rows.answer.eq("yes").all()
        return (yield Sample(rows, temperature=0.0))

    def method(pool, run):
        yield Use({"peek": peeking}, with_answers=True)
        yield Train(pool)

    runs = simulate(method, pool, steps=1, batch_size=4, tests=pool)
    assert runs.items[runs.items.solver == "peek"].gold.all()


def test_a_solver_may_not_train(pool):
    def cheat(rows):
        yield Train(rows)

    def method(pool, run):
        yield Use({"cheat": cheat})
        while True:
            yield Train(pool)

    runs = simulate({"cheats": method, "good": steady}, pool, steps=2, batch_size=4, tests=pool)
    why = "failed: ValueError: a solver yielded Train; a test may only Sample and Score (solver 'cheat')"
    assert runs.failed == {("cheats", 0): why}
    assert len(runs.metrics[runs.metrics.variant == "good"]) == 2


def test_options_are_read_and_other_rows_written(pool):
    mixed = pool.assign(options=[["yes", "no"]] * 6 + [None] * 6)
    runs = simulate(steady, pool, steps=1, batch_size=4, tests=mixed)
    exams = runs.ledger[runs.ledger.test]
    assert exams.groupby("request").rows.first().to_dict() == {"Sample": 6, "Score": 6}
    assert runs.items.groupby("step").size().tolist() == [12, 12]


# -- steering and replay ----------------------------------------------------------------------------------------------
def backwards(pool, run):
    yield Copy("learner", to="before")
    while True:
        yield Train(pool.iloc[::-1].head(run.batch))


def test_a_swap_is_an_event_and_takes_over_between_two_steps(pool):
    (job,), _ = drive(pool, steady, budget=Budget(steps=4), steering=[Steer(backwards, step=2)])
    assert job.events == [{"event": "swap", "step": 2, "turn": 2, "to": "backwards"}]
    assert [ids.tolist() for _, ids, *_ in job.exposure] == [
        ["r0", "r1", "r2", "r3"],
        ["r4", "r5", "r6", "r7"],
        ["r11", "r10", "r9", "r8"],
        ["r11", "r10", "r9", "r8"],
    ]


def test_a_method_swapped_in_under_grpo_has_its_rows_sampled(pool):
    (job,), _ = drive(pool, steady, budget=Budget(steps=2), objective="grpo", steering=[Steer(backwards, step=1)])
    assert [line[1] for line in job.ledger] == ["Sample", "Train", "Copy", "Sample", "Train"]


def test_a_swap_that_fails_closes_only_its_variant(pool):
    def broken(pool, run):
        return None

    (job,), _ = drive(pool, steady, budget=Budget(steps=4), steering=[Steer(broken, step=2)])
    assert job.run.step == 2
    assert job.ended == (
        "failed: ValueError: 'steady0' is not a generator function (it returned NoneType); a method yields requests"
    )


def test_a_replay_that_asks_differently_says_so(pool):
    _, loop = drive(pool, steady, budget=Budget(steps=3))
    (again,), _ = drive(pool, backwards, budget=Budget(steps=3), past=past(loop))
    assert again.ended == (
        "failed: RuntimeError: Copy differs from the journal that is replayed; "
        "the method or the pool has changed, or it draws on chance besides run.rng"
    )


def test_a_replay_of_a_part_goes_on_where_it_ended(pool):
    (job,), loop = drive(pool, steady, budget=Budget(steps=4))
    half = {key: value for key, value in past(loop).items() if key[1] <= 2}
    (again,), loop = drive(pool, steady, budget=Budget(steps=4), past=half)
    assert [ids.tolist() for _, ids, *_ in again.exposure] == [ids.tolist() for _, ids, *_ in job.exposure]


# -- which kind is answered next --------------------------------------------------------------------------------------
def test_like_requests_of_all_variants_are_answered_in_one_call(pool):
    _, loop = drive(pool, steady, steady, steady, budget=Budget(steps=3))
    assert loop.calls == [("Train", 3)] * 3


def test_the_variant_furthest_behind_decides(pool):
    order = []

    def scorer(pool, run):
        while True:
            yield Score(pool.iloc[:1], "nll")
            order.append(("scorer", run.progress))
            yield Train(pool.iloc[:4])

    def trainer(pool, run):
        while True:
            yield Train(pool.iloc[:4])
            order.append(("trainer", run.progress))

    drive(pool, trainer, scorer, budget=Budget(steps=20))
    ahead = 0.0
    last = {"scorer": 0.0, "trainer": 0.0}
    for name, progress in order:
        last[name] = progress
        ahead = max(ahead, abs(last["scorer"] - last["trainer"]))
    assert ahead < 0.11  # two of twenty steps


def test_records_hold_the_columns_they_promise(pool):
    (job,), _ = drive(pool, steady, budget=Budget(steps=2))
    table = record(job, None, {}).tables
    assert list(table["exposure"]) == ["step", "id", "tokens", "weight", "role"]
    assert table["items"].empty and len(table["metrics"]) == 2 and len(table["ledger"]) == 2


def test_objectives_by_name_or_setting(pool):
    for objective in ("grpo", Grpo(lr=1e-4)):
        assert "Sample" in set(simulate(steady, pool, steps=1, batch_size=2, objective=objective).ledger.request)
    assert set(simulate(steady, pool, steps=1, batch_size=2, objective=Sft(lr=1)).ledger.request) == {"Train"}


# -- budgets in answers -----------------------------------------------------------------------------------------------
def test_the_last_answers_of_a_budget_are_still_trained(pool):
    """Answers are what the budget counts; the step that they were asked for belongs to them."""
    runs = simulate(
        steady,
        pool,
        budget=Budget(rollouts=24),
        batch_size=4,
        rollouts=2,
        objective="grpo",
        tests=pool,
        evaluate_every=8,
    )
    assert runs.failed == {} and runs.metrics.step.max() == 3 and runs.groups.trained.sum() == 24
    assert runs.records[0].spec["ended"] == "budget of rollouts spent"
    assert runs.items.groupby("share").step.first().tolist() == [0, 1, 2, 3]  # each test after its step

    def never_trains(pool, run):
        while True:
            yield Sample(pool.iloc[:4], 2)

    how = dict(budget=Budget(rollouts=24), batch_size=4, rollouts=2, objective="grpo")
    idle = simulate(never_trains, pool, tests=pool, **how)
    assert len(idle.metrics) == 0 and idle.ledger.rollouts[~idle.ledger.test].sum() == 24


def test_what_a_method_writes_into_its_rows_closes_only_itself(pool):
    def odd(pool, run):
        out = yield Sample(pool.iloc[:2], 2)
        yield Train(out.assign(advantage="much"), "sft")

    runs = simulate({"odd": odd, "good": steady}, pool, steps=3, batch_size=4, rollouts=2, objective="grpo")
    assert list(runs.failed) == [("odd", 0)] and "could not convert" in runs.failed["odd", 0]
    assert (runs.metrics.variant == "good").sum() == 3


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        (lambda rows: Sample(rows, n=0), "Sample with n=0; give at least 1"),
        (lambda rows: Sample(rows, n=[1]), "Sample with 1 values of n for 3 rows; give one, or one a row"),
        (
            lambda rows: Sample(rows, n=400_000),
            "Sample of 1,200,000 answers at once; ask for at most 1,000,000, and again for more",
        ),
        (lambda rows: Sample(rows, temperature=-1.0), "Sample with temperature=-1; give at least 0"),
        (lambda rows: Sample(rows, stop="end"), "Sample with stop='end'; give a tuple of texts, such as ('\\n',)"),
        (
            lambda rows: Score(rows, "nll", per="word"),
            "Score(measure='nll', per='word'); name a measure, per 'row' or 'token'",
        ),
    ],
)
def test_settings_of_requests_are_checked(pool, request_of, message):
    def asks(pool, run):
        yield request_of(pool.iloc[:3])

    runs = simulate({"asks": asks}, pool, steps=2, batch_size=2)
    assert runs.failed == {("asks", 0): f"failed: ValueError: {message}"}
