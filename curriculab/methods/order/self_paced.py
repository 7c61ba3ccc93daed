"""Self-paced learning: the learner trains on what it finds easy at the moment; what counts as easy grows.

Title    Self-Paced Learning for Latent Variable Models
Authors  Kumar et al.
Year     2010
Paper    Kumar, Packer & Koller 2010, "Self-Paced Learning for Latent Variable Models", NIPS
Kept     a row is in use while its loss is below a threshold, which grows by the factor mu from round to round; choosing
         rows for the model as it is and training on them take turns
Changed  a round is an equal share of the budget (there, until the objective no longer falls); losses are read of
         `candidates` drawn anew each round, not of all rows; the first threshold is the share `start` of the first
         losses (there, set so that more than half of the data was in use); at least a batch is always in use
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, ranked
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Score, Train
from curriculab.registry.knobs import Knob, check_bounds


def self_paced(
    pool: pd.DataFrame,
    run: Run,
    *,
    start: Annotated[
        float,
        Knob(0.1, 1.0, "share of the candidates that is trained in the first round", step=0.05, above=0.0, most=1.0),
    ] = 0.5,  # share of the candidates in the first round
    mu: Annotated[
        float, Knob(1.1, 3.0, "by how much the loss threshold grows from round to round", step=0.1, above=1.0)
    ] = 1.3,  # the paper's
    rounds: Annotated[int, Knob(1, 20, "rounds over the budget", step=1, least=1)] = 10,  # choice
    candidates: Annotated[int, Knob(help="rows drawn for a round", least=1)] = 1024,  # ours
) -> Generator:
    """v_i = 1 if loss_i < lambda_k else 0;  lambda_k+1 = mu lambda_k: the minimum over v of
    sum_i v_i loss_i - lambda_k sum_i v_i."""
    check_bounds(self_paced, locals())
    threshold = None
    for k in range(rounds):
        drawn = run.rng.choice(len(pool), min(candidates, len(pool)), replace=False)
        loss = (yield Score(pool.take(drawn), "nll"))["nll"].to_numpy(float)
        threshold = float(np.quantile(loss, start)) if threshold is None else threshold * mu
        easy = max(int((loss < threshold).sum()), min(run.batch, len(drawn)))
        queue = Queue.shuffled(drawn[ranked(loss, run.rng)[:easy]], run.rng)
        note = {"lambda": threshold, "share": easy / len(drawn)}
        while run.progress < (k + 1) / rounds - 1e-9:
            yield Train(pool.take(queue.take(run.batch)), note=note)


RATES = {"mastered": 0.9, "easy": 0.7, "medium": 0.5, "hard": 0.3, "out of reach": 0.1}


def check(bench: CheckBench) -> Check:
    """In which round does each topic come in, at losses that are known, and where they fall as a student learns?"""
    pool, student = bench.planted(RATES)
    how = dict(pool=pool, student=student, steps=60, batch_size=16, objective=Sft())
    seen = bench.exposure(bench.reinforce(self_paced, signal=("nll",), **how), pool)
    came = (seen.groupby("topic").step.min() - 1) // 6
    loss, first = -np.log(pd.Series(RATES)), -np.log(0.5)  # the first threshold is the median, the loss at p = .5
    due = np.floor(np.log(loss.clip(lower=first) / first) / np.log(1.3) + 1).where(loss >= first, 0)
    off = float((came.reindex(due.index).fillna(10) - due).abs().max())
    pool, student = bench.planted(RATES, rate=0.03, skill="all")
    learned = bench.exposure(bench.reinforce(self_paced, signal=("nll",), **{**how, "student": student}), pool)
    first = learned[learned.topic == "out of reach"].groupby("seed").step.min()
    sooner = float(((first - 1) // 6).max())
    return Check(
        claim="with the first threshold at the median loss, -log .5, topics with p = .9 and .7 are in use at once, "
        "those with .5, .3 and .1 from the rounds 1, 3 and 5 on, where .69 x 1.3^k passes their loss; sooner where "
        "losses fall as a student learns",
        refuted_by="any topic that comes in another round (losses dealt out anew bring all topics at once); or, where "
        "what is learned of one row helps with all, a hardest topic that comes later than round 3 in any seed",
        measured={"off": off, "hardest_learning": sooner, **{f"p_{RATES[t]}": float(k) for t, k in came.items()}},
        held=off == 0 and sooner <= 3,
        seeds=bench.seeds,
        mechanism=True,
    )
