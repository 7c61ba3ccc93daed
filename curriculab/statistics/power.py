"""What a design can find: the smallest effect that so many seeds detect, the seeds that a planned effect needs.

minimum_detectable_effect(0.02, 3)      # a spread of 0.02 over three seeds: 0.065
seeds_needed(0.02, 0.02)      # to find 0.02 of it in four of five studies: 10
"""

from __future__ import annotations

import numpy as np

from curriculab.registry.names import also_named
from curriculab.statistics.pooled import dunnett_critical

SPREADS = ("own", "pooled")
POWER = 0.8  # the convention of Cohen 1988, section 2.4
BOUND = 0.05  # of an upper 95% confidence bound


@also_named(level="confidence")
def minimum_detectable_effect(
    sd: float,
    n: int,
    *,
    m: int = 1,
    power: float = POWER,
    confidence: float = 0.95,
    spread: str = "own",
    orders: int = 1,
) -> float:
    """Smallest true mean difference that `n` seeds find with this power, among `m` variants.

    `sd` is that of the seeds' differences, in whose unit the answer is. With a spread of each variant's own: a paired t
    test, and each gets the share of the error that Holm's first step gives it. NaN below two seeds or without a spread.

    Parameters
    ----------
    sd : float
        Standard deviation of the seeds' differences to the reference as it is compared with: a run's own spread times
        sqrt(1 + 1 / orders).
    n : int
        Seeds.
    m : int
        Variants that are compared with the reference.
    power, level : float
        Chance to find the effect; confidence of the tests.
    spread : str
        "own", or "pooled": one spread for all runs of the bench, Dunnett's critical value.
    orders : int
        Random orders a seed whose mean is the reference; it counts with a pooled spread, as degrees of freedom.

    Examples
    --------
    >>> round(cl.statistics.minimum_detectable_effect(0.02, 3), 3)
    0.065
    >>> round(cl.statistics.minimum_detectable_effect(0.02, 3, m=5, spread="pooled", orders=6), 3)
    0.042
    """
    if n < 2 or not sd > 0:
        return float("nan")
    df, critical = _test(n, m, confidence, spread, orders)
    return detectable(sd / np.sqrt(n), df, critical, power=power)


def _test(n: int, m: int, confidence: float, spread: str, orders: int) -> tuple[int, float]:
    """Degrees of freedom, and what |t| must exceed for the first of `m` variants to be found."""
    from scipy.stats import t

    if spread not in SPREADS:
        raise ValueError(f"spread={spread!r}; choose 'own' (each variant's) or 'pooled' (one for all)")
    if spread == "own":
        return n - 1, float(t.isf((1 - confidence) / (2 * m), n - 1))
    df = n * (m + orders) - n - m  # runs - seeds - variants, the reference among them, + 1
    return df, dunnett_critical(m, df, 1 / (orders + 1), confidence)


def detectable(error: float, df: float, critical: float, *, power: float = POWER) -> float:
    """Smallest true difference whose t, with this standard error, is above `critical` in a share `power` of studies."""
    from scipy.optimize import brentq
    from scipy.stats import nct

    def short(noncentrality: float) -> float:  # the far tail never rejects at a power worth planning for
        return nct.sf(critical, df, noncentrality) - power

    upper = 2 * critical + 10
    while short(upper) < 0:
        upper *= 2
    return float(error * brentq(short, 0, upper))


@also_named(level="confidence")
def detectable_at_most(sd: float, n: int, *, m: int = 1, power: float = POWER, confidence: float = 0.95) -> float:
    """Upper 95% confidence bound of the minimum detectable effect, for a spread that was itself seen in `n` seeds.

    Three seeds know their spread to a factor of about four upwards: (n - 1) sd^2 / sigma^2 is chi-square, so sigma is
    at most sd * sqrt((n - 1) / chi-square's 5% quantile), in 95% of all studies. NaN below two seeds, without a spread,
    and where it is above 1, which no difference of two accuracies can be.

    Parameters
    ----------
    sd, n, m, power, level
        As `minimum_detectable_effect` takes them.

    Examples
    --------
    >>> [round(cl.statistics.power.detectable_at_most(0.02, n), 3) for n in (3, 10)]
    [0.288, 0.033]
    """
    if n < 2:
        return float("nan")
    most = minimum_detectable_effect(sd * spread_bound(n - 1), n, m=m, power=power, confidence=confidence)
    return most if most <= 1 else float("nan")


def spread_bound(df: int) -> float:
    """What a spread with so many degrees of freedom is multiplied by for its upper 95% confidence bound."""
    from scipy.stats import chi2

    return float(np.sqrt(df / chi2.ppf(BOUND, df)))


@also_named(level="confidence")
def seeds_needed(
    effect: float,
    sd: float,
    *,
    m: int = 1,
    power: float = POWER,
    confidence: float = 0.95,
    spread: str = "own",
    orders: int = 1,
    most: int = 10_000,
) -> int | None:
    """The fewest seeds with which a true mean difference of `effect` is found, among `m` variants.

    `sd` is that of the seeds' differences, from a pilot: with three seeds it is known to a factor of about two
    (`Comparison.table.sd_difference`). None where more than `most` were needed. The counterpart of
    `minimum_detectable_effect`: with one seed fewer that one is above `effect`.

    Parameters
    ----------
    effect, sd : float
        The difference to plan for, and the standard deviation of the seeds' differences, in one unit.
    m : int
        Variants that are compared with the reference.
    power, level : float
        Chance to find the effect; confidence of the tests.
    spread, orders : str, int
        The design, as of `minimum_detectable_effect`.
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
    >>> cl.statistics.seeds_needed(0.02, 0.02, m=5, spread="pooled", orders=6)
    12
    """
    if not (np.isfinite(effect) and effect != 0 and sd > 0):
        raise ValueError(
            f"effect={effect!r}, sd={sd!r}; give the difference to plan for, such as 0.02, and a spread above 0"
        )
    how = {"m": m, "power": power, "confidence": confidence, "spread": spread, "orders": orders}
    few, many = 1, most + 1  # too few; enough, or one too many to try
    while many - few > 1:
        n = (few + many) // 2
        enough = minimum_detectable_effect(sd, n, **how) <= abs(effect)
        few, many = (few, n) if enough else (n, many)
    return many if many <= most else None
