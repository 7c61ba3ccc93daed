"""Difficulty of examples: a pool (and a model) -> one score per row, always higher = harder.

train["loss"] = answer_loss(train, model)       # Series on the pool's index, nats a token
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from curriculab.difficulty.forward import answer_loss, option_probability
from curriculab.difficulty.text import level, prompt_length, word_rarity

MEASURES: dict[str, Callable[..., pd.Series]] = {
    m.__name__: m for m in (level, prompt_length, word_rarity, answer_loss, option_probability)
}
NEEDS_MODEL = ("answer_loss", "option_probability")

__all__ = ["MEASURES", "NEEDS_MODEL", *MEASURES]
