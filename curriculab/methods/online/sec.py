"""Self-Evolving Curriculum: a Boltzmann bandit over categories, rewarded by the mean |advantage| of their answers.

Title    Self-Evolving Curriculum for LLM Reasoning
Authors  Chen et al.
Year     2025
Number   2
Needs    objective grpo; columns level
Paper    Chen et al. 2025, "Self-Evolving Curriculum for LLM Reasoning", arXiv 2505.14970
Kept     every prompt's arm drawn on its own from softmax(Q / tau); an arm's rows without repeats within a pass; TD(0)
         with step alpha towards the mean |advantage|
Changed  nothing; `absent="decay"` is the released code, where an arm missing from a batch counts as reward 0;
         `epsilon` is its other way to draw: the first of the best arms, or with that chance any of the others; arms in
         two dimensions are a column that joins them; its normalised Q and its reward by progress are left out
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Arms, rewarded, softmax
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def sec(
    pool: pd.DataFrame,
    run: Run,
    *,
    arms: Annotated[str, Knob(help="column whose values are the arms")] = "level",
    tau: Annotated[
        float, Knob(0.05, 2.0, "temperature of the draw: lower prefers the best arms more", step=0.05, above=0.0)
    ] = 0.4,  # released code: mathematics with 7B; 1.0 Countdown, 0.2 arms in two dimensions
    alpha: Annotated[
        float, Knob(0.05, 1.0, "how much of a new value enters the running average", step=0.05, above=0.0, most=1.0)
    ] = 0.5,  # released code, all examples
    absent: Annotated[
        str, Knob(choices=("keep", "decay"), help="what becomes of arms that are missing from a batch")
    ] = "keep",  # the paper's formula; "decay": the released code
    epsilon: Annotated[
        float | None,
        Knob(help="share of draws from other arms than the best; None: softmax of Q / tau", least=0.0, most=1.0),
    ] = None,  # None: Boltzmann, the paper; 0.1 in the released code's alternative
) -> Generator:
    """P(arm) = exp(Q / tau) / sum exp(Q / tau);  Q <- (1 - alpha) Q + alpha mean |advantage|,  Q = 0 at first."""
    check_bounds(sec, locals())
    if absent not in ("keep", "decay"):
        raise ValueError(f"absent={absent!r} is unknown; give 'keep' (the paper) or 'decay' (its released code)")
    queue = Arms(pool, arms, run.rng)
    q = np.zeros(len(queue))
    while True:
        p = softmax(q / tau) if epsilon is None else greedy(q, epsilon)
        drawn = run.rng.choice(len(q), run.batch, p=p)
        out = rewarded((yield Train(pool.take(queue.take(drawn)), note=queue.note(p))), "sec")
        arm = queue.arm(out)
        n = np.bincount(arm, minlength=len(q))
        gain = np.bincount(arm, out.advantage.abs(), len(q)) / np.maximum(n, 1)
        seen = n > 0 if absent == "keep" else np.full(len(q), True)
        q[seen] = (1 - alpha) * q[seen] + alpha * gain[seen]


def greedy(q: np.ndarray, epsilon: float) -> np.ndarray:
    """The first of the best arms has 1 - epsilon, the others share epsilon: greedy([0, 2, 2, 1], .3) ->
    [.1, .7, .1, .1]."""
    p = np.full(len(q), epsilon / max(len(q) - 1, 1))
    p[np.argmax(q)] = 1.0 if len(q) == 1 else 1 - epsilon
    return p


# E|A| of groups of 8 answers with pass rates .02, .2, .5, .8, .98, summed over the binomial (std with n - 1)
MEAN_ADVANTAGE = np.array([0.0943, 0.6305, 0.8677, 0.6305, 0.0943])
SETTLED = np.array([0.062, 0.235, 0.424, 0.235, 0.062])  # exp(E|A| / 0.4): 1.266, 4.837, 8.754, over the sum 20.96


def check(bench: CheckBench) -> Check:
    """Arms that never get better: where the bandit settles; a student that learns: how the best arm moves on."""
    pool, student = bench.planted({"mastered": 0.98, "easy": 0.8, "medium": 0.5, "hard": 0.2, "out of reach": 0.02})
    how = dict(signal=("advantage", "reward", "correct"), batch_size=16, rollouts=8)
    runs = bench.reinforce(sec, pool=pool, student=student, steps=35, **how)
    late = runs.metrics[runs.metrics.step > 10]
    settled = late[[f"p/{level}" for level in range(1, 6)]].mean().to_numpy()
    off = float(np.abs(settled - SETTLED).max())
    seen = bench.exposure(runs, pool).groupby(["seed", "level", "id"]).size() // 8  # how often each row came
    uneven = int((seen.groupby(["seed", "level"]).agg(np.ptp) > 1).sum())
    pool, student = bench.planted({"easy": 0.6, "hard": 0.08}, rate=0.02)
    moves = bench.reinforce(sec, pool=pool, student=student, steps=30, **how).metrics
    hard = moves.groupby("step")["p/2"].mean()
    early, end = float(hard.loc[3:8].mean()), float(hard.loc[21:].mean())
    return Check(
        claim="arms with pass rates .98, .8, .5, .2, .02 settle at P = .06, .23, .42, .23, .06, an arm's rows come "
        "without repeats, and as a student masters the easier of two arms the bandit moves on to the harder one",
        refuted_by="an arm further than 0.05 from softmax(E|A| / tau) on average over the steps 11 to 35 (eight "
        "other sets of three seeds came within 0.021, as Q wanders; arms without a difference, P = .2, are 0.22 "
        "away); an arm of which one row came two times oftener than another; or a P of the harder arm that does not "
        "rise from below 0.4 (steps 3 to 8, .6 against .08) to above 0.6 (the last ten steps)",
        measured={f"p_{level}": float(x) for level, x in enumerate(settled, start=1)}
        | {"furthest": off, "uneven_arms": uneven, "hard_early": early, "hard_late": end},
        held=off <= 0.05 and uneven == 0 and early < 0.4 and end > 0.6,
        seeds=bench.seeds,
        mechanism=True,
    )
