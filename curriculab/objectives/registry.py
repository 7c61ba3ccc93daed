"""All objectives by name."""

from __future__ import annotations

from curriculab.objectives.grpo import Grpo
from curriculab.objectives.pair import Pair
from curriculab.objectives.sft import Sft

Objective = Sft | Grpo | Pair


OBJECTIVES: dict[str, type] = {"sft": Sft, "grpo": Grpo, "pair": Pair}
