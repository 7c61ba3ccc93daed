"""Progress runs from the first Train: what is measured before it, and what is set aside, does not move it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.job import open_job
from curriculab.bench.scheduler import Scheduler
from curriculab.bench.simulate import simulate
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Sample, Score, Train
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.pools import planted

RATES = {"easy": 0.8, "middling": 0.5, "hard": 0.3}


@pytest.fixture(scope="module")
def planted_pool():
    return planted(RATES, rows=40)  # 120 rows


def progress_of(method, budget, pool, student, **how):
    """(progress, spent) that the method read before each Train, the one that is not taken any more included."""
    seen = []

    def watching(rows, run):
        for asked in (generator := method(rows, run)):
            reply = None
            while asked is not None:
                if isinstance(asked, Train):
                    seen.append((run.progress, run.spent))
                reply = yield asked
                try:
                    asked = generator.send(reply)
                except StopIteration:
                    return

    simulate(watching, pool, budget=budget, batch_size=8, learner=student, name="watched", **how)
    return np.array(seen)


def measures_first(pool, run):
    yield Sample(pool, 4, purpose="probe")  # 480 answers
    while True:
        yield Train(pool.iloc[: run.batch])


def samples_itself(pool, run):
    while True:
        out = yield Sample(pool.iloc[: run.batch], run.rollouts)
        yield Train(out)


def test_measuring_before_the_first_step_leaves_progress_at_0(planted_pool):
    """Of 1,120 answers 480 measure: ten steps of 64 are left, each a tenth of the progress."""
    seen = progress_of(measures_first, Budget(rollouts=1120), *planted_pool, objective="grpo")
    assert seen[:10, 0] == pytest.approx(np.arange(10) / 10)
    assert seen[0, 1] == pytest.approx(480 / 1120)


@pytest.mark.parametrize("budget", [Budget(rollouts=640), Budget(steps=10)])
def test_answers_that_the_first_step_learns_from_are_no_set_up(planted_pool, budget):
    """Before its k-th Train a method has k steps' answers; progress counts what they cost once a step was taken."""
    seen = progress_of(samples_itself, budget, *planted_pool, objective="grpo")
    ahead = 1 if budget.rollouts else 0
    assert seen[1:, 0] == pytest.approx((np.arange(1, 10) + ahead) / 10)
    assert seen[0, 0] == 0.0


def test_tests_stay_on_the_axis_of_the_whole_budget(planted_pool):
    """A test at half of the budget is taken at 560 of 1,120 answers: behind the first or second step, not the fifth."""
    pool, student = planted_pool
    runs = simulate(
        {"measures": measures_first},
        pool,
        budget=Budget(rollouts=1120),
        batch_size=8,
        learner=student,
        objective="grpo",
        tests=pool.head(20),
        evaluate_every=560,
    )
    at = runs.items.groupby("share")[["step", "rollouts"]].first()
    assert at.index.tolist() == [0.0, 0.5, 1.0]
    assert at["step"].tolist() == [0, 2, 10] and at["rollouts"].tolist() == [0, 480 + 128, 1120]


def test_the_schedule_of_the_learning_rate_begins_at_the_first_step(planted_pool):
    """Linear decay over ten steps: 1, .9, ... .1, however much was measured before."""
    pool, student = planted_pool

    setting = Grpo(lr_scheduler_type="linear", warmup_steps=0)
    learner = SimulatedLearner(student, pool, objective=lambda request: setting)
    factors = []

    class Noting:
        def answer(self, asks):
            factors.extend(ask.rate_factor for ask in asks if isinstance(ask.request, Train))
            return learner.answer(asks)

    how = dict(seed=0, batch=8, rollouts=8, objective=lambda request: setting)
    learner.start([("it", 0)])
    Scheduler(Noting(), Budget(rollouts=1120)).drive([open_job("it", measures_first, pool, **how)])
    # The answers of a step are spent when it is taken, so that the k-th stands at k of 10 steps' answers.
    assert factors == pytest.approx([1 - k / 10 for k in range(1, 11)])


def test_answers_set_aside_do_not_move_the_progress(planted_pool):
    """960 answers measure the pool, 4 x 24 x 8 = 768 later chunks: of 4,000 the 2,272 others are shared evenly."""
    pool, student = planted_pool
    runs = simulate(methods.adcl, pool, budget=Budget(rollouts=4000), batch_size=8, learner=student, objective="grpo")
    steps = runs.metrics.groupby("chunk").size()
    assert steps.index.tolist() == [1, 2, 3, 4, 5]
    assert (steps - 2272 / 64 / 5).abs().max() <= 1


def test_more_set_aside_than_is_left_is_refused(planted_pool):
    def careful(pool, run):
        run.set_aside(1000)
        while True:
            yield Train(pool.iloc[: run.batch])

    pool, student = planted_pool
    with pytest.warns(UserWarning, match="set aside"):
        runs = simulate(careful, pool, budget=Budget(rollouts=640), batch_size=8, learner=student, objective="grpo")
    message = "failed: ValueError: 1,000 answers are set aside for measuring, and 640 of 640 were left for it; give a "
    assert runs.failed == {("careful", 0): message + "larger budget"}


@pytest.mark.parametrize("by", [None, "level"])
def test_a_warm_start_beside_a_budget_of_answers_is_measured_in_tokens(planted_pool, by):
    """SARI learns given solutions for a sixteenth of the tokens; its four bins share the rest of the answers evenly."""
    pool, student = planted_pool
    sari = partial(methods.sari, by=by)
    runs = simulate(sari, pool, budget=Budget(rollouts=4000), batch_size=8, learner=student, objective="grpo")
    metrics = runs.metrics.assign(trained=runs.metrics.tokens.diff().fillna(runs.metrics.tokens))
    share = metrics.trained[metrics.bin < 0].sum() / metrics.trained.sum()
    # Where nothing was sampled before, given answers stand for the model's, which are a little longer here.
    assert share == pytest.approx(1 / 16, rel=0.1 if by is None else 0.2)
    steps = metrics[metrics.bin >= 0].groupby("bin").size()
    assert len(steps) == 4 and steps.max() - steps.min() <= 1


def test_a_method_whose_file_declares_an_objective_fails_without_a_step(planted_pool):
    pool, student = planted_pool
    with pytest.warns(UserWarning, match="nothing was trained"):
        how = {"batch_size": 8, "learner": student, "objective": "grpo"}
        runs = simulate(methods.adcl, pool, budget=Budget(rollouts=900), name="adcl", **how)
    why = (
        "failed: nothing was trained (budget of rollouts spent, 960 of 900); "
        "measure less, drop fewer rows, or give a larger budget"
    )
    assert runs.failed == {("adcl", 0): why}


def test_scoring_before_each_step_says_where_the_ceiling_ended_it(planted_pool):
    """Reading 120 rows before each step of 8: the ceiling is ten times the 480 rows that 60 steps train."""

    def scorer(pool, run):
        while True:
            for _ in range(30):
                yield Score(pool, "nll")
            yield Train(pool.iloc[: run.batch])

    pool, student = planted_pool
    runs = simulate(scorer, pool, steps=60, batch_size=8, learner=student)
    assert runs.records[0].spec["ended"] == "ceiling on total tokens, at 1 of 60 steps"
