"""Difficulty for a model: one forward pass over rows as they stand. torch is reached only inside these functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.difficulty.text import checked

if TYPE_CHECKING:
    from curriculab.models import Model


def answer_loss(pool: pd.DataFrame, model: Model) -> pd.Series:
    """Mean negative log-likelihood of the row's own solution (else answer) given its prompt, nats a token."""
    from curriculab.objectives import score

    return checked(score(model, [None], [pool], "nll", "row")[0].reply["nll"], "answer_loss", pool)


def option_probability(pool: pd.DataFrame, model: Model) -> pd.Series:
    """1 - P(gold option), in [0, 1]; P: softmax of the options' log-likelihoods behind the prompt that lists them.

    Human-inspired ordering (system 9) reads the option's letter; here it is the whole text: small models can.
    """
    from curriculab.objectives import score

    reply = score(model, [None], [pool], "options", "row")[0].reply
    gold = []
    for i, logp, options, answer in zip(
        pool.index, reply["options"], pool["options"], pool["answer"], strict=True
    ):
        if answer not in list(options):
            raise ValueError(f"option_probability: the answer of row {i!r} is not among its options {list(options)}")
        p = np.exp(logp - logp.max())
        gold.append(float(p[list(options).index(answer)] / p.sum()))
    return checked(1.0 - pd.Series(gold, index=pool.index), "option_probability", pool)
