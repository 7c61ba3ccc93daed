"""Importance weights of answers that were decoded by other arithmetic than the loss reads them with.

The decode computes log-probabilities a token at a time, the training forward all at once: the same numbers but for
rounding, which in bfloat16 is 0.04 nats a token. exp(0.04) = 1.04 is what such a token weighs then.

Source: truncated importance sampling, Yao et al. 2025, "Your Efficient RL Framework Secretly Brings You Off-Policy RL
Training"; the modes are those of TRL's `vllm_importance_sampling_mode`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MODES = ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask")


@dataclass(frozen=True)
class Importance:
    """Weight of every token's loss, exp(log-probability of the forward - that of the decode), within bounds.

    Parameters
    ----------
    mode : str
        "token_*": a weight of each token; "sequence_*": of each answer, by the sum of its tokens' differences.
        "*_truncate": clipped to the bounds; "*_mask": 0 outside of them.
    clip_min, clip_max : float, optional
        The bounds; None: no bound.

    Examples
    --------
    >>> import torch
    >>> gap, answer = torch.tensor([0.0, 2.0, float("nan")]), torch.tensor([0.0, 1.0, 1.0])  # nan: not known
    >>> cl.objectives.importance.Importance("token_truncate", clip_max=3.0)(torch, gap, answer)
    tensor([1., 3., 1.])
    """

    mode: str = "token_truncate"
    clip_min: float | None = None
    clip_max: float | None = None

    def __call__(self, torch: Any, gap: Any, answer: Any) -> Any:
        """Weights (tokens,); gap: differences (tokens,), nats, NaN where unknown; answer: number of each's, (tokens,).

        An answer's tokens stand side by side.
        """
        gap = torch.nan_to_num(gap, nan=0.0)
        if self.mode.startswith("sequence"):
            numbers, of = torch.unique_consecutive(answer, return_inverse=True)
            gap = torch.zeros_like(gap[: len(numbers)]).index_add(0, of, gap)[of]
        ratio = torch.exp(gap)
        bounds = {"min": self.clip_min, "max": self.clip_max}
        if bounds["min"] is None and bounds["max"] is None:
            return ratio
        inside = ratio.clamp(**bounds)
        return inside if self.mode.endswith("truncate") else torch.where(inside == ratio, ratio, 0.0)
