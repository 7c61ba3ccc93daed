"""Words as Beacons: subgoals of a task, reached in their order, are each worth a bonus that falls with the way to them.

Title    Words as Beacons: LLM subgoals for sparse-reward RL
Authors  Ruiz-Gonzalez et al.
Year     2024
Number   17
Needs    objective grpo; columns solution
Paper    Ruiz-Gonzalez et al. 2024, "Words as Beacons: Guiding RL Agents with High-Level Language Prompts"; code
         aklein1995/Words-as-Beacons (base.py of its torch_ac, subgoal_generator.py, rq1.sh)
Kept     an ordered list of subgoals a task, made once and kept; the next one counts only after the one before it; bonus
         alpha (1 - t / T) where it is reached, alpha .2; the last subgoal, the goal itself, brings none; an error model
         that gives wrong subgoals in place of right ones; no subgoals in tests
Changed  texts, not grid worlds: the subgoals are the values of a worked solution (theirs: an LLM's), t is the place
         in the answer where a value ends and T is `horizon`, in characters. A wrong subgoal is one of another row
         (theirs: another place in the grid, at a fitted distance). The policy does not read the subgoal unless `shown`
         (theirs does, in training). GRPO of the bench in place of PPO. An answer is right by what it ends with, in
         training as in tests. `alpha=0` is the control
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd

from curriculab.data.worked_steps import steps
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, rewarded
from curriculab.methods.solutions import answered_last, ends_right, solutions
from curriculab.protocol import Run, Sample, Train, Use
from curriculab.registry.knobs import Knob, check_bounds

if TYPE_CHECKING:
    from curriculab.runs import Runs

SHOWN = "{prompt}\nOn the way: {goals}"


def beacons(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of worked solutions, whose steps reach the subgoals")] = "solution",
    alpha: Annotated[float, Knob(0.0, 1.0, "bonus of a subgoal that is reached at once", step=0.1, least=0.0)] = 0.2,
    horizon: Annotated[
        int, Knob(64, 1024, "characters of an answer behind which a subgoal brings nothing", step=64, least=1)
    ] = 256,  # ours: T of the paper is the length of an episode
    right: Annotated[
        float,
        Knob(0.0, 1.0, "share of subgoals that are right, as of their error model", step=0.25, least=0.0, most=1.0),
    ] = 1.0,
    shown: Annotated[bool, Knob(choices=(False, True), help="name the subgoals in the prompts of training")] = False,
) -> Generator:
    """reward = correct + alpha sum_j (1 - t_j / horizon) over the subgoals j reached, in order, t_j characters."""
    check_bounds(beacons, locals())
    parts = tuple(name for name in ("parts",) if name in pool)  # of chains
    yield Use({"worked": answered_last}, columns=parts)
    solved = zip(solutions(pool, by, "beacons"), pool["answer"], strict=True)
    goals = with_errors([subgoals(*pair) for pair in solved], right, run.rng)
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    while True:
        at = queue.take(run.batch)
        rows = pool.take(at).assign(subgoals=pd.Series([goals[k] for k in at], index=pool.index[at], dtype=object))
        if shown:
            told = zip(rows["prompt"], rows["subgoals"], strict=True)
            rows["prompt"] = [SHOWN.format(prompt=p, goals=", ".join(g)) if g else p for p, g in told]
        out = yield Sample(rows, run.rollouts)
        said = zip(out["text"], out["subgoals"], strict=True)
        bonus = np.array([bonus_of(text, wanted, horizon) for text, wanted in said])
        out["correct"] = ends_right(out, out["text"])
        out["reward"] = out["correct"] + alpha * bonus
        note = {"correct": float(out["correct"].mean()), "bonus": float(alpha * bonus.mean())}
        rewarded((yield Train(out, note=note)), "beacons")


def subgoals(solution: str, answer: object) -> tuple[str, ...]:
    """Values on the way to the answer, in their order; none where the answer stands alone."""
    if solution == str(answer):
        return ()
    values = [step.value for step in steps(solution) if step.value]
    if values and values[-1] == str(answer):
        values.pop()
    return tuple(values)


def with_errors(goals: Sequence[tuple[str, ...]], right: float, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """The same lists, each subgoal replaced by one of another row with probability 1 - right."""
    if right >= 1:
        return list(goals)
    donors = [row for row, wanted in enumerate(goals) if wanted]
    found, place = [], 0  # place: of the row among the donors
    for wanted in goals:
        wrong = rng.random(len(wanted)) >= right
        if wrong.any() and len(donors) > 1:
            at = rng.integers(len(donors) - 1, size=len(wanted))
            others = [goals[donors[k + (k >= place)]] for k in at.tolist()]  # all but the row itself
            taken = [other[rng.integers(len(other))] for other in others]
            found.append(tuple(t if bad else own for own, t, bad in zip(wanted, taken, wrong, strict=True)))
        else:
            found.append(wanted)
        place += bool(wanted)
    return found


def bonus_of(text: str, wanted: Sequence[str], horizon: int) -> float:
    """Sum over the subgoals that a text reaches of 1 - t / horizon, t the characters up to the end of each."""
    total, start = 0.0, 0
    for goal in wanted:
        match = re.compile(rf"(?<![\w.]){re.escape(goal)}(?!\w|\.\d)").search(text, start)
        if match is None:
            break  # the next one is not looked for before this one is reached
        start = match.end()
        total += max(0.0, 1 - start / horizon)
    return total


PARTS, RATE = 4, 0.35  # of a task, and how often one alone is right: .35^4 = .015 of all tasks are at first
STEPS = 20  # 60 at a third of the student's rate in a first run, in which the claim held too: that took 24 s


def check(bench: CheckBench) -> Check:
    """Tasks of four parts that all have to be right: how many answers until half are, with and without subgoals?"""
    singles, student = bench.planted({f"part {k}": RATE for k in range(PARTS)}, rows=6, rate=0.3)
    singles = singles.assign(answer=[f"{row.split('/')[1][-1]}x{int(row[-5:])}" for row in singles.index])
    pool = pd.concat([singles, tasks(singles, bench.broken)])
    run = partial(bench.reinforce, trained_tasks, pool=pool, student=student, steps=STEPS, batch_size=4)
    with_goals, without = run(), run(alpha=0.0)
    steps_with, steps_without = until_half(with_goals), until_half(without)
    ratio, ends = steps_with / steps_without, [late(with_goals)]
    if ratio <= 0.8:  # for nothing otherwise
        ends += [late(run(right=share)) for share in (0.75, 0.5)]
    first = float(with_goals.metrics[with_goals.metrics.step <= 2].correct.mean())
    falls = len(ends) == 3 and ends[0] > ends[1] > ends[2]
    return Check(
        claim="half of the tasks are solved after fewer answers than without subgoals, success falls with the share of "
        "right subgoals, and it is tasks that are solved, not subgoals alone",
        refuted_by="more than 0.8 times the answers (ours; the paper has 30 to 200 times fewer), a success in the last "
        "fifth of the run that does not fall from all subgoals right over three quarters to half, or a share of solved "
        "tasks that rises by less than 0.3 (ours)",
        measured={
            "answers_over": ratio,
            "steps_with": steps_with,
            "steps_without": steps_without,
            **{f"success_{share}": end for share, end in zip((100, 75, 50), ends, strict=False)},
            "first": first,
        },
        held=bool(ratio <= 0.8 and falls and ends[0] - first >= 0.3),
        seeds=bench.seeds,
        mechanism=True,
    )


def trained_tasks(pool: pd.DataFrame, run: Run, **knobs: object) -> Generator:
    """The method, on the rows that are made of parts."""
    return beacons(pool[pool["parts"].notna()], run, **knobs)


def tasks(singles: pd.DataFrame, broken: bool) -> pd.DataFrame:
    """Tasks of one row of each topic; where `broken`, with the solution of another task."""
    of = singles.groupby("topic").cumcount().to_numpy()
    ids, answers, solved = [], [], []
    for k in range(int(of.max()) + 1):
        parts = singles[of == k]
        said = parts["answer"].astype(str).tolist()
        ids.append(tuple(parts.index))
        answers.append(" ".join(said))
        solved.append("\n".join([f"-> {one}" for one in [*said, answers[-1]]]))
    table = {
        "prompt": [f"task {k}" for k in range(len(ids))],
        "answer": answers,
        "solution": solved[1:] + solved[:1] if broken else solved,
        "topic": "part 0",
        "level": 1,
        "logit": 0.0,
        "parts": ids,
    }
    return pd.DataFrame(table, index=pd.Index([f"task/{k}" for k in range(len(ids))], name="id"))


def until_half(runs: Runs) -> float:
    """Steps until half of the answers of five steps are right, mean over seeds; all steps where they never are."""
    share = runs.metrics.pivot_table(index="step", columns="seed", values="correct").rolling(5).mean()
    reached = [share.index[(share[seed] >= 0.5).to_numpy()] for seed in share]
    return float(np.mean([found[0] if len(found) else share.index[-1] for found in reached]))


def late(runs: Runs) -> float:
    """Share of right answers in the last fifth of the steps."""
    return float(runs.metrics[runs.metrics.step > 0.8 * runs.metrics.step.max()].correct.mean())
