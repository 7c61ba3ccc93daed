"""Cyclical curriculum: the part of the pool in use grows and shrinks; easy rows are more likely to be in it.

Title    Cyclical Curriculum Learning
Authors  Kesgin & Amasyali
Year     2022
Number   15
Needs    columns level
Adapts   no
Paper    Kesgin & Amasyali 2022, "Cyclical Curriculum Learning", arXiv 2202.05531
Kept     sizes .25, .5, 1, .5, .25, ...; each subset drawn without replacement with probability proportional to
         1 / loss of a reference model, then trained once in random order
Changed  losses below `floor` times the median count as that (1 / loss would give a few rows all the mass); subsets
         follow each other until the budget is spent, equal in rows to any other method; aging, the sharp cycle and
         live losses are left out; `ease="uniform"` is the control with the same sizes and no difficulty
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import cycle
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def cyclical(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of losses, at least 0, higher is harder")] = "level",
    start: Annotated[
        float, Knob(0.05, 1.0, "share of the pool in use at the start of a cycle", step=0.05, above=0.0, most=1.0)
    ] = 0.25,  # sp of the released code, as are the next two
    end: Annotated[float, Knob(help="share of the pool in use at the widest of a cycle", above=0.0, most=1.0)] = 1.0,
    factor: Annotated[
        float,
        Knob(
            0.1,
            0.9,
            "by how much the share grows from one subset to the next; smaller grows faster",
            step=0.1,
            above=0.0,
            below=1.0,
        ),
    ] = 0.5,  # alpha
    ease: Annotated[
        str, Knob(choices=("inverse", "uniform"), help="draw easy rows more often, or all alike")
    ] = "inverse",
    floor: Annotated[
        float,
        Knob(help="least score that counts, as a share of the median one; smaller prefers easy rows more", least=0.0),
    ] = 0.1,  # ours: a row is at most ten times as likely as the median one
) -> Generator:
    """Subset i holds floor(n S_i) rows, drawn with p ~ 1 / L; S grows by 1 / factor to `end`, then shrinks again."""
    check_bounds(cyclical, locals())
    weights = _ease(scores(pool, by), by, ease, floor)
    shares = cycle(sizes(start, end, factor))

    def subset() -> np.ndarray:
        n = max(1, int(len(pool) * next(shares)))
        keys = np.log(weights) + run.rng.gumbel(size=len(weights))  # the n largest keys: a weighted draw
        return run.rng.permutation(np.argsort(-keys)[:n])

    queue = Queue(subset)
    while True:
        yield Train(pool.take(queue.take(run.batch)))


def sizes(start: float, end: float, factor: float) -> list[float]:
    """One cycle of shares: sizes(.25, 1, .5) -> [.25, .5, 1, .5]."""
    if start > end:
        raise ValueError(f"start={start}, end={end}; give a start of at most the end")
    up = [start]
    while up[-1] < end:
        up.append(min(end, up[-1] / factor))
    return up + up[-2:0:-1]


def _ease(score: np.ndarray, by: str, ease: str, floor: float) -> np.ndarray:
    if ease == "uniform":
        return np.ones(len(score))
    if ease != "inverse":
        raise ValueError(f"ease={ease!r} is unknown; give 'inverse' (1 / score) or 'uniform' (the control)")
    if score.min() < 0 or score.max() == 0:
        raise ValueError(f"by={by!r} reaches down to {score.min():g}; 1 / score needs losses: at least 0, some above")
    return 1 / np.maximum(score, floor * (np.median(score) or score.max()))


def check(bench: CheckBench) -> Check:
    """Over whole cycles, rows are drawn the more often the easier they are, and every row is drawn in each of them."""
    steps = round(4 * sum(sizes(0.25, 1.0, 0.5)) * len(bench.pool) / 32)
    seen = bench.exposure(bench.simulate(cyclical, signal=("score",), steps=steps, batch_size=32, by="score"))
    counts = seen.groupby("id").size().reindex(bench.pool.index, fill_value=0)
    agree = float(counts.rank().corr((1 / bench.pool.score).rank()))
    least = float(seen.groupby("seed").id.value_counts().unstack(fill_value=0).min().min())
    return Check(
        claim="the number of draws follows 1 / score, and each cycle's full subset brings every row",
        refuted_by="a rank correlation of draws with 1 / score of at most 0.8 (set before measuring; scores dealt "
        "out anew give 0), or a row drawn fewer than 4 times in 4 cycles",
        measured={"rank_correlation": agree, "fewest_draws": least},
        held=agree > 0.8 and least >= 4,
        seeds=bench.seeds,
    )
