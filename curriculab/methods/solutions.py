"""What methods that learn worked solutions share: reading them from a pool, saying them step by step, testing by them.

solutions(pool, "solution", "beacons") -> ["<<2+3=5>>\\n<<5*4=20>>", ...]
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import pandas as pd

from curriculab.data.worked_steps import stated_answer
from curriculab.environments.turns import say
from curriculab.protocol import Sample
from curriculab.registry.warning import warn
from curriculab.rewards import verify_rows


def solutions(pool: pd.DataFrame, by: str, method: str) -> list[str]:
    """The worked solution of each row, its answer where it has none, (rows,); warns of a pool without the column."""
    answers = pool["answer"].astype(str).tolist()
    if by not in pool:
        warn(f"{method}: the pool has no column {by!r}, so that answers count as solutions; load it with worked ones")
        return answers
    return [s if isinstance(s, str) and s.strip() else a for s, a in zip(pool[by], answers, strict=True)]


def ends_right(rows: pd.DataFrame, texts: Sequence[str]) -> np.ndarray:
    """What the answers that worked texts end with are worth by their rows, options and metadata included, (rows,).

    In [0, 1], 0 without an answer. A verifier that takes the whole text, as the ladder's, would refuse every text that
    holds steps.
    """
    return np.nan_to_num(verify_rows(rows, [stated_answer(text) for text in texts]))


def step_by_step(rows: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """Rows that learn these texts; what stands before the last line is a piece of its own, (rows,)."""
    ends = [text.rpartition("\n") for text in texts]
    if any(before for before, _, _ in ends):
        rows = say(rows, [before + between for before, between, _ in ends], end=False)
    return say(rows, [last for _, _, last in ends])


def answered_last(rows: pd.DataFrame) -> Generator:
    """A solver for tests: greedy, judged by the answer that a worked text ends with."""
    out = yield Sample(rows, temperature=0.0, purpose="test")
    return out.assign(text=[stated_answer(text) for text in out["text"]])
