"""CurES: prompts and their numbers of answers follow the gradient they promise, from posteriors of their pass rates.

Title    CurES: From Gradient Analysis to Efficient Curriculum Learning for Reasoning LLMs
Authors  Zeng et al.
Year     2025
Number   7
Needs    objective grpo
Paper    Zeng et al. 2025, "CurES: From Gradient Analysis to Efficient Curriculum Learning for Reasoning LLMs",
         arXiv 2510.01037
Kept     prompts drawn with p ~ exp(sqrt(p (1 - p)) / tau), without repeats inside a batch as in the released
         epic_sampler.py (ZexuSun/CurES); Beta(1, 1) posteriors, opened by 4 answers a prompt, fed by training, made
         anew for each of the disjoint subsets; 10 steps a subset; the answers of each prompt in proportion to its
         sigma, shared out once for a subset, from the 4 answers that opened it, and 0 where these were all alike, as in
         the released stage_0_init_difficulty_sample_size.py; a batch that gets no answers at all is drawn again
Changed  sigma = sqrt(a (1 - a)), a = right / asked: the paper's formula where right and wrong answers have gradients of
         one norm (it measures them); as many answers are shared out as give each place of a first batch
         `run.rollouts` on average (where draws are even, as released, that many for each row; there, 8 for each of
         8 * 1024), within n_min and n_max; `tau` is not known; `sampler="code"` is the released sampler, whose
         temperature makes it even within 0.3%; subsets have as many rows as their steps have places (the paper: 15 for
         its data). In a subset where every prompt has sigma = 0, each gets `run.rollouts` answers
"""

from __future__ import annotations

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
    """rho(x) ~ exp(sqrt(p (1 - p)) / tau), p = (s + 1) / (N + 2): s of N answers were right so far;
    n_i = rollouts sigma_i / sum rho sigma, sigma = sqrt(a (1 - a)), a = s / N and rho by the first answers."""
    check_bounds(cures, locals())
    n_max = 4 * run.rollouts if n_max is None else n_max
    _check_knobs(sampler, n_min, n_max, run)
    for rows in subsets(pool, subset_steps * run.batch if subset is None else subset, run.rng):
        posterior = BetaPosterior(len(rows))
        count(posterior, rows, (yield Sample(rows, cold, purpose="probe")))
        sigma, rho = spread(posterior), chances(posterior, tau, sampler)
        n = quota(sigma, round(run.rollouts * sigma.sum() / max(float(rho @ sigma), 1e-12)), n_min, n_max)
        if not n.any():
            n[:] = run.rollouts
        for _ in range(subset_steps):
            at = drawn(exponents(posterior, tau, sampler), n, run)
            out = yield Sample(rows.take(at), n[at].tolist())
            note = {"groups": len(at), "largest": int(n[at].max()), "p": float(posterior.mean().mean())}
            count(posterior, rows, rewarded((yield Train(out, note=note)), "cures"))


def drawn(exponent: np.ndarray, n: np.ndarray, run: Run) -> np.ndarray:
    """Positions of a batch drawn by rho ~ exp(exponent) (rows,), of which those with answers, n > 0, are trained.

    The largest exponents with Gumbel noise are draws without repeats, however small a rho is.
    """
    while True:
        at = np.argsort(-exponent - run.rng.gumbel(size=len(exponent)))[: run.batch]
        if n[at].any():
            return np.sort(at[n[at] > 0])


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
    """rho(x), (rows,)."""
    return softmax(exponents(posterior, tau, sampler))


def exponents(posterior: BetaPosterior, tau: float, sampler: str) -> np.ndarray:
    """log rho(x) but for a constant, (rows,); the code's temperature is 100 (s + 1), so that none exceeds 0.005."""
    p = posterior.mean()
    right = posterior.right - posterior.prior
    return np.sqrt(p * (1 - p)) / (tau if sampler == "paper" else 100 * (right + 1))


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
# The first batch of a subset, 32 of 320 rows of which 64 have each of these rates: simulated 6,000 times, apart from
# this package: 4 answers a row, rho by p = (s + 1) / 6 and tau = 0.1, n ~ sqrt(s (4 - s)). Drawn evenly, .44 of them
# have answers.
ANSWERED, SHARES = 0.687, {"mastered": 0.031, "easy": 0.261, "medium": 0.416, "hard": 0.261, "out of reach": 0.031}


def check(bench: CheckBench) -> Check:
    """Where prompts and answers go right after a cold start, against a simulation apart; and what stays in a subset."""
    pool, student = bench.planted(RATES, rows=64)
    how = dict(
        pool=pool, student=student, steps=41, batch_size=32, rollouts=8
    )  # four subsets of ten steps, and the first of a fifth
    runs = bench.reinforce(cures, signal=("reward", "correct"), **how)
    seen = bench.exposure(runs, pool).assign(subset=lambda t: (t.step - 1) // 10)
    first = seen[seen.step % 10 == 1]
    answered = first.groupby(["seed", "step"]).id.nunique().mean() / 32
    shares = first.topic.value_counts(normalize=True).reindex(list(SHARES), fill_value=0.0)
    off = float((shares - pd.Series(SHARES)).abs().max())
    sizes = seen.groupby(["seed", "subset", "step", "id"]).size().groupby(["seed", "subset", "id"]).nunique()
    spent = first.groupby(["seed", "step"]).size().mean() / (32 * 8)
    return Check(
        claim="right after the cold start prompts are drawn by rho and answered by sigma: a bell over p; a prompt's "
        "number of answers stays the same in a subset, and a first batch has `rollouts` answers a place on average",
        refuted_by=f"a share of drawn prompts with answers further than 0.085 from {ANSWERED} (15 batches of 32: four "
        "standard errors; drawn evenly it is 0.24 away); a share of the answers further than 0.11 from the simulated "
        "one (about 330 groups: four standard errors; an even split is 0.22 away from the middle's); any prompt with "
        "two numbers of answers in a subset; or 0.15 more or fewer answers than 8 a place (15 "
        "batches that deviate by 0.12: five standard errors)",
        measured={
            "answered": float(answered),
            "furthest": off,
            "share_medium": float(shares["medium"]),
            "changed": float((sizes > 1).sum()),
            "answers": float(spent),
        },
        held=bool(abs(answered - ANSWERED) <= 0.085 and off <= 0.11 and (sizes == 1).all() and abs(spent - 1) <= 0.15),
        seeds=bench.seeds,
        mechanism=True,
    )
