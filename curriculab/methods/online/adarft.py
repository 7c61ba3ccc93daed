"""AdaRFT: a target difficulty that rises while the answers are good and falls while they are not.

Title    AdaRFT: adaptive curriculum reinforcement finetuning
Authors  Shi et al.
Year     2025
Needs    objective grpo; columns level
Paper    Shi et al. 2025, "Efficient Reinforcement Finetuning via Adaptive Curriculum Learning", arXiv 2504.05520
Kept     difficulties in [0, 100]; the batch is the rows nearest to the target T; T moves by eta tanh(alpha (R - beta))
         and stays within bounds; alpha = 2, eta = 50, beta = 0.5, first T = 0
Changed  any column becomes a difficulty by stretching it over [0, 100] (theirs: failures of a model in 128 trials);
         of equally near rows the batch holds a random part, so that levels of few values do not give the same rows
         for ever. Rows are not set aside once they were drawn, as in the released custom_sampler.py (uscnlp-lime/verl)
"""

from __future__ import annotations

from collections.abc import Generator
from math import tanh
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import ranked, rewarded, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds

LOW, HIGH = 0.0, 100.0  # bounds of difficulty and target, section 4 of the paper; d_min and d_max of its code


def adarft(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of difficulty, higher is harder")] = "level",
    beta: Annotated[
        float, Knob(0.1, 0.9, "mean reward to be held", step=0.05, above=0.0, below=1.0)
    ] = 0.5,  # reward to be held; paper and code, as are the next three
    alpha: Annotated[float, Knob(help="how strongly the target reacts to a reward off beta", above=0.0)] = 2.0,
    eta: Annotated[
        float, Knob(5.0, 100.0, "how far the target difficulty moves after a step, at most", step=5.0, above=0.0)
    ] = 50.0,
    start: Annotated[
        float, Knob(0.0, 100.0, "target difficulty at the start, from 0 to 100", step=5.0, least=LOW, most=HIGH)
    ] = 0.0,
) -> Generator:
    """Batch = the rows with the smallest |d - T|; after it T <- clip(T + eta tanh(alpha (R - beta)), 0, 100).

    R is the mean reward of the batch, d the column `by`, stretched over [0, 100].
    """
    check_bounds(adarft, locals())
    d = stretched(scores(pool, by))
    order = ranked(d, run.rng)
    values, first = np.unique(d[order], return_index=True)
    ends, T = np.append(first, len(d)), start
    while True:
        ranks = nearest(values, ends, T, run.batch, run.rng)
        out = rewarded((yield Train(pool.take(order[ranks]), note={"target": T})), "adarft")
        T = min(max(T + eta * tanh(alpha * (out.reward.mean() - beta)), LOW), HIGH)


def stretched(score: np.ndarray) -> np.ndarray:
    """Scores moved to [0, 100], the easiest 0; all 0 where they are all the same."""
    low, high = score.min(), score.max()
    return LOW + (HIGH - LOW) * (score - low) / (high - low or 1.0)


def nearest(values: np.ndarray, ends: np.ndarray, target: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Ranks (n,) of the rows nearest to `target`; of the farthest difficulty that still enters, a random part.

    values: the different difficulties, rising; rows of values[i] have the ranks ends[i] ... ends[i + 1] - 1.
    """
    at = int(np.searchsorted(values, target))
    near = np.arange(max(0, at - n), min(len(values), at + n))  # n different values on either side are enough
    near = near[np.lexsort((rng.random(len(near)), np.abs(values[near] - target)))]
    ranks, missing = [], n
    for i in near.tolist():
        size = int(ends[i + 1] - ends[i])
        part = np.arange(size) if size <= missing else rng.choice(size, missing, replace=False)
        ranks.append(ends[i] + part)
        missing -= len(part)
        if not missing:
            break
    return np.resize(np.concatenate(ranks), n)  # a pool smaller than the batch is repeated


def check(bench: CheckBench) -> Check:
    """On a pool that is mostly too hard, the target settles where half of the answers are right, and goes along."""
    rates = {f"{i:02d}": float(1 / (1 + np.exp((i - 10) / 3))) for i in range(41)}  # half right at a quarter of the way
    pool, student = bench.planted(rates, rows=10)
    runs = bench.reinforce(adarft, signal=("level",), pool=pool, student=student, steps=40)
    held = float(_rate(bench.exposure(runs, pool)[lambda t: t.step > 5]).mean())
    pool, student = bench.planted(rates, rows=10, rate=0.05, skill="all")
    runs = bench.reinforce(adarft, signal=("level",), pool=pool, student=student, steps=30)
    reward = float(runs.groups[runs.groups.step > 20].reward.mean())
    seen = bench.exposure(runs, pool)
    harder = float(seen[seen.step > 20].logit.mean() - seen[(seen.step > 5) & (seen.step <= 10)].logit.mean())
    return Check(
        claim="rows are drawn where the pass rate is beta, on a pool whose mean pass rate is far below it; as a "
        "student learns, they become harder while half of the answers stay right",
        refuted_by="a true pass rate of the rows drawn after step 5 further than 0.1 from beta = 0.5. While T does not "
        "touch a bound, eta sum tanh(alpha (R - beta)) = T_last - T_first, so over 35 steps the mean of tanh is at "
        "most 100 / (50 * 35) = 0.06, and R - beta about half of that; the rest is left for the curvature of tanh; or, "
        "where the student learns, a mean reward of the last 10 steps further than 0.1 from beta, or rows that are not "
        "harder by 1 logit than those of the steps 6 to 10",
        measured={"rate_drawn": held, "reward_learning": reward, "harder_by": harder},
        held=abs(held - 0.5) <= 0.1 and abs(reward - 0.5) <= 0.1 and harder >= 1,
        seeds=bench.seeds,
        mechanism=True,
    )


def _rate(rows: pd.DataFrame) -> pd.Series:
    return 1 / (1 + np.exp(rows["logit"]))
