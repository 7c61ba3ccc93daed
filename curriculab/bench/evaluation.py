"""How variants are tested: the default solver, and the grading of its answers."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import pandas as pd

from curriculab.bench.job import _generator
from curriculab.protocol import Rows, Sample, Score
from curriculab.rewards import verify_rows

EXAM_WORK = 200  # times the characters, and longest answers, of its rows an exam may take: votes and searches do


EXAM = 1_000_003  # separates the noise of tests from that of training; any fixed number does


def direct(rows: Rows) -> Generator:
    """The default test: the likeliest option where there are options, else one greedy answer."""
    if "options" not in rows:
        return (yield Sample(rows, temperature=0.0, purpose="test"))
    choice = rows.options.map(lambda o: isinstance(o, list | tuple | np.ndarray)).to_numpy(bool)
    parts = []
    if choice.any():
        parts.append((yield Score(rows[choice], "options", purpose="test")))
    if not choice.all():
        parts.append((yield Sample(rows[~choice], temperature=0.0, purpose="test")))
    return pd.concat(parts)


def _solving(solve: Callable[[Rows], Generator], rows: Rows, name: str) -> Generator:
    """A solver's generator; whatever is wrong with the solver comes up when it is advanced, inside its exam."""
    return (yield from _generator(solve(rows), name))


def grade(answers: object, tests: Rows, *, solver: str = "direct") -> np.ndarray:
    """Share of a row's answers that the verifier accepts, (tests,); a row nobody answered counts 0."""
    if not isinstance(answers, pd.DataFrame) or "text" not in answers:
        raise ValueError(
            f"the solver {solver!r} returned {type(answers).__name__}; it returns answered rows with a column 'text'"
        )
    strangers = answers.index[~answers.index.isin(tests.index)]
    if len(strangers):
        raise ValueError(f"the solver {solver!r} answered {strangers[0]!r}, which is no test row; keep the rows' ids")
    right = verify_rows(tests.loc[answers.index], answers["text"].tolist())
    shares = pd.Series(right, index=answers.index, dtype=float).groupby(level=0).mean()
    return shares.reindex(tests.index, fill_value=0.0).to_numpy()
