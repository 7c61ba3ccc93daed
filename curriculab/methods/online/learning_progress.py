"""Absolute learning progress: the arms whose pass rate is moving, up or down, are drawn more often.

Title    Absolute learning progress
Authors  Kanitscheider et al.
Year     2021
Needs    objective grpo; columns topic
Paper    Kanitscheider et al. 2021, "Multi-task curriculum learning in a complex, visual, hard-exploration domain:
         Minecraft", arXiv 2106.14876; the idea of learning progress is Oudeyer's and Schmidhuber's
Kept     a fast moving average of each arm's pass rate and a slow one that follows the fast; both are reweighted, so
         that progress at low pass rates counts more; arms are drawn by |fast - slow|, in both directions
Changed  pass rates are those of training answers, arm by arm as they come (theirs: separate evaluations of all tasks);
         averages begin at an arm's first pass rate, not at 0, and arms not seen yet count as the most moving one; draws
         are proportional or by Boltzmann with `epsilon` of uniform (theirs: a sigmoid of z-scores; the uniform share
         is that of ALP-GMM, Portelas et al. 2019)
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

DRAWS = ("proportional", "boltzmann")


def learning_progress(
    pool: pd.DataFrame,
    run: Run,
    *,
    arms: Annotated[str, Knob(help="column whose values are the arms")] = "topic",
    alpha: Annotated[
        float, Knob(0.05, 1.0, "how much of a new value enters the running average", step=0.05, above=0.0, most=1.0)
    ] = 0.2,  # of both averages; ours, for runs of tens to hundreds of steps
    theta: Annotated[
        float,
        Knob(
            help="pass rate that is moved to one half; lower makes progress at low rates count more",
            above=0.0,
            below=1.0,
        ),
    ] = 0.1,  # p_theta of the reweighting in the paper; 0.5 leaves rates as they are
    draw: Annotated[str, Knob(help="'proportional' to progress, or 'boltzmann': by its softmax")] = "proportional",
    tau: Annotated[float, Knob(help="temperature of draw='boltzmann', in units of progress", above=0.0)] = 0.05,  # ours
    epsilon: Annotated[
        float, Knob(0.0, 1.0, "share of draws that are uniform over the arms", step=0.05, least=0.0, most=1.0)
    ] = 0.2,  # Portelas et al. 2019
) -> Generator:
    """P(arm) = (1 - epsilon) LP / sum LP + epsilon / arms, LP = |f(fast) - f(slow)|.

    f(p) = (1 - theta) p / (p + theta (1 - 2 p)). After a step, of each arm that was in it, with its pass rate there:
    fast <- fast + alpha (rate - fast), slow <- slow + alpha (fast - slow).
    """
    check_bounds(learning_progress, locals())
    if draw not in DRAWS:
        raise ValueError(f"draw={draw!r} is unknown; give {' or '.join(map(repr, DRAWS))}")
    these = Arms(pool, arms, run.rng)
    fast, slow = np.full(len(these), np.nan), np.full(len(these), np.nan)
    while True:
        p = chances(np.abs(reweighted(fast, theta) - reweighted(slow, theta)), draw, tau, epsilon)
        picked = run.rng.choice(len(these), run.batch, p=p)
        out = yield Train(pool.take(these.take(picked)), note=these.note(p))
        rate = rewarded(out, "learning_progress").groupby(these.arm(out))["reward"].mean()
        seen, rate = rate.index.to_numpy(), rate.to_numpy(float)
        begun = ~np.isnan(fast[seen])
        fast[seen] = np.where(begun, fast[seen] + alpha * (rate - fast[seen]), rate)
        slow[seen] = np.where(begun, slow[seen] + alpha * (fast[seen] - slow[seen]), rate)


def reweighted(p: np.ndarray, theta: float) -> np.ndarray:
    """f(0) = 0, f(theta) = 1/2, f(1) = 1: small rates are spread out."""
    return (1 - theta) * p / (p + theta * (1 - 2 * p))


def chances(progress: np.ndarray, draw: str, tau: float, epsilon: float) -> np.ndarray:
    """Chance of each arm, (arms,); progress is NaN for an arm that was not seen yet."""
    new = np.isnan(progress)
    most = 1.0 if new.all() else np.nanmax(progress) or 1.0
    value = np.where(new, most, progress)
    if draw == "boltzmann":
        share = softmax(value / tau)
    elif value.sum():
        share = value / value.sum()
    else:
        share = np.ones(len(value))
    p = (1 - epsilon) * share / share.sum() + epsilon / len(value)
    return p / p.sum()


def check(bench: CheckBench) -> Check:
    """On a chain of skills, learned one after the other, draws move along with the skill that is being learned."""
    runs = bench.reinforce(learning_progress, signal=("reward", "correct", "advantage"), steps=120)
    when = bench.exposure(runs).groupby(["seed", "level"]).step.mean().unstack()
    follows = float(when.rank(axis=1).T.corrwith(pd.Series(when.columns, index=when.columns)).mean())
    return Check(
        claim="the arms' mean step of being drawn follows the order in which they are learned",
        refuted_by="a rank correlation with the place in the chain, mean of three seeds, below 0.77: three standard "
        "deviations, 1 / sqrt(5) for six arms in no order, by sqrt(3) for three seeds",
        measured={"rank_correlation": follows},
        held=follows >= 0.77,
        seeds=bench.seeds,
    )
