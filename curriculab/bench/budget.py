"""When a variant is done, and what it has used so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.runs.display import as_html

SPENT_IN = {"max_total_tokens": "total_tokens"}  # where the field of Spent has another name than that of Budget


@also_named(work="max_total_tokens")
@dataclass(frozen=True)
class Budget:
    """When a variant is done: the first axis spent ends it, and `run.spent` is the largest share spent.

    Parameters
    ----------
    steps : int, optional
        Optimiser steps.
    tokens : int, optional
        Tokens trained on.
    rollouts : int, optional
        Answers sampled.
    max_total_tokens : int, optional
        Tokens trained, sampled and scored together, a ceiling against endless probing (`work` is accepted too); None:
        ten times what random order needs.

    Raises
    ------
    ValueError
        Where neither steps, tokens nor rollouts are given, or one of them is not above 0.

    Examples
    --------
    >>> cl.Budget(steps=100, tokens=20_000)
    Budget(steps=100, tokens=20000)
    """

    steps: int | None = None
    tokens: int | None = None
    rollouts: int | None = None
    max_total_tokens: int | None = None

    def __post_init__(self) -> None:
        given = {k: v for k, v in vars(self).items() if v is not None}
        if not given.keys() - {"max_total_tokens"}:
            raise ValueError("an empty budget never ends; give Budget(steps=), Budget(tokens=) or Budget(rollouts=)")
        for name, value in given.items():
            if not value > 0:
                raise ValueError(f"Budget({name}={value}) is spent before it starts; give a number above 0")

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in vars(self).items() if value is not None)
        return f"Budget({given})"

    def _repr_html_(self) -> str:
        given = {name: f"{value:,}" for name, value in vars(self).items() if value is not None}
        return as_html("Budget: the first one spent ends a variant", pd.DataFrame({"at most": given}))

    def shares(self, spent: Spent) -> dict[str, float]:
        """Share of each axis spent, each at least 0.

        Parameters
        ----------
        spent : Spent
            What a variant has used so far.

        Examples
        --------
        >>> from curriculab.bench.budget import Spent
        >>> cl.Budget(steps=100, tokens=20_000).shares(Spent(steps=25, tokens=4_000))
        {'steps': 0.25, 'tokens': 0.2}
        """
        return {k: getattr(spent, SPENT_IN.get(k, k)) / v for k, v in vars(self).items() if v is not None}

    def why_spent(self, spent: Spent, group: int) -> str:
        """Which limit was reached; where a request of many rows went over it by more than a last `group`, by how much.

        Examples
        --------
        >>> from curriculab.bench.budget import Spent
        >>> cl.Budget(rollouts=8).why_spent(Spent(rollouts=8), 4)
        'budget of rollouts spent'
        >>> cl.Budget(rollouts=8).why_spent(Spent(rollouts=20), 4)
        'budget of rollouts spent, 20 of 8'
        >>> cl.Budget(steps=60, max_total_tokens=900).why_spent(Spent(steps=1, total_tokens=950), 4)
        'ceiling on total tokens, at 1 of 60 steps'
        """
        shares = self.shares(spent)
        limit = max(shares, key=shares.get)
        if limit == "max_total_tokens":
            axis, total = self.axis()
            return f"ceiling on total tokens, at {getattr(spent, axis):,} of {total:,} {axis}"
        over = limit == "rollouts" and spent.rollouts > self.rollouts + group
        return f"budget of {limit} spent" + (f", {spent.rollouts} of {self.rollouts}" if over else "")

    def axis(self) -> tuple[str, int]:
        """Name and size of the axis that evaluations are counted on: the first one given.

        Examples
        --------
        >>> cl.Budget(tokens=20_000).axis()
        ('tokens', 20000)
        """
        return next((k, v) for k, v in vars(self).items() if v is not None)


def default_ceiling(lengths: Sequence[int] | np.ndarray, budget: Budget, batch: int, rollouts: int = 0) -> int:
    """Ten times the tokens that random order sends through the model until `budget` is spent.

    lengths: tokens of each row of the pool, (rows,); rollouts: answers a row, 0 where nothing is sampled.
    """
    row = float(np.mean(lengths))
    each = {"steps": batch * max(rollouts, 1) * row, "tokens": 1.0, "rollouts": row}
    needs = [each[axis] * total for axis, total in vars(budget).items() if axis in each and total is not None]
    return max(1, round(10 * min(needs) * (2 if rollouts else 1)))  # answers are written, then trained


@dataclass
class Spent:
    """What one variant has used so far, tests apart."""

    steps: int = 0
    tokens: int = 0
    rollouts: int = 0
    generated: int = 0
    total_tokens: int = 0
    seconds: float = 0.0


def evaluation_shares(budget: Budget, every: int | None) -> tuple[float, ...]:
    """At which shares of the budget tests happen: the start, every `every` units of its first axis, the end."""
    if every is None:
        return 0.0, 1.0
    if every < 1:
        raise ValueError(f"evaluate_every={every}; give a number of at least 1, or None for start and end")
    _, whole = budget.axis()
    return (*(at / whole for at in range(0, whole, every)), 1.0)
