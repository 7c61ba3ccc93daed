"""What the tests of item response theory share: the LSAT table, planted values, and the likelihood written plainly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.difficulty import irt

# Law School Admission Test, section 6: how many of 1,000 people gave each of the 32 patterns, 00000, 00001, ... 11111
# (Bock & Lieberman 1970; the same in the OpenBUGS manual's example "LSAT" and in the R package ltm).
LSAT_COUNTS = [3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15]
LSAT_COUNTS += [10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298]


def lsat() -> pd.DataFrame:
    """Answers of 1,000 people to five items."""
    patterns = (np.arange(32)[:, None] >> np.arange(4, -1, -1)) & 1
    return pd.DataFrame(np.repeat(patterns, LSAT_COUNTS, axis=0), columns=[f"item {i}" for i in range(1, 6)])


def planted(model: str, people: int, items: int, seed: int) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Answers, the items' true values and the people's, of standard normal abilities."""
    rng = np.random.default_rng([seed, 0x697274])  # "irt"
    able, hard = rng.normal(size=people), rng.normal(size=items)
    sharp = np.ones(items) if model == "1pl" else np.exp(rng.normal(0, 0.3, items))
    guess = rng.beta(5, 17, items) if model == "3pl" else np.zeros(items)
    right = guess + (1 - guess) / (1 + np.exp(-sharp * (able[:, None] - hard)))
    truth = pd.DataFrame({"difficulty": hard, "discrimination": sharp, "guessing": guess})
    return (rng.random(right.shape) < right).astype(float), truth, able


def marginal_value(x: np.ndarray, d: np.ndarray, a: np.ndarray, c: np.ndarray | float = 0.0, nodes: int = 61) -> float:
    """The marginal log-likelihood as the textbooks write it: a sum over people of logs of sums over nodes."""
    from scipy.special import expit, logsumexp

    z = np.linspace(-6, 6, nodes)
    share = np.exp(-(z**2) / 2)
    p = np.reshape(c, (-1, 1)) + (1 - np.reshape(c, (-1, 1))) * expit(np.outer(a, z) + np.asarray(d)[:, None])
    asked, right = ~np.isnan(x), np.nan_to_num(x)
    line = right @ np.log(p) + (asked - right) @ np.log1p(-p)
    return float(logsumexp(line + np.log(share / share.sum()), axis=1).sum())


def of(fit: irt.Fit, x: np.ndarray) -> float:
    """The same at a fit's estimates on the standard scale."""
    a = fit.items.discrimination.to_numpy()
    return marginal_value(x, -a * fit.items.difficulty.to_numpy(), a, fit.items.guessing.to_numpy())


NOT_BINARY = "; give 1 (right), 0 (wrong) or NaN (not asked): several tries of one person become one line each"
