"""Every variant against one of them, paired by seed on the same test rows.

One line of `compare(runs).table`: easy first, 3 seeds, accuracy 0.412, difference to random +0.031,
95% interval 0.012 to 0.050 (t, n=3), p 0.020, after Holm 0.040.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.runs.display import as_html
from curriculab.statistics.intervals import estimate
from curriculab.statistics.null import Null, best_by_chance
from curriculab.statistics.power import minimum_detectable_effect
from curriculab.statistics.tables import rows_or_sets, shared_rows, tested
from curriculab.statistics.tests import holm, holm_levels
from curriculab.statistics.verdict import cut_off_notes, flat, listed, missing, trained_tests, verdict


@also_named(level="confidence")
@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    table : pd.DataFrame
        One line a variant: accuracy, difference to `to` with `low` and `high`, its interval at `confidence`, and
        `low_holm` and `high_holm`, that at the level Holm tests it at; `differs`: that one leaves out zero; `mde`:
        smallest effect this many seeds find with 80% power, by this variant's spread; `gold`: tested by a solver that
        sees the answers.
    levels : pd.DataFrame
        One line a level and variant.
    scores : pd.DataFrame
        One line a variant and seed: accuracy and difference.
    verdict : str
        What it comes to, in words.
    to, at, confidence : str, str or float, float
        As they were asked for.
    null : Null, optional
        What choosing the best of the null-band orders gains by chance.
    notes : tuple of str
        What the verdict has to say about missing and left out runs.
    variants : tuple of str
        As asked for; colours go by this order.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> found = cl.compare(cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2]))
    >>> found.table["seeds"].to_dict(), found.to
    ({'random': 3, 'easy first': 3}, 'random')
    """

    table: pd.DataFrame
    levels: pd.DataFrame
    scores: pd.DataFrame
    verdict: str
    to: str
    confidence: float
    at: str | float
    null: Null | None = None
    notes: tuple[str, ...] = ()
    variants: tuple[str, ...] = field(default=())  # as asked for; colours go by this order

    def __repr__(self) -> str:
        differ = int(self.table.differs.sum())
        seeds = self.table.n.max()
        return f"Comparison({len(self.table) - 1} variants against {self.to!r}, up to {seeds} seeds; {differ} differ)"

    def __str__(self) -> str:
        return f"{self._numbers().to_string(na_rep='')}\n\n{self.verdict}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self._numbers(), below=self.verdict)

    def _numbers(self) -> pd.DataFrame:
        """The columns that are read first, rounded."""
        columns = ["seeds", "accuracy", "difference", "low", "high", "interval", "p_holm", "mde"]
        if self.table.gold.any():
            columns += ["solver", "gold"]
        return self.table[columns].round(3)


@also_named(level="confidence")
def compare(
    runs: Runs, *, to: str = "random", at: str | float = "end", confidence: float = 0.95, seed: int = 0
) -> Comparison:
    """Accuracy of every variant against `to`, paired by seed on the same test rows; `Comparison.verdict` says it.

    at: "end", the last test of each variant, or a share of the budget at which all were tested. seed: of the
    bootstrap's resamples. Below ten seeds the interval is Student's t over the seeds' differences, from ten on the
    bootstrap over seeds. Null-band orders are no variants: they make `Comparison.null`, and the verdict.
    The intervals in `levels` are not adjusted for their number: they describe, the verdict does not rest on them.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated runs with evaluations.
    to : str
        Variant that the others are compared with.
    at : str or float
        "end", or a share of the budget at which all were evaluated.
    confidence : float
        Confidence.
    seed : int
        Of the bootstrap's resamples.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        Where no variant is called `to`, or it was never evaluated.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
    >>> cl.compare(runs)
    Comparison(1 variants against 'random', up to 3 seeds; 0 differ)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r}; give a share between 0 and 1, such as 0.95")
    items, notes = tested(runs, at)
    right, dropped = shared_rows(items)
    labels = _labels(runs, items)
    if to not in labels.index:
        raise ValueError(f"no variant {to!r} to compare with; there are {listed(labels.index)}: pass one as to=")
    if to not in right.columns.unique(0):
        why = f" ({'; '.join(notes)})" if notes else ""
        raise ValueError(f"{to!r} has no test at={at!r} in any seed{why}: nothing can be compared with it")
    accuracy = right.mean()
    scores, null = _scores(accuracy, to), best_by_chance(accuracy, runs.null, to)
    claims = [v for v in labels.index if labels.variant[v] not in runs.controls]
    table = _table(scores, labels, to, claims, confidence=confidence, seed=seed)
    levels = _levels(items, right, labels.index, to, confidence=confidence, seed=seed)
    notes += [*dropped, *missing(table, scores, runs), *flat(table), *cut_off_notes(runs)]
    on = rows_or_sets(items[items.id.isin(right.index)])
    leaks = trained_tests(runs)
    text = verdict(table, to, confidence=confidence, null=null, on=on, notes=notes, leaks=leaks)
    scores = scores[scores.variant.isin(labels.index)].reset_index(drop=True)
    return Comparison(table, levels, scores, text, to, confidence, at, null, tuple(notes), tuple(runs.variants))


def _labels(runs: Runs, items: pd.DataFrame) -> pd.DataFrame:
    """One line per row of the table: variant, solver, whether it sees answers; in the order asked for."""
    seen = items.drop_duplicates("label").set_index("label")[["variant", "solver", "gold"]]
    tested = set(seen.variant)
    order = [label for v in runs.variants for label in (seen.index[seen.variant == v] if v in tested else [v])]
    labels = seen.reindex(order)
    return labels.assign(gold=labels.gold.eq(True))


def _scores(accuracy: pd.Series, to: str) -> pd.DataFrame:
    """Columns variant, seed, accuracy, difference to `to` in the same seed (NaN where that one is missing)."""
    table = accuracy.rename("accuracy").rename_axis(["variant", "seed"]).reset_index()
    return table.assign(difference=table.accuracy - table.seed.map(accuracy[to]))


def _table(
    scores: pd.DataFrame, labels: pd.DataFrame, to: str, claims: Sequence[str], *, confidence: float, seed: int
) -> pd.DataFrame:
    """One line per variant: its accuracy, its difference to `to`, intervals before and after Holm, which is over the
    variants that were asked for: a control claims nothing, so adding some costs no power."""
    by = {v: scores[scores.variant == v] for v in labels.index}
    paired = [by[v].difference.dropna().to_numpy() if v != to else np.empty(0) for v in by]
    found = [estimate(d, confidence=confidence, seed=seed) for d in paired]
    p, claimed = np.array([e.p for e in found]), np.array([v in claims for v in by])
    family = max(int(np.isfinite(p[claimed]).sum()), 1)
    adjusted, levels = p.copy(), np.full(len(p), confidence)
    adjusted[claimed], levels[claimed] = holm(p[claimed]), holm_levels(p[claimed], confidence=confidence)
    after = [estimate(d, confidence=at, seed=seed) for d, at in zip(paired, levels, strict=True)]
    low, high = np.array([e.low for e in after]), np.array([e.high for e in after])
    sizes = zip(found, np.where(claimed, family, 1).tolist(), strict=True)
    table = {
        "seeds": [len(part) for part in by.values()],
        "accuracy": [part.accuracy.mean() for part in by.values()],
        "sd": [part.accuracy.std() for part in by.values()],
        "difference": [e.mean for e in found],
        "low": [e.low for e in found],
        "high": [e.high for e in found],
        "n": [e.n for e in found],
        "interval": ["reference" if v == to else e.label for v, e in zip(by, found, strict=True)],
        "p": p,
        "p_holm": adjusted,
        "low_holm": low,
        "high_holm": high,
        "differs": (low > 0) | (high < 0),
        "sd_difference": [e.sd for e in found],
        "mde": [minimum_detectable_effect(e.sd, e.n, m=m, confidence=confidence) for e, m in sizes],
    }
    return pd.DataFrame(table, index=pd.Index(by, name="variant")).assign(solver=labels.solver, gold=labels.gold)


def _levels(
    items: pd.DataFrame, right: pd.DataFrame, labels: Iterable[str], to: str, *, confidence: float, seed: int
) -> pd.DataFrame:
    """One line per level and variant, on the shared rows; empty where the test rows have no level."""
    columns = ["level", "variant", "seeds", "rows", "accuracy", "difference", "low", "high", "interval"]
    if "level" not in items:
        return pd.DataFrame(columns=columns)
    level_of = items.drop_duplicates("id").set_index("id").level.reindex(right.index)
    lines = []
    for name, part in right.groupby(level_of, observed=True):
        scores = _scores(part.mean(), to)
        for variant in labels:
            own = scores[scores.variant == variant]
            e = estimate(own.difference.dropna() if variant != to else [], confidence=confidence, seed=seed)
            kind = "reference" if variant == to else e.label
            lines.append((name, variant, len(own), len(part), own.accuracy.mean(), e.mean, e.low, e.high, kind))
    return pd.DataFrame(lines, columns=columns)
