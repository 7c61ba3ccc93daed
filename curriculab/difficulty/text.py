"""Difficulty read off the rows themselves: no model, milliseconds."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pandas as pd


def level(pool: pd.DataFrame) -> pd.Series:
    """The level that the rows' makers or judges gave them (ordinal, their own unit)."""
    if "level" not in pool:
        raise ValueError("level: the pool has no column 'level'; map one with load_pool(columns={'level': ...})")
    return checked(pd.to_numeric(pool["level"]).astype(float), "level", pool)


def prompt_length(pool: pd.DataFrame) -> pd.Series:
    """Length of the prompt in UTF-8 bytes (the tokens of the embedded model); of the text where there is no prompt."""
    text = _text(pool)
    return checked(text.map(lambda t: float(len(t.encode()))), "prompt_length", pool)


def word_rarity(pool: pd.DataFrame) -> pd.Series:
    """Mean negative log frequency of a row's words in the pool itself, nats (Platanios et al. 2019, section 4.1,
    who sum over the words; the mean takes the length out). Words are runs of characters between white space, in lower
    case."""
    words = _text(pool).str.lower().str.split()
    count = Counter(w for row in words for w in row)
    total = sum(count.values())
    if not total:
        raise ValueError("word_rarity: no row has a word; the prompts are empty or white space")
    rare = {w: -log(c / total) for w, c in count.items()}
    score = words.map(lambda row: float(np.mean([rare[w] for w in row])) if row else 0.0)
    return checked(score, "word_rarity", pool)


def _text(pool: pd.DataFrame) -> pd.Series:
    return pool["prompt"].where(pool["prompt"] != "", pool["answer"].fillna(""))


def checked(score: pd.Series, name: str, pool: pd.DataFrame) -> pd.Series:
    """The score on the pool's index, float, refused where it is not finite."""
    score = pd.Series(score.to_numpy(float), index=pool.index, name=name)
    bad = score.index[~np.isfinite(score)]
    if len(bad):
        raise ValueError(
            f"{name}: row {bad[0]!r} has the score {score[bad[0]]} ({len(bad)} such rows); it must be finite"
        )
    return score
