"""Does it hold for other splits of the data, and for other base models? The same bench on several, as one factor.

across({"split 0": runs_0, "split 1": runs_1, "split 2": runs_2})
# easy first: difference +0.021 over 3 parts x 5 seeds, 95% interval -0.004 to 0.046; sd between parts 0.010

Seeds of one bench share its training rows, its test rows and its base model: an interval over seeds answers for these.
Here every part is a bench of its own with the same variants, and parts are what is sampled (Bouthillier et al. 2021,
"Accounting for Variance in Machine Learning Benchmarks").
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.runs import Runs
from curriculab.statistics.comparison import compare
from curriculab.statistics.intervals import SAME
from curriculab.statistics.tests import holm


@also_named(level="confidence")
def across(
    parts: Mapping[str, Runs],
    *,
    to: str = "random",
    at: str | float = "end",
    confidence: float = 0.95,
    overlap: float = 0.0,
) -> pd.DataFrame:
    """Difference to `to` for new parts, such as data splits or base models: Student's t over the parts' differences.

    The difference of a part is the mean over its seeds, as `compare` finds it; parts count alike. Splits drawn at
    random from one pool share rows, so that their differences depend on each other and vary too little: `overlap` is
    the ratio of test to training rows in a split, by which the variance of the mean becomes (1 / parts + overlap) times
    that of the parts (Nadeau and Bengio 2003, "Inference for the Generalization Error", section 3). With two or three
    parts intervals are wide, and rightly so.

    Parameters
    ----------
    parts : mapping of str to Runs
        Runs of the same variants by the name of their split, base model, or pool.
    to : str
        Variant that the others are compared with.
    at : str or float
        As of `compare`.
    confidence : float
        Of the intervals.
    overlap : float
        Test rows over training rows, for random splits of one pool; 0: parts that share no rows, or base models.

    Returns
    -------
    pd.DataFrame
        One line a variant: `parts`, `seeds` (of all parts together), `difference`, `low`, `high`, `p`, `p_holm` (over
        the variants); `sd_parts`, the spread of the parts' differences, `sd_seeds`, that of the seeds' within parts;
        and `share_parts`, how much of the variance of one run's difference lies between parts.

    Raises
    ------
    ValueError
        With fewer than two parts, or an overlap below 0.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=240, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> def simulated(split):
    ...     train, test = cl.split(pool, test=12, seed=split)
    ...     return cl.simulate(variants, train, tests=test, steps=4, batch_size=4, seed=[0, 1])
    >>> found = cl.statistics.across({f"split {k}": simulated(k) for k in range(3)}, overlap=12 / 200)
    >>> found.loc["easy first", ["parts", "seeds"]].tolist()
    [3, 6]
    """
    if len(parts) < 2 or not overlap >= 0:
        raise ValueError(
            f"{len(parts)} parts, overlap={overlap!r}; give at least two, {{name: runs}}, and test rows over training "
            "rows"
        )
    scores = pd.concat({name: compare(runs, to=to, at=at).scores for name, runs in parts.items()}, names=["part"])
    scores = scores[scores.variant != to].dropna(subset="difference")
    order = list(dict.fromkeys(scores.variant))
    lines = {v: _line(scores[scores.variant == v], confidence, overlap) for v in order}
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("variant")
    return table.assign(p_holm=holm(table.p)) if len(table) else table


def _line(own: pd.DataFrame, confidence: float, overlap: float) -> dict[str, float]:
    """One variant: mean over parts, its interval, and where the variance lies (one-way analysis of variance)."""
    from scipy.special import stdtr, stdtrit

    groups = own.groupby(level="part", sort=False).difference
    means, n = groups.mean().to_numpy(), groups.size().to_numpy()
    k, mean = len(means), float(means.mean())
    between = float(means.var(ddof=1)) if k > 1 else np.nan
    within = float((groups.var(ddof=1).to_numpy()[n > 1] * (n[n > 1] - 1)).sum() / max((n - 1).sum(), 1))
    error = np.sqrt(between * (1 / k + overlap)) if between > SAME**2 else np.nan
    half = stdtrit(max(k - 1, 1), 0.5 + confidence / 2) * error
    of_parts = max(between - within * float((1 / n).mean()), 0.0)
    return {
        "parts": k,
        "seeds": int(n.sum()),
        "difference": mean,
        "low": mean - half,
        "high": mean + half,
        "p": float(2 * stdtr(max(k - 1, 1), -abs(mean / error))),
        "sd_parts": float(np.sqrt(between)),
        "sd_seeds": float(np.sqrt(within)) if (n > 1).any() else np.nan,
        "share_parts": of_parts / (of_parts + within) if (n > 1).any() and of_parts + within > 0 else np.nan,
    }
