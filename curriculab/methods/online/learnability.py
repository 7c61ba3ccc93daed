"""Prioritised replay by learnability: rows answered both rightly and wrongly come back, the others rarely.

Title    Prioritised replay by learnability p(1-p)
Authors  Jiang et al.; Rutherford et al.
Year     2024
Needs    objective grpo
Paper    Jiang, Grefenstette & Rocktaeschel 2021, "Prioritized Level Replay", arXiv 2010.03934; the score is that of
         Rutherford et al. 2024, "No Regrets" (Sampling for Learnability), arXiv 2408.15099
Kept     a bounded buffer of the rows with the best scores; a row of the batch is replayed with probability `replay`,
         else new; replay by rank, 1 / rank^(1 / beta), mixed with staleness; score p (1 - p) of the pass rate last seen
Changed  the score of Prioritized Level Replay is the size of the value loss, and there is no value model here; a batch
         replays a row once, its next draws go to the next ranks (theirs are drawn one by one); pass rates are those of
         training, not of the 5,000 levels that Rutherford et al. play beforehand, so nothing is probed
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, per_row, ranked, rewarded
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def learnability(
    pool: pd.DataFrame,
    run: Run,
    *,
    replay: Annotated[
        float, Knob(0.0, 1.0, "share of a batch that is drawn from the rows seen", step=0.05, least=0.0, most=1.0)
    ] = 0.5,  # both papers' codes: as many replayed as new (jaxnav-sfl 128 + 128; plr replay_prob 0.5)
    buffer: Annotated[
        int, Knob(help="rows that are kept to be replayed", least=1)
    ] = 1000,  # ours: between the 100 that Rutherford et al. keep and the 4,000 of their plr
    beta: Annotated[
        float, Knob(help="temperature of the ranks: lower prefers the best rows more", above=0.0)
    ] = 0.1,  # Jiang et al. 2021
    rho: Annotated[
        float, Knob(0.0, 1.0, "weight of rows that were not seen for long", step=0.05, least=0.0, most=1.0)
    ] = 0.1,  # Jiang et al. 2021 (0.3 in the plr of Rutherford et al.)
) -> Generator:
    """P(row) = (1 - rho) h / sum h + rho (c - C) / sum (c - C), h = 1 / rank(S)^(1 / beta), S = p (1 - p).

    p: pass rate when the row was last answered, at step C; c: the step now; ranks from the best score down.
    """
    check_bounds(learnability, locals())
    new = Queue.shuffled(np.arange(len(pool)), run.rng)
    at, S, C, c = np.empty(0, int), np.empty(0), np.empty(0), 0
    while True:
        n = min(int(run.rng.binomial(run.batch, replay)), len(at))
        again = at[_replayed(S, c - C, n, beta, rho, run.rng)]
        note = {"replayed": n / run.batch, "learnability": float(S.mean()) if len(S) else 0.0}
        fresh = new.take(run.batch - n) if n < run.batch else again[:0]
        out = yield Train(pool.take(np.concatenate([again, fresh])), note=note)
        c += 1
        seen = per_row(pool, rewarded(out, "learnability"))
        p, rows = (seen["right"] / seen["n"]).to_numpy(float), seen["at"].to_numpy()
        old = ~np.isin(at, rows)
        at, S = np.concatenate([at[old], rows]), np.concatenate([S[old], p * (1 - p)])
        C = np.concatenate([C[old], np.full(len(rows), float(c))])
        best = ranked(-S, run.rng)[:buffer]
        at, S, C = at[best], S[best], C[best]


def _replayed(
    S: np.ndarray, stale: np.ndarray, n: int, beta: float, rho: float, rng: np.random.Generator
) -> np.ndarray:
    """Places (n,) in the buffer without repeats, each by staleness with probability rho, else by rank."""
    old = _draw(np.log(np.maximum(stale, 1e-300)), int(rng.binomial(n, rho)), rng)
    log_h = np.empty(len(S))
    log_h[ranked(-S, rng)] = -np.log(np.arange(1, len(S) + 1)) / beta
    log_h[old] = -np.inf
    return np.concatenate([old, _draw(log_h, n - len(old), rng)])


def _draw(log_weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` places one after another in proportion to their weights: the n largest keys (Gumbel top-k)."""
    return np.argsort(-(log_weight + rng.gumbel(size=len(log_weight))), kind="stable")[:n]


def check(bench: CheckBench) -> Check:
    """What is trained is more learnable than the pool, by at least half of what perfect replay would give."""
    pool, student = bench.planted({"easy": 0.98, "middling": 0.5, "hard": 0.1, "harder": 0.04, "hardest": 0.02})
    rate = 1 / (1 + np.exp(pool["logit"]))
    pool = pool.assign(worth=rate * (1 - rate))
    signal = ("reward", "correct", "advantage")
    runs = bench.reinforce(learnability, signal=signal, pool=pool, student=student, steps=60)
    seen = bench.exposure(runs, pool)
    trained, mean, best = float(seen[seen.share > 0.5].worth.mean()), float(pool.worth.mean()), float(pool.worth.max())
    least = mean + 0.5 * (best - mean) / 2  # replay = 0.5: half of the rows could be the best there are
    return Check(
        claim="replay brings back the rows with the largest p (1 - p)",
        refuted_by="a mean p (1 - p) of the rows of the second half that exceeds the pool's by less than half of what "
        "replaying only the most learnable rows would add",
        measured={"trained": trained, "pool": mean, "least": least},
        held=trained >= least,
        seeds=bench.seeds,
        mechanism=True,
    )
