"""Easy to hard: the pool sorted once by difficulty, trained from the easy end.

Title    Curriculum Learning (easy to hard)
Authors  Bengio et al.
Year     2009
Needs    columns level
Adapts   no
Paper    Bengio, Louradour, Collobert & Weston 2009, "Curriculum Learning", ICML; as one sorted pass also
         Hacohen & Weinshall 2019, "On The Power of Curriculum Learning in Training Deep Networks", ICML
Kept     examples enter by difficulty, the easiest first and the hardest last
Changed  no growing set (see `baby_steps`, `competence`); ties are random. The one walk from the easy to the hard end
         takes the whole budget, skipping or repeating rows evenly where the budget is no single pass; `span="pass"`
         trains whole sorted passes one after another instead, of which a short budget sees only the easy end
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, ranked, scores
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob


def easy_to_hard(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of difficulty, higher is harder")] = "level",
    span: Annotated[
        str,
        Knob(
            choices=("pass", "budget"), help="sort once a pass over the rows, or stretch one pass over the whole budget"
        ),
    ] = "budget",
) -> Generator:
    """At progress c the `run.batch` rows from rank floor(c * rows) on."""
    yield from sorted_rows(pool, run, scores(pool, by), span)


def sorted_rows(pool: pd.DataFrame, run: Run, score: np.ndarray, span: str) -> Generator:
    """Train the pool from the lowest score to the highest, pass after pass or once over the budget."""
    if span not in ("pass", "budget"):
        raise ValueError(f"span={span!r} is unknown; give 'budget' (one walk over all ranks) or 'pass' (sorted passes)")
    queue, order = Queue(lambda: ranked(score, run.rng)), ranked(score, run.rng)
    while True:
        if span == "pass":
            yield Train(pool.take(queue.take(run.batch)))
        else:
            first = min(int(run.progress * len(order) + 1e-9), max(0, len(order) - run.batch))
            yield Train(pool.take(np.resize(order[first : first + run.batch], run.batch)))


def check(bench: CheckBench) -> Check:
    """Where each skill needs the one before it, easy first must leave the student better than random order does."""
    easy = bench.accuracy(easy_to_hard, signal=("level",))
    gain = float(np.mean(easy - bench.accuracy(bench.random)))
    return Check(
        claim="on a chain of prerequisites, easy to hard ends above random order",
        refuted_by="a mean gain over three seeds below 0.05: four standard errors of the difference of two random "
        "orders on this chain (standard deviation 0.023 over 20 seeds)",
        measured={"gain": gain, "easy_to_hard": float(np.mean(easy))},
        held=gain >= 0.05,
        seeds=bench.seeds,
    )
