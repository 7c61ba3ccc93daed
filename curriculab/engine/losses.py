"""The loss of one table under its objective, called with some of its rows at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from curriculab.engine.texts import Text
from curriculab.objectives.objective import LearnedTokens, Objective
from curriculab.protocol import Rows


class TableLoss:
    """Loss of one request's rows; called with the negative log-likelihoods of some of its rows' tokens, and with the
    entropies there, for an objective that reads them.

    base: negative log-likelihoods under the base, per row (learned,), where the objective reads them. Coefficients are
    the request's own, fixed before the forward passes: losses of several requests can be summed, and their gradients
    do not mix.
    """

    def __init__(
        self, texts: Sequence[Text], table: Rows, setting: Objective, base: Sequence[np.ndarray] | None = None
    ) -> None:
        counts = np.array([len(t.targets) for t in texts])
        sampled = [np.full(n, np.nan) if t.sampled is None else t.sampled for n, t in zip(counts, texts, strict=True)]
        fresh = [np.zeros(n, bool) if t.fresh is None else t.fresh for n, t in zip(counts, texts, strict=True)]
        near = None if base is None else [-nll for nll in base]
        terms = setting.terms(table, LearnedTokens(counts, sampled, fresh, near))
        self.setting, self.terms, self.columns = setting, terms.tokens, dict(terms.reply)

    def __call__(self, nll: torch.Tensor, rows: Sequence[int], entropies: torch.Tensor | None = None) -> torch.Tensor:
        def along(per_row: Sequence[np.ndarray]) -> torch.Tensor:
            return torch.as_tensor(np.concatenate([per_row[r] for r in rows]), dtype=nll.dtype, device=nll.device)

        terms = {name: along(values) for name, values in self.terms.items()}
        if self.setting.reads_entropy:
            terms["entropies"] = entropies
        return self.setting.loss(torch, -nll, **terms)

    def figures(self, nll: Sequence[np.ndarray]) -> dict[str, float]:
        """What the objective has recorded of a whole step; nll: of each row's tokens, before it, (learned,)."""
        logp = -torch.as_tensor(np.concatenate(nll))
        terms = {name: torch.as_tensor(np.concatenate(per_row)) for name, per_row in self.terms.items()}
        return dict(self.setting.figures(torch, logp, **terms))

    def carried(self, nll: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
        """Columns that further steps on the same rows read."""
        if self.setting.num_iterations == 1:
            return {}
        return dict(self.setting.carried([-x for x in nll], **self.terms))
