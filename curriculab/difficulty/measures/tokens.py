"""Difficulty read off a tokenizer: no forward."""

from __future__ import annotations

import pandas as pd

from curriculab.difficulty.registry import measure
from curriculab.difficulty.roles import LanguageModel
from curriculab.difficulty.validation import check_texts, checked


@measure(needs="tokenizer")
def token_length(pool: pd.DataFrame, model: LanguageModel) -> pd.Series:
    """Length of the row in the model's tokens, prompt and learned answer."""
    check_texts("token_length", pool)
    if model is None:
        raise ValueError("token_length: reads the rows with a model's tokenizer; give one, such as cl.load_model()")
    return checked(model.lengths(pool), "token_length", pool)
