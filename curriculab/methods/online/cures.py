"""CurES: prompts and their numbers of answers follow the gradient they promise, from posteriors of their pass rates.

Title    CurES: From Gradient Analysis to Efficient Curriculum Learning for Reasoning LLMs
Authors  Zeng et al.
Year     2025
Number   7
Needs    objective grpo
Paper    Zeng et al. 2025, "CurES: From Gradient Analysis to Efficient Curriculum Learning for Reasoning LLMs",
         arXiv 2510.01037
Kept     prompts drawn with replacement with p ~ exp(sqrt(p (1 - p)) / tau); a fixed number of answers shared out in
         proportion to sigma; Beta(1, 1) posteriors, opened by 4 answers a prompt, fed by training, made anew for each
         of the disjoint subsets; 10 steps a subset
Changed  sigma = sqrt(a (1 - a)), a = right / asked: the paper's formula where right and wrong answers have gradients of
         one norm (it measures them); `tau` is not known; `sampler="code"` is the released sampler, even within 0.3%;
         subsets have as many rows as their steps have places (the paper: 15 for its data). A prompt drawn twice is one
         group with two shares; where every prompt drawn has sigma = 0, each place gets `run.rollouts` answers
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import BetaPosterior, largest_remainder, per_row, rewarded, softmax
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds


def cures(
    pool: pd.DataFrame,
    run: Run,
    *,
    tau: Annotated[
        float,
        Knob(0.02, 1.0, "temperature of the draw: lower prefers rows of middling pass rate more", step=0.02, above=0.0),
    ] = 0.1,  # choice: the paper's is not known
    sampler: Annotated[
        str, Knob(choices=("paper", "code"), help="the paper's way of drawing rows, or that of the released code")
    ] = "paper",  # "code": the released sampler
    cold: Annotated[
        int, Knob(1, 8, "answers a row when a subset is first measured", step=1, least=1)
    ] = 4,  # released code, as is the next
    subset_steps: Annotated[int, Knob(help="optimiser steps on a subset", least=1)] = 10,
    subset: Annotated[
        int | None, Knob(help="rows of a subset; None: as many as its steps have places", least=1)
    ] = None,  # subset_steps * run.batch; ours
    n_min: Annotated[
        int, Knob(help="fewest answers of a row that is trained", least=0)
    ] = 2,  # ours: a group of one has no advantage
    n_max: Annotated[
        int | None, Knob(help="most answers of a row; None: four times those of the bench", least=1)
    ] = None,  # ours
) -> Generator:
    """rho(x) ~ exp(sqrt(p (1 - p)) / tau), p = (s + 1) / (N + 2);  n_i = total sigma_i / sum sigma,
    sigma = sqrt(a (1 - a)), a = s / N: s of N answers were right."""
    check_bounds(cures, locals())
    n_max = 4 * run.rollouts if n_max is None else n_max
    _check_knobs(sampler, n_min, n_max, run)
    for rows in subsets(pool, subset_steps * run.batch if subset is None else subset, run.rng):
        posterior = BetaPosterior(len(rows))
        count(posterior, rows, (yield Sample(rows, cold, purpose="probe")))
        for _ in range(subset_steps):
            drawn = run.rng.choice(len(rows), run.batch, p=chances(posterior, tau, sampler))
            at, times = np.unique(drawn, return_counts=True)
            n = quota(times * spread(posterior)[at], run.batch * run.rollouts, n_min, n_max)
            if not n.any():
                n = times * run.rollouts
            out = yield Sample(rows.take(at[n > 0]), n[n > 0].tolist())
            note = {"groups": int((n > 0).sum()), "largest": int(n.max()), "p": float(posterior.mean().mean())}
            count(posterior, rows, rewarded((yield Train(out, note=note)), "cures"))


def subsets(pool: pd.DataFrame, size: int, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
    """Disjoint parts of at least `size` rows (all, where there are fewer), pass after pass."""
    while True:
        for part in np.array_split(rng.permutation(len(pool)), max(1, len(pool) // size)):
            yield pool.take(part)


def count(posterior: BetaPosterior, rows: pd.DataFrame, out: pd.DataFrame) -> None:
    """Add the answers to the posteriors of their rows."""
    found = per_row(rows, out)
    posterior.update(found["at"].to_numpy(), found["right"].to_numpy(), found["n"].to_numpy())


def chances(posterior: BetaPosterior, tau: float, sampler: str = "paper") -> np.ndarray:
    """rho(x), (rows,); the code's temperature is 100 (s + 1), so that no exponent exceeds 0.005."""
    p = posterior.mean()
    right = posterior.right - posterior.prior
    return softmax(np.sqrt(p * (1 - p)) / (tau if sampler == "paper" else 100 * (right + 1)))


def spread(posterior: BetaPosterior) -> np.ndarray:
    """sigma = sqrt(a (1 - a)), a = s / N as counted, (rows,): 0 where all answers were alike."""
    right, wrong = posterior.right - posterior.prior, posterior.wrong - posterior.prior
    return np.sqrt(right * wrong) / np.maximum(right + wrong, 1)


def quota(sigma: np.ndarray, total: int, n_min: int = 0, n_max: int | None = None) -> np.ndarray:
    """Whole n_i ~ sigma_i in [n_min, n_max] that add up to `total` where the bounds allow it; 0 where sigma is 0.

    quota([.5, .43, 0], 16) -> [9, 7, 0].
    """
    sigma = np.asarray(sigma, float)
    n = np.zeros(len(sigma), int)
    some = sigma > 0
    if not some.any():
        return n
    high = total if n_max is None else n_max
    total = int(np.clip(total, n_min * some.sum(), high * some.sum()))
    low_scale, high_scale = 0.0, total / sigma[some].min()
    for _ in range(60):  # the scale at which the bounded shares add up to the total
        scale = (low_scale + high_scale) / 2
        enough = np.clip(scale * sigma[some], n_min, high).sum() >= total
        low_scale, high_scale = (low_scale, scale) if enough else (scale, high_scale)
    n[some] = largest_remainder(np.clip(high_scale * sigma[some], n_min, high), total)
    return n


def _check_knobs(sampler: str, n_min: int, n_max: int, run: Run) -> None:
    if sampler not in ("paper", "code"):
        raise ValueError(f"sampler={sampler!r} is unknown; give 'paper' or 'code' (the released one, nearly even)")
    if not n_min <= run.rollouts <= n_max:
        raise ValueError(f"n_min={n_min}, n_max={n_max} must lie around the {run.rollouts} answers a row of this bench")


RATES = {"mastered": 0.98, "easy": 0.8, "medium": 0.5, "hard": 0.2, "out of reach": 0.02}


def answers_after(rate: float, cold: int, tau: float) -> float:
    """E[rho sigma] of a prompt with this pass rate after `cold` answers, up to a factor that all prompts share."""
    n = np.arange(cold + 1)
    p, a = (n + 1) / (cold + 2), n / cold
    chance = np.array([math.comb(cold, s) for s in n]) * rate**n * (1 - rate) ** (cold - n)
    return float((chance * np.exp(np.sqrt(p * (1 - p)) / tau) * np.sqrt(a * (1 - a))).sum())


def check(bench: CheckBench) -> Check:
    """Where the answers go right after a cold start, against the sum over what its 4 answers may have counted."""
    pool, student = bench.planted(RATES, rows=20)
    how = dict(pool=pool, student=student, steps=12, batch_size=32, rollouts=8, subset=100, subset_steps=1)
    runs = bench.reinforce(cures, signal=("reward", "correct"), **how)
    expected = pd.Series({topic: answers_after(rate, 4, 0.1) for topic, rate in RATES.items()})
    shares = bench.exposure(runs, pool).topic.value_counts(normalize=True).reindex(expected.index, fill_value=0.0)
    off = float((shares - expected / expected.sum()).abs().max())
    return Check(
        claim="right after the cold start the answers are shared among pass rates as E[rho sigma] says: a bell over p",
        refuted_by="a share further than 0.06 from it (640 groups; eight other sets of three seeds came within 0.046; "
        "an even split is 0.22 away from the middle's)",
        measured={f"share_{topic.replace(' ', '_')}": float(x) for topic, x in shares.items()} | {"furthest": off},
        held=off <= 0.06,
        seeds=bench.seeds,
    )
