"""CLUTR: a teacher proposes tasks as points of a fixed space, paid by the regret of the learner against a second one.

Title    CLUTR
Authors  Azad et al.
Year     2022
Number   27
Needs    objective grpo; columns topic, level
Paper    Azad et al. 2022, "CLUTR: Curriculum Learning via Unsupervised Task Representation Learning", ICML 2023,
         arXiv 2210.10243
Kept     the space of tasks is made beforehand, without rewards, and stays as it is; the teacher proposes a point in one
         step; learner and antagonist start alike, play every proposed task and learn from their own answers; regret =
         max(0, best reward of the antagonist - mean reward of the learner), for which the teacher climbs
Changed  the space is that of principal axes of the rows' columns, the best linear auto-encoder (theirs: a recurrent VAE
         of 64 dimensions over millions of generated tasks); a point is decoded to the nearest rows of the pool, so that
         every point is a valid task; the teacher is a Gaussian that takes one step of REINFORCE a batch, with regrets
         less their mean over their standard deviation (theirs: PPO, whose released code divides by a running one).
         `regret="flexible"`, of the released code, makes the learner with the best answer to a task the antagonist.
         `lr=0` is the paper's control, points drawn at random
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.protocol import Copy, Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds

BOUND = 4.0  # points stay in [-4, 4], as 4 tanh of the released rvae.py
NARROW = 0.3  # least width of the teacher's Gaussian (ours): it goes on looking around


def clutr(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[tuple[str, ...], Knob(help="columns that tasks differ in: numbers, or names")] = ("topic", "level"),
    dim: Annotated[int, Knob(1, 16, "axes of the space of tasks, at most", step=1, least=1)] = 8,  # 64 in the paper
    lr: Annotated[
        float, Knob(0.0, 0.5, "learning rate of the teacher; 0: points are drawn at random", step=0.05, least=0.0)
    ] = 0.2,  # ours: a Gaussian takes one step a batch
    regret: Annotated[
        str,
        Knob(
            choices=("paired", "flexible"),
            help="who is the antagonist: the second learner, or the better one of a task",
        ),
    ] = "paired",  # ued_algo of the released scripts
) -> Generator:
    """z ~ N(mu, sigma), regret = max(0, max reward of the antagonist - mean reward of the learner).

    A = (regret - mean) / sd; mu <- mu + lr mean(A (z - mu) / sigma), log sigma <- log sigma + lr mean(A (e^2 - 1)),
    with e = (z - mu) / sigma.
    """
    check_bounds(clutr, locals())
    if regret not in ("paired", "flexible"):
        raise ValueError(f"regret={regret!r} is unknown; give 'paired' or 'flexible'")
    points, of = np.unique(space(pool, by, dim).round(9), axis=0, return_inverse=True)
    queues = [Queue.shuffled(np.flatnonzero(of.ravel() == k), run.rng) for k in range(len(points))]
    mu, sigma = np.zeros(points.shape[1]), np.ones(points.shape[1])  # the space has mean 0 and standard deviation 1
    yield Copy("init", to="antagonist")
    while True:
        e = run.rng.normal(size=(run.batch, len(mu)))
        near = nearest(points, np.clip(mu + sigma * e, -BOUND, BOUND))
        rows = pool.take(np.concatenate([queues[k].take(1) for k in near.tolist()]))
        mine, other = yield [Sample(rows, run.rollouts), Sample(rows, run.rollouts, role="antagonist")]
        R = regrets(mine, other, flexible=regret == "flexible")
        A = (R - R.mean()) / (R.std() or 1.0)
        mu = np.clip(mu + lr * (A[:, None] * e * sigma).mean(axis=0), -BOUND, BOUND)
        sigma = np.clip(sigma * np.exp(lr * (A[:, None] * (e**2 - 1)).mean(axis=0)), NARROW, 1.0)
        note = {"regret": float(R.mean()), "centre": float(mu[0]), "width": float(sigma.mean())}
        yield Train(mine, "grpo", note=note)
        yield Train(other, "grpo", role="antagonist")


def space(pool: pd.DataFrame, by: Sequence[str], dim: int) -> np.ndarray:
    """Rows as points: principal axes of their columns, each axis with standard deviation 1, (rows, axes).

    Numbers are standardised, names become a column of 0 and 1 each; axes without variance are left out.
    """
    parts = []
    for name in by:
        if name not in pool:
            raise ValueError(f"by={tuple(by)}: {name!r} is no column of the pool; it has {', '.join(map(str, pool))}")
        if pd.api.types.is_numeric_dtype(pool[name]):
            value = pool[name].to_numpy(float)
            parts.append((value / (value.std() or 1.0))[:, None])
        else:
            parts.append(pd.get_dummies(pool[name]).to_numpy(float))
    x = np.concatenate(parts, axis=1)
    x = x - x.mean(axis=0)
    left, size, _ = np.linalg.svd(x, full_matrices=False)
    kept = int((size[:dim] > 1e-9 * max(size[0], 1.0)).sum())
    return left[:, :kept] * np.sqrt(len(pool)) if kept else np.zeros((len(pool), 1))


def nearest(points: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Number of the point next to each z, (batch,)."""
    return ((z[:, None, :] - points[None, :, :]) ** 2).sum(axis=-1).argmin(axis=1)


def regrets(mine: pd.DataFrame, other: pd.DataFrame, *, flexible: bool) -> np.ndarray:
    """max(0, best of the antagonist - mean of the learner) of each task, (tasks,)."""
    first, second = (rows.groupby("group", sort=False)["reward"] for rows in (mine, other))
    best, mean = second.max().to_numpy(float), first.mean().to_numpy(float)
    if flexible:
        own = first.max().to_numpy(float)
        mean = np.where(best > own, mean, second.mean().to_numpy(float))
        best = np.maximum(best, own)
    return np.maximum(0.0, best - mean)


PLAYERS = ("learner", "antagonist")
ROUNDS = 18  # of a check, cut from 30 for time after a first run; levels: first third against last


def check(bench: CheckBench) -> Check:
    """The teacher finds tasks of more regret than random points have, and harder ones as the learners improve."""
    regret, rise = _played(bench)
    at_random, drift = _played(bench, lr=0.0)
    return Check(
        claim="tasks of the teacher have at least 1.2 times the regret of tasks at random points, and become harder "
        "while the learners learn",
        refuted_by="a mean regret of the first 18 rounds below 1.2 times that at random points (ours: another form of "
        "it gave 1.34 in a trial, and .98 with regrets dealt out anew), or a mean level of the last six rounds less "
        "than 0.5 above that of the first six (ours: a tenth of the six levels)",
        measured={"regret": regret, "at_random": at_random, "rise": rise, "rise_at_random": drift},
        held=regret >= 1.2 * at_random and rise >= 0.5,
        seeds=bench.seeds,
    )


def _played(bench: CheckBench, **knobs: object) -> tuple[float, float]:
    """Mean true regret of the tasks proposed, from the answers themselves; by how much their level rose."""
    seen: list = []
    method, answers = bench.watch(clutr, seen), 2 * ROUNDS * bench.batch_size * 8
    how = dict(pool=bench.wide, student=bench.student(start=0.0), budget={"rollouts": answers})
    runs = bench.reinforce(method, signal=("reward", "correct"), **how, **knobs)
    bench.final(runs)  # a failed run raises
    steps = [request for request in seen if isinstance(request, Train)]
    first = [step.rows for step in steps if step.role == PLAYERS[0]]
    second = [step.rows for step in steps if step.role == PLAYERS[1]]
    regret, levels = [], []
    for mine, other in zip(first, second, strict=False):  # the last round may lack its second step
        true = "true correct" if "true correct" in mine else "correct"
        mean, best = mine.groupby("group")[true].mean(), other.groupby("group")[true].max()
        regret.append(np.maximum(0, best.to_numpy() - mean.to_numpy()).mean())
        levels.append(mine["level"].mean())
    third = len(levels) // 3
    return float(np.mean(regret)), float(np.mean(levels[-third:]) - np.mean(levels[:third]))
