"""Online difficulty filtering: only prompts whose pass rate lies in a band are trained, and the batch is filled up.

Title    Online Difficulty Filtering for Reasoning-Oriented RL
Authors  Bae et al.
Year     2025
Number   18
Needs    objective grpo
Paper    Bae et al. 2025, "Online Difficulty Filtering for Reasoning Oriented Reinforcement Learning",
         arXiv 2504.03380
Kept     pass rates of the answers just sampled; a band around 1/2 (balanced) or beside it (skewed); sampling goes on
         until as many prompts are kept as a batch holds
Changed  rounds follow each other instead of running beside the training; after `rounds` of them a smaller batch is
         trained, or none; what is kept beyond a batch is dropped, as the next policy did not write it. Every answer
         is charged, trained or not
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, rewarded
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds


def difficulty_filter(
    pool: pd.DataFrame,
    run: Run,
    *,
    low: Annotated[
        float, Knob(0.0, 1.0, "lowest pass rate of a row that is kept", step=0.05)
    ] = 0.2,  # choice: the paper compares bands, its best one was not read
    high: Annotated[float, Knob(0.0, 1.0, "highest pass rate of a row that is kept", step=0.05)] = 0.8,  # choice
    inclusive: Annotated[
        str, Knob(help="'both' ends of the band are kept, or 'neither'")
    ] = "both",  # "neither": low < rate < high
    rounds: Annotated[int, Knob(1, 12, "rounds of asking for one batch, at most", step=1, least=1)] = 4,  # choice
    oversample: Annotated[
        float, Knob(help="prompts asked in a round, in batches", above=0.0)
    ] = 1.0,  # at most the whole pool; choice
) -> Generator:
    """Keep x iff low <= p(x) <= high, p(x) = mean reward of the group; ask on until run.batch groups are kept."""
    check_bounds(difficulty_filter, locals())
    _check_knobs(low, high, inclusive)
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    ask = min(math.ceil(oversample * run.batch), max(len(pool), run.batch))
    while True:
        kept, passed, asked = [], 0, 0
        while passed < run.batch and asked < rounds * ask:
            out = yield Sample(pool.take(queue.take(ask)), run.rollouts)
            group, inside = in_band(out, low, high, inclusive)
            kept.append(out.take(np.flatnonzero(np.isin(group, inside[: run.batch - passed]))))
            passed, asked = passed + len(inside), asked + ask
        if passed:
            batch = kept[0] if len(kept) == 1 else pd.concat(kept)
            rewarded((yield Train(batch, note={"accepted": passed / asked, "asked": asked})), "the filter")


def in_band(out: pd.DataFrame, low: float, high: float, inclusive: str) -> tuple[np.ndarray, np.ndarray]:
    """Number of each answer's group, (answers,), and of the groups whose mean reward is in the band, as they came.

    Equal but for rounding counts as equal.
    """
    group, _ = pd.factorize(out["group"].to_numpy())
    rate = np.bincount(group, out["reward"].to_numpy(float)) / np.bincount(group)
    slack = 1e-9 if inclusive == "both" else -1e-9
    return group, np.flatnonzero((rate >= low - slack) & (rate <= high + slack))


def _check_knobs(low: float, high: float, inclusive: str) -> None:
    if not low <= high:
        raise ValueError(f"low={low}, high={high}: no pass rate lies between; give low <= high")
    if inclusive not in ("both", "neither"):
        raise ValueError(f"inclusive={inclusive!r} is unknown; give 'both' or 'neither'")


def passing(rate: float, n: int, low: float, high: float) -> float:
    """P(low <= right / n <= high) for n answers that are right with `rate`."""
    right = [k for k in range(n + 1) if low - 1e-9 <= k / n <= high + 1e-9]
    return sum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in right)


RATES = {"mastered": 0.98, "easy": 0.8, "medium": 0.5, "hard": 0.2, "out of reach": 0.02}


def check(bench: CheckBench) -> Check:
    """What is kept and what it costs, against the binomial; every batch full."""
    return check_band(bench, difficulty_filter, 0.2, 0.8, oversample=2.0)


def check_band(bench: CheckBench, method, low: float, high: float, **knobs: object) -> Check:
    """Shares of the trained prompts by pass rate and the share accepted, worked out for groups of 8 in [low, high]."""
    pool, student = bench.planted(RATES)
    how = dict(pool=pool, student=student, steps=20, batch_size=16, rollouts=8)
    runs = bench.reinforce(method, signal=("reward", "correct"), **how, **knobs)
    seen = bench.exposure(runs, pool)
    pass_band = pd.Series({topic: passing(rate, 8, low, high) for topic, rate in RATES.items()})
    shares = seen.topic.value_counts(normalize=True).reindex(pass_band.index, fill_value=0.0)
    off = float((shares - pass_band / pass_band.sum()).abs().max())
    accepted, expected = float(runs.metrics.accepted.mean()), float(pass_band.mean())
    full, signal = float((runs.metrics.rows == 16 * 8).mean()), float(runs.metrics.signal.mean())
    return Check(
        claim="trained prompts are shared among pass rates as the chance that a group of 8 falls into the band, as "
        "many are rejected as that says, every batch is full, and every group in it has a signal",
        refuted_by="a share, or the share accepted, further than 0.06 from the binomial's (960 groups trained: four "
        "standard errors are 0.06), a batch that is not full, or a group without",
        measured={
            "furthest_share": off,
            "accepted": accepted,
            "accepted_expected": expected,
            "full": full,
            "signal": signal,
        },
        held=off <= 0.06 and abs(accepted - expected) <= 0.06 and full == signal == 1.0,
        seeds=bench.seeds,
        mechanism=True,
    )
