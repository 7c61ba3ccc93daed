"""Hard to easy: the pool sorted once by difficulty, trained from the hard end (anti-curriculum).

Title    On The Power of Curriculum Learning (hard to easy)
Authors  Hacohen & Weinshall
Year     2019
Needs    columns level
Adapts   no
Paper    the control of Hacohen & Weinshall 2019, "On The Power of Curriculum Learning in Training Deep Networks", ICML
Kept     the order of `easy_to_hard` turned round, nothing else
Changed  as in `easy_to_hard`: random ties, one walk over the whole budget or sorted passes (`span`)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.order.easy_to_hard import sorted_rows
from curriculab.methods.samplers import scores
from curriculab.protocol import Run
from curriculab.registry.knobs import Knob


def hard_to_easy(
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
    """Row at rank r after row at rank r + 1."""
    yield from sorted_rows(pool, run, -scores(pool, by), span)


def check(bench: CheckBench) -> Check:
    """Where each skill needs the one before it, hard first must waste the start."""
    hard = bench.accuracy(hard_to_easy, signal=("level",))
    loss = float(np.mean(bench.accuracy(bench.random) - hard))
    return Check(
        claim="on a chain of prerequisites, hard to easy ends below random order",
        refuted_by="a mean loss over three seeds below 0.05: four standard errors of the difference of two random "
        "orders on this chain (standard deviation 0.023 over 20 seeds)",
        measured={"loss": loss, "hard_to_easy": float(np.mean(hard))},
        held=loss >= 0.05,
        seeds=bench.seeds,
    )
