"""One mean difference over seeds, with its interval: Student's t while seeds are few, the bootstrap beyond.

paired_t([0.01, 0.02, 0.03])      # mean 0.02, 95% interval -0.005 to 0.045, p 0.074, "t, n=3"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEW_SEEDS = 10  # below: Student's t; a percentile bootstrap of three values covers 77%, not 95%
RESAMPLES = 100_000  # the smallest p a bootstrap can show is about one over this, before it is widened
SAME = 1e-9  # accuracies closer than this are equal: a difference of shares carries rounding error


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
