"""What a test itself took, and comparisons at equal cost of the test: a vote of 16 answers against one greedy one.

`compare(runs, at="test_tokens")` takes of every variant the solver whose tokens a test row, read and written, are
nearest to what all variants reach; `at="test_generated"` counts written tokens only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from curriculab.runs.schema import OF_TEST
from curriculab.statistics.costs import TELL

if TYPE_CHECKING:
    from curriculab.runs import Runs

WORDS = {"test_tokens": "tokens a test row, read and written", "test_generated": "tokens a test row, written"}
FAR = 2.0  # ours: a solver that takes more than twice, or less than half of it, is no comparison at equal cost


def at_test(runs: Runs) -> pd.DataFrame:
    """Accuracy and cost of every solver at each run's last test.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated; failed ones are left out.

    Returns
    -------
    pd.DataFrame
        One line a variant, seed and solver: `accuracy` in [0, 1], `test_tokens` and `test_generated`, means over the
        test rows, in tokens by all roles that spoke.

    Raises
    ------
    ValueError
        Where a run does not record what its tests took.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4, tests=pool)
    >>> from curriculab.statistics.at_test import at_test
    >>> at_test(runs).columns.tolist()
    ['variant', 'seed', 'solver', 'accuracy', 'test_tokens', 'test_generated']
    """
    items = runs.items
    failed = pd.MultiIndex.from_tuples(runs.failed, names=["variant", "seed"])
    items = items[~pd.MultiIndex.from_frame(items[["variant", "seed"]]).isin(failed)] if len(failed) else items
    missing = items if not {*OF_TEST} <= {*items} else items[items[OF_TEST].isna().any(axis=1)]
    if len(missing):
        who = f"{missing.variant.iloc[0]!r}, seed {missing.seed.iloc[0]},"
        raise ValueError(f"{who} does not record what its tests took; test it again with this version")
    last = items[items.share == items.groupby(["variant", "seed"], observed=True).share.transform("max")]
    groups = last.groupby(["variant", "seed", "solver"], sort=False, observed=True)
    named = {name: (name, "mean") for name in OF_TEST}
    return groups.agg(accuracy=("correct", "mean"), **named).reset_index()


def nearest_solvers(runs: Runs, axis: str) -> tuple[pd.DataFrame, list[str]]:
    """Items of each run's last test by the solver of its variant that is nearest to what all variants reach.

    Parameters
    ----------
    runs : Runs
        Tested by solvers that take more and less.
    axis : str
        "test_tokens" or "test_generated".

    Returns
    -------
    items : pd.DataFrame
        As `runs.items`: of each variant one solver, the nearest to the smallest of the dearest solvers of all variants,
        none more than a tenth above it where there is such a one. A variant whose nearest takes more than twice as
        much, or less than half, is left out.
    notes : list of str
        Which solver was taken, how near it is, and what is left out.

    Examples
    --------
    >>> from curriculab.statistics.at_test import nearest_solvers
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=4)
    >>> nearest_solvers(runs, "test_tokens")[1]
    ['tests compared by tokens a test row, read and written, in percent of ...: random by direct 100%']
    """
    costs = at_test(runs).groupby(["variant", "solver"], sort=False)[axis].mean()
    if costs.empty:
        raise ValueError(f"no comparison at equal {axis}: no run that did not fail was tested; choose at='end'")
    target = float(costs.groupby(level=0).max().min())
    taken, shares, far = [], [], []
    for variant, own in costs.droplevel(0).groupby(costs.index.get_level_values(0), sort=False):
        within = own[own <= (1 + TELL) * target]
        cost = float(within.max() if len(within) else own.min())
        solver = own.index[own == cost][0]
        if not target / FAR <= cost <= FAR * target:
            far.append(
                f"{variant} has no solver near {target:,.0f} {WORDS[axis]} and is left out (the nearest, {solver}, "
                f"takes {cost:,.0f})"
            )
            continue
        taken.append((variant, solver))
        if variant not in runs.null:
            shares.append(f"{variant} by {solver} {cost / target if target else 1.0:.0%}")
    items = runs.items
    keys = pd.MultiIndex.from_frame(items[["variant", "solver"]])
    last = items.share == items.groupby(["variant", "seed"], observed=True).share.transform("max")
    whole = f"in percent of the {target:,.0f} that all variants reach"
    note = f"tests compared by {WORDS[axis]}, {whole}: {', '.join(shares)}"
    return items[keys.isin(taken) & last], [note, *far]
