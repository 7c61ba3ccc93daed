"""Supervised fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curriculab.objectives.objective import (
    LearnedTokens,
    Objective,
    SimulatedGain,
    SimulatedRows,
    Terms,
    check_choice,
    token_weights,
)
from curriculab.objectives.registry import objective
from curriculab.protocol import Rows


@objective("sft")
@dataclass(frozen=True, kw_only=True)
class Sft(Objective):
    """Supervised fine-tuning: mean negative log-likelihood of the learned tokens.

    Reads `weight` (a number a row, default 1) and `token_weight` (an array a row along its learned tokens).

    Parameters
    ----------
    learning_rate, weight_decay, max_grad_norm
        Of the optimiser: `Objective`. The default rate for LoRA is 2e-4, TRL's in its guide "LoRA Without Regret"
        after Schulman et al. (2025), and that of Dettmers et al. (2023) for 7B and 13B models.
    average : str
        "tokens": over all learned tokens, TRL's loss_type "nll"; "rows": over rows of each row's mean, so that long
        texts count no more than short ones.

    Examples
    --------
    >>> cl.Sft(lr=2e-4) == cl.Sft(learning_rate=2e-4)
    True
    """

    average: str = "tokens"

    title: ClassVar[str] = "supervised fine-tuning"
    kind: ClassVar[str] = "supervised"
    lora_learning_rate: ClassVar[float] = 2e-4  # the docstring gives the source
    reads: ClassVar[tuple[str, ...]] = ("weight", "token_weight")
    renamed: ClassVar[dict[str, str]] = {
        "clip": "max_grad_norm",
        "mean": "average='tokens' or 'rows'",
        "max_length": "nothing: rows that are too long are refused when the bench is made",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "average", ("tokens", "rows"))

    def terms(self, rows: Rows, tokens: LearnedTokens) -> Terms:
        """Weigh every learned token over the step's denominator.

        Parameters
        ----------
        rows : DataFrame
            The rows of the step, (rows, columns).
        tokens : LearnedTokens
            Their learned tokens.

        Returns
        -------
        Terms
            `weight` of each row, (learned,).

        Examples
        --------
        >>> from curriculab.objectives.objective import LearnedTokens
        >>> rows = pd.DataFrame({"weight": [1.0, 2.0]})
        >>> cl.Sft().terms(rows, LearnedTokens(counts=np.array([1, 3]))).tokens["weight"]
        [array([0.25]), array([0.5, 0.5, 0.5])]
        """
        return Terms({"weight": token_weights(rows, tokens.counts, self.average)})

    def loss(self, torch: Any, logp: Any, *, weight: Any) -> Any:
        """Add up the weighted negative log-likelihoods, nats.

        Parameters
        ----------
        torch : module
            The module torch.
        logp, weight : torch.Tensor
            Log-probabilities (nats) of the learned tokens, and their weights, each (tokens,).

        Examples
        --------
        >>> import torch
        >>> cl.Sft().loss(torch, torch.tensor([-1.0, -3.0]), weight=torch.tensor([0.5, 0.5]))
        tensor(2.)
        """
        return -(logp * weight).sum()

    def simulated_gain(self, rows: Rows, known: SimulatedRows) -> SimulatedGain:
        """Right texts raise the ability most where it stands at the row's difficulty, wrong ones lower it as much.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> known = SimpleNamespace(able=np.array([0.5, 0.9, 0.5]), right=np.array([1.0, 1.0, 0.0]))
        >>> cl.Sft().simulated_gain(pd.DataFrame(), known).ability.round(2)  # logits, before the learning rate
        array([ 1.  ,  0.36, -1.  ])
        """
        sign = np.where(np.isnan(known.right), 0.0, 2 * known.right - 1)
        return SimulatedGain(4 * known.able * (1 - known.able) * sign)
