"""Abilities of people on items whose difficulties are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.difficulty.irt.marginal import (
    NODES,
    Answers,
    curves,
    enough,
    grid,
    posterior,
)
from curriculab.difficulty.irt.responses import as_binary, one_of

Numbers = float | Sequence[float] | np.ndarray | pd.Series


def ability(
    answers: Numbers | pd.DataFrame,
    difficulty: Numbers,
    discrimination: Numbers = 1.0,
    guessing: Numbers = 0.0,
    *,
    prior_mean: float = 0.0,
    prior_sd: float = 1.0,
    method: str = "map",
) -> tuple[float, float] | tuple[np.ndarray, np.ndarray]:
    """Estimate abilities on items whose difficulties are known, of one person or of many.

    Both methods are finite for all right and all wrong.

    Parameters
    ----------
    answers : array-like, (items,) or (people, items)
        1 right, 0 wrong, NaN not asked.
    difficulty, discrimination, guessing : float or array-like, (items,)
        Of the items; the difficulty has one number an item.
    prior_mean, prior_sd : float
        Of abilities, in the unit of the difficulties.
    method : {"map", "eap"}
        "map": the posterior's mode, and 1 / sqrt(expected information there + 1 / prior_sd^2); "eap": its mean and
        standard deviation.

    Returns
    -------
    ability, error : tuple of float or of np.ndarray, (people,)
        In the unit of the difficulties.

    Raises
    ------
    ValueError
        For an answer that is not 1, 0 or NaN, shapes that do not fit, an item that is not finite, another method, or a
        spread that is not above 0.

    Examples
    --------
    >>> found, error = cl.difficulty.irt.ability([1, 1, 0], difficulty=[-1.0, 0.0, 1.0])
    >>> round(found, 2), round(error, 2)
    (0.3, 0.78)
    """
    one_of("method", method, ("eap", "map"))
    if not prior_sd > 0:
        raise ValueError(f"prior_sd={prior_sd:g}: abilities differ by more than 0; the standard scale has 1")
    x, shape = as_binary(answers), np.shape(difficulty)
    if len(shape) != 1 or x.ndim not in (1, 2) or x.shape[-1:] != shape:
        raise ValueError(f"answers {x.shape} to difficulties {shape}: give (items,) or (people, items), and (items,)")
    a, b, c = (np.broadcast_to(np.asarray(v, float), shape) for v in (discrimination, difficulty, guessing))
    for name, value in (("difficulty", b), ("discrimination", a), ("guessing", c)):
        bad = np.flatnonzero(~np.isfinite(value))
        if len(bad):
            raise ValueError(f"{name} of item {bad[0]} is {value[bad[0]]}; it must be finite: leave the item out")
    z, error = _abilities(np.atleast_2d(x), a * (prior_mean - b), a * prior_sd, c, method)
    found, error = prior_mean + prior_sd * z, prior_sd * error
    return (found, error) if x.ndim == 2 else (float(found[0]), float(error[0]))


def _abilities(
    x: np.ndarray, d: np.ndarray, a: np.ndarray, c: np.ndarray, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """On the standard scale: the posterior on a grid; for its mode also Fisher's scoring from the best node."""
    asked = ~np.isnan(x)
    answers = Answers(np.where(asked, x, 0.0), None if asked.all() else asked.astype(float), np.ones(len(x)))
    z, log_share = grid(enough(NODES, d, a, c))
    p, _ = posterior(answers, curves(a[:, None] * z + d[:, None], c[:, None]), log_share)
    if method == "eap":
        found = p @ z
        return found, np.sqrt(np.maximum(p @ z**2 - found**2, 0.0))
    found, far = z[p.argmax(1)], z[1] - z[0]
    for _ in range(50):
        here = curves(found[:, None] * a + d, c)
        information = (asked * here.information) @ a**2 + 1
        move = ((answers.right / here.p - asked) * here.s @ a - found) / information
        found = found + np.clip(move, -far, far)
        if np.abs(move).max(initial=0.0) < 1e-9:
            break
    return found, information**-0.5
