"""Null-band orders as replicates of the reference: the mean of several random orders in each seed instead of one.

With random order and five null-band orders a seed, the reference is the mean of six runs: of a difference's variance
1/6 comes from it instead of one half.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.runs import Record, Runs

RANDOM = ("random_order", "null_band")  # methods that are random order: they differ in their stream of chance only
OF_A_RUN = ("method", "seed", "steered", "columns", "measures")  # what a spec decides for one run, not for the bench


def replicates(runs: Runs, items: pd.DataFrame, to: str, seeds: list[int]) -> list[str]:
    """Names of the null-band orders that are replicates of `to`; none where the record does not say so.

    `to` is random order, and they are too; they were decided by the same rows, objective, budget and batch size, were
    not steered, are tested by the solver that tests `to`, and have every seed of it.

    Parameters
    ----------
    runs : Runs
        Recorded runs.
    items : pd.DataFrame
        The tests that are compared, with `label`.
    to : str
        Label of the reference.
    seeds : list of int
        Those it was tested in.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1])
    >>> from curriculab.statistics.replicates import replicates
    >>> replicates(runs, runs.items.assign(label=runs.items.variant), "random", [0, 1])  # no method is recorded
    []
    """
    first = items.drop_duplicates("label").set_index("label")
    variant, solver = first.variant[to], first.solver[to]
    by = {record.key: record for record in runs.records}
    wanted = [by.get((variant, seed)) for seed in seeds]
    if not runs.null or not all(_random(record) for record in wanted):
        return []
    found = []
    for name in first.index[first.variant.isin(runs.null) & (first.solver == solver)]:
        theirs = [by.get((first.variant[name], seed)) for seed in seeds]
        tested = set(items.seed[items.label == name])
        same = all(_random(a) and _bench(a) == _bench(b) for a, b in zip(theirs, wanted, strict=True))
        found += [name] if same and tested >= set(seeds) else []
    return found


def with_replicates(right: pd.DataFrame, to: str, orders: list[str]) -> pd.DataFrame:
    """Right or wrong `(rows, label x seed)`, where `to` is the mean of itself and its replicates in each seed.

    Examples
    --------
    >>> from curriculab.statistics.replicates import with_replicates
    >>> runs = pd.MultiIndex.from_product([["random", "null 1"], [0]], names=["label", "seed"])
    >>> right = pd.DataFrame([[1.0, 0.0], [1.0, 1.0]], columns=runs)
    >>> with_replicates(right, "random", ["null 1"])["random", 0].tolist()
    [0.5, 1.0]
    """
    whole = right.copy()
    for seed in right[to].columns if orders else ():
        whole[to, seed] = np.mean([right[name, seed] for name in (to, *orders)], axis=0)
    return whole


def _random(record: Record | None) -> bool:
    """Does the record say that this was random order, from start to end?"""
    if record is None or record.spec.get("decides", {}).get("steered"):
        return False
    method = record.spec.get("method")
    return isinstance(method, Mapping) and method.get("method") in RANDOM


def _bench(record: Record) -> dict[str, object]:
    """What all runs of its bench had in common."""
    return {name: value for name, value in record.spec.get("decides", {}).items() if name not in OF_A_RUN}
