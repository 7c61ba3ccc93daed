"""Item response theory on 976 people x 90 items: seconds of one whole fit, items, errors, abilities and item fit.

The matrix is that of Lalor et al. 2016 where CURRICULAB_DATA holds snli_responses_4.csv, else a planted one of its
size. No peer runs beside it: py-irt 0.7.1 asks for Python below 3.12 and pandas 2; elsewhere it took 6 to 9 seconds of
CPU time for its 1,000 epochs.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Clock, single
from curriculab.difficulty import irt

FILE = "snli_responses_4.csv"
PEOPLE, ITEMS = 976, 90


def run(*, repeats: int = 3, say: Callable[[str], None] = print) -> Iterator[dict[str, object]]:
    """The figures of this family, one by one."""
    responses, about = human_or_planted()
    irt.fit(responses)  # whatever the first call loads
    for model in ("1pl", "2pl"):
        say(f"irt: {model} of {len(responses)} x {responses.shape[1]}")
        clock = Clock()
        for _ in range(max(repeats, 3)):
            fit = clock.time(lambda model=model: irt.fit(responses, model))
        note = f"{about}; marginal log-likelihood {fit.log_likelihood:.1f} nats after {fit.steps} EM steps; "
        note += f"median of {len(clock.wall)} turns; {statistics.median(clock.cpu):.3f} s of CPU time"
        yield single(f"irt_{model}", statistics.median(clock.wall), unit="s", note=note)


def human_or_planted() -> tuple[pd.DataFrame, str]:
    """The answers, and what they are."""
    path = Path(os.environ.get("CURRICULAB_DATA", ""), FILE)
    if path.is_file():
        return pd.read_csv(path, index_col=0), f"human answers, {FILE}"
    rng = np.random.default_rng(0)
    able, hard, sharp = rng.normal(size=(PEOPLE, 1)), rng.normal(-1, 1, ITEMS), np.exp(rng.normal(0, 0.3, ITEMS))
    right = rng.random((PEOPLE, ITEMS)) < 1 / (1 + np.exp(-sharp * (able - hard)))
    return pd.DataFrame(right.astype(int)), f"a planted matrix ({FILE} is not at hand)"
