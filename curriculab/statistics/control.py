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

from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.statistics.comparison import compare
from curriculab.statistics.intervals import estimate
from curriculab.statistics.tests import holm
from curriculab.statistics.wording import listed


@dataclass(frozen=True, eq=False)
class LearningRates:
    """What `learning_rate_control` found.

    Attributes
    ----------
    table : pd.DataFrame
        One line a curriculum and arm of random order, with the paired difference.
    best : str
        The highest arm.
    p : pd.Series
        By variant: that it is above *every* arm, after Holm over the variants.
    verdict : str
        What it comes to, in words.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> def simulated(methods, rate):
    ...     student = cl.simulation.Student(rate=rate)
    ...     return cl.simulate(methods, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2], learner=student)
    >>> runs = simulated({"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}, 0.05)
    >>> found = cl.statistics.learning_rate_control(runs, simulated({"random, faster": cl.methods.random_order}, 0.5))
    >>> found.best, found.table["arm"].tolist()
    ('random, faster', ['random', 'random, faster'])
    """

    table: pd.DataFrame
    best: str
    p: pd.Series
    verdict: str


@also_named(level="confidence")
def learning_rate_control(
    runs: Runs, sweep: Runs, *, to: str = "random", at: str | float = "end", confidence: float = 0.95
) -> LearningRates:
    """Ask whether each variant gives more than random order at every learning rate: that of `to`, and the sweep's.

    The claim is that it is above all arms, and stands if the paired difference to each is: the largest of the two-sided
    p, with 1 for an arm that is not below, needs no correction for the number of arms (intersection-union test: Berger
    1982, theorem 1), only Holm's for that of variants. It leans against the curriculum: the best arm is picked on the
    validation rows (else the test rows), and the curriculum has one rate. A curriculum that fails here may win at a
    rate of its own: sweep it too.

    Parameters
    ----------
    runs : Runs
        The variants, with `to` among them.
    sweep : Runs
        Random order at other learning rates, as `bench.learning_rate_sweep` returns; the same seeds and test rows.
    to : str
        The variant of `runs` that is random order.
    at : str or float
        "end", or a share of the budget at which all were tested.
    confidence : float
        Of the intervals and the verdict.

    Returns
    -------
    LearningRates

    Raises
    ------
    ValueError
        Without a variant to weigh, or without an arm beside `to`.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> def simulated(methods, rate):
    ...     student = cl.simulation.Student(rate=rate)
    ...     return cl.simulate(methods, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2], learner=student)
    >>> runs = simulated({"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}, 0.05)
    >>> sweep = simulated({"random, faster": cl.methods.random_order}, 0.5)
    >>> print(cl.statistics.learning_rate_control(runs, sweep).verdict)
    Another learning rate gives as much as easy first: -0.017 (95% interval -0.058 to +0.025, t, n=3) to random, faster.
    """
    both = Runs((*runs.records, *sweep.records), runs.null)
    scores = compare(both, to=to, at=at, confidence=confidence).scores.pivot(
        index="seed", columns="variant", values="accuracy"
    )
    arms = [to, *(v for v in sweep.variants if v in scores)]
    variants = [v for v in scores if v not in arms and v not in runs.controls]
    if not variants or len(arms) < 2:
        raise ValueError(
            f"nothing to weigh: variants {listed(variants or ['none'])}, arms {listed(arms)}; both are needed"
        )
    lines = []
    for variant in variants:
        for arm in arms:
            e = estimate((scores[variant] - scores[arm]).dropna(), confidence=confidence)
            lines.append((variant, arm, e.n, scores[arm].mean(), e.mean, e.low, e.high, e.label, e.p))
    columns = ["variant", "arm", "seeds", "accuracy", "difference", "low", "high", "interval", "p"]
    table = pd.DataFrame(lines, columns=columns)
    above = table.p.where(table.difference > 0, 1.0).fillna(1.0)  # no interval, no claim
    worst = above.groupby(table.variant, sort=False).max()
    p, best = pd.Series(holm(worst), worst.index, name="p"), _best(both, scores, arms)
    text = " ".join(
        _sentence(v, table[(table.variant == v) & (table.arm == best)].iloc[0], p[v], arms, confidence)
        for v in variants
    )
    return LearningRates(table, best, p, text)


def _best(runs: Runs, scores: pd.DataFrame, arms: Sequence[str]) -> str:
    """The arm of the highest accuracy at the end: on the validation rows, where there are any."""
    if runs.watched is runs:
        return scores[arms].mean().idxmax()
    items = runs.watched.items
    last = items[items.share == items.groupby(["variant", "seed"], observed=True).share.transform("max")]
    return last.groupby("variant").correct.mean()[list(arms)].idxmax()


def _sentence(variant: str, row: pd.Series, p: float, arms: Sequence[str], confidence: float) -> str:
    """One sentence: more than every arm, as much as another, or not decided; numbers are those of the best arm."""
    ends = f"{row.low:+.3f} to {row.high:+.3f}, {row.interval}" if row.low == row.low else row.interval
    numbers = f"{row.difference:+.3f} ({confidence:.0%} interval {ends})"
    if p < 1 - confidence:
        lead = "From two seeds only: " if row.seeds == 2 else ""
        claim = f"{variant} gives more than random order at each of {len(arms)} learning rates, on these test rows"
        return f"{lead}{claim}: {numbers} to {row.arm}."
    if row.difference <= 0:
        return f"Another learning rate gives as much as {variant}: {numbers} to {row.arm}."
    return f"That another learning rate gives as much as {variant} is not ruled out: {numbers} to {row.arm}."
