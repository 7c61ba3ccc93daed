"""Recorded runs in one call: means, interquartile means, areas, times to a threshold, and rows within a seed.

One line of `aggregate(runs)`: easy first, quantity "iqm by level", 5 seeds, value 0.58, interval 0.55 to 0.61
(jackknife t, n=5), difference to random 0.04, interval 0.01 to 0.07.

A run of a bench is tested on every level, so its levels depend on each other: runs are left out or drawn anew whole,
and differences to `to` are paired by seed. Runs that failed and null-band orders are left out; `compare` names them.
`answers_for` says what a line generalises to, and where seeds have no spread there is no interval.
Intervals are not adjusted for their number: `compare` has the ones a claim rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named, no_longer
from curriculab.registry.warning import warn
from curriculab.runs import CUMULATIVE, Runs
from curriculab.statistics.aggregates import (
    iqm,
    performance_profile,
    probability_of_improvement,
    stratified_bootstrap,
)
from curriculab.statistics.claims import claims
from curriculab.statistics.curves import area_under_curve, median_time, time_to_threshold
from curriculab.statistics.intervals import Estimate, estimate, jackknife
from curriculab.statistics.tables import at_evaluations, clusters, shared_rows, tested
from curriculab.statistics.tests import ANSWERS_FOR, benjamini_hochberg, holm, mcnemar
from curriculab.statistics.wording import listed

AXES = ("step", "share", *CUMULATIVE)
ON_THESE_ROWS = "new training runs, on these test rows"  # seeds are what is sampled, rows are held fixed
ON_NEW_ROWS = "new training runs, on new test rows of this kind"
LINE = ["variant", "quantity", "seeds", "value", "low", "high", "interval"]
DIFFERENCE = ["difference", "difference_low", "difference_high"]
Times = tuple[pd.Series, pd.DataFrame, float, float]  # min(time, horizon), (time, reached), threshold, horizon


# -- one call -------------------------------------------------------------------------------------------------------
@also_named(level="confidence")
def aggregate(
    runs: Runs,
    *,
    to: str = "random",
    by: str | None = None,
    x: str = "step",
    threshold: float | None = None,
    at: str | float = "end",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Mean, interquartile mean, area under the curve and time to a threshold, a line each per variant.

    mean: accuracy on the test rows; iqm: over seeds and groups of rows, by level (else topic) unless `by` names another
    column; area: mean height of the accuracy curve over the stretch of `x` that all runs cover; time: see
    `to_threshold`; both are left out, with a warning, where a run has no two tests on `x`. Columns: value and
    difference to `to`, each with its interval (`estimate`; `jackknife` for iqm).

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> len(cl.statistics.aggregate(runs)) > 0
    True
    """
    scores, by = _scores_by(runs, by, at)
    kinds = {
        "accuracy": _lines(_accuracy(runs, at), to, confidence),
        f"iqm by {by}" if by else "iqm": _iqm_lines(scores, to, confidence),
    }
    if short := _too_short(runs, x):
        warn(f"no area and no time: {short}")
    else:
        kinds[f"area over {x}"] = _lines(_areas(runs, x), to, confidence)
        time, _, threshold, horizon = _times(runs, x, threshold, to)
        kinds[f"{x} to {threshold:.3f}, at most {horizon:g}"] = _lines(time, to, confidence)
    table = pd.concat([part.assign(quantity=name) for name, part in kinds.items()])
    order = list(dict.fromkeys(table.variant))
    table = table.sort_values("variant", key=lambda v: v.map(order.index), kind="stable", ignore_index=True)
    return table[[*LINE, *DIFFERENCE]].assign(answers_for=ON_THESE_ROWS)


@also_named(level="confidence")
def to_threshold(
    runs: Runs, threshold: float | None = None, *, x: str = "step", to: str = "random", confidence: float = 0.95
) -> pd.DataFrame:
    """How many steps (tokens, rollouts, seconds ...) it takes to reach an accuracy, with those that never did counted.

    threshold: None is what `to` ends with on average, which about half of its own runs reach. A run arrives at its
    first test at or above it. horizon: the largest x that every run was seen until. restricted_mean: mean of the time
    to arrive or to the horizon, whichever is first: up to there every run is known, so nothing is dropped or made up,
    and it is the area under Kaplan and Meier's curve. reached, censored: runs that had and had not arrived by then;
    median: of Kaplan and Meier's curve, all tests used, NaN where half never arrive. Intervals over seeds, paired for
    the difference; where no run arrives there is no spread, and none. With most runs censored they say little. Coverage
    at 95% of the difference, simulated with an eighth and a fifth of the runs censored: 94.6, 95.1 and 94.5% at 3, 5
    and 10 seeds.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> len(cl.statistics.to_threshold(runs, 0.5)) > 0
    True
    """
    time, seen, threshold, horizon = _times(runs, x, threshold, to)
    table = _lines(time, to, confidence).set_index("variant").rename(columns={"value": "restricted_mean"})
    for variant, own in seen.groupby(level=0, sort=False):
        arrived = int((own.reached & (own.time <= horizon)).sum())
        table.loc[variant, ["reached", "censored"]] = arrived, len(own) - arrived
        table.loc[variant, "median"] = median_time(own.time, own.reached)
    table = table.assign(threshold=threshold, horizon=horizon).astype({"reached": int, "censored": int}).reset_index()
    counted = ["variant", "seeds", "threshold", "horizon", "reached", "censored", "median"]
    table = table[[*counted, "restricted_mean", "low", "high", "interval", *DIFFERENCE]]
    return table.assign(answers_for=ON_THESE_ROWS)


@also_named(level="confidence")
def improvement(
    runs: Runs, *, to: str = "random", by: str | None = None, at: str | float = "end", confidence: float = 0.95
) -> pd.DataFrame:
    """Probability that a run of a variant beats one of `to` on a group of test rows; a line a variant.

    Groups by level (else topic), or by the column `by`. Intervals leave seeds out of both sides at once (`jackknife`).

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> len(cl.statistics.improvement(runs)) > 0
    True
    """
    scores, _ = _scores_by(runs, by, at)
    lines = []
    for variant, own in scores.items():
        if variant != to:
            pairs = np.stack(_shared(own, _reference(scores, to)), axis=1)  # (seeds, 2, groups)
            e = jackknife(pairs, lambda s: probability_of_improvement(s[:, 0], s[:, 1]), confidence=confidence)
            lines.append((variant, e.n, e.mean, max(e.low, 0.0), min(e.high, 1.0), e.label))
    table = pd.DataFrame(lines, columns=["variant", "seeds", "probability", "low", "high", "interval"])
    return table.assign(answers_for=ON_THESE_ROWS)


@also_named(level="confidence")
def profiles(
    runs: Runs,
    thresholds: Sequence[float] | np.ndarray | None = None,
    *,
    by: str | None = None,
    at: str | float = "end",
    confidence: float = 0.95,
    resamples: int = 5_000,
) -> pd.DataFrame:
    """Performance profiles: share of runs and groups of test rows above every accuracy; a line a variant and accuracy.

    thresholds: None is 0, 0.01, ... 1. Intervals hold for each threshold on its own, not for the curve as a whole.
    Coverage at 95%, simulated on accuracies: 98, 97 and 95% at 3, 5 and 10 seeds (22, 6 and 0% of studies without an
    interval); on scores whose tasks hardly overlap 100, 99 and 87%.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> len(cl.statistics.profiles(runs)) > 0
    True
    """
    scores, _ = _scores_by(runs, by, at)
    at_all = np.linspace(0, 1, 101) if thresholds is None else np.asarray(thresholds, dtype=float)
    parts = []
    for variant, own in scores.items():
        e = stratified_bootstrap(
            own.to_numpy(),
            lambda s: performance_profile(s, at_all),
            confidence=confidence,
            resamples=resamples,
            whole_runs=True,
        )
        low, high = np.clip(e.low, 0, 1), np.clip(e.high, 0, 1)
        parts.append(
            pd.DataFrame({"variant": variant, "threshold": at_all, "share": e.value, "low": low, "high": high})
        )
    return pd.concat(parts, ignore_index=True)


# -- rows -----------------------------------------------------------------------------------------------------------
def mcnemar_by_seed(runs: Runs, *, to: str = "random", at: str | float = "end") -> pd.DataFrame:
    """Exact McNemar test of every variant against `to` within each seed; a line a variant and seed, never pooled.

    variant_only, to_only: test rows that only one of the two gets right. p_holm, p_bh: over all lines. As each line
    says in `answers_for`, it generalises to new test rows and not to new training runs: three small p are three pairs
    of adapters that differ, and whether the curriculum does it is for `compare` to say.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> len(cl.statistics.mcnemar_by_seed(runs))
    3
    """
    right = _right(runs, at)
    reference, lines = _of(right, to), []
    for variant in dict.fromkeys(right.columns.get_level_values(0)):
        for seed in right[variant].columns.intersection(reference.columns) if variant != to else ():
            m = mcnemar(right[variant][seed], reference[seed])
            lines.append((variant, seed, len(right), m.first_only, m.second_only, m.p))
    table = pd.DataFrame(lines, columns=["variant", "seed", "rows", "variant_only", "to_only", "p"])
    return table.assign(p_holm=holm(table.p), p_bh=benjamini_hochberg(table.p), answers_for=ANSWERS_FOR)


@no_longer(seed="intervals are computed, nothing is drawn")
@also_named(level="confidence")
def seeds_and_rows(
    runs: Runs,
    *,
    to: str = "random",
    at: str | float = "end",
    confidence: float = 0.95,
    cluster: str | None = None,
) -> pd.DataFrame:
    """Difference to `to` for new training runs on *new test rows*, each variant alone; `compare` has it after Holm.

    By `crossed`, never narrower than the interval on these rows; `to` stands for itself, without null-band orders.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated runs with evaluations.
    to : str
        Variant that the others are compared with.
    at : str or float
        "end", or a share of the budget at which all were tested.
    confidence : float
        Of the intervals.
    cluster : str, optional
        Column of the test rows whose values are drawn anew, as of `compare`.

    Returns
    -------
    pd.DataFrame
        One line a variant: `seeds`, `rows`, `difference` with its interval (`low`, `high`, `interval`), `p`, and
        `p_holm` over the variants.

    Raises
    ------
    ValueError
        Where no variant is called `to`, or nothing was tested.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
    >>> cl.statistics.seeds_and_rows(runs)["variant"].tolist()
    ['easy first']
    """
    right = _right(runs, at)
    reference, groups, lines = _of(right, to), clusters(runs.items, right, cluster), []
    for variant in dict.fromkeys(right.columns.get_level_values(0)):
        if variant != to:
            d = (right[variant] - reference).dropna(axis=1).to_numpy().T
            found = claims([d], groups=groups, confidence=confidence)
            low, high, p = (float(x[0]) for x in (found.low_new, found.high_new, found.p_new))
            label = f"seeds and rows crossed, n={len(d)}" if low == low else f"none, n={len(d)}"
            lines.append((variant, len(d), len(right), float(found.difference[0]), low, high, label, p))
    columns = ["variant", "seeds", "rows", "difference", "low", "high", "interval", "p"]
    table = pd.DataFrame(lines, columns=columns)
    return table.assign(p_holm=holm(table.p), answers_for=ON_NEW_ROWS)


# -- parts ----------------------------------------------------------------------------------------------------------
def _right(runs: Runs, at: str | float) -> pd.DataFrame:
    """Right or wrong of the shared test rows, `(rows, label x seed)`, without null-band orders."""
    items, _ = tested(runs, at)
    return shared_rows(items[~items.variant.isin(runs.null)])[0]


def _of(right: pd.DataFrame, to: str) -> pd.DataFrame:
    return _reference({v: right[v] for v in dict.fromkeys(right.columns.get_level_values(0))}, to)


def _reference(found: Mapping[str, pd.DataFrame], to: str) -> pd.DataFrame:
    if to not in found:
        raise ValueError(f"no variant {to!r} to compare with; there are {listed(found)}: pass one as to=")
    return found[to]


def _accuracy(runs: Runs, at: str | float) -> pd.Series:
    return _right(runs, at).mean()


def _scores_by(runs: Runs, by: str | None, at: str | float) -> tuple[dict[str, pd.DataFrame], str | None]:
    """Accuracy by group of test rows, `(seeds, groups)` per label, and the column of the groups (None: one)."""
    items, right = runs.items, _right(runs, at)
    by = by or next((c for c in ("level", "topic") if c in items and items[c].notna().all()), None)
    if by is not None and by not in items:
        raise ValueError(f"the test rows have no column {by!r}; they have {', '.join(map(str, items.columns))}")
    group = np.zeros(len(right)) if by is None else items.drop_duplicates("id").set_index("id")[by].reindex(right.index)
    means = right.groupby(np.asarray(group)).mean()
    return {v: means[v].T for v in dict.fromkeys(right.columns.get_level_values(0))}, by


def _curves(runs: Runs, x: str) -> dict[tuple[str, int], pd.DataFrame]:
    """Accuracy at the tests of every run, by (label, seed), x ascending; of tests at one x, the last."""
    curves = _all_curves(runs, x)
    if short := _short(curves, x):
        raise ValueError(short)
    return curves


def _all_curves(runs: Runs, x: str) -> dict[tuple[str, int], pd.DataFrame]:
    """The same, of however few tests; those that have no place on the axis, or no number, are no points of a curve."""
    if x not in AXES:
        raise ValueError(f"x={x!r} is no axis of tests; choose among {listed(AXES, 'or')}")
    table = at_evaluations(runs)
    return {
        key: part.dropna(subset=[x, "accuracy"]).drop_duplicates(x, keep="last").sort_values(x)
        for key, part in table.groupby(["variant", "seed"], sort=False)
    }


def _too_short(runs: Runs, x: str) -> str:
    """Why there are no curves over the axis, or nothing."""
    return _short(_all_curves(runs, x), x)


def _short(curves: Mapping[tuple[str, int], pd.DataFrame], x: str) -> str:
    found = next(((v, s, len(c)) for (v, s), c in curves.items() if len(c) < 2), None)
    if found is None:
        return ""
    variant, seed, tests = found
    has = "one test" if tests else "no test"
    return f"{variant}, seed {seed} has {has} on the axis {x!r}: a curve needs two; give evaluate_every=, or another x"


def _areas(runs: Runs, x: str) -> pd.Series:
    curves = _curves(runs, x)
    low, high = max(c[x].iloc[0] for c in curves.values()), min(c[x].iloc[-1] for c in curves.values())
    if not low < high:
        raise ValueError(
            f"the runs have no stretch of {x!r} in common ({low:g} to {high:g}); choose another x, such as 'share'"
        )
    return _series({key: area_under_curve(c[x], c.accuracy, low, high) for key, c in curves.items()})


def _times(runs: Runs, x: str, threshold: float | None, to: str) -> Times:
    curves = _curves(runs, x)
    if threshold is None:
        last = [c.accuracy.iloc[-1] for (v, _), c in curves.items() if v == to]
        if not last:
            raise ValueError(f"no runs of {to!r} to take a threshold from; give threshold=, or pass a variant as to=")
        threshold = float(np.mean(last))
    elif not 0 < threshold <= 1:
        raise ValueError(f"threshold={threshold!r} is not an accuracy; give a share above 0 and up to 1, such as 0.6")
    horizon = float(min(c[x].iloc[-1] for c in curves.values()))
    found = {key: time_to_threshold(c[x], c.accuracy, threshold - 1e-9) for key, c in curves.items()}
    seen = pd.DataFrame.from_dict(found, orient="index", columns=["time", "reached"])
    seen.index = pd.MultiIndex.from_tuples(found)
    return seen.time.clip(upper=horizon), seen, threshold, horizon


def _series(values: Mapping[tuple[str, int], float]) -> pd.Series:
    return pd.Series(list(values.values()), index=pd.MultiIndex.from_tuples(values))


def _lines(values: pd.Series, to: str, confidence: float) -> pd.DataFrame:
    """Mean over seeds of a number a run, and its paired difference to `to`, `values` by (label, seed)."""
    wide = values.unstack(level=1)

    def both(variant: str) -> tuple[Estimate, Estimate | None]:
        paired = (wide.loc[variant] - wide.loc[to]).dropna() if to in wide.index and variant != to else None
        return estimate(wide.loc[variant].dropna(), confidence=confidence), None if paired is None else estimate(
            paired, confidence=confidence
        )

    return _table(dict.fromkeys(values.index.get_level_values(0)), both)


def _iqm_lines(scores: Mapping[str, pd.DataFrame], to: str, confidence: float) -> pd.DataFrame:
    def both(variant: str) -> tuple[Estimate, Estimate | None]:
        own = jackknife(scores[variant], iqm, confidence=confidence)
        if variant == to or to not in scores:
            return own, None
        pairs = np.stack(_shared(scores[variant], scores[to]), axis=1)  # (seeds, 2, groups)
        return own, jackknife(pairs, lambda s: iqm(s[:, 0]) - iqm(s[:, 1]), confidence=confidence)

    return _table(scores, both)


def _table(variants: Iterable[str], both: Callable[[str], tuple[Estimate, Estimate | None]]) -> pd.DataFrame:
    lines = []
    for variant in variants:
        own, step = both(variant)
        change = (np.nan,) * 3 if step is None else (step.mean, step.low, step.high)
        lines.append((variant, own.n, own.mean, own.low, own.high, own.label, *change))
    return pd.DataFrame(lines, columns=["variant", *LINE[2:], *DIFFERENCE])


def _shared(own: pd.DataFrame, reference: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Both on the seeds they share."""
    seeds = own.index.intersection(reference.index)
    return own.loc[seeds].to_numpy(), reference.loc[seeds].to_numpy()
