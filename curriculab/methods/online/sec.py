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
         `epsilon` is its other way to draw; arms in two dimensions are a column that joins them; its normalised Q and
         its reward by progress are left out
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
        Knob(help="share of uniform draws, the others of the best arm; None: softmax of Q / tau", least=0.0, most=1.0),
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
    """The best arms share 1 - epsilon, all share epsilon: greedy([0, 2, 2, 1], .2) -> [.05, .45, .45, .05]."""
    best = q == q.max()
    return (1 - epsilon) * best / best.sum() + epsilon / len(q)


# E|A| of groups of 8 answers with pass rates .02, .2, .5, .8, .98 (summed over the binomial; std with n - 1)
MEAN_ADVANTAGE = np.array([0.0943, 0.6305, 0.8677, 0.6305, 0.0943])


def check(bench: CheckBench) -> Check:
    """Arms that never get better: where the bandit settles, against softmax(E|A| / tau) worked out by hand."""
    pool, student = bench.planted({"mastered": 0.98, "easy": 0.8, "medium": 0.5, "hard": 0.2, "out of reach": 0.02})
    how = dict(pool=pool, student=student, steps=40, batch_size=16, rollouts=8)
    runs = bench.reinforce(sec, signal=("advantage", "reward", "correct"), **how)
    late = runs.metrics[runs.metrics.step > 10]
    settled = late[[f"p/{level}" for level in range(1, 6)]].mean().to_numpy()
    off = float(np.abs(settled - softmax(MEAN_ADVANTAGE / 0.4)).max())
    return Check(
        claim="arms with pass rates .98, .8, .5, .2, .02 settle at P = .06, .23, .42, .23, .06",
        refuted_by="an arm further than 0.05 from softmax(E|A| / tau) on average over the steps 11 to 40 (eight "
        "other sets of three seeds came within 0.021, as Q wanders; arms without a difference, P = .2, are 0.22 away)",
        measured={f"p_{level}": float(x) for level, x in enumerate(settled, start=1)} | {"furthest": off},
        held=off <= 0.05,
        seeds=bench.seeds,
    )
