"""Thompson sampling on pass rates: train what may well be of middling difficulty, by a draw from each row's belief.

Title    Thompson sampling on pass rates (MoPPS)
Authors  Qu et al.
Year     2025
Needs    objective grpo
Paper    Qu et al. 2025, "Can Prompt Difficulty be Online Predicted for Accelerating RL Finetuning of Reasoning
         Models?" (MoPPS), arXiv 2507.04632, and its code, thu-rllab/MoPPS; the draw is that of Thompson 1933
Kept     a Beta(1, 1) belief about every row's pass rate, updated from the answers that training needs anyway; one
         plausible rate drawn for each of 8 candidates a place (`ts_ratio` of the scripts with "topk" in their name; 16
         for mathematics); the rows nearest to a target rate are trained; at each visit the earlier answers count half
         (`bandit_decay_ratio`; 1, as if nothing faded, where a script names none)
Changed  candidates are drawn anew at each step (there, the next ones of a shuffled pass); `candidates=None` draws for
         all rows, at about 0.2 s a step for a million of them; of its ways to choose, "topk" alone is here, not the
         threshold; beliefs never begin from answers of a probe
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
    candidates: Annotated[
        int | None, Knob(help="rows that a step compares, for each place of a batch; None: all rows", least=1)
    ] = 8,  # released scripts, ts_ratio
    prior: Annotated[
        float, Knob(help="right and wrong answers that every row is taken to have had", above=0.0)
    ] = 1.0,  # Beta(1, 1): any rate is as likely; released code
    decay: Annotated[
        float,
        Knob(0.0, 1.0, "how much earlier answers of a row count after each visit", step=0.05, least=0.0, most=1.0),
    ] = 0.5,  # released scripts: answers of the visit before count half, so about two visits are remembered
) -> Generator:
    """Batch = the candidates with the smallest |p - target|, p ~ Beta(prior + right, prior + wrong).

    After the step, of each row trained: right <- decay right + its right answers, and the same for wrong ones.
    """
    check_bounds(thompson, locals())
    belief, rows = BetaPosterior(len(pool), prior), np.arange(len(pool))
    while True:
        asked = (candidates or 0) * run.batch
        some = candidates is not None and asked < len(pool)
        of = run.rng.choice(len(pool), asked, replace=False) if some else rows
        p = belief.draw(run.rng, of)
        picked = of[np.argsort(np.abs(p - target), kind="stable")[: run.batch]]
        guess = float(belief.mean(picked).mean())
        out = yield Train(pool.take(np.resize(picked, run.batch)), note={"expected pass rate": guess})
        seen = per_row(pool, rewarded(out, "thompson"))
        belief.update(seen["at"].to_numpy(), seen["right"].to_numpy(float), seen["n"].to_numpy(), decay=decay)


# Simulated 60 times, apart from this package, with 8 of 64 candidates by a draw from Beta(1 + right, 1 + wrong),
# half of the counts kept: .715 of the rows of the second half, deviating by .033 from run to run. By the mean of the
# belief in place of a draw it is .965.
FOUND = 0.715


def check(bench: CheckBench) -> Check:
    """One topic in five is of middling difficulty: it must be found, as often as draws do; and left once it is easy."""
    pool, student = bench.planted({"easy": 0.98, "middling": 0.5, "hard": 0.1, "harder": 0.04, "hardest": 0.02})
    how = dict(signal=("reward", "correct", "advantage"), steps=60)
    seen = bench.exposure(bench.reinforce(thompson, pool=pool, student=student, **how), pool)
    share = float((seen[seen.share > 0.5].topic == "middling").mean())
    pool, student = bench.planted({"soon easy": 0.5, "hard": 0.1, "harder": 0.04}, rate=0.01)
    runs = bench.reinforce(thompson, pool=pool, student=student, **how)
    late = float(runs.groups[runs.groups.step > 45].reward.mean())
    return Check(
        claim="rows whose answers are right half of the time are found, and make up the later batches as often as "
        "draws from Beta beliefs do; as a student learns, the rows that are trained stay middling",
        refuted_by=f"a share of the second half further than 0.08 from {FOUND} (four standard errors over three seeds; "
        "random order and rewards dealt out anew give 0.2, the mean of the belief 0.965); or a mean reward of the "
        "last quarter further than 0.09 from 0.5 where the student learns (360 groups that deviate by 0.3: five "
        "standard errors are 0.08; where nothing fades, beliefs lag behind and it is 0.64)",
        measured={"middling_share": share, "late_reward": late},
        held=abs(share - FOUND) <= 0.08 and abs(late - 0.5) <= 0.09,
        seeds=bench.seeds,
        mechanism=True,
    )
