"""The policy gradient of `Grpo`: clipped ratios to the log-probabilities of sampling, and a divergence from the base.

Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300 (GRPO); Schulman 2020, "Approximating KL Divergence" (k3); MiniMax
2025, "MiniMax-M1", arXiv 2506.13585 (cispo). The equation stands at `requests.Grpo`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from curriculab.models import Text
from curriculab.objectives.sft import factors
from curriculab.requests import Grpo, Rows


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
