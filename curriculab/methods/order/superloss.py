"""SuperLoss: every row's loss is weighted by a confidence in closed form, low where the loss is above the usual.

Title    SuperLoss: robust curriculum learning
Authors  Castells et al.
Year     2020
Paper    Castells, Weinzaepfel & Revaud 2020, "SuperLoss: A Generic Loss for Robust Curriculum Learning", NeurIPS
Kept     the closed form with Lambert's W; tau a constant or a running mean of the losses; one threshold for all tasks
Changed  the weight is read off one forward before the step: SuperLoss is least at sigma, so its gradient is the
         loss's own, times sigma. `strength` is the paper's lambda, which it tunes: a reimplementation takes 1 for 10
         classes and 0.25 for 100, and the log of their number for tau
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd
from scipy.special import lambertw

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.objectives.sft import Sft
from curriculab.protocol import Piece, Run, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def superloss(
    pool: pd.DataFrame,
    run: Run,
    *,
    tau: Annotated[
        float | None, Knob(help="loss at which a row has weight 1, in nats a token; None: the running mean")
    ] = None,  # nats a token; None: the running mean of the losses
    strength: Annotated[
        float,
        Knob(0.1, 4.0, "how far a weight may move from 1; larger keeps weights closer to it", step=0.05, above=0.0),
    ] = 1.0,  # lambda
    memory: Annotated[
        float,
        Knob(0.0, 0.95, "how much of the running mean of losses is kept at each step", step=0.05, least=0.0, below=1.0),
    ] = 0.9,  # of the running mean; the paper's smoothing, from memory
) -> Generator:
    """min over sigma of (loss - tau) sigma + strength (log sigma)^2:
    sigma = exp(-W(max(-2 / e, beta) / 2)), beta = (loss - tau) / strength."""
    check_bounds(superloss, locals())
    queue, usual = Queue.shuffled(range(len(pool)), run.rng), tau
    while True:
        rows = pool.take(queue.take(run.batch))
        loss = (yield Score(rows, "nll"))["nll"].to_numpy(float)
        if tau is None:
            usual = loss.mean() if usual is None else memory * usual + (1 - memory) * loss.mean()
        sigma = confidence(loss, usual, strength)
        note = {"tau": float(usual), "least weight": float(sigma.min()), "largest weight": float(sigma.max())}
        yield Train(rows.assign(weight=sigma), note=note)


def confidence(loss: np.ndarray, tau: float, strength: float) -> np.ndarray:
    """sigma of each loss, (rows,), in (0, e]: 1 where the loss is tau."""
    beta = (loss - tau) / strength
    return np.exp(-lambertw(np.maximum(-2 / np.e + 1e-12, beta) / 2).real)


def check(bench: CheckBench) -> Check:
    """Four in ten rows teach a wrong answer: their weights, and what that does beside equal weights of the same sum."""
    pool = noisy_pool(bench.wide)
    how = dict(pool=pool, student=bench.student(rate=0.1, start=-1.0, spread=1.0), steps=60, objective=Sft())
    runs = bench.reinforce(superloss, signal=("nll",), **how)
    seen = bench.exposure(runs, pool)

    def even(pool: pd.DataFrame, run: Run) -> Generator:
        queue = Queue.shuffled(range(len(pool)), run.rng)
        while True:
            yield Train(pool.take(queue.take(run.batch)).assign(weight=float(seen.weight.mean())))

    gain = float(np.mean(bench.final(runs) - bench.reinforced(even, **how)))
    weight = seen.groupby("noisy").weight.mean()
    return Check(
        claim="rows with a wrong answer weigh less than half of the others, and the student ends above one that "
        "weighs all rows alike, as much in all",
        refuted_by="a mean weight of wrong rows above half of the others', or a mean gain below 0.065: four standard "
        "errors over three seeds (the difference deviates by 0.028 over 20)",
        measured={"weight_wrong": float(weight[True]), "weight_right": float(weight[False]), "gain": gain},
        held=weight[True] <= weight[False] / 2 and gain >= 0.065,
        seeds=bench.seeds,
    )


def noisy_pool(pool: pd.DataFrame, share: float = 0.4) -> pd.DataFrame:
    """Every row says what is learned of it: its answer, or, in a share of the rows, something else."""
    noisy = np.random.default_rng(0).random(len(pool)) < share
    said = [(Piece("wrong" if n else a, learn=True, end=True),) for n, a in zip(noisy, pool["answer"], strict=True)]
    return pool.assign(noisy=noisy, turns=pd.Series(said, index=pool.index, dtype=object))
