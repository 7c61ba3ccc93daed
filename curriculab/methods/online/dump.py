"""DUMP: an upper confidence bound over the sources of the data, valued by the mean |advantage| of their answers.

Title    DUMP
Authors  Wang et al.
Year     2025
Number   31
Needs    objective grpo; columns topic
Paper    Wang et al. 2025, "DUMP: Automated Distribution-Level Curriculum Learning for RL-based LLM Post-training",
         arXiv 2504.09710
Kept     value L = mean of the last 300 |advantage| of a source; UCB = L + sqrt(2 ln(N + 1) / (n + 1)), counted in
         answers; softmax(UCB / tau), tau = 0.1, anew in every step; rows of a source drawn with replacement
Changed  `bonus` scales the second term (1 in the paper); `value="spread"` listens to |reward - mean of the group|,
         2 p (1 - p) on average, which a group that is right once in a while cannot inflate
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Arms, rewarded, softmax
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def dump(
    pool: pd.DataFrame,
    run: Run,
    *,
    arms: Annotated[str, Knob(help="column whose values are the arms")] = "topic",
    tau: Annotated[
        float, Knob(0.05, 2.0, "temperature of the draw: lower prefers the best arms more", step=0.05, above=0.0)
    ] = 0.1,  # released code, as is the next
    window: Annotated[int, Knob(help="last answers of an arm that its value is the mean of", least=1)] = 300,
    bonus: Annotated[
        float, Knob(0.0, 2.0, "how strongly arms that were drawn rarely are preferred", step=0.1, least=0.0)
    ] = 1.0,  # the paper's UCB
    value: Annotated[str, Knob(choices=("advantage", "spread"), help="what an arm is valued by")] = "advantage",
) -> Generator:
    """P(arm) = exp(UCB / tau) / sum exp(UCB / tau),  UCB = L + bonus sqrt(2 ln(N + 1) / (n + 1)),  N = sum n."""
    check_bounds(dump, locals())
    if value not in ("advantage", "spread"):
        raise ValueError(f"value={value!r} is unknown; give 'advantage' (the paper) or 'spread' (not normalised)")
    sources = Arms(pool, arms, run.rng)
    latest = [deque(maxlen=window) for _ in range(len(sources))]
    n = np.zeros(len(sources))
    while True:
        mean = np.array([np.mean(values) if values else 0.0 for values in latest])
        p = softmax(upper_bound(mean, n, bonus) / tau)
        drawn = run.rng.choice(len(n), run.batch, p=p)
        out = rewarded((yield Train(pool.take(sources.pick(drawn)), note=sources.note(p))), "dump")
        for arm, x in zip(sources.arm(out).tolist(), _values(out, value), strict=True):
            latest[arm].append(x)
            n[arm] += 1


def upper_bound(mean: np.ndarray, n: np.ndarray, bonus: float = 1.0) -> np.ndarray:
    """L + bonus sqrt(2 ln(N + 1) / (n + 1)) of each arm, (arms,); n answers seen of it, N of all."""
    return mean + bonus * np.sqrt(2 * np.log(n.sum() + 1) / (n + 1))


def _values(out: pd.DataFrame, value: str) -> np.ndarray:
    """What each answer adds to its arm, (answers,)."""
    if value == "advantage":
        return out.advantage.abs().to_numpy()
    return (out.reward - out.groupby("group").reward.transform("mean")).abs().to_numpy()


def check(bench: CheckBench) -> Check:
    """Of three sources nearly all prompts come from the one at .5; as a student masters one, they move on."""
    pool, student = bench.planted({"mastered": 0.98, "medium": 0.5, "out of reach": 0.02})
    how = dict(pool=pool, student=student, steps=30, batch_size=12, rollouts=16)
    runs = bench.reinforce(dump, signal=("advantage", "reward", "correct"), **how)
    seen = bench.exposure(runs, pool)
    medium = (seen.topic == "medium")[seen.step > 20]
    share = float(medium.groupby(seen.seed).mean().min())
    least = float(seen.groupby("seed").topic.value_counts(normalize=True).unstack(fill_value=0.0).min().min())
    pool, student = bench.planted({"easy": 0.6, "hard": 0.08}, rate=0.02)
    how = dict(pool=pool, student=student, steps=36, batch_size=12, rollouts=8)
    moves = bench.exposure(bench.reinforce(dump, signal=("advantage", "reward", "correct"), **how), pool)
    moved = float((moves.topic == "hard")[moves.step > 30].mean())
    return Check(
        claim="once the bonuses have shrunk, more than 9 in 10 prompts come from the source with pass rate .5, and "
        "the bonus brings every source now and then; as a student masters the easier of two, prompts move on to the "
        "harder one",
        refuted_by="a share of at most 0.9 in the steps 21 to 30 of any seed (with groups of 16, E|A| = .94 "
        "and .13: softmax gives .99 where bonuses differ by less than .28, so from about 200 answers an arm; sources "
        "without a difference give 1/3), or a source that never comes; or, where a student "
        "that began at .6 and .08 has mastered the first, less than 0.7 of the last 6 steps from the second (a window "
        "of 300 answers is 3 steps; without one, the mean still holds what the first was worth)",
        measured={"smallest_share_of_medium": share, "least_share": least, "moved_on": moved},
        held=share > 0.9 and least > 0 and moved >= 0.7,
        seeds=bench.seeds,
        mechanism=True,
    )
