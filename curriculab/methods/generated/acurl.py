"""ACuRL: the next tasks follow from success on the last ones: harder, of the same level, or what they take for granted.

Title    ACuRL: Autonomous Continual Learning of Computer-Use Agents
Authors  Xue et al.
Year     2026
Number   10
Needs    objective grpo; columns level
Paper    Xue et al. 2026, "Autonomous Continual Learning of Computer-Use Agents for Environment Adaptation", arXiv
         2602.10356; read with its released code (OSU-NLP-Group/ACuRL)
Kept     tasks of 16 easy, 10 medium and 6 hard ones in each context at first; reinforcement on them, drawn uniformly,
         from the weights of the round before; success rate of every task, SR; then three rounds of new tasks, one from
         each old one: SR > 0.7 a harder one, 0.3 to 0.7 another of the same difficulty, < 0.3 one that isolates a skill
         it needs; tasks that were there before are avoided
Changed  tasks are rows of the pool, a bank with topics for contexts and levels for difficulty, theirs are written by a
         large model that has explored the environment: a harder task is `jump` levels above, one that isolates a skill
         as many below. The reward is the verifier's, theirs a judge of screenshots that agrees with people in 93 of
         100; the number of answers by which SR is measured is ours; nothing limits steps within an answer, 15, 20, 25
         by rounds there. `told` has the controls: the rates of other tasks, and the first tasks for good
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, largest_remainder
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds

TOLD = ("own", "others", "nothing")


def acurl(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of contexts; without it there is one")] = "topic",
    tasks: Annotated[int, Knob(8, 64, "tasks of a context, at most half of its rows", step=8, least=1)] = 32,  # paper
    mix: Annotated[
        tuple[int, int, int], Knob(help="easy, medium and hard ones of the first tasks, by thirds of the levels")
    ] = (16, 10, 6),  # released code
    rounds: Annotated[int, Knob(1, 6, "rounds of new tasks, of equal length with the first", step=1, least=0)] = 3,
    high: Annotated[
        float, Knob(0.5, 1.0, "success rate above which a harder task follows", step=0.05, least=0.0, most=1.0)
    ] = 0.7,  # released code
    low: Annotated[
        float, Knob(0.0, 0.5, "success rate below which an easier task follows", step=0.05, least=0.0, most=1.0)
    ] = 0.3,  # released code
    jump: Annotated[int, Knob(1, 3, "levels from a task to a harder or an easier one", step=1, least=1)] = 1,  # ours
    tries: Annotated[
        int, Knob(2, 16, "answers by which a task's success rate is measured", step=2, least=1)
    ] = 8,  # ours
    told: Annotated[
        str, Knob(choices=TOLD, help="which rates new tasks follow: their own, those of others, or no new tasks")
    ] = "own",
) -> Generator:
    """SR = mean correct over `tries`; a task of level l is followed by one of level l + jump where SR > `high`,
    l - jump where SR < `low`, else l; after each of `rounds` + 1 equal parts of the run."""
    check_bounds(acurl, locals())
    if told not in TOLD:
        raise ValueError(f"told={told!r} is unknown; give one of {', '.join(map(repr, TOLD))}")
    if low > high:
        raise ValueError(f"low={low:g} is above high={high:g}; give low at most high")
    bank = Bank(pool, by, run.rng)
    now = bank.first(tasks, mix)
    run.set_aside(rounds * len(now) * tries)
    queue, number, note = Queue.shuffled(now, run.rng), 0, {}
    while True:
        if number < rounds and run.progress * (rounds + 1) >= number + 1 - 1e-9:
            out = yield Sample(pool.take(now), tries, purpose="probe")
            rate = out["correct"].to_numpy(float).reshape(len(now), tries).mean(axis=1)
            note = {"success": float(rate.mean()), "from_half": float(np.abs(rate - 0.5).mean())}
            if told != "nothing":
                rate = run.rng.permutation(rate) if told == "others" else rate
                steps = np.where(rate > high, jump, np.where(rate < low, -jump, 0))
                now = np.array([bank.follow(task, step) for task, step in zip(now, steps.tolist(), strict=True)])
                queue = Queue.shuffled(now, run.rng)
            number += 1
        yield Train(pool.take(queue.take(run.batch)), "grpo", note={"round": number, **note})


class Bank:
    """Rows by context and level, of which none is given twice while its context has others."""

    def __init__(self, pool: pd.DataFrame, by: str, rng: np.random.Generator) -> None:
        if pool["level"].isna().any():
            row = pool.index[pool["level"].isna()][0]
            raise ValueError(f"acurl: row {row!r} has no level; every task of the bank has one: fill or drop it")
        context = pool[by].to_numpy(object) if by in pool else np.zeros(len(pool), int)
        self.rng, self.level = rng, pool["level"].to_numpy(float)
        self.context, self.names = pd.factorize(context)
        self.used = np.zeros(len(pool), bool)

    def first(self, tasks: int, mix: tuple[int, int, int]) -> np.ndarray:
        """Tasks of every context, from the lower, middle and upper third of its levels in the proportions of `mix`."""
        found = []
        for context in range(len(self.names)):
            here = np.flatnonzero(self.context == context)
            levels = np.unique(self.level[here])
            thirds = np.array_split(levels, 3)
            counts = largest_remainder(np.array(mix, float), max(1, min(tasks, len(here) // 2)))
            for third, count in zip(thirds, counts.tolist(), strict=True):
                wanted = third if len(third) else levels
                found += [self.pick(context, float(self.rng.choice(wanted)), 0) for _ in range(count)]
        return np.array(found)

    def follow(self, task: int, step: int) -> int:
        """A task `step` levels above the old one in its context, among the levels that the context has."""
        context = self.context[task]
        levels = np.unique(self.level[self.context == context])
        at = int(np.searchsorted(levels, self.level[task])) + step
        return self.pick(context, float(levels[min(max(at, 0), len(levels) - 1)]), step)

    def pick(self, context: int, level: float, step: int) -> int:
        """A task of that level that was never given; else of the nearest level, of two the one that `step` leads to;
        where all of a context were given, any of that level."""
        here = self.context == context
        free = np.flatnonzero(here & ~self.used)
        if len(free):
            apart = np.abs(self.level[free] - level)
            near = free[apart == apart.min()]
            onward = near[(self.level[near] - level) * step > 0]
            near = onward if len(onward) else near
        else:
            near = np.flatnonzero(here & (self.level == level))
        found = int(near[self.rng.integers(len(near))])
        self.used[found] = True
        return found


RATES = {"l1": 0.98, "l2": 0.9, "l3": 0.5, "l4": 0.1, "l5": 0.02}  # right answers by level, before training


def check(bench: CheckBench) -> Check:
    """How far the success rates of the second round's tasks are from one half."""
    pool, student = bench.planted(RATES, rows=60, rate=0.01)
    pool = pool.assign(topic="all")
    how = dict(signal=("probe:correct",), pool=pool, student=student, steps=24)
    groups = {}
    for told in ("own", "others"):
        runs = bench.reinforce(acurl, told=told, **how)
        bench.final(runs)  # a failed run raises
        trained = runs.groups[runs.groups.purpose == "answer"].assign(step=lambda g: g.step + 1)  # not the measurements
        groups[told] = trained.merge(runs.metrics[["seed", "step", "round"]], on=["seed", "step"])
    first = _from_half(groups["own"], 0)
    second = {told: _from_half(g, 1) for told, g in groups.items()}
    silent = {told: float((g[g["round"] == 1].spread == 0).mean()) for told, g in groups.items()}
    gain, again = second["others"] - second["own"], repeated(groups["own"])
    planted = {told: _planted_from_half(g, pool) for told, g in groups.items()}
    return Check(
        claim="after one round of new tasks success rates are nearer to one half than where each task is followed "
        "by what another's rate asks for, and hardly a task comes again",
        refuted_by="a mean distance from one half, over groups of 8 answers, less than 0.10 below that with the rates "
        "of other tasks (set before measuring), or 10% or more of the later tasks in an earlier round too; permuted "
        "answers to the measurement must fail",
        measured={
            "from_half_first": first,
            "from_half_second": second["own"],
            "gain": gain,
            "silent": silent["own"],
            "silent_others": silent["others"],
            "again": again,
        },
        held=gain >= 0.10 and again < 0.10,
        seeds=bench.seeds,
        also=(
            # Added after the claim above had missed its limit: 8 answers at a rate of one half are 0.137 from it.
            Check(
                claim="the same of the tasks' true rates before training",
                refuted_by="a mean distance from one half less than 0.10 below that with the rates of other tasks",
                measured={f"from_half_{told}": value for told, value in planted.items()},
                held=planted["others"] - planted["own"] >= 0.10,
                seeds=bench.seeds,
            ),
        ),
    )


def _from_half(groups: pd.DataFrame, number: int) -> float:
    """Mean distance of the groups' share of right answers from one half, in a round."""
    return float((groups[groups["round"] == number].reward - 0.5).abs().mean())


def _planted_from_half(groups: pd.DataFrame, pool: pd.DataFrame) -> float:
    """Mean distance of the planted rates of the second round's tasks from one half."""
    ids = groups[groups["round"] == 1].id
    return float((1 / (1 + np.exp(pool.logit.loc[ids])) - 0.5).abs().mean())


def repeated(groups: pd.DataFrame) -> float:
    """Share of the tasks after the first round that were trained in an earlier one too."""
    pairs = groups[["seed", "id", "round"]].drop_duplicates()
    first = pairs.groupby(["seed", "id"])["round"].transform("min")
    later = pairs[pairs["round"] > 0]
    return float((first[later.index] < later["round"]).mean())
