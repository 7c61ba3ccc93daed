"""The tables of a comparison: differences to one variant, paired by seed, with intervals before and after Holm.

One line of `paired_table`: easy first, 3 seeds, accuracy 0.412, difference +0.031, interval 0.012 to 0.050.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from curriculab.statistics.claims import Claims, claims
from curriculab.statistics.crossed import rows_test
from curriculab.statistics.intervals import estimate
from curriculab.statistics.pooled import Pooled, dunnett_critical, dunnett_p
from curriculab.statistics.power import detectable, detectable_at_most, spread_bound
from curriculab.statistics.tests import holm


def scores_of(accuracy: pd.Series, to: str) -> pd.DataFrame:
    """Columns variant, seed, accuracy, difference to `to` in the same seed (NaN where that one is missing)."""
    table = accuracy.rename("accuracy").rename_axis(["variant", "seed"]).reset_index()
    return table.assign(difference=table.accuracy - table.seed.map(accuracy[to]))


def paired_table(
    right: pd.DataFrame,
    labels: pd.DataFrame,
    to: str,
    claimed: Sequence[str],
    *,
    confidence: float,
    groups: np.ndarray | None = None,
    pooled: Pooled | None = None,
) -> pd.DataFrame:
    """One line per variant: its accuracy, its difference to `to`, intervals before and after Holm (with `pooled`:
    Dunnett), which is over the variants that were asked for: a control claims nothing, so adding some costs no power.

    right: right or wrong (rows, label x seed), `to` as the others are compared with it; groups: (rows,), what rows are
    of, where new rows come in groups."""
    scores = scores_of(right.mean(), to)
    by = {v: scores[scores.variant == v] for v in labels.index}
    differences = {v: differences_of(right, v, to) for v in by}
    family = np.array([v in claimed for v in by])
    found = claims([*differences.values()], claimed=family, groups=groups, confidence=confidence, pooled=pooled)
    n = [len(d) for d in differences.values()]
    tests = max(int(np.isfinite(found.p[family]).sum()), 1)
    table = {
        "seeds": [len(part) for part in by.values()],
        "accuracy": [part.accuracy.mean() for part in by.values()],
        "sd": [part.accuracy.std() for part in by.values()],
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "n": n,
        "interval": ["reference" if v == to else _label(found, i, n[i], pooled) for i, v in enumerate(by)],
        "p": found.p,
        "p_holm": _adjusted(found, family, tests, pooled),
        "low_holm": found.low_family,
        "high_holm": found.high_family,
        "differs": found.differs,
        "low_new": found.low_new,
        "high_new": found.high_new,
        "p_new": found.p_new,
        "differs_new": found.differs_new,
        "control": [v != to and v not in claimed for v in by],
        "p_rows": [rows_test(d, groups) for d in differences.values()],
        "sd_difference": found.sd,
        "mde": [
            _detectable(found, i, n[i], tests if family[i] else 1, confidence=confidence, pooled=pooled)
            for i in range(len(n))
        ],
    }
    return pd.DataFrame(table, index=pd.Index(by, name="variant")).assign(solver=labels.solver, gold=labels.gold)


def differences_of(right: pd.DataFrame, variant: str, to: str) -> np.ndarray:
    """Right minus right on the same row and seed, (seeds, rows), of the seeds that both have; none of `to` itself."""
    if variant == to or variant not in right.columns.unique(0):
        return np.empty((0, len(right)))
    return (right[variant] - right[to]).dropna(axis=1, how="all").to_numpy().T


def _label(found: Claims, i: int, n: int, pooled: Pooled | None) -> str:
    """How the interval was made, and of how many seeds: "t, n=3"."""
    if not np.isfinite(found.low[i]):
        return f"none, n={n}"
    return f"t, n={n}" if pooled is None else f"pooled t, df={pooled.df}, n={n}"


def _adjusted(found: Claims, family: np.ndarray, tests: int, pooled: Pooled | None) -> np.ndarray:
    """p of those in the family, adjusted for their number by Holm, or by Dunnett."""
    p = found.p.copy()
    if pooled is None:
        p[family] = holm(p[family])
    else:
        p[family] = dunnett_p((found.difference / found.error)[family], tests, pooled.df, pooled.correlation)
    return p


def _detectable(found: Claims, i: int, n: int, m: int, *, confidence: float, pooled: Pooled | None) -> float:
    """Upper 95% bound of the smallest effect found with 80% power; NaN above 1."""
    if pooled is None:
        return detectable_at_most(found.sd[i], n, m=m, confidence=confidence)
    if not np.isfinite(found.error[i]):
        return float("nan")
    critical = dunnett_critical(m, pooled.df, pooled.correlation, confidence)
    most = detectable(float(found.error[i]) * spread_bound(pooled.df), pooled.df, critical)
    return most if most <= 1 else float("nan")


def levels_table(
    items: pd.DataFrame, right: pd.DataFrame, labels: Iterable[str], to: str, *, confidence: float
) -> pd.DataFrame:
    """One line per level and variant, on the shared rows; empty where the test rows have no level."""
    columns = ["level", "variant", "seeds", "rows", "accuracy", "difference", "low", "high", "interval"]
    if "level" not in items:
        return pd.DataFrame(columns=columns)
    level_of = items.drop_duplicates("id").set_index("id").level.reindex(right.index)
    lines = []
    for name, part in right.groupby(level_of, observed=True):
        scores = scores_of(part.mean(), to)
        for variant in labels:
            own = scores[scores.variant == variant]
            e = estimate(own.difference.dropna() if variant != to else [], confidence=confidence)
            kind = "reference" if variant == to else e.label
            lines.append((name, variant, len(own), len(part), own.accuracy.mean(), e.mean, e.low, e.high, kind))
    return pd.DataFrame(lines, columns=columns)
