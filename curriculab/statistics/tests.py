"""Many tests at once: p values that stay honest when there are several.

holm([0.01, 0.04, 0.03, 0.005])      # 0.03, 0.06, 0.06, 0.02
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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
