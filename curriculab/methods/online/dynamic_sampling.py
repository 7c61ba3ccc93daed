"""Dynamic sampling of DAPO: groups whose answers are all right or all wrong are left out, and the batch is filled up.

Title    DAPO: dynamic sampling
Authors  Yu et al.
Year     2025
Needs    objective grpo
Paper    Yu et al. 2025, "DAPO: An Open-Source LLM Reinforcement Learning System at Scale", arXiv 2503.14476
Kept     0 < right answers < n for every trained group; more prompts than a batch are asked in each round, until it is
         full
Changed  what is kept beyond a batch is dropped, and every answer is charged; DAPO's other parts are settings of the
         objective (Grpo(epsilon_high=0.28), token mean) or left out (shaping of overlong answers)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.online.difficulty_filter import check_band, difficulty_filter
from curriculab.protocol import Run
from curriculab.registry.knobs import Knob, check_bounds


def dynamic_sampling(
    pool: pd.DataFrame,
    run: Run,
    *,
    rounds: Annotated[
        int, Knob(1, 12, "rounds of asking for one batch, at most", step=1, least=1)
    ] = 10,  # released scripts of DAPO in verl, as is the next
    oversample: Annotated[float, Knob(1.0, 4.0, "prompts asked in a round, in batches", step=0.5, above=0.0)] = 3.0,
) -> Generator:
    """Keep x iff 0 < p(x) < 1, p(x) = mean reward of the group; at most `rounds` of `oversample` batches are asked.

    The difficulty filter with the open band (0, 1).
    """
    check_bounds(dynamic_sampling, locals())
    yield from difficulty_filter(
        pool, run, low=0.0, high=1.0, inclusive="neither", rounds=rounds, oversample=oversample
    )


def check(bench: CheckBench) -> Check:
    """1 - p^n - (1 - p)^n of the groups are kept: those with 1 to n - 1 right answers."""
    return check_band(bench, dynamic_sampling, 1 / 8, 7 / 8)
