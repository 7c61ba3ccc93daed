"""GAIN-RL: rows ranked once by how concentrated the model's states are; a Gaussian walks down the ranks with success.

Title    GAIN-RL: Angles Don't Lie
Authors  Wang et al.
Year     2025
Number   40
Needs    objective grpo
Paper    Wang et al. 2025, "Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's Own Signals",
         arXiv 2506.02281
Kept     the ranking by angle concentration, highest first, read once; draws without repeats within a step, Gaussian
         around mu; mu moves on by tanh of accuracy and of the answers' own concentration, never back, by at most
         `longest`
Changed  sigma, pace and longest are shares of the pool (the released code: 1000, 500, 1000 ranks of 7,473 rows); mu
         stops at the last rank (there it runs past it until no row has a probability); accuracy counts in [0, 1] as in
         the text; one step of the walk is one batch (there 256 rows). `by` walks over any other ranking
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import gaussian_ranks, ranked, rewarded, scores
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def gain_rl(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[
        str | None, Knob(help="column to rank by, lowest first; None: angles between hidden states, measured once")
    ] = None,
    sigma: Annotated[
        float, Knob(help="width of the draw, as a share of the ranks", above=0.0)
    ] = 0.125,  # released code (1000 of
    # 7,473 ranks), as are the next four
    pace: Annotated[float, Knob(help="how far the draw moves, as a share of the ranks", above=0.0)] = 1 / 16,  # n
    longest: Annotated[
        float, Knob(help="how far the draw moves after a step at most, as a share of the ranks", above=0.0)
    ] = 1 / 8,
    alpha: Annotated[float, Knob(help="how strongly the draw reacts to accuracy and angles", least=0.0)] = 2.0,
    beta: Annotated[float, Knob(0.1, 0.9, "accuracy above which the draw moves on to later ranks", step=0.05)] = 0.5,
    angle: Annotated[
        bool, Knob(choices=(True, False), help="let the angles between hidden states move the draw as well")
    ] = True,  # False: without the second term, which costs a forward over the answers
) -> Generator:
    """p(i) ~ exp(-(i - mu)^2 / (2 sigma^2)) over ranks i;
    mu += clip(n tanh(alpha (acc - beta)) + n tanh(alpha ang), 0, longest), n = pace * rows."""
    check_bounds(gain_rl, locals())
    score = scores(pool, by) if by else -(yield Score(pool, "angle"))["angle"].to_numpy(float)
    order, size, mu = ranked(score, run.rng), len(pool), 0.0
    while True:
        rank = gaussian_ranks(run.batch, mu, sigma * size, size, run.rng)
        out = yield Sample(pool.take(order[np.resize(rank, run.batch)]), run.rollouts)
        ang = float((yield Score(out, "angle"))["angle"].mean()) if angle else 0.0
        acc = float(out["reward"].mean())
        rewarded((yield Train(out, note={"mu": mu, "accuracy": acc, "angle": ang})), "gain_rl")
        step = pace * (np.tanh(alpha * (acc - beta)) + np.tanh(alpha * ang))
        mu = min(mu + float(np.clip(step, 0.0, longest)) * size, size - 1.0)


RATES = {"mastered": 0.9, "easy": 0.7, "medium": 0.5, "hard": 0.3, "out of reach": 0.1}


def check(bench: CheckBench) -> Check:
    """Where the walk begins, against the Gaussian; and that it slows down where little succeeds."""
    pool, student = bench.planted(RATES)
    how = dict(pool=pool, student=student, steps=30, batch_size=16, rollouts=8)
    runs = bench.reinforce(gain_rl, signal=("angle", "reward", "correct"), **how)
    rate = bench.exposure(runs, pool).assign(rate=lambda t: t.topic.map(RATES)).groupby("step").rate.mean()
    ranks = np.arange(len(pool))
    p = np.exp(-((ranks / (len(pool) / 8)) ** 2) / 2)
    begins = float((p / p.sum() * np.sort(pool.topic.map(RATES))[::-1]).sum())
    return Check(
        claim="the first batch comes from the most concentrated rows, which here have the highest pass rates, as the "
        "Gaussian around rank 0 says, and the walk comes to where acc + ang falls below beta",
        refuted_by="a first batch further than 0.05 from the Gaussian's mean pass rate (48 rows that deviate by 0.06: "
        "four standard errors are 0.035, and draws without repeats reach further), or a mean pass rate above 0.3 in "
        "the last 10 steps (where ang = acc, as in the simulated student, mu moves while acc > beta / 2 = 0.25)",
        measured={"first": float(rate.iloc[0]), "expected": begins, "last": float(rate.iloc[-10:].mean())},
        held=abs(float(rate.iloc[0]) - begins) <= 0.05 and float(rate.iloc[-10:].mean()) <= 0.3,
        seeds=bench.seeds,
    )
