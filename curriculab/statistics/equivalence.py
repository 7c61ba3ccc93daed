"""Equivalence at a margin given beforehand: "no difference larger than 0.02", by two one-sided tests.

within_margin({"easy": [0.004, -0.002, 0.001]}, 0.02)      # easy: 90% interval -0.004 to +0.006, inside
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.statistics.intervals import SAME, paired_t
from curriculab.statistics.tests import holm, holm_levels


def check_margin(margin: float | None) -> None:
    """Refuse a margin that is no difference of accuracies."""
    if margin is not None and not 0 < margin < 1:
        raise ValueError(f"margin={margin!r}; give the smallest difference that would matter, such as 0.02")


@also_named(level="confidence")
def within_margin(
    differences: Mapping[str, Sequence[float] | np.ndarray],
    margin: float,
    *,
    claims: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Two one-sided t tests (TOST) that a mean difference lies within `margin` on both sides of 0.

    p is the larger of the two one-sided p (Schuirmann 1987, "A Comparison of the Two One-Sided Tests Procedure and the
    Power Approach for Assessing the Equivalence of Average Bioavailability"); it is below alpha exactly where the
    interval at 1 - 2 alpha lies inside the margin. Holm's correction goes over the claims. The margin has to be chosen
    before the differences are seen. Seeds are what is sampled, test rows are held fixed.

    Parameters
    ----------
    differences : mapping of str to array-like, (seeds,)
        By variant.
    margin : float
        Largest difference that counts as none, in the same unit.
    claims : sequence of str, optional
        Variants that Holm's correction counts; None: all.
    confidence : float
        1 - alpha of the family.

    Returns
    -------
    pd.DataFrame
        By variant `p_margin` (after Holm), `low_margin`, `high_margin` (interval at 1 - 2 alpha, alpha that of Holm's
        step), `within_margin`. NaN, and not within, below two seeds or without a spread.

    Raises
    ------
    ValueError
        For a margin that is not between 0 and 1.

    Examples
    --------
    >>> from curriculab.statistics.equivalence import within_margin
    >>> found = within_margin({"easy": [0.004, -0.002, 0.001]}, 0.02).loc["easy"]
    >>> print(f"{found.low_margin:+.3f} to {found.high_margin:+.3f}", found.within_margin)
    -0.004 to +0.006 True
    """
    from scipy.special import stdtr

    check_margin(margin)
    names = list(differences)
    found = [paired_t(np.asarray(differences[v], float), confidence=confidence) for v in names]
    p = np.full(len(names), np.nan)
    for i, e in enumerate(found):
        if e.n > 1 and e.sd > SAME:
            p[i] = stdtr(e.n - 1, -(margin - abs(e.mean)) / (e.sd / np.sqrt(e.n)))
    claimed = np.array([claims is None or v in claims for v in names], bool)
    adjusted, levels = p.copy(), np.full(len(p), confidence)
    adjusted[claimed], levels[claimed] = holm(p[claimed]), holm_levels(p[claimed], confidence=confidence)
    found = [
        paired_t(np.asarray(differences[v], float), confidence=1 - 2 * (1 - (confidence if np.isnan(at) else at)))
        for v, at in zip(names, levels, strict=True)
    ]
    table = {
        "p_margin": adjusted,
        "low_margin": [e.low for e in found],
        "high_margin": [e.high for e in found],
        "within_margin": [bool(e.low > -margin and e.high < margin) for e in found],
    }
    return pd.DataFrame(table, index=pd.Index(names, name="variant"))
