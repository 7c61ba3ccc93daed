"""Shuffled scores: any method that orders by a score, with the scores dealt out anew among the rows.

Title    Shuffled scores (control)
Role     control
Paper    none; the control that keeps a method's sizes, weights and timing and takes its information away
Kept     everything of the method, and the distribution of its scores
Changed  the score of each row is another row's: partial(shuffled_score, method=easy_to_hard, by="loss")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.order.easy_to_hard import easy_to_hard
from curriculab.methods.samplers import scores
from curriculab.protocol import Run, method_name
from curriculab.registry.knobs import Knob


def shuffled_score(
    pool: pd.DataFrame,
    run: Run,
    *,
    method: Annotated[Callable[..., Generator], Knob(help="method whose scores are permuted")] = easy_to_hard,
    by: Annotated[str | None, Knob(help="column of difficulty, higher is harder; None: the method's own")] = None,
) -> Generator:
    """`method` on a column that is `by` permuted; `by=None` takes the method's own."""
    yield from with_score(pool, run, method, by, "shuffled", run.rng.spawn(1)[0].permutation)


def with_score(
    pool: pd.DataFrame, run: Run, method: Callable[..., Generator], by: str | None, how: str, change: Callable
) -> Generator:
    """Run `method` on a changed copy of the scores it orders by, in a column of its own."""
    knob = inspect.signature(method).parameters.get("by")
    if knob is None:
        name = method_name(method)
        raise ValueError(f"{name} has no knob `by`, so there is no score to be {how}; give a method that orders by one")
    by = by or knob.default
    score: np.ndarray = change(scores(pool, by))
    return (yield from method(pool.assign(**{f"{how} {by}": score}), run, by=f"{how} {by}"))
