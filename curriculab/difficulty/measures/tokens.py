"""Difficulty read off a tokenizer: no forward."""

from __future__ import annotations

import pandas as pd

from curriculab.difficulty.registry import measure
from curriculab.difficulty.roles import LanguageModel
from curriculab.difficulty.validation import check_texts, checked


@measure(needs="tokenizer")
def token_length(pool: pd.DataFrame, model: LanguageModel) -> pd.Series:
    """Measure the length of the row in the model's tokens, prompt and learned answer.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer`.
    model : LanguageModel
        Whose tokenizer reads the rows, such as `load_model` returns.

    Returns
    -------
    pd.Series
        (rows,), tokens, the end of text included.

    Raises
    ------
    ValueError
        Without a model, or for a row without an answer.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 1 + 2", "add 10 + 20"], "answer": ["3", "30"]}, index=["a", "b"])
    >>> cl.difficulty.token_length(pool, model).to_dict()
    {'a': 13.0, 'b': 16.0}
    """
    check_texts("token_length", pool)
    if model is None:
        raise ValueError("token_length: reads the rows with a model's tokenizer; give one, such as cl.load_model()")
    return checked(model.lengths(pool), "token_length", pool)
