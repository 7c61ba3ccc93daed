"""Thompson sampling on pass rates: train what may well be of middling difficulty, by a draw from each row's belief.

Title    Thompson sampling on pass rates (MoPPS)
Authors  Qu et al.
Year     2025
Needs    objective grpo
Paper    Qu et al. 2025, "Can Prompt Difficulty be Online Predicted for Accelerating RL Finetuning of Reasoning
         Models?" (MoPPS), arXiv 2507.04632, read in its abstract; the draw is that of Thompson 1933
Kept     a Beta belief about every row's pass rate, updated from the answers that training needs anyway; one plausible
         rate drawn for each row; the rows nearest to a target rate are trained; older answers count less
Changed  rates are drawn for `candidates` random rows in each step, so that a step costs the same at any size of the
         pool; `candidates=None` draws for all rows, exact, at about 0.2 s a step for a million of them. A row's belief
         fades when it is answered again, not while it waits
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import BetaPosterior, per_row, rewarded
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def thompson(
    pool: pd.DataFrame,
    run: Run,
    *,
    target: Annotated[
        float, Knob(0.0, 1.0, "pass rate that rows are chosen for", step=0.05, least=0.0, most=1.0)
    ] = 0.5,  # half right: the largest variance of a group's rewards
    candidates: Annotated[int | None, Knob(help="rows that a step compares; None: all", least=1)] = 1024,  # ours
    prior: Annotated[
        float, Knob(help="right and wrong answers that every row is taken to have had", above=0.0)
    ] = 1.0,  # Beta(1, 1): any rate is as likely; ours
    decay: Annotated[
        float,
        Knob(0.0, 1.0, "how much earlier answers of a row count after each visit", step=0.05, least=0.0, most=1.0),
    ] = 0.5,  # ours: answers of the visit before count half, so about two visits are remembered
) -> Generator:
    """Batch = the candidates with the smallest |p - target|, p ~ Beta(prior + right, prior + wrong).

    After the step, of each row trained: right <- decay right + its right answers, and the same for wrong ones.
    """
    check_bounds(thompson, locals())
    belief, rows = BetaPosterior(len(pool), prior), np.arange(len(pool))
    while True:
        asked = max(candidates or 0, run.batch)
        some = candidates is not None and asked < len(pool)
        of = run.rng.choice(len(pool), asked, replace=False) if some else rows
        p = belief.draw(run.rng, of)
        picked = of[np.argsort(np.abs(p - target), kind="stable")[: run.batch]]
        guess = float(belief.mean(picked).mean())
        out = yield Train(pool.take(np.resize(picked, run.batch)), note={"expected pass rate": guess})
        seen = per_row(pool, rewarded(out, "thompson"))
        belief.update(seen["at"].to_numpy(), seen["right"].to_numpy(float), seen["n"].to_numpy(), decay=decay)


def check(bench: CheckBench) -> Check:
    """One topic in five is of middling difficulty; it must be found and trained."""
    pool, student = bench.planted({"easy": 0.98, "middling": 0.5, "hard": 0.1, "harder": 0.04, "hardest": 0.02})
    signal = ("reward", "correct", "advantage")
    runs = bench.reinforce(thompson, signal=signal, pool=pool, student=student, steps=60)
    seen = bench.exposure(runs, pool)
    share = float((seen[seen.share > 0.5].topic == "middling").mean())
    return Check(
        claim="rows whose answers are right half of the time are found and make up the later batches",
        refuted_by="less than 0.4 of the rows of the second half, twice the topic's share of the pool (0.2), which is "
        "what random order and rewards dealt out anew give, with a standard deviation of 0.015 over 720 draws",
        measured={"middling_share": share, "pool_share": float((pool.topic == "middling").mean())},
        held=share >= 0.4,
        seeds=bench.seeds,
    )
