"""Reversed scores: any method that orders by a score, with the scores mirrored.

Title    Reversed scores (control)
Role     control
Paper    none; the control of Hacohen & Weinshall 2019 ("anti-curriculum"), for every method
Kept     everything of the method; the range of its scores
Changed  a score x becomes min + max - x: partial(reversed_score, method=competence, by="loss")
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Annotated

import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.order.easy_to_hard import easy_to_hard
from curriculab.methods.order.shuffled_score import with_score
from curriculab.protocol import Run
from curriculab.registry.knobs import Knob


def reversed_score(
    pool: pd.DataFrame,
    run: Run,
    *,
    method: Annotated[Callable[..., Generator], Knob(help="method whose scores are mirrored")] = easy_to_hard,
    by: Annotated[str | None, Knob(help="column of difficulty, higher is harder; None: the method's own")] = None,
) -> Generator:
    """`method` on a column that is `by` mirrored; `by=None` takes the method's own."""
    yield from with_score(pool, run, method, by, "reversed", lambda x: x.min() + x.max() - x)


def check(bench: CheckBench) -> Check:
    """Easy to hard on mirrored scores must go down in difficulty."""
    seen = bench.exposure(bench.simulate(reversed_score, signal=("level",)))
    falls = float(seen.level.rank().corr(seen.step.rank()))
    return Check(
        claim="easy to hard on mirrored scores trains the hard rows first",
        refuted_by="a rank correlation of level with step above -0.9 (-1 but for ties; 0 without information)",
        measured={"rank_correlation": falls},
        held=falls <= -0.9,
        seeds=bench.seeds,
    )
