"""Did it help? Paired differences over seeds, their intervals, Holm over variants, and one plain sentence.

One line of `compare(runs).table`: easy first, 3 seeds, accuracy 0.412, difference to random +0.031,
95% interval 0.012 to 0.050 (t, n=3), p 0.020, after Holm 0.040.

Everything here answers for *new training runs on these test rows*: seeds are what is sampled, rows are held fixed.
Accuracies and differences are shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curriculab.runs import SIGNAL, Runs

FEW_SEEDS = 10  # below: Student's t; a percentile bootstrap of three values covers 77%, not 95%
RESAMPLES = 100_000  # the smallest p a bootstrap can show is about one over this, before it is widened
POWER = 0.8  # the convention of Cohen 1988, section 2.4
SAME = 1e-9  # accuracies closer than this are equal: a difference of shares carries rounding error


# -- one difference, many seeds -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Estimate:
    """A mean difference with its interval; arrays where many were asked for at once, NaN where there is none."""

    mean: float | np.ndarray
    sd: float | np.ndarray  # of the seeds' differences, n - 1 in the denominator
    n: int
    low: float | np.ndarray
    high: float | np.ndarray
    p: float | np.ndarray  # two-sided, of no difference
    method: str  # "t", "bootstrap", "none"

    @property
    def label(self) -> str:
        return f"{self.method}, n={self.n}"


def paired_t(differences: Sequence[float] | np.ndarray, *, level: float = 0.95) -> Estimate:
    """Student's t interval and p of paired differences along the last axis, `(..., seeds)`.

    Fewer than two seeds have no interval. Neither have seeds that all differ by exactly the same amount: with a
    spread of zero t would call any difference certain. No difference in any seed has p = 1.
    Coverage at 95%, simulated on normal differences: 95.0% at 3, 5 and 10 seeds.
    """
    from scipy.special import stdtr, stdtrit

    d = np.asarray(differences, dtype=float)
    n, mean = d.shape[-1], d.mean(axis=-1) if d.shape[-1] else np.full(d.shape[:-1], np.nan)
    flat = np.ptp(d, axis=-1) < SAME if n else np.ones(d.shape[:-1], bool)
    sd = d.std(axis=-1, ddof=1) if n > 1 else np.full(d.shape[:-1], np.nan)
    error = np.where(flat, np.nan, sd / np.sqrt(max(n, 1)))
    half = stdtrit(max(n - 1, 1), 0.5 + level / 2) * error
    p = 2 * stdtr(max(n - 1, 1), -np.abs(mean / error))
    p = np.where(flat & (np.abs(mean) < SAME) & (n > 1), 1.0, p)
    return _estimate(mean, np.where(flat & (n > 1), 0.0, sd), n, mean - half, mean + half, p, "t")


def bootstrap(differences: Sequence[float] | np.ndarray, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """Percentile bootstrap over paired seeds, widened for small n; `differences` is `(seeds,)`.

    The plain percentile interval is too short by sqrt((n - 1) / n) and by the step from t to the normal; its quantiles
    are moved out by both (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.3), and p is
    the level at which the interval so made just reaches zero. The same seeds are drawn for every variant.
    Coverage at 95%, simulated on normal differences: 94.1% at 10, 95.0% at 20 seeds (plain percentile: 90%, 93%);
    on strongly skewed ones (exponential) 91% and 93% (plain percentile: 86%, 90%).
    """
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < 2 or np.ptp(d) < SAME:
        return paired_t(d, level=level)
    means = np.sort(_resampled_means(d, seed=seed))
    widen = np.sqrt(n / (n - 1))
    tail = ndtr(-widen * stdtrit(n - 1, 0.5 + level / 2))
    low, high = np.quantile(means, [tail, 1 - tail])
    beyond = min(np.mean(means <= 0), np.mean(means >= 0)) if means[0] <= 0 <= means[-1] else 0.0
    p = 2 * stdtr(n - 1, min(0.0, ndtri(max(beyond, 1 / len(means))) / widen))
    return _estimate(d.mean(), d.std(ddof=1), n, low, high, p, "bootstrap")


def estimate(differences: Sequence[float] | np.ndarray, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """The interval this project reports: Student's t below ten seeds, the bootstrap from ten on."""
    d = np.asarray(differences, dtype=float)
    return paired_t(d, level=level) if len(d) < FEW_SEEDS else bootstrap(d, level=level, seed=seed)


def _resampled_means(d: np.ndarray, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 0x626F6F74])  # "boot"
    blocks = [d[rng.integers(0, len(d), (RESAMPLES // 10, len(d)))].mean(axis=1) for _ in range(10)]
    return np.concatenate(blocks)


def _estimate(mean, sd, n, low, high, p, method) -> Estimate:
    """Arrays of no dimension become floats; the method is "none" where nothing has an interval."""
    mean, sd, low, high, p = (x if np.ndim(x) else float(x) for x in (mean, sd, low, high, p))
    return Estimate(mean, sd, n, low, high, p, method if np.any(np.isfinite(low)) else "none")


# -- many differences -----------------------------------------------------------------------------------------------
def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's adjusted p along the last axis; NaN (no test was made) stays NaN and is not counted."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, axis=-1)  # NaN goes last
    tests = np.sum(~np.isnan(p), axis=-1, keepdims=True)
    factor = np.maximum(tests - np.arange(p.shape[-1]), 1)
    raised = np.minimum(np.maximum.accumulate(np.take_along_axis(p, order, -1) * factor, axis=-1), 1.0)
    adjusted = np.empty_like(raised)
    np.put_along_axis(adjusted, order, raised, -1)
    return np.where(np.isnan(p), np.nan, adjusted)


def holm_levels(p: Sequence[float] | np.ndarray, *, level: float = 0.95) -> np.ndarray:
    """Confidence level at which Holm tests each p: its interval leaves out zero exactly where Holm rejects. `(tests,)`

    The k-th smallest of m is tested at (1 - level) / (m - k + 1); from the first that is not rejected on, all others
    are held to that one's level.
    """
    p = np.asarray(p, dtype=float)
    alpha = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p) if not np.isnan(p[i])]
    stopped = False
    for rank, i in enumerate(order):
        alpha[i] = alpha[order[rank - 1]] if stopped else (1 - level) / (len(order) - rank)
        stopped = stopped or p[i] >= alpha[i]
    return 1 - alpha


def minimum_detectable_effect(sd: float, n: int, *, m: int = 1, power: float = POWER, level: float = 0.95) -> float:
    """Smallest true mean difference that a paired t test of `n` seeds finds with this power, among `m` tests.

    `sd` is that of the seeds' differences, in whose unit the answer is; each test gets the share of the error that
    Holm's first step gives it. NaN below two seeds or without a spread.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    if n < 2 or not sd > 0:
        return float("nan")
    df, critical = n - 1, t.isf((1 - level) / (2 * m), n - 1)

    def short(noncentrality: float) -> float:  # the far tail never rejects at a power worth planning for
        return nct.sf(critical, df, noncentrality) - power

    upper = 2 * critical + 10
    while short(upper) < 0:
        upper *= 2
    return float(sd * brentq(short, 0, upper) / np.sqrt(n))


# -- a bench --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Null:
    """What choosing the best of k random orders gains by chance: accuracy minus that of `to`.

    As with a variant's own difference, means over the seeds come first: `gain` is the best and `worst` the worst of the
    k means. `table`: one line per seed with the `worst` and the `best` of the k in it.
    """

    k: int
    worst: float
    gain: float
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found: `table` by variant, `levels` by level and variant, `scores` by variant and seed.

    `low`, `high`: interval of the difference at `level`; `low_holm`, `high_holm`: at the level Holm tests it at;
    `differs`: that one leaves out zero; `mde`: smallest effect this many seeds find with 80% power, by this variant's
    spread; `gold`: tested by a solver that sees the answers.
    """

    table: pd.DataFrame
    levels: pd.DataFrame
    scores: pd.DataFrame
    verdict: str
    to: str
    level: float
    at: str | float
    null: Null | None = None
    notes: tuple[str, ...] = ()
    variants: tuple[str, ...] = field(default=())  # as asked for; colours go by this order

    def __str__(self) -> str:
        columns = ["seeds", "accuracy", "difference", "low", "high", "interval", "p_holm", "mde"]
        columns += ["solver", "gold"] if self.table.gold.any() else []
        numbers = self.table[columns].round(3)
        return f"{numbers.to_string(na_rep='')}\n\n{self.verdict}"

    def _repr_html_(self) -> str:
        import html

        return f"{self.table.round(4).to_html(na_rep='')}<p>{html.escape(self.verdict)}</p>"


def compare(
    runs: Runs, *, to: str = "random", at: str | float = "end", level: float = 0.95, seed: int = 0
) -> Comparison:
    """Accuracy of every variant against `to`, paired by seed on the same test rows; `Comparison.verdict` says it.

    at: "end", the last test of each variant, or a share of the budget at which all were tested. level: confidence.
    seed: of the bootstrap's resamples. Below ten seeds the interval is Student's t over the seeds' differences, from
    ten on the bootstrap over seeds. Null-band orders are no variants: they make `Comparison.null`, and the verdict.
    The intervals in `levels` are not adjusted for their number: they describe, the verdict does not rest on them.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} is not a confidence; give a share between 0 and 1, such as 0.95")
    items, notes = _tested(runs, at)
    right, dropped = _shared_rows(items)
    labels = _labels(runs, items)
    if to not in labels.index:
        raise ValueError(f"no variant {to!r} to compare with; there are {_listed(labels.index)}: pass one as to=")
    if to not in right.columns.unique(0):
        why = f" ({'; '.join(notes)})" if notes else ""
        raise ValueError(f"{to!r} has no test at={at!r} in any seed{why}: nothing can be compared with it")
    accuracy = right.mean()
    scores, null = _scores(accuracy, to), _null(accuracy, runs.null, to)
    claims = [v for v in labels.index if labels.variant[v] not in runs.controls]
    table = _table(scores, labels, to, claims, level=level, seed=seed)
    levels = _levels(items, right, labels.index, to, level=level, seed=seed)
    notes += [*dropped, *_missing(table, scores, runs), *_flat(table)]
    verdict = _verdict(table, to, level=level, null=null, rows=len(right), notes=notes)
    scores = scores[scores.variant.isin(labels.index)].reset_index(drop=True)
    return Comparison(table, levels, scores, verdict, to, level, at, null, tuple(notes), tuple(runs.variants))


def _tested(runs: Runs, at: str | float) -> tuple[pd.DataFrame, list[str]]:
    """Items of the tests to compare, with `label`, and what has to be said about them."""
    items = runs.items
    if items.empty:
        raise ValueError("nothing to compare: no test was made (runs.items is empty); give the bench test rows")
    if at == "end":
        last = items.groupby(["variant", "seed"], observed=True).share.transform("max")
        chosen = items[items.share == last]
    elif isinstance(at, str) or not np.isclose(items.share, at).any():
        shares = _listed(f"{share:g}" for share in sorted(items.share.unique()))
        raise ValueError(f"no test at={at!r}; choose 'end', or one of the shares of the budget {shares}")
    else:
        chosen = items[np.isclose(items.share, at)]
    failed = [k in runs.failed for k in zip(chosen.variant, chosen.seed, strict=True)]
    chosen = chosen[~np.array(failed, bool)]
    several = chosen.groupby("variant", observed=True).solver.transform("nunique") > 1
    chosen = chosen.assign(label=chosen.variant.where(~several, chosen.variant + " / " + chosen.solver))
    return chosen, [f"{v}, seed {s}, {why}, and is left out" for (v, s), why in runs.failed.items()] + _early(chosen)


def _early(items: pd.DataFrame) -> list[str]:
    """Variants whose last test came at a smaller share of the budget than that of others."""
    done = items.assign(share=items[["share", "progress"]].min(axis=1))  # who returned early is asked all last tests
    last = done.groupby(["variant", "seed"], sort=False, observed=True).share.first()
    early = last[last < last.max() - SAME]
    return [f"{v}, seed {s}, was last tested at {share:.0%} of its budget" for (v, s), share in early.items()]


def _shared_rows(items: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Right or wrong, `(rows, label x seed)`, of the test rows that all have a result for; and how many have not."""
    wide = items.pivot_table(index="id", columns=["label", "seed"], values="correct", sort=False, observed=True)
    shared = wide.dropna(axis=1, how="all").dropna()
    if shared.empty:
        raise ValueError(f"the variants share no test row that all have a result for, among {len(wide)} rows")
    left = len(wide) - len(shared)
    return shared, [f"{left} of {len(wide)} test rows have no result for some variant and are left out"] if left else []


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
    scores: pd.DataFrame, labels: pd.DataFrame, to: str, claims: Sequence[str], *, level: float, seed: int
) -> pd.DataFrame:
    """One line per variant: its accuracy, its difference to `to`, intervals before and after Holm, which is over the
    variants that were asked for: a control claims nothing, so adding some costs no power."""
    by = {v: scores[scores.variant == v] for v in labels.index}
    paired = {v: by[v].difference.dropna().to_numpy() if v != to else np.empty(0) for v in by}
    found = pd.DataFrame({v: vars(estimate(d, level=level, seed=seed)) for v, d in paired.items()}).T
    p = found.p.astype(float)
    claimed = p[claims]
    family = max(int(claimed.notna().sum()), 1)
    tests = {v: family if v in claims else 1 for v in by}
    levels = dict.fromkeys(by, level) | dict(zip(claims, holm_levels(claimed, level=level), strict=True))
    after = {v: estimate(d, level=levels[v], seed=seed) for v, d in paired.items()}
    low, high = (pd.Series({v: getattr(e, side) for v, e in after.items()}) for side in ("low", "high"))
    table = {
        "seeds": {v: len(part) for v, part in by.items()},
        "accuracy": {v: part.accuracy.mean() for v, part in by.items()},
        "sd": {v: part.accuracy.std() for v, part in by.items()},
        "difference": found["mean"].astype(float),
        "low": found.low.astype(float),
        "high": found.high.astype(float),
        "n": found.n.astype(int),
        "interval": {v: "reference" if v == to else f"{e.method}, n={e.n}" for v, e in found.iterrows()},
        "p": p,
        "p_holm": pd.Series(holm(claimed), claimed.index).reindex(p.index).fillna(p),
        "low_holm": low,
        "high_holm": high,
        "differs": (low > 0) | (high < 0),
        "sd_difference": found.sd.astype(float),
        "mde": {v: minimum_detectable_effect(e.sd, e.n, m=tests[v], level=level) for v, e in found.iterrows()},
    }
    return pd.DataFrame(table, index=pd.Index(by, name="variant")).assign(solver=labels.solver, gold=labels.gold)


def _levels(
    items: pd.DataFrame, right: pd.DataFrame, labels: Iterable[str], to: str, *, level: float, seed: int
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
            e = estimate(own.difference.dropna() if variant != to else [], level=level, seed=seed)
            kind = "reference" if variant == to else e.label
            lines.append((name, variant, len(own), len(part), own.accuracy.mean(), e.mean, e.low, e.high, kind))
    return pd.DataFrame(lines, columns=columns)


def _null(accuracy: pd.Series, names: Sequence[str], to: str) -> Null | None:
    """The worst and the best of the null-band orders, as differences to `to`."""
    orders = accuracy[accuracy.index.isin(names, level=0)].unstack(level=0)
    orders = orders.sub(accuracy[to], axis=0).dropna(how="all") if len(orders) else orders
    if orders.empty:
        return None
    table = pd.DataFrame({"worst": orders.min(axis=1), "best": orders.max(axis=1)}).rename_axis("seed")
    means = orders.mean()
    return Null(orders.shape[1], float(means.min()), float(means.max()), table)


# -- in words -------------------------------------------------------------------------------------------------------
def _missing(table: pd.DataFrame, scores: pd.DataFrame, runs: Runs) -> list[str]:
    """Seeds without a result; failed ones have been named already."""
    tested = set(zip(scores.variant, scores.seed, strict=True))
    told = {v for v, _ in runs.failed}
    return [
        f"{v} has no test in seed {s}, which is left out of its difference"
        for v in table.index
        for s in runs.seeds
        if (v, s) not in tested and v not in told
    ]


def _flat(table: pd.DataFrame) -> list[str]:
    """Differences without any spread: no interval can be had from them."""
    flat = table[(table.sd_difference == 0) & table.low.isna()]
    return [
        f"{v} differs by exactly {row.difference:+.3f} in all {row.seeds} seeds: without a spread there is no interval"
        for v, row in flat.iterrows()
        if abs(row.difference) > SAME
    ]


def _verdict(table: pd.DataFrame, to: str, *, level: float, null: Null | None, rows: int, notes: Sequence[str]) -> str:
    others = table.drop(index=to)
    if others.empty:
        return f"Only {to} was run: there is nothing to compare it with."
    said = [_found(others, to, level), _not_found(others, to, rows), _by_chance(others, to, null)]
    gold = [str(v) for v in table.index[table.gold]]
    said.append(f"Tested by a solver that sees the answers: {', '.join(gold)}." if gold else "")
    said.append(f"Note: {'; '.join(notes)}." if notes else "")
    return " ".join(s for s in said if s)


def _found(others: pd.DataFrame, to: str, level: float) -> str:
    """One sentence per variant that differs after Holm, the largest difference first."""
    sure = others[others.differs].sort_values("difference", key=abs, ascending=False)
    return " ".join(
        f"{v} is {'better' if row.difference > 0 else 'worse'} than {to} by {abs(row.difference):.3f} "
        f"({level:.0%} interval of the difference, after Holm, {row.low_holm:+.3f} to {row.high_holm:+.3f}; "
        f"{row.interval})."
        for v, row in sure.iterrows()
    )


def _not_found(others: pd.DataFrame, to: str, rows: int) -> str:
    """What was not detected, and what could have been; what could not be asked with so few seeds."""
    said = []
    unsure = others[~others.differs & others.sd_difference.notna()]
    if len(unsure):
        detectable = _design(others)
        could = f": this design could have detected about {detectable:.3f}" if detectable == detectable else ""
        design = f"({_seeds(unsure)}, {rows} test rows)"
        said.append(f"No detectable difference from {to} for {_names(unsure, others)} {design}{could}.")
    single = others[others.n == 1]
    if len(single):
        each = ", ".join(f"{v} {row.difference:+.3f}" for v, row in single.iterrows())
        alone = "One seed has no interval and says nothing about other seeds"
        said.append(f"{alone} ({each} against {to}): run at least three.")
    none = others[others.n == 0]
    if len(none):
        said.append(f"{_listed(none.index)} cannot be compared: no seed in common with {to}.")
    return " ".join(said)


def _names(part: pd.DataFrame, others: pd.DataFrame) -> str:
    every = len(part) == len(others) > 4
    return f"any of the {len(part)} variants" if every else _listed(part.index, "or")


def _design(others: pd.DataFrame) -> float:
    """Detectable effect of the bench as a whole: root mean square of the variants' minimum detectable effects."""
    return float(np.sqrt(np.mean(others.mde.dropna() ** 2))) if others.mde.notna().any() else float("nan")


def _seeds(part: pd.DataFrame) -> str:
    few, many = int(part.n.min()), int(part.n.max())
    return f"{few} seeds" if few == many else f"{few} to {many} seeds"


def _by_chance(others: pd.DataFrame, to: str, null: Null | None) -> str:
    if null is None:
        return ""
    less = others.index[(others.difference > 0) & (others.difference <= null.gain + SAME)]
    but = f"; {_listed(less, 'and')} did not gain more than that" if len(less) else ""
    return f"The best of {null.k} random orders gained {null.gain:+.3f} over {to} by chance alone{but}."


def _listed(names: Iterable[object], word: str = "and") -> str:
    *rest, last = [str(x) for x in names]
    return f"{', '.join(rest)} {word} {last}" if rest else last


# -- what was forgotten, what carried over --------------------------------------------------------------------------
def forgetting(runs: Runs, by: str = "topic", *, level: float = 0.95) -> pd.DataFrame:
    """Best earlier accuracy minus final accuracy of every group of test rows; one line a variant and group.

    The measure of Chaudhry et al. 2018, "Riemannian Walk for Incremental Learning", section 3.2, with every test before
    the last as an earlier one, that before training too; the group "all" is the mean over groups, their average
    forgetting. by: a column of the test rows. best, final, forgetting are means over seeds, with a t interval below ten
    seeds; null_low, null_high: the smallest and the largest mean of the null-band orders. The best of several noisy
    tests is above their mean: some "forgetting" is seen where nothing was forgotten, so compare with random order.
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
            e = estimate(own.forgetting, level=level)
            lines.append((variant, group, len(own), own.best.mean(), own.final.mean(), e.mean, e.low, e.high, e.label))
    columns = ["variant", by, "seeds", "best", "final", "forgetting", "low", "high", "interval"]
    return pd.DataFrame(lines, columns=columns).join(null, on=by)


def transfer(runs: Runs, pool: pd.DataFrame, by: str = "level", *, level: float = 0.95) -> pd.DataFrame:
    """How accuracy on each group changed while each group was trained; one line a variant, trained and tested group.

    A stretch k lies between two tests; w_ka is the share of its trained rows that are of group a, d_kb the change of
    accuracy on test rows of group b over it. Of every seed, change(a, b) = sum_k w_ka d_kb / sum_k w_ka: the mean
    change over the stretches, each counted by how much of it was a. change, low, high: mean over the seeds that trained
    a, and its interval; stretches: sum_k w_ka, a mean over the same seeds.

    It describes, it does not tell causes: what is trained together is credited together (in random order all lines are
    nearly alike), and where accuracy moves early or late, what was trained then is credited. Rows not in `pool` (new
    ones) count in no group; the null-band orders are left out.
    """
    if by not in pool:
        raise ValueError(f"the pool has no column {by!r}; it has {', '.join(map(str, pool.columns))}")
    found = []
    for (variant, seed), path in _paths(runs, by).items():
        if variant in runs.null:
            continue
        name = variant if variant in runs.variants else variant.rsplit(" / ", 1)[0]  # less its solver
        own = runs.exposure[(runs.exposure.variant == name) & (runs.exposure.seed == seed)]
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
        e = estimate(own.change, level=level)
        lines.append((*keys, len(own), own.stretches.mean(), e.mean, e.low, e.high, e.label))
    columns = ["variant", "trained", "tested", "seeds", "stretches", "change", "low", "high", "interval"]
    return pd.DataFrame(lines, columns=columns)


def _paths(runs: Runs, by: str) -> dict[tuple[str, int], pd.DataFrame]:
    """Accuracy over tests, `(tests, groups)` with the step as index, by (variant, seed); failed ones are left out."""
    items = runs.items
    if items.empty:
        raise ValueError("no test was made (runs.items is empty); give the bench test rows")
    if by not in items:
        raise ValueError(f"the test rows have no column {by!r}; they have {', '.join(map(str, items.columns))}")
    several = items.groupby("variant", observed=True).solver.transform("nunique") > 1
    items = items.assign(label=items.variant.where(~several, items.variant + " / " + items.solver))
    failed = [k in runs.failed for k in zip(items.variant, items.seed, strict=True)]
    kept = items[~np.array(failed, bool)]
    return {
        key: part.pivot_table(index="step", columns=by, values="correct", observed=True)
        for key, part in kept.groupby(["label", "seed"], sort=False, observed=True)
    }


# -- what reinforcement spent ---------------------------------------------------------------------------------------
def waste(runs: Runs) -> pd.DataFrame:
    """What each variant's answers cost and how much of it taught nothing; one line a variant, means over seeds.

    rollouts, generated: answers and their tokens; probed, rejected, silent: shares of these tokens that went into
    answers asked to measure difficulty, into answers that were never trained, and into trained ones of groups that
    pushed the learner nowhere (all advantages 0, as where all rewards of a group are alike); wasted: rejected and
    silent together. signal: share of trained groups that did push. A probe that is trained later is no probe.
    """
    groups = runs.groups
    if groups.empty:
        raise ValueError("no waste to show: nothing was sampled (runs.groups is empty); it is of reinforcement runs")
    used = groups.trained / groups.n
    silent = ~groups.signal.astype(bool) & (groups.trained > 0)
    probe = (groups.purpose == "probe") & (groups.trained == 0)
    parts = groups.assign(
        probed=groups.tokens * probe, rejected=groups.tokens * (1 - used) * ~probe,
        silent=groups.tokens * used * silent, kept=groups.trained > 0, loud=(groups.trained > 0) & ~silent,
    )  # fmt: skip
    sums = parts.groupby(["variant", "seed"], sort=False)[
        ["n", "tokens", "probed", "rejected", "silent", "kept", "loud"]
    ].sum()
    table = pd.DataFrame({"rollouts": sums.n, "generated": sums.tokens})
    for part in ("probed", "rejected", "silent"):
        table[part] = sums[part] / sums.tokens
    table["wasted"] = table.rejected + table.silent
    table["signal"] = sums.loud / sums.kept
    table["seconds"] = runs.ledger[~runs.ledger.test].groupby(["variant", "seed"]).seconds.sum()
    names = [v for v in runs.variants if v in table.index.get_level_values(0)]
    return table.groupby(level=0).mean().loc[names]


def filter_savings(runs: Runs, *, low: float = 0.0, high: float = 1.0, tolerance: float = SIGNAL) -> pd.DataFrame:
    """What a filter on the pass rate would have saved on finished runs; one line a variant, shares, means over seeds.

    Such a filter keeps groups with low < mean reward < high (0 and 1: DAPO's, which drops groups without a signal).
    dropped: share of trained groups it would have dropped; training: share of trained tokens in them, saved for sure;
    generation: share of generated tokens, saved only by a filter that had known before sampling; signal_lost: share of
    the groups with a signal that would have gone too. A counterfactual on what was drawn: with a filter, later draws
    and the learner itself would have been others.
    """
    trained = runs.groups[runs.groups.trained > 0]
    if trained.empty:
        raise ValueError("nothing to filter: no group of answers was trained (runs.groups)")
    out = ~((trained.reward > low) & (trained.reward < high)) | (trained.spread <= tolerance)
    loud = trained.spread > tolerance
    shares = pd.DataFrame({
        "variant": trained.variant, "seed": trained.seed, "dropped": out, "generation": trained.tokens * out,
        "tokens": trained.tokens, "lost": loud & out, "loud": loud,
    })  # fmt: skip
    sums = shares.groupby(["variant", "seed"], sort=False).sum()
    count = shares.groupby(["variant", "seed"], sort=False).size()
    learned = trained.tokens * trained.trained / trained.n
    keys = [trained.variant, trained.seed]
    spent = runs.groups.groupby(["variant", "seed"]).tokens.sum()
    table = pd.DataFrame({
        "dropped": sums.dropped / count, "training": (learned * out).groupby(keys).sum() / learned.groupby(keys).sum(),
        "generation": sums.generation / spent, "signal_lost": sums.lost / sums.loud,
    })  # fmt: skip
    return table.groupby(level=0).mean().loc[[v for v in runs.variants if v in table.index.get_level_values(0)]]
