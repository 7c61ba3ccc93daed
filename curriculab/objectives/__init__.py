"""Objectives: settings of an optimiser step, what they read from rows, and their loss.

Sft(learning_rate=1e-3)                        # supervised: negative log-likelihood of the learned tokens
Grpo(loss_type="dr_grpo", scale_rewards=False)  # policy gradient with advantages relative to a group of answers
"""

from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft

__all__ = ["Grpo", "Sft"]


def __dir__() -> list[str]:
    return __all__
