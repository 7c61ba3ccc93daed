"""Implicit curriculum: when does each task emerge in training in random order, and is the order the same elsewhere?

Title    Implicit Curriculum Hypothesis
Year     2026
Number   35
Needs    columns topic
Paper    "Implicit Curriculum Hypothesis" 2026, arXiv 2604.08510
Kept     rows in random order; the accuracy of every task at points of the run; a task emerges where its accuracy first
         reaches `threshold`; orders of two runs are compared by Spearman's rank correlation, tasks that did not emerge
         sharing the last rank; components against the composite tasks that are made of them; a composite's curve by
         the product or the mean of its components'
Changed  tasks are the topics of a pool and runs are seeds of one model (theirs: 91 tasks of three to eight shots at the
         checkpoints of pretrained models: OLMo-2, Pythia, Amber, K2 and others); `answers` to `items` rows of a task
         (theirs: 165 to 971 items). Smoothing (Gaussian, sigma 1, in the released code) is off; relative thresholds,
         elbows and function vectors are left out
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import wraps
from itertools import combinations
from typing import Annotated

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds

RIGHT = "right/"  # before the name of a task, in the notes: its accuracy at that point
POWER = 2.8  # standard errors: an effect so large is found four times of five at 5%, 1.96 + 0.84


def implicit_curriculum(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of tasks")] = "topic",
    every: Annotated[
        float, Knob(0.02, 0.5, "share of the run between two points", step=0.02, above=0.0, most=1.0)
    ] = 0.05,  # ours; theirs are published checkpoints
    items: Annotated[int, Knob(1, 64, "rows of a task that are answered at a point", step=1, least=1)] = 4,  # ours
    answers: Annotated[int, Knob(1, 16, "answers to each of them", step=1, least=1)] = 4,  # ours
) -> Generator:
    """Random order; at 0, every, 2 every, ... the note "right/<task>" of a step = mean of `correct` over the task's
    items. `emergence(runs.metrics)` finds from them when each task emerged.
    """
    check_bounds(implicit_curriculum, locals())
    if by not in pool:
        raise ValueError(f"by={by!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    watched = pool.groupby(by, sort=True).head(items)
    points = int(np.ceil(1 / every - 1e-9))
    run.set_aside((points - 1) * len(watched) * answers)
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    done = 0
    while True:
        note = {}
        if done < points and run.progress >= done * every - 1e-9:
            out = yield Sample(watched, answers, purpose="probe")
            right = out["correct"].fillna(0.0).groupby(out[by], sort=True).mean()
            note, done = {f"{RIGHT}{task}": float(value) for task, value in right.items()}, done + 1
        yield Train(pool.take(queue.take(run.batch)), note=note)


def curves(metrics: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each task at the points of one run: progress before the step by task, (points, tasks)."""
    names = [name for name in metrics if str(name).startswith(RIGHT)]
    found = metrics.set_index("progress")[names].dropna(how="all")
    return found.rename(columns=lambda name: name.removeprefix(RIGHT))


def emergence(curve: pd.DataFrame, threshold: float = 0.8) -> pd.Series:
    """First point at which each task's accuracy reaches the threshold; infinity where none does.

    0.8 is the paper's.
    """
    first = (curve >= threshold).idxmax().astype(float)
    return first.where((curve >= threshold).any(), np.inf)


def agreement(one: pd.Series, other: pd.Series) -> float:
    """Spearman's rank correlation of two emergences over the same tasks; NaN where one has a single rank."""
    if one.nunique() < 2 or other.nunique() < 2:
        return float("nan")
    last = [np.where(np.isinf(found), 2.0, found) for found in (one, other[one.index])]
    return float(spearmanr(*last).statistic)


def in_order(found: pd.Series, made_of: Mapping[str, Sequence[str]]) -> float:
    """Share of pairs (component, composite) in which the component emerges first; as early counts half."""
    ahead = []
    for composite, components in made_of.items():
        for component in components:
            first, then = found[component], found[composite]
            if np.isfinite(min(first, then)):
                ahead.append(float(first < then) + float(first == then) / 2)
    return float(np.mean(ahead)) if ahead else float("nan")


def predicted(curve: pd.DataFrame, made_of: Mapping[str, Sequence[str]], how: str = "product") -> float:
    """R^2 of the composites' curves as the product, or the mean, of their components', over all points."""
    said = {}
    for name, parts in made_of.items():
        own = curve[list(parts)]
        said[name] = own.prod(axis=1) if how == "product" else own.mean(axis=1)
    true, guess = curve[list(said)].to_numpy(), pd.DataFrame(said).to_numpy()
    return float(1 - np.sum((true - guess) ** 2) / np.sum((true - true.mean()) ** 2))


# -- the check --------------------------------------------------------------------------------------------------------
TASKS, COMPOSITES, ROWS = 36, 9, 4  # so many tasks that a rank correlation of 0.5 can be told from none
STEPS = 120


@wraps(implicit_curriculum)
def named_anew(pool: pd.DataFrame, run: Run, **knobs: object) -> Generator:
    """The method on tasks whose names are dealt to other rows, anew in each run: dealt once, three runs would watch the
    same sets of rows, and agree (0.50)."""
    return implicit_curriculum(pool.assign(topic=run.rng.permutation(pool["topic"].to_numpy())), run, **knobs)


def check(bench: CheckBench) -> Check:
    """Tasks of 36 difficulties and nine made of two of them: the same order in three seeds, components first."""
    pool, made_of = tasks()
    student = bench.student(rate=0.5, start=-1.0, varies=0.5, spread=1.2)
    method = named_anew if bench.broken else implicit_curriculum
    runs = bench.reinforce(method, pool=pool, student=student, steps=STEPS, objective=Sft())
    bench.final(runs)  # a failed run raises
    by_seed = [curves(own) for _, own in runs.metrics.groupby("seed")]
    found = [emergence(curve) for curve in by_seed]
    alike = [agreement(one, other) for one, other in combinations(found, 2)]
    rho = float(np.mean(np.nan_to_num(alike)))
    ahead = float(np.mean([in_order(one, made_of) for one in found]))
    product = [predicted(curve, made_of, "product") for curve in by_seed]
    mean = [predicted(curve, made_of, "mean") for curve in by_seed]
    detectable = float(np.tanh(POWER / np.sqrt(TASKS + COMPOSITES - 3)))  # of one pair of runs, by Fisher's z
    return Check(
        claim="the orders in which tasks emerge in three seeds agree, and components come before what is made of them",
        refuted_by="a mean rank correlation of two seeds of 0.5 or less, or 0.8 or less of the pairs in order (both of "
        "the paper's evidence); with the tasks' names dealt to other rows, anew in each run, it must fail. "
        f"{TASKS + COMPOSITES} tasks can detect a correlation from {detectable:.2f} on",
        measured={
            "rho": rho,
            "in_order": ahead,
            "emerged": float(np.mean([np.isfinite(one).mean() for one in found])),
            "fit_product": float(np.mean(product)),
            "fit_mean": float(np.mean(mean)),
        },
        held=rho > 0.5 and ahead > 0.8,
        seeds=bench.seeds,
        detectable=detectable,
        threshold=0.5,
        mechanism=True,
    )


def tasks() -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """A pool of tasks from easy to hard and of composites of two of them, and what each composite is made of."""
    ids, table, made_of = [], [], {}
    for task in range(TASKS):
        for k in range(ROWS):
            ids.append(f"task {task:02d}/{k}")
            table.append((f"task {task:02d}", task, None))
    for number in range(COMPOSITES):
        first, second = 2 * number, 4 * number + 1
        name = f"both {first:02d} {second:02d}"
        made_of[name] = [f"task {first:02d}", f"task {second:02d}"]
        for k in range(ROWS):
            ids.append(f"{name}/{k}")
            table.append((name, second, tuple(f"{part}/{k}" for part in made_of[name])))
    pool = pd.DataFrame(table, columns=["topic", "level", "parts"], index=pd.Index(ids, name="id"))
    answer = ["yes" if parts is None else "yes yes" for parts in pool["parts"]]
    return pool.assign(prompt=[f"question {i}" for i in ids], answer=answer), made_of
