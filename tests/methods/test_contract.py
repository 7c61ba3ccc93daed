"""One contract, held by every method that is written: what its file says, its claim, how it runs."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.budget import Budget, default_ceiling
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.job import Steer, open_job
from curriculab.bench.recording import record
from curriculab.bench.replay import ReplayLog
from curriculab.bench.scheduler import Scheduler
from curriculab.bench.simulate import _writers, simulate
from curriculab.environments import say
from curriculab.methods import CATALOG, CONTROLS, checkable
from curriculab.methods.check import RESULTS, load_checks, result_of
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.protocol import Sample, Train, digest, method_name
from curriculab.runs import digest_of_table
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.pools import planted
from curriculab.simulation.student import Student
from tests.methods.made import budget_for, by_rewards, hides_an_answer, make, numbered, objective_of, pool_for

WRITTEN = {entry.function: entry for entry in CATALOG if entry.path.exists()}
METHODS = list(WRITTEN)
STEPS, BATCH, ROLLOUTS = 12, 4, 4


def objective_for(name):
    return objective_of(WRITTEN[name])


def made_pool(*names, **how) -> pd.DataFrame:
    return pool_for(*(WRITTEN[name] for name in names), **how)


def budget_of(*names) -> Budget:
    return budget_for(*(WRITTEN[name] for name in names), steps=STEPS, answers=BATCH * ROLLOUTS)


def assert_none_failed(jobs) -> None:
    assert {job.variant: job.ended for job in jobs if job.failed} == {}


class Listening:
    """The simulated learner, keeping what it was asked."""

    def __init__(self, objective, *tables, also=()):
        writers = {name: _writers(entry.method) for name, entry in WRITTEN.items()}
        for name in also:  # takes over from each
            writers = {variant: own | writers[name] for variant, own in writers.items()}
        learner = SimulatedLearner(Student(), *tables, objective=objective, writers=writers)
        self.learner, self.asked = learner, []

    def answer(self, asks):
        answers = self.learner.answer(asks)
        self.asked += zip(asks, answers, strict=True)
        return answers

    def of(self, job):
        mine = [ask for ask, _ in self.asked if _of(ask, job)]
        return [(ask.turn, ask.place, digest(ask.request)) for ask in mine]

    def heard(self, job):
        return [(ask.request, answer) for ask, answer in self.asked if _of(ask, job)]


def _of(ask, job):
    return ask.owner == (job.variant, job.seed) and not ask.evaluation


class Deaf:
    """Nobody answers: everything has to come from the log."""

    def answer(self, asks):
        return [RuntimeError("asked")] * len(asks)


def resolved(objective):
    """What the bench would answer a Train with: its own objective, unless the request brings one or names one."""
    named = {"sft": Sft(), "grpo": Grpo()}

    def resolve(request):
        wanted = None if request is None else request.objective
        return named.get(wanted, wanted) if isinstance(wanted, str) else wanted or objective

    return resolve


def drive(names, tests=None, objective=None, also=(), pool=None, **more):
    """also: names of methods that take over."""
    pool = made_pool(*names, *also) if pool is None else pool
    objective = objective or objective_for(names[-1])
    learner = Listening(resolved(objective), pool, also=also)
    jobs = [opened(name, pool, seed, objective, **more) for name in names for seed in (0, 1)]
    learner.journal = ReplayLog()
    Scheduler(learner, budget_of(*names, *also), tests, (0.0, 0.5, 1.0), log=learner.journal).drive(jobs)
    assert_none_failed(jobs)
    return jobs, learner


def past(learner, name):
    """What the journal holds of the variant `name` with seed 0."""
    job = (name, 0)
    return learner.journal.past({job: {job: math.inf}})[job]


def opened(name, pool, seed, objective, **more):
    return open_job(
        name,
        WRITTEN[name].method,
        pool,
        seed=seed,
        batch=BATCH,
        rollouts=ROLLOUTS,
        objective=resolved(objective),
        **more,
    )


def simulated(name, pool, **how):
    method, objective = WRITTEN[name].method, objective_for(name)
    return simulate(method, pool, batch_size=BATCH, rollouts=ROLLOUTS, objective=objective, **how)


def shown(job):
    return [(step, ids.tolist(), weight.tolist()) for step, ids, _, weight, _ in job.exposure]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_replay_brings_the_same_requests_without_a_learner(name):
    (first, _), learner = drive([name])
    known = past(learner, name)
    again = opened(name, made_pool(name), 0, objective_for(name), past=known)
    Scheduler(Deaf(), budget_of(name)).drive([again])
    assert_none_failed([again])
    assert again.ended == first.ended and known and not again.past
    assert shown(again) == shown(first)
    same = record(again, None, {}).tables, record(first, None, {}).tables
    for table in ("metrics", "exposure", "ledger", "groups"):
        pd.testing.assert_frame_equal(same[0][table], same[1][table])


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_alone_equals_side_by_side(name):
    alone, ears = drive([name])
    # A variant's name is its own, so a method stands beside two others.
    beside = [other for other in ("random_order", "easy_to_hard", "competence") if other != name][:2]
    together, both = drive([beside[0], name, beside[1]], objective=objective_for(name))
    for mine, theirs in zip(alone, together[2:4], strict=True):
        assert ears.of(mine) == both.of(theirs)
        losses = [[line["loss"] for line in job.metrics] for job in (mine, theirs)]
        assert losses[0] == losses[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_exposure_is_what_was_asked_and_the_ledger_charges_everything(name):
    jobs, ears = drive([name], tests=made_pool(name).iloc[:6])
    for job in jobs:
        mine = ears.heard(job)
        trained = [list(request.rows.index) for request, _ in mine if isinstance(request, Train)]
        assert [ids for _, ids, _ in shown(job)] == trained
        every = [line for line in job.ledger if not line[-2]]
        own = [line for line in every if line[1] != "Use"]  # that is the bench's own to answer
        assert [line[1] for line in own] == [type(request).__name__ for request, _ in mine]
        assert [line[5] for line in own] == [answer.tokens for _, answer in mine]
        asked = [answer.reply for request, answer in mine if isinstance(request, Sample)]
        assert sum(g["n"] for g in job.groups.values()) == sum(map(len, asked)) == job.spent.rollouts
        paid = sum(max(answer.tokens, 1) for _, answer in mine) + len(every) - len(own)
        assert job.spent.total_tokens == paid
        assert job.spent.rollouts == sum(answer.rollouts for _, answer in mine)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_it_trains_or_returns_under_its_budget(name):
    pool = made_pool(name)
    answers = ROLLOUTS if by_rewards(WRITTEN[name]) else 0
    ceiling = default_ceiling([7] * len(pool), Budget(steps=STEPS), BATCH, answers)
    runs = simulated(name, pool, budget=replace(budget_of(name), max_total_tokens=ceiling))
    assert runs.failed == {}
    spec, ends = runs.records[0].spec, ("returned", "ceiling on total tokens")
    ends = ends if WRITTEN[name].trains else (*ends, "budget of rollouts spent")
    assert spec["steps"] == STEPS or spec["ended"].startswith(ends)
    assert WRITTEN[name].trains or not spec["steps"]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_pool_it_was_given_is_not_changed(name):
    pool = made_pool(name)
    before = digest_of_table(pool)
    assert simulated(name, pool, budget=budget_of(name)).failed == {}
    assert digest_of_table(pool) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_neighbour_that_fails_changes_nothing(name):
    def broken(pool, run):
        yield Train(pool)
        raise RuntimeError("broken")

    pool = made_pool(name)
    method, objective = WRITTEN[name].method, objective_for(name)
    how = dict(budget=budget_of(name), batch_size=BATCH, rollouts=ROLLOUTS, objective=objective)
    alone = simulate(method, pool, name="it", **how)
    beside = simulate({"broken": broken, "it": method}, pool, **how)
    assert list(beside.failed) == [("broken", 0)]
    mine = beside.exposure[beside.exposure.variant == "it"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone.exposure, check_dtype=WRITTEN[name].trains)  # no lines, no dtypes


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_it_can_take_over_and_that_replays(name):
    objective = objective_for(name)
    steering = [Steer(WRITTEN[name].method, step=5)]
    (first, _), learner = drive(["random_order"], steering=steering, objective=objective, also=[name])
    assert [(e["event"], e["step"], e["to"]) for e in first.events] == [("swap", 5, name)]
    known, pool = past(learner, "random_order"), made_pool("random_order", name)
    again = opened("random_order", pool, 0, objective, past=known, steering=steering)
    Scheduler(Deaf(), budget_of("random_order", name)).drive([again])
    assert_none_failed([again])
    assert shown(again) == shown(first) and again.events == first.events


# -- roles, and the form of answers -----------------------------------------------------------------------------------
WORD = "nulugen"  # a number is found wherever it stands


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_who_changes_the_form_of_answers_says_how_it_is_tested(name):
    """The default test reads the whole text: an answer within tags would count as wrong."""
    jobs, ears = drive([name], pool=made_pool(name, answer=WORD))
    for job in jobs:
        hidden = [request for request, _ in ears.heard(job) if isinstance(request, Train) and hides_an_answer(request)]
        assert job.use is not None or not hidden, f"{name} trains {hidden[0].rows['text'].iloc[0]!r} and says no Use"


def test_an_answer_within_tags_is_found():
    rows = pool_for(answer=WORD).iloc[:2]
    plain, tagged = say(rows, WORD), say(rows, [WORD, f"<think>{WORD}</think> sure"])
    assert not hides_an_answer(Train(plain)) and hides_an_answer(Train(tagged))
    assert not hides_an_answer(Train(tagged, role="critic")) and not hides_an_answer(Train(rows))


def test_a_method_of_two_roles_is_among_them():
    (job, _), _ = drive(["clutr"])
    of = {role: [line for line in job.metrics if line["role"] == role] for role in ("learner", "antagonist")}
    assert [line["step"] for line in of["learner"]] == list(range(1, STEPS + 1)) == [*range(1, job.spent.steps + 1)]
    assert len(of["antagonist"]) in (STEPS - 1, STEPS)  # the learner's last step ends the run


ASK = """
import json, sys
sys.path.insert(0, {folder!r})
import test_contract as t
asked = {{}}
for name in t.METHODS:
    jobs, ears = t.drive([name])
    asked[name] = [ears.of(job) for job in jobs]
print(json.dumps(asked))
"""


@pytest.mark.slow
def test_requests_are_the_same_under_another_hash_seed():
    here = Path(__file__).parent
    code = ASK.format(folder=str(here))
    asked = []
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(here.parents[1]), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        asked.append(json.loads(done.stdout))
    assert asked[0] == asked[1]
    assert set(asked[0]) == set(METHODS)


# -- what they train by and on ----------------------------------------------------------------------------------------
LISTENING = ("sec", "dump", "cures", "pcl", "gain_rl")


@pytest.mark.parametrize("name", [*LISTENING, "difficulty_filter", "dynamic_sampling"])
def test_supervised_training_is_refused_in_one_line(name):
    runs = simulate(getattr(methods, name), numbered([1, 2] * 12), steps=60, batch_size=4, objective="sft", name="it")
    who = name if name in LISTENING else "the filter"
    assert runs.failed == {("it", 0): f"failed: ValueError: {who} listens to rewards; train it with objective='grpo'"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LISTENING, "difficulty_filter", "dynamic_sampling"])
def test_a_claim_holds_for_other_seeds(name):
    entry = next(e for e in methods.CATALOG if e.function == name)
    found = entry.check(SimulatedCheckBench(seeds=(7, 8, 9)))
    assert found.held, found


@pytest.mark.parametrize("name", ["adarft", "thompson", "learnability", "learning_progress", "adcl", "egsr", "sari"])
def test_without_rewards_they_say_what_is_missing(name):
    budget = Budget(steps=3, max_total_tokens=10**6)
    runs = simulate(getattr(methods, name), make([1] * 8), budget=budget, batch_size=2, name="v")
    why = f"failed: ValueError: {name} listens to rewards; train it with objective='grpo'"
    assert runs.failed == {("v", 0): why}


# The group "order" without plain orders and controls.
ORDERS = (
    "climb",
    "pudf",
    "curriculum_designer",
    "corgi",
    "graphmasal",
    "edco",
    "fading_weights",
    "self_paced",
    "transfer_teacher",
    "superloss",
    "hard_mining",
    "spaced_repetition",
)


@pytest.mark.parametrize("name", ORDERS)
def test_they_run_under_reinforcement_too(name):
    pool, student = planted({"x": 0.8, "y": 0.4}, rows=12)
    runs = simulate(getattr(methods, name), pool, steps=6, batch_size=3, rollouts=4, objective=Grpo(), learner=student)
    assert runs.failed == {} and not runs.metrics.empty


@pytest.mark.parametrize("name", ORDERS)
def test_a_pool_smaller_than_a_batch_will_do(name):
    pool = make([1, 2, 3], topic=list("xyz"))
    runs = simulate(getattr(methods, name), pool, budget=Budget(steps=4, max_total_tokens=10_000), batch_size=5)
    assert runs.failed == {} and runs.metrics.step.max() == 4


@pytest.mark.parametrize("name", ORDERS)
def test_their_docstrings_show_an_equation_in_the_names_of_the_code(name):
    method = getattr(methods, name)
    text, code = method.__doc__, method.__code__
    assert any(sign in text for sign in ("=", "~", "<-", "argmax"))
    assert any(known in text for known in (*code.co_varnames, *code.co_freevars))


POOL, STUDENT = planted({"easy": 0.9, "middling": 0.5, "hard": 0.1}, rows=8)


def test_on_given_answers_one_says_what_is_missing_and_the_other_brings_its_objective():
    how = {"budget": Budget(steps=3, max_total_tokens=10**6), "batch_size": 2, "name": "v"}
    why = "failed: ValueError: train_long_think_short listens to rewards; train it with objective='grpo'"
    assert simulate(methods.train_long_think_short, POOL, **how).failed == {("v", 0): why}
    runs = simulate(methods.vl_cogito, POOL, **how)
    assert runs.failed == {} and runs.metrics.signal.notna().all()


def test_fixed_orders_say_so_at_the_head_of_their_files() -> None:
    fixed = {entry.function for entry in methods.CATALOG if not entry.adapts}
    orders = {"random_order", "easy_to_hard", "hard_to_easy", "baby_steps", "competence", "human_strategies"}
    assert fixed == orders | {"cyclical", "climb", "corgi", "fading_weights"}


# -- files and claims -------------------------------------------------------------------------------------------------
CHECKED = [entry.function for entry in checkable()]


def entry_of(name):
    return next(entry for entry in CATALOG if entry.function == name)


@pytest.mark.parametrize("entry", [e for e in CATALOG if e.path.exists()], ids=lambda e: e.function)
def test_a_method_file_says_what_it_is(entry):
    text = entry.path.read_text()
    header = text.split('"""')[1]
    assert all(f"\n{word}" in header for word in ("Paper  ", "Kept  ", "Changed  "))
    assert entry.method.__doc__ and method_name(entry.method) == entry.function
    assert (entry.check is None) == (entry.function in CONTROLS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED)
def test_the_claim_holds_and_its_broken_twin_is_refuted(name):
    check = entry_of(name).check
    real, twin = check(SimulatedCheckBench()), check(SimulatedCheckBench(broken=True))
    reals, twins = (real, *real.also), (twin, *twin.also)
    assert any(one.held for one in reals), reals  # refuted at the defaults: then it holds at knobs that it names
    assert real.held or result_of(load_checks()[name]) == real.result, real
    for one, other in zip(reals, twins, strict=True):
        assert not (one.held and other.held), other
        assert len(one.seeds) >= 3 and one.claim and one.refuted_by and one.measured
        assert one.measured != other.measured


@pytest.mark.parametrize("entry", [e for e in CATALOG if e.path.exists() and by_rewards(e)], ids=lambda e: e.function)
def test_an_equation_names_the_knobs_of_the_method(entry):
    """What the docstring writes is what the code is called by: at least one knob or local name, and an equation."""
    text = entry.method.__doc__
    names = {*entry.method.__code__.co_varnames, *entry.method.__code__.co_freevars}
    words = set(re.findall(r"[A-Za-z_]+", text))
    assert re.search(r"[=~]|<-", text), "no equation"
    assert words & names, f"none of {sorted(names)} is in the docstring"


def test_the_shipped_results_are_of_these_files():
    """After changing a method: curriculab methods check NAME. What was refuted stays recorded, and is no failure."""
    status = {name: entry_of(name).status for name in CHECKED}
    assert {name: one for name, one in status.items() if one not in RESULTS} == {}
