"""Supervised fine-tuning: weighted negative log-likelihood of the learned tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from curriculab.models import Text
from curriculab.requests import Rows, Sft


class SupervisedLoss:
    """sum of coefficient * nll; a coefficient is a row's weight over a denominator that is the ticket's own."""

    columns: dict[str, np.ndarray] = {}

    def __init__(self, texts: Sequence[Text], table: Rows, setting: Sft) -> None:
        self.factors = factors(texts, table, setting.mean)

    def __call__(self, nll: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        factor = np.concatenate([self.factors[r] for r in rows])
        return (nll * torch.as_tensor(factor, dtype=nll.dtype, device=nll.device)).sum()


def factors(texts: Sequence[Text], table: Rows, mean: str, longest: int | None = None) -> list[np.ndarray]:
    """What every learned token's loss is multiplied by, per row (learned,): `weight` and `token_weight` over the number
    of tokens ("tokens"), of each row's tokens and of rows ("rows"), or of rows times `longest` ("constant")."""
    counts = np.array([len(t.targets) for t in texts])
    weight = table["weight"].to_numpy(float) if "weight" in table else np.ones(len(texts))
    if mean == "tokens":
        each = weight / max(counts.sum(), 1)
    elif mean == "rows":
        each = weight / np.maximum(counts, 1) / len(texts)
    else:
        each = weight / (len(texts) * longest)
    token_weight = table["token_weight"].tolist() if "token_weight" in table else [None] * len(texts)
    found = []
    for row, (n, c, own) in enumerate(zip(counts, each, token_weight, strict=True)):
        if own is None or (np.ndim(own) == 0 and own != own):
            found.append(np.full(n, c))
        elif len(own) != n:
            raise ValueError(f"row {table.index[row]!r} has {len(own)} token weights for {n} learned tokens")
        else:
            found.append(c * np.asarray(own, float))
    return found
