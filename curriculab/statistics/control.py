"""Would simply another learning rate have given as much? Random order at several, against the curriculum.

sweep = cl.bench.learning_rate_sweep(bench, (3e-4, 1e-3, 3e-3), seeds=3)   # runs named "random, lr 0.0003", ...
learning_rate_control(runs, sweep).verdict

A curriculum changes what is learned when, and so, often, how large steps should be: it may win only because the one
learning rate of the bench suits it better. Random order is given the choice; the curriculum keeps its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from curriculab.runs import Runs
from curriculab.statistics.comparison import compare
from curriculab.statistics.intervals import estimate
from curriculab.statistics.tests import holm
from curriculab.statistics.verdict import listed


@dataclass(frozen=True, eq=False)
class LearningRates:
    """`table`: a line a curriculum and arm of random order, with the paired difference; `best`: the highest arm.

    `p` by variant: that it is above *every* arm, after Holm over the variants; `verdict`: in words.
    """

    table: pd.DataFrame
    best: str
    p: pd.Series
    verdict: str


def learning_rate_control(
    runs: Runs, sweep: Runs, *, to: str = "random", at: str | float = "end", confidence: float = 0.95
) -> LearningRates:
    """Whether each variant of `runs` gives more than random order at every learning rate: that of `to`, the sweep's.

    The claim is that it is above all arms, and stands if the paired difference to each is: the largest of the two-sided
    p, with 1 for an arm that is not below, needs no correction for the number of arms (intersection-union test: Berger
    1982, theorem 1), only Holm's for that of variants. It leans against the curriculum: the best arm is picked on the
    test rows, and the curriculum has one rate. A curriculum that fails here may win at a rate of its own: sweep it too.
    """
    both = Runs((*runs.records, *sweep.records), runs.null)
    scores = compare(both, to=to, at=at, confidence=confidence).scores.pivot(
        index="seed", columns="variant", values="accuracy"
    )
    arms = [to, *(v for v in sweep.variants if v in scores)]
    asked = [v for v in scores if v not in arms and v not in runs.controls]
    if not asked or len(arms) < 2:
        raise ValueError(
            f"nothing to weigh: variants {listed(asked or ['none'])}, arms {listed(arms)}; both are needed"
        )
    lines = []
    for variant in asked:
        for arm in arms:
            e = estimate((scores[variant] - scores[arm]).dropna(), confidence=confidence)
            lines.append((variant, arm, e.n, scores[arm].mean(), e.mean, e.low, e.high, e.label, e.p))
    columns = ["variant", "arm", "seeds", "accuracy", "difference", "low", "high", "interval", "p"]
    table = pd.DataFrame(lines, columns=columns)
    above = table.p.where(table.difference > 0, 1.0).fillna(1.0)  # no interval, no claim
    worst = above.groupby(table.variant, sort=False).max()
    p, best = pd.Series(holm(worst), worst.index, name="p"), scores[arms].mean().idxmax()
    said = " ".join(
        _said(v, table[(table.variant == v) & (table.arm == best)].iloc[0], p[v], arms, confidence) for v in asked
    )
    return LearningRates(table, best, p, said)


def _said(variant: str, row: pd.Series, p: float, arms: Sequence[str], confidence: float) -> str:
    """One sentence: more than every arm, as much as another, or not decided; numbers are those of the best arm."""
    ends = f"{row.low:+.3f} to {row.high:+.3f}, {row.interval}" if row.low == row.low else row.interval
    numbers = f"{row.difference:+.3f} ({confidence:.0%} interval {ends})"
    if p < 1 - confidence:
        return f"{variant} gives more than random order at each of {len(arms)} learning rates: {numbers} to {row.arm}."
    if row.difference <= 0:
        return f"Another learning rate gives as much as {variant}: {numbers} to {row.arm}."
    return f"That another learning rate gives as much as {variant} is not ruled out: {numbers} to {row.arm}."
