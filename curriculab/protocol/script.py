"""A role that a Python function speaks: a teacher, a judge or a solver whose skill is known.

teacher = Script(lambda rows, rng: ["Hint: " + answer for answer in rows["answer"]], name="gives the answer away")
bench = Bench(model, train, test, budget=budget, reference_models={"teacher": teacher})
out = yield Sample(rows, role="teacher", purpose="hint")       # in a method; charged and recorded as any other role
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import describe


@dataclass(frozen=True, eq=False)
class Script:
    """What writes and scores for a role in the place of a model; it is never trained.

    Parameters
    ----------
    write : callable
        (rows, rng) -> one text a row, for a Sample: `rows` has one line an answer, with the columns that the method
        gave it; `rng` is a numpy Generator, the same for the same request of the same seed.
    name : str, optional
        Names it in the digest of runs. Needed where the source of a function cannot be found, as of a builtin.
    score : callable, optional
        (rows) -> one number a row, for a Score.

    Raises
    ------
    ValueError
        Where what decides its answers cannot be told and it has no name.

    Examples
    --------
    >>> teacher = cl.protocol.Script(lambda rows, rng: ("Think of " + rows["topic"]).tolist())
    >>> pool = cl.load_pool("ladder", skills="add", n=2, seed=0)
    >>> teacher.write(pool, np.random.default_rng(0)), len(teacher.digest())
    (['Think of add', 'Think of add'], 16)
    """

    write: Callable[[pd.DataFrame, np.random.Generator], Sequence[str]]
    name: str | None = None
    score: Callable[[pd.DataFrame], Sequence[float]] | None = None

    def __post_init__(self) -> None:
        self.digest()  # refused now where it cannot be told

    def digest(self) -> str:
        """What decides its answers: the source of its functions, their defaults and the values they reach; its name."""
        try:
            made_of = [describe(self.write), describe(self.score)]
        except (ValueError, OSError, TypeError) as error:
            if self.name is None:
                raise ValueError(
                    f"Script: what decides its answers cannot be told ({error}); give it a name=, another one for each "
                    "version of it"
                ) from None
            made_of = []
        return digest_of({"script": self.name, "made of": made_of})
