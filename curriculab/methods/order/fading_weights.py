"""Fading weights: all rows from the start, the easy ones with more weight, until all weigh the same.

Title    Training Curricula for Open Domain Answer Re-Ranking
Authors  MacAvaney et al.
Year     2020
Number   46
Needs    columns level
Adapts   no
Paper    MacAvaney et al. 2020, "Training Curricula for Open Domain Answer Re-Ranking", SIGIR
Kept     ease D in [0, 1] from a cheap score: one over the rank (beyond 1000 as 1000), place between the largest and the
         smallest score, or cumulative share under a Gaussian kernel density; W = D (1 - e / m) + e / m; rows that are
         no answer weigh 1 - D instead of D (`relevant`); the anti-curriculum
Changed  D is of any difficulty column, within groups (there, a query's candidates) or over the pool; m is a share of
         the budget (there, 20 epochs); the loss is weighted row by row as in the text, `reduction="batch"` weighs whole
         batches as the released code does, which an optimiser that rescales gradients hardly feels; pairs of answers
         are left out
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd
from scipy.special import ndtr

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds

EASES = ("rank", "range", "density")


def fading_weights(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of difficulty, higher is harder")] = "level",
    ease: Annotated[
        str, Knob(choices=EASES, help="how the measure becomes a weight")
    ] = "range",  # choice: the paper's best depends on the data
    m: Annotated[
        float, Knob(0.05, 1.0, "share of the budget until all rows weigh the same", step=0.05, above=0.0, most=1.0)
    ] = 0.5,  # share of the budget until all weigh 1; choice
    within: Annotated[
        str | None, Knob(help="column whose groups are scored apart; None: the whole pool")
    ] = None,  # a column whose groups are scored apart, as queries are
    relevant: Annotated[
        str | None,
        Knob(help="column of 1 for answers and 0 for the others, whose weights are mirrored; None: all are answers"),
    ] = None,  # a column of 1 (an answer) and 0 (none)
    anti: Annotated[
        bool, Knob(choices=(True, False), help="weigh hard rows more, instead of easy ones")
    ] = False,  # weigh 1 - D, released code
    reduction: Annotated[
        str, Knob(help="weights by 'row', or their mean over the 'batch'")
    ] = "row",  # "batch": released code
) -> Generator:
    """W = D (1 - e / m) + e / m while e < m, then 1;  e = progress;  loss = mean(W loss)."""
    check_bounds(fading_weights, locals())
    _check_knobs(ease, reduction)
    d = eases(scores(pool, by), ease, _groups(pool, within))
    if relevant:
        d = np.where(scores(pool, relevant) > 0.5, d, 1 - d)
    d = 1 - d if anti else d
    queue = Queue.shuffled(range(len(pool)), run.rng)
    while True:
        picked = queue.take(run.batch)
        faded = min(1.0, run.progress / m)
        w = d[picked] * (1 - faded) + faded + 1e-8  # released code adds the same, so that no batch weighs nothing
        w = np.full(len(w), w.mean()) if reduction == "batch" else w
        yield Train(pool.take(picked).assign(weight=w), note={"faded": faded, "mean weight": float(w.mean())})


def eases(score: np.ndarray, ease: str, groups: np.ndarray) -> np.ndarray:
    """D of each row, 1 the easiest, (rows,); higher scores are harder."""
    d = np.empty(len(score))
    for rows in np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1]):
        d[rows] = {"rank": _by_rank, "range": _by_range, "density": _by_density}[ease](score[rows])
    return d


def _by_rank(x: np.ndarray) -> np.ndarray:
    return 1 / np.minimum(pd.Series(x).rank(method="first").to_numpy(), 1000)


def _by_range(x: np.ndarray) -> np.ndarray:
    return (x.max() - x) / (x.max() - x.min()) if x.max() > x.min() else np.ones(len(x))


def _by_density(x: np.ndarray) -> np.ndarray:
    """1 - CDF of a Gaussian kernel density with Scott's bandwidth, as scipy's gaussian_kde, from 512 points on."""
    width = x.std(ddof=1) * len(x) ** -0.2 if len(x) > 1 else 0.0
    if not width > 0:
        return np.full(len(x), 0.5)
    at = np.linspace(x.min(), x.max(), 512)
    centres = np.quantile(x, (np.arange(2048) + 0.5) / 2048) if len(x) > 2048 else x
    return np.interp(x, at, 1 - ndtr((at[:, None] - centres) / width).mean(axis=1))


def _groups(pool: pd.DataFrame, within: str | None) -> np.ndarray:
    if within is None:
        return np.zeros(len(pool), int)
    if within not in pool:
        raise ValueError(f"within={within!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    return pd.factorize(pool[within], use_na_sentinel=False)[0]


def _check_knobs(ease: str, reduction: str) -> None:
    if ease not in EASES:
        raise ValueError(f"ease={ease!r} is unknown; give one of {', '.join(EASES)}")
    if reduction not in ("row", "batch"):
        raise ValueError(f"reduction={reduction!r} is unknown; give 'row' (the paper) or 'batch' (its released code)")


def check(bench: CheckBench) -> Check:
    """The weighted mean ease of what is trained, tenth by tenth of the budget, against its closed form."""
    score = bench.pool.score
    d = (score.max() - score) / (score.max() - score.min())  # 1 for the least loss, 0 for the largest
    runs = bench.simulate(fading_weights, signal=("score",), by="score", steps=300)
    seen = bench.exposure(runs).assign(d=lambda t: t.id.map(d))
    tenth = np.minimum((seen.share_before * 10).astype(int), 9)
    got = (seen.weight * seen.d).groupby(tenth).sum() / seen.weight.groupby(tenth).sum()
    faded = np.minimum(1.0, (np.arange(10) + 0.5) / 10 / 0.5)
    due = ((1 - faded) * (d**2).mean() + faded * d.mean()) / ((1 - faded) * d.mean() + faded)
    off, first = float(np.abs(got - due).max()), float(got.iloc[0])
    return Check(
        claim="the weighted mean ease is (E D^2 (1 - e / m) + E D e / m) / (E D (1 - e / m) + e / m)",
        refuted_by="a tenth of the budget off by more than 0.03 (four standard errors of 720 rows drawn, whose ease "
        f"deviates by {d.std():.2f}, less for passes without repeats); shuffled scores give {d.mean():.2f} throughout",
        measured={"furthest": off, "first": first, "first_due": float(due[0]), "uniform": float(d.mean())},
        held=off <= 0.03,
        seeds=bench.seeds,
        mechanism=True,
    )
