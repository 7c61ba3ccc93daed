"""Supervised fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from curriculab.objectives.options import check_optimiser


@dataclass(frozen=True)
class Sft:
    """Supervised fine-tuning: mean negative log-likelihood of the learned tokens.

    Reads `weight` (one per row, default 1) and `token_weight` (one array per row along the learned tokens).
    """

    lr: float = 1e-3  # gains most on the pocket model (its card); for 0.5B to 7B models 1e-4 to 2e-4 is usual
    weight_decay: float = 0.0
    clip: float = 1.0  # norm of the gradient of one adapter; TRL and transformers use the same default
    mean: str = "tokens"  # "rows": mean over rows of each row's mean, so that long answers count no more than short

    def __post_init__(self) -> None:
        check_optimiser(self)
        if self.mean not in ("tokens", "rows"):
            raise ValueError(f"Sft(mean={self.mean!r}); choose 'tokens' or 'rows'")
