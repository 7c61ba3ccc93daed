"""Losses of the objectives on packed rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from curriculab.engine.model import Text
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.protocol import Rows


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


class PolicyLoss:
    """Loss of one ticket's answers; called with the negative log-likelihoods of some of its rows' tokens.

    base: log-likelihoods' negatives under the base, per row (learned,), where `beta` holds the learner near it.
    """

    def __init__(
        self, texts: Sequence[Text], table: Rows, setting: Grpo, base: Sequence[np.ndarray] | None = None
    ) -> None:
        self.setting, self.base = setting, base
        self.advantage = setting.advantages(table)
        self.columns = {"advantage": self.advantage}
        self.factors = factors(texts, table, setting.mean, setting.longest)
        self.sampled = [np.full(len(t.targets), np.nan) if t.sampled is None else t.sampled for t in texts]
        weight = table["kl_weight"].to_numpy(float) if "kl_weight" in table else np.ones(len(table))
        self.beta = setting.beta * weight

    def __call__(self, nll: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        counts = [len(self.factors[r]) for r in rows]

        def along(per_row: Sequence[np.ndarray]) -> torch.Tensor:
            return torch.as_tensor(np.concatenate(per_row), dtype=nll.dtype, device=nll.device)

        def each(values: np.ndarray) -> torch.Tensor:
            return along([np.repeat(values[rows], counts)])

        logp, now, s = -nll, -nll.detach(), self.setting
        before = along([self.sampled[r] for r in rows])
        before = torch.where(torch.isnan(before), now, before)  # nobody knows: as if sampled by these very weights
        gain, ratio = each(self.advantage), torch.exp(logp - before)
        if s.surrogate == "cispo":
            loss = -ratio.detach().clamp(max=s.high) * gain * logp
        else:
            loss = -torch.minimum(ratio * gain, ratio.clamp(1 - s.low, 1 + s.high) * gain)
        if self.base is not None:
            off = -along([self.base[r] for r in rows]) - logp
            loss = loss + each(self.beta) * (torch.exp(off) - off - 1) * (ratio if s.kl_ratio else 1.0)
        return (loss * along([self.factors[r] for r in rows])).sum()
