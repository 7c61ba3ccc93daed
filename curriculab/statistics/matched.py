"""Comparisons at equal cost: every run at the test nearest to what the cheapest run of its seed spent.

`compare(runs, at="tokens")` counts tokens trained, sampled and scored; any column of costs, such as
`at="tokens_trained"`, counts that one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.runs import Record, Runs
from curriculab.statistics.costs import AXES, TELL, TOTAL, spent_at

EQUAL = (TOTAL, "steps", "rows_trained", "tokens_trained", "tokens_generated", "tokens_scored")
NEAR = 0.5  # ours: a test at less than half of the smallest spending is no comparison at equal cost
WORDS = {**AXES, TOTAL: "tokens trained, sampled and scored"}


def nearest_tests(runs: Runs, axis: str) -> tuple[pd.DataFrame, list[str]]:
    """Items of each run's test that is nearest to the smallest spending of its seed, and how near they are.

    Parameters
    ----------
    runs : Runs
        With tests on the way: `evaluate_every`. Failed runs are left out.
    axis : str
        One of `EQUAL`.

    Returns
    -------
    items : pd.DataFrame
        As `runs.items`. Of each run the test nearest to the smallest spending at a last test among the runs of its
        seed, none more than a tenth above it; where some run has none that near, all go to the tests nearest to its.
        A run whose nearest test is below half of the smallest is left out.
    notes : list of str
        How near the tests are, and what is left out.

    Raises
    ------
    ValueError
        Where the runs do not record what they spent on this axis.

    Examples
    --------
    >>> from curriculab.statistics.matched import nearest_tests
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=4)
    >>> items, notes = nearest_tests(runs, "rows_trained")
    >>> items["step"].unique().tolist(), notes
    ([4], ['tests compared by rows trained, in percent of the smallest of each seed: random 100%'])
    """
    tested = [r for r in runs.records if r.key not in runs.failed and len(r.tables["items"])]
    tables = {record.key: _tests(record, axis) for record in tested}
    unknown = [key for key, table in tables.items() if table["spent"].isna().any()]
    if unknown or not tables:
        who = f"{unknown[0][0]!r}, seed {unknown[0][1]}, does" if unknown else "these runs do"
        raise ValueError(f"no comparison at equal {axis}: {who} not record {WORDS[axis]}; choose at='end'")
    smallest = _smallest({key: float(table["spent"].max()) for key, table in tables.items()})
    chosen = {key: _nearest(table, smallest[key[1]]) for key, table in tables.items()}
    far = {key: line for key, line in chosen.items() if line["spent"] < NEAR * smallest[key[1]]}
    target = _smallest({key: line["spent"] for key, line in chosen.items() if key not in far})
    kept = {key: _nearest(tables[key], target[key[1]]) for key in tables if key not in far}  # where all come near to
    parts = [_items(record, kept[record.key]) for record in tested if record.key in kept]
    items = pd.concat(parts, ignore_index=True) if parts else runs.items[:0]
    return items, [*_how_near(kept, target, runs, axis), *_left_out(far, smallest, axis)]


def _smallest(spendings: Mapping[tuple[str, int], float]) -> dict[int, float]:
    """By seed."""
    found: dict[int, float] = {}
    for (_, seed), spending in spendings.items():
        found[seed] = min(found.get(seed, np.inf), spending)
    return found


def _tests(record: Record, axis: str) -> pd.DataFrame:
    """One line a test of one run: step, share, spent until then."""
    found = record.tables["items"][["step", "share"]].drop_duplicates()
    return found.assign(spent=spent_at(record, axis, found["step"].to_numpy(float)))


def _nearest(table: pd.DataFrame, smallest: float) -> pd.Series:
    """The last of the tests nearest to `smallest`, among those that spent at most a tenth more."""
    within = table[table["spent"] <= (1 + TELL) * smallest]
    within = within if len(within) else table.nsmallest(1, "spent")
    distance = (within["spent"] - smallest).abs()
    return within[distance == distance.min()].iloc[-1]


def _items(record: Record, test: pd.Series) -> pd.DataFrame:
    items = record.tables["items"]
    variant, seed = record.key
    return items[(items["step"] == test["step"]) & (items["share"] == test["share"])].assign(variant=variant, seed=seed)


def _how_near(kept: Mapping, smallest: Mapping[int, float], runs: Runs, axis: str) -> list[str]:
    shares: dict[str, list[float]] = {}
    for (variant, seed), line in kept.items():
        if variant not in runs.null:
            shares.setdefault(variant, []).append(line["spent"] / smallest[seed] if smallest[seed] else 1.0)
    each = [f"{v} {_reach(own)}" for v, own in shares.items()]
    return [f"tests compared by {WORDS[axis]}, in percent of the smallest of each seed: {', '.join(each)}"]


def _reach(shares: list[float]) -> str:
    low, high = f"{min(shares):.0%}", f"{max(shares):.0%}"
    return low if low == high else f"{low.rstrip('%')} to {high}"


def _left_out(far: Mapping, smallest: Mapping[int, float], axis: str) -> list[str]:
    """Runs without a test near the smallest spending, by variant."""
    of: dict[str, list[int]] = {}
    for variant, seed in far:
        of.setdefault(variant, []).append(seed)
    found = []
    for variant, seeds in of.items():
        wanted = np.mean([smallest[seed] for seed in seeds])
        nearest = np.mean([far[variant, seed]["spent"] for seed in seeds])
        found.append(
            f"{variant} has no test near {wanted:,.0f} {WORDS[axis]} and is left out (the nearest is at "
            f"{nearest:,.0f}); test more often, evaluate_every="
        )
    return found
