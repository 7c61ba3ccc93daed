"""Hard mining: the rows with the largest loss of the moment, of a few candidates or of all rows, or the worst case.

Title    Hard example mining, by rank and minimax
Authors  Shrivastava et al.; Loshchilov & Hutter
Year     2016
Paper    Shrivastava, Gupta & Girshick 2016, "Training Region-based Object Detectors with Online Hard Example Mining",
         CVPR; Loshchilov & Hutter 2016, "Online Batch Selection for Faster Training of Neural Networks", ICLR workshop;
         Shalev-Shwartz & Wexler 2016, "Minimizing the Maximal Loss: How and Why", ICML
Kept     top: the largest losses among fresh candidates; ranks: probabilities that fall exponentially with the rank of
         the last loss known, after one pass over all rows; minimax: half of the draws even, half by weights that grow
         with the loss found, divided by the probability it was found with
Changed  candidates are rows of the pool (there, regions of an image); ranks are sorted anew once a pass, not also by
         fresh forwards over all rows, draws may repeat a row within a step, the course of `pressure` is from memory;
         losses count up to 1 nat a token in minimax (there, errors of a classifier), and weights up to 1e100
"""

from __future__ import annotations

from collections.abc import Generator
from math import comb
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, SumTree, ranked
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Score, Train
from curriculab.registry.knobs import Knob, check_bounds

RULES = ("top", "ranks", "minimax")


def hard_mining(
    pool: pd.DataFrame,
    run: Run,
    *,
    rule: Annotated[str, Knob(choices=RULES, help="how rows with a large loss are preferred")] = "top",
    candidates: Annotated[
        int, Knob(1, 8, "batches to choose one from", step=1, least=1)
    ] = 4,  # batches to choose one from; choice
    pressure: Annotated[
        float, Knob(help="how many times as likely the first rank is as the last, at the start", least=1.0)
    ] = 100.0,  # the first rank is so many times as likely as the last; Loshchilov & Hutter
    last: Annotated[
        float, Knob(help="the same at the end of the budget", least=1.0)
    ] = 1.0,  # what pressure falls to, exponentially
    eta: Annotated[
        float, Knob(help="step size of the weights of rule='minimax'", above=0.0)
    ] = 0.5,  # Shalev-Shwartz & Wexler: 1 / 2n on losses over probabilities
) -> Generator:
    """top: argmax_{|S| = batch} sum_S loss of candidates * batch rows;
    ranks: p_i = s^(-i / n) / sum_j s^(-j / n), s = pressure^(1 - t) last^t;
    minimax: p_i = 1 / 2n + w_i / (2 sum_j w_j), w_i <- w_i exp(eta loss_i / (n p_i))."""
    check_bounds(hard_mining, locals())
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} is unknown; give one of {', '.join(RULES)}")
    if rule == "top":
        yield from _top(pool, run, candidates)
    elif rule == "ranks":
        yield from _ranks(pool, run, pressure, last)
    else:
        yield from _minimax(pool, run, eta)


def _top(pool: pd.DataFrame, run: Run, candidates: int) -> Generator:
    while True:
        drawn = run.rng.choice(len(pool), min(candidates * run.batch, len(pool)), replace=False)
        loss = (yield Score(pool.take(drawn), "nll"))["nll"].to_numpy(float)
        hardest = drawn[ranked(-loss, run.rng)[: run.batch]]
        yield Train(pool.take(np.resize(hardest, run.batch)), note={"mean loss of candidates": float(loss.mean())})


def _ranks(pool: pd.DataFrame, run: Run, pressure: float, last: float) -> Generator:
    loss, first = np.zeros(len(pool)), Queue.shuffled(range(len(pool)), run.rng)
    steps = -(-len(pool) // run.batch)
    for _ in range(steps):
        picked = first.take(run.batch)
        loss[picked] = yield from _learned(pool, picked, {"pressure": 1.0})
    while True:
        order = ranked(-loss, run.rng)
        for _ in range(steps):
            s = pressure ** (1 - run.progress) * last**run.progress
            picked = order[geometric_ranks(len(order), s, run.rng.random(run.batch))]
            loss[picked] = yield from _learned(pool, picked, {"pressure": float(s)})


def geometric_ranks(n: int, s: float, u: np.ndarray) -> np.ndarray:
    """Ranks 0 ... n - 1 with p_i ~ s^(-i / n), from even numbers u in [0, 1), by the inverse of their sum."""
    share = u if s < 1 + 1e-9 else -np.log1p(-u * (1 - 1 / s)) / np.log(s)
    return np.minimum((share * n).astype(int), n - 1)


def _minimax(pool: pd.DataFrame, run: Run, eta: float) -> Generator:
    n, weights = len(pool), SumTree(np.ones(len(pool)))
    while True:
        even = run.rng.random(run.batch) < 0.5
        picked = np.where(even, run.rng.integers(n, size=run.batch), weights.draw(run.batch, run.rng))
        p = 0.5 / n + 0.5 * weights[picked] / weights.total
        loss = yield from _learned(pool, picked, {"largest p": float(p.max())})
        weights.update(picked, np.minimum(weights[picked] * np.exp(eta * np.minimum(loss, 1.0) / (n * p)), 1e100))


def _learned(pool: pd.DataFrame, picked: np.ndarray, note: dict[str, float]) -> Generator:
    """Train these rows; their losses before the step, (rows,): a mean where a row was answered several times."""
    out = yield Train(pool.take(picked), note=note)
    each = pd.Series(out["loss"].to_numpy(float), index=out.index).groupby(level=0).mean()
    return each.loc[pool.index[picked]].to_numpy()


RATES = {"mastered": 0.9, "easy": 0.7, "medium": 0.5, "hard": 0.3, "out of reach": 0.1}


def check(bench: CheckBench) -> Check:
    """How much of the training goes to the topic with the largest loss, and what becomes of it once it is learned?"""
    pool, student = bench.planted(RATES)
    how = dict(pool=pool, student=student, steps=60, batch_size=8, objective=Sft())
    seen = bench.exposure(bench.reinforce(hard_mining, signal=("nll",), **how), pool)
    share = float((seen.topic == "out of reach").mean())
    p = [comb(40, k) * comb(160, 32 - k) / comb(200, 32) for k in range(33)]  # k of 32 candidates, of 200 rows
    due = sum(min(k, 8) / 8 * x for k, x in enumerate(p))
    error = (sum((min(k, 8) / 8) ** 2 * x for k, x in enumerate(p)) - due**2) ** 0.5 / (60 * len(bench.seeds)) ** 0.5
    pool, student = bench.planted({"learned": 0.1, "other": 0.3}, rate=0.05)
    how = dict(pool=pool, student=student, steps=40, batch_size=8, objective=Sft())
    seen = bench.exposure(bench.reinforce(hard_mining, signal=("nll",), **how), pool)
    begins, later = (float((seen.topic == "learned")[part].mean()) for part in (seen.step <= 3, seen.step > 25))
    return Check(
        claim="of five topics with as many rows, the one with the largest loss gets what the hypergeometric "
        "distribution gives: the mean of min(k, 8) / 8, k of 32 candidates being its own; a topic that was learned "
        "gives way to one that now has the larger loss",
        refuted_by="a share further than 4 standard errors from that (even draws give .2); or, of two topics "
        "that begin at .1 and .3, less than 0.9 of the first in the first 3 steps, or more than 0.75 of it in the last "
        "15, in which both take turns",
        measured={"share": share, "due": due, "standard_error": error, "begins": begins, "later": later},
        held=abs(share - due) <= 4 * error and begins >= 0.9 and later <= 0.75,
        seeds=bench.seeds,
        mechanism=True,
    )
