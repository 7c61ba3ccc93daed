"""What a design can find: the smallest effect that so many seeds detect, the seeds that a planned effect needs.

minimum_detectable_effect(0.02, 3)      # a spread of 0.02 over three seeds: 0.065
seeds_needed(0.02, 0.02)      # to find 0.02 of it in four of five studies: 10
"""

from __future__ import annotations

import numpy as np

from curriculab.registry.names import also_named

POWER = 0.8  # the convention of Cohen 1988, section 2.4


@also_named(level="confidence")
def minimum_detectable_effect(
    sd: float, n: int, *, m: int = 1, power: float = POWER, confidence: float = 0.95
) -> float:
    """Smallest true mean difference that a paired t test of `n` seeds finds with this power, among `m` tests.

    `sd` is that of the seeds' differences, in whose unit the answer is; each test gets the share of the error that
    Holm's first step gives it. NaN below two seeds or without a spread.

    Parameters
    ----------
    sd : float
        Standard deviation of the seeds' differences.
    n : int
        Seeds.
    m : int
        Tests made.
    power, level : float
        Chance to find the effect; confidence of the tests.

    Examples
    --------
    >>> round(cl.statistics.minimum_detectable_effect(0.02, 3), 3)
    0.065
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    if n < 2 or not sd > 0:
        return float("nan")
    df, critical = n - 1, t.isf((1 - confidence) / (2 * m), n - 1)

    def short(noncentrality: float) -> float:  # the far tail never rejects at a power worth planning for
        return nct.sf(critical, df, noncentrality) - power

    upper = 2 * critical + 10
    while short(upper) < 0:
        upper *= 2
    return float(sd * brentq(short, 0, upper) / np.sqrt(n))


@also_named(level="confidence")
def seeds_needed(
    effect: float, sd: float, *, m: int = 1, power: float = POWER, confidence: float = 0.95, most: int = 10_000
) -> int | None:
    """The fewest seeds with which a paired t test finds a true mean difference of `effect`, among `m` tests.

    `sd` is that of the seeds' differences, from a pilot: with three seeds it is known to a factor of about two
    (`Comparison.table.sd_difference`). None where more than `most` were needed. The counterpart of
    `minimum_detectable_effect`: with one seed fewer that one is above `effect`.

    Parameters
    ----------
    effect, sd : float
        The difference to plan for, and the standard deviation of the seeds' differences, in one unit.
    m : int
        Tests made.
    power, level : float
        Chance to find the effect; confidence of the tests.
    most : int
        Largest number of seeds that is tried.

    Raises
    ------
    ValueError
        Where the effect is 0 or the spread is not above 0.

    Examples
    --------
    >>> cl.statistics.seeds_needed(0.02, 0.02)
    10
    """
    if not (np.isfinite(effect) and effect != 0 and sd > 0):
        raise ValueError(
            f"effect={effect!r}, sd={sd!r}; give the difference to plan for, such as 0.02, and a spread above 0"
        )
    few, many = 1, most + 1  # too few; enough, or one too many to try
    while many - few > 1:
        n = (few + many) // 2
        enough = minimum_detectable_effect(sd, n, m=m, power=power, confidence=confidence) <= abs(effect)
        few, many = (few, n) if enough else (n, many)
    return many if many <= most else None
