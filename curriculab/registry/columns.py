"""How score columns were made: a measure's scores are remembered, and known again in the pool that they were put into.

train["loss"] = answer_loss(train, model)
source_of(train["loss"])      # {"measure": "answer_loss", "knobs": {...}, "model": "5b0c...", "code": "9f3a..."}
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import describe, modules

MOST = 256  # scores that are remembered, the oldest go
_scores: deque[tuple[pd.Series, dict[str, object]]] = deque(maxlen=MOST)


def remember(
    score: pd.Series, measure: Callable, knobs: Mapping[str, object], *, model: object = None, engine: object = None
) -> None:
    """Keep who made a score.

    Parameters
    ----------
    score : pd.Series
        One number a row, on the rows' ids.
    measure : callable
        The registered function; its name and the modules it uses are kept.
    knobs : mapping
        As they were used.
    model : object, optional
        What was asked: anything with a `digest()`, or digests by role.
    engine : object, optional
        What answered, whose modules decide the numbers too.
    """
    who = model.digest() if callable(getattr(model, "digest", None)) else model
    used = modules(measure, *([engine] if engine is not None else []))
    about = {"measure": measure.__name__, "knobs": describe(dict(knobs)), "code": digest_of(used)}
    _scores.append((score, about | ({"model": who} if who else {})))


def source_of(column: pd.Series) -> dict[str, object] | None:
    """How a column was made; None where no score of this process holds just these numbers for these ids.

    A column may hold some of the scored rows in another order, as after `cl.split`.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return None
    values = column.to_numpy(float)
    for score, about in reversed(_scores):
        at = score.index.get_indexer(column.index) if score.index.is_unique else np.array([-1])
        if at.min(initial=0) >= 0 and np.array_equal(score.to_numpy(float)[at], values):
            return dict(about)
    return None
