"""What claims on the pocket model are tried with: the model, pools, answers to requests, and figures of them.

bench = PocketBench(rows=12)
bench.pass_rates(bench.pool(0), 0)      # share of right answers of each row
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from curriculab.data.loading import load_pool
from curriculab.engine.loading import load_model
from curriculab.engine.model import Model
from curriculab.objectives.sft import Sft
from curriculab.protocol import Ask, Clock, Request, Rows, Run, Sample, Train, Use

OWNER = ("claim", 0)


@dataclass(frozen=True)
class PocketBench:
    """What a claim on the pocket model is given: the model, pools, and answers to single requests.

    Parameters
    ----------
    seeds : tuple of int
        Of pools and of draws.
    rows : int
        Rows of each pool.
    steps : int
        Optimiser steps of a run.

    Examples
    --------
    >>> from curriculab.bench.pocket_bench import PocketBench
    >>> len(PocketBench(rows=12).pool(0))
    12
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    rows: int = 120
    steps: int = 20  # four length budgets of five steps each, within 180 s of CPU

    @cached_property
    def model(self) -> Model:
        """The pocket model."""
        return load_model("pocket")

    def pool(self, seed: int) -> Rows:
        """Rows of all levels of the ladder."""
        return load_pool("ladder", n=self.rows, seed=seed)

    def answer(self, request: Request, seed: int) -> Rows:
        """The untrained model's reply to one request."""
        backend = self.model.backend({"sft": Sft()}, max_new_tokens=48)
        backend.start([OWNER])
        (answer,) = backend.answer([Ask(OWNER, 1, 0, (seed, 1, 0), request)])
        if isinstance(answer, Exception):
            raise answer
        return answer.reply

    def pass_rates(self, pool: Rows, seed: int, n: int = 8) -> np.ndarray:
        """Share of right answers of each row, (rows,)."""
        return self.answer(Sample(pool, n), seed)["correct"].to_numpy(float).reshape(len(pool), n).mean(axis=1)


class Talk:
    """One request after another to the model with one adapter a role; calling it gives the reply."""

    def __init__(self, bench: PocketBench, seed: int, new_tokens: int = 32) -> None:
        self.backend = bench.model.backend({"sft": Sft(lr=2e-3)}, max_new_tokens=new_tokens)
        self.backend.start([OWNER])
        self.seed, self.turn = seed, 0

    def __call__(self, request: Request) -> Rows:
        self.turn += 1
        (answer,) = self.backend.answer([Ask(OWNER, self.turn, 0, (self.seed, self.turn, 0), request)])
        if isinstance(answer, Exception):
            raise answer
        return answer.reply


def driven(method: Callable, pool: Rows, talk: Talk, seed: int, steps: int) -> pd.DataFrame:
    """What a method of analysis returns that trains the learner for `steps` steps."""
    clock = Clock()
    making, reply = method(pool, Run(seed, batch=16, clock=clock)), None
    try:
        while True:
            request = making.send(reply)
            reply = None if isinstance(request, Use) else talk(request)
            clock.progress += isinstance(request, Train) / steps
    except StopIteration as ended:
        return ended.value


# -- figures ----------------------------------------------------------------------------------------------------------
def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's; x, y: (rows,)."""
    return partial_rank_correlation(x, y, np.empty((len(x), 0)))


def partial_rank_correlation(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> float:
    """Of x and y, (rows,), with the columns of `given` (rows, columns) held constant: of the residuals of ranks."""
    ranks = [rankdata(values) for values in (x, y, *np.asarray(given, float).T)]
    held = np.column_stack([np.ones(len(x)), *ranks[2:]])
    left = [r - held @ np.linalg.lstsq(held, r, rcond=None)[0] for r in ranks[:2]]
    return float(np.corrcoef(*left)[0, 1])


def shared_top(x: np.ndarray, y: np.ndarray, share: float = 0.25) -> float:
    """Share of the rows in the top of x that are in the top of y too, in [0, 1]."""
    n = max(1, round(share * len(x)))
    top = [set(np.argsort(-pd.Series(values), kind="stable")[:n]) for values in (x, y)]
    return len(top[0] & top[1]) / n


def auc_of(own: pd.DataFrame, by: str) -> float:
    """P(score of a right answer > of a wrong one) + P(equal) / 2; NaN where all are right or all wrong."""
    right, wrong = (own.loc[(own["right"] > 0) == flag, by].to_numpy() for flag in (True, False))
    ahead = right[:, None] - wrong[None, :]
    return float(np.mean((ahead > 0) + (ahead == 0) / 2)) if ahead.size else float("nan")
