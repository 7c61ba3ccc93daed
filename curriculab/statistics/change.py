"""What was forgotten, and what training on one group did to the others.

One line of `forgetting(runs)`: easy first, topic "add", best 0.71, final 0.64, forgetting 0.07, interval 0.02 to 0.12.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.runs.roles import of_learner
from curriculab.statistics.intervals import estimate
from curriculab.statistics.tables import finished


@also_named(level="confidence")
def forgetting(runs: Runs, by: str = "topic", *, confidence: float = 0.95) -> pd.DataFrame:
    """Best earlier accuracy minus final accuracy of every group of test rows; one line a variant and group.

    The measure of Chaudhry et al. 2018, "Riemannian Walk for Incremental Learning", section 3.2, with every test before
    the last as an earlier one, that before training too; the group "all" is the mean over groups, their average
    forgetting. by: a column of the test rows. best, final, forgetting are means over seeds, with a t interval below ten
    seeds; null_low, null_high: the smallest and the largest mean of the null-band orders. The best of several noisy
    tests is above their mean: some "forgetting" is seen where nothing was forgotten, so compare with random order.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> "forgetting" in cl.statistics.forgetting(runs, by="level")
    True
    """
    paths = _paths(runs, by)
    short = [f"{v}, seed {s}" for (v, s), path in paths.items() if len(path) < 2]
    if short:
        raise ValueError(
            f"{short[0]} was tested once: forgetting needs an earlier test; give evaluate_every= fewer steps"
        )
    parts = {}
    for key, path in paths.items():
        part = pd.DataFrame({"best": path.iloc[:-1].max(), "final": path.iloc[-1]})
        part.loc["all"] = part.mean()
        parts[key] = part.assign(forgetting=part.best - part.final)
    each = pd.concat(parts, names=["variant", "seed", by])
    null = each[each.index.isin(runs.null, level=0)].groupby(level=[0, 2], sort=False).forgetting.mean()
    null = null.groupby(level=1, sort=False).agg(null_low="min", null_high="max")
    lines = []
    for (variant, group), own in each.groupby(level=[0, 2], sort=False):
        if variant not in runs.null:
            e = estimate(own.forgetting, confidence=confidence)
            lines.append((variant, group, len(own), own.best.mean(), own.final.mean(), e.mean, e.low, e.high, e.label))
    columns = ["variant", by, "seeds", "best", "final", "forgetting", "low", "high", "interval"]
    return pd.DataFrame(lines, columns=columns).join(null, on=by)


@also_named(level="confidence")
def transfer(runs: Runs, pool: pd.DataFrame, by: str = "level", *, confidence: float = 0.95) -> pd.DataFrame:
    """How accuracy on each group changed while each group was trained; one line a variant, trained and tested group.

    A stretch k lies between two tests; w_ka is the share of its trained rows that are of group a, d_kb the change of
    accuracy on test rows of group b over it. Of every seed, change(a, b) = sum_k w_ka d_kb / sum_k w_ka: the mean
    change over the stretches, each counted by how much of it was a. change, low, high: mean over the seeds that trained
    a, and its interval; stretches: sum_k w_ka, a mean over the same seeds.

    It describes, it does not tell causes: what is trained together is credited together (in random order all lines are
    nearly alike), and where accuracy moves early or late, what was trained then is credited. Rows not in `pool` (new
    ones) count in no group; the null-band orders are left out.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> "change" in cl.statistics.transfer(runs, pool, by="level")
    True
    """
    if by not in pool:
        raise ValueError(f"the pool has no column {by!r}; it has {', '.join(map(str, pool.columns))}")
    found, exposure = [], of_learner(runs.exposure)
    for (variant, seed), path in _paths(runs, by).items():
        if variant in runs.null:
            continue
        name = variant if variant in runs.variants else variant.rsplit(" / ", 1)[0]  # less its solver
        own = exposure[(exposure.variant == name) & (exposure.seed == seed)]
        stretch = np.searchsorted(path.index.to_numpy(), own.step.to_numpy())  # after test k - 1, up to test k
        share = pd.crosstab(stretch, own.id.map(pool[by]).to_numpy(), normalize="index")
        change = path.diff().set_axis(range(len(path))).reindex(share.index).dropna()
        share = share.loc[change.index]
        total = share.sum()
        part = (share.T @ change).div(total, axis=0)[total > 0].rename_axis("trained").rename_axis("tested", axis=1)
        part = part.stack().rename("change").reset_index()
        found.append(part.assign(variant=variant, seed=seed, stretches=part.trained.map(total)))
    if not any(len(part) for part in found):
        raise ValueError("no transfer to show: no row was trained between two tests; give evaluate_every= fewer steps")
    lines = []
    for keys, own in pd.concat(found).groupby(["variant", "trained", "tested"], sort=False):
        e = estimate(own.change, confidence=confidence)
        lines.append((*keys, len(own), own.stretches.mean(), e.mean, e.low, e.high, e.label))
    columns = ["variant", "trained", "tested", "seeds", "stretches", "change", "low", "high", "interval"]
    return pd.DataFrame(lines, columns=columns)


def _paths(runs: Runs, by: str) -> dict[tuple[str, int], pd.DataFrame]:
    """Accuracy over tests, `(tests, groups)` with the step as index, by (variant, seed); failed ones are left out."""
    kept = finished(runs)
    if by not in kept:
        raise ValueError(f"the test rows have no column {by!r}; they have {', '.join(map(str, runs.items.columns))}")
    return {
        key: part.pivot_table(index="step", columns=by, values="correct", observed=True)
        for key, part in kept.groupby(["label", "seed"], sort=False, observed=True)
    }
