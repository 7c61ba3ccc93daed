"""Baby steps: the pool cut into buckets by difficulty; training starts on the easiest and adds one after another.

Title    From Baby Steps to Leapfrog
Authors  Spitkovsky et al.
Year     2010
Needs    columns level
Adapts   no
Paper    Spitkovsky, Alshawi & Jurafsky 2010, "From Baby Steps to Leapfrog", NAACL; Bengio et al. 2009, "Curriculum
         Learning", ICML, switches in two such steps
Kept     buckets add up: what was easy stays in the mixture; training goes on from where the last stage ended
Changed  a stage ends with its equal share of the budget, not at convergence; within a stage rows come in random
         passes without repeats, and a pass is cut short when the stage ends; `buckets=None` makes one bucket per
         value of `by`, as their sentence lengths do
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, ranked, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds


def baby_steps(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of difficulty, higher is harder")] = "level",
    buckets: Annotated[
        int | None, Knob(1, 12, "equal parts, from easy to hard, that come into use one after another", step=1, least=1)
    ] = 5,
) -> Generator:
    """At progress c the buckets 0 .. floor(c * buckets) are in use; at the start that is the easiest one alone."""
    check_bounds(baby_steps, locals())
    parts = _buckets(scores(pool, by), buckets, run.rng)
    stage, queue = -1, None
    while True:
        now = min(int(run.progress * len(parts) + 1e-9), len(parts) - 1)
        if now > stage:
            stage, queue = now, Queue.shuffled(np.concatenate(parts[: now + 1]), run.rng)
        yield Train(pool.take(queue.take(run.batch)))


def _buckets(score: np.ndarray, buckets: int | None, rng: np.random.Generator) -> list[np.ndarray]:
    """Positions from the easiest bucket to the hardest: equal sizes (random ties), or one bucket per value."""
    order = ranked(score, rng)
    if buckets is None:
        return np.split(order, np.flatnonzero(np.diff(score[order])) + 1)
    if buckets > len(score):
        raise ValueError(
            f"buckets={buckets} for {len(score)} rows; give 1 to {len(score)}, or None: one per value of `by`"
        )
    return np.array_split(order, buckets)


def check(bench: CheckBench) -> Check:
    """Easy buckets first must beat random order on the chain, and the first skill must still be trained at the end."""
    runs = bench.simulate(baby_steps, signal=("level",))
    gain = float(np.mean(bench.final(runs) - bench.accuracy(bench.random)))
    seen = bench.exposure(runs)
    late = seen[seen.share > 0.8]  # the last of five stages, where all buckets are in use
    easiest = float((late.level == bench.pool.level.min()).mean())
    due = float((bench.pool.level == bench.pool.level.min()).mean())
    return Check(
        claim="on a chain of prerequisites, growing buckets end above random order and never drop the easy rows",
        refuted_by="a mean gain below 0.05 (as for easy_to_hard), or, in the last stage, less than half of the easiest "
        "level's share of the pool (a sorted pass has none of it)",
        measured={"gain": gain, "easiest_late": easiest, "easiest_pool": due},
        held=gain >= 0.05 and easiest >= due / 2,
        seeds=bench.seeds,
    )
