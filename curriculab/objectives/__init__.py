"""Objectives: settings of a training step, what they read from rows, and the loss they give.

Sft(lr=1e-3)            # supervised: negative log-likelihood of the learned tokens
Grpo(scale="none")      # policy gradient with advantages relative to a group of answers
"""

from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft

__all__ = ["Grpo", "Sft"]


def __dir__() -> list[str]:
    return __all__
