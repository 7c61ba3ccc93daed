"""All objectives by name."""

from __future__ import annotations

from collections.abc import Mapping

from curriculab.objectives.grpo import Grpo
from curriculab.objectives.pair import Pair
from curriculab.objectives.sft import Sft

Objective = Sft | Grpo | Pair


OBJECTIVES: dict[str, type] = {"sft": Sft, "grpo": Grpo, "pair": Pair}


def resolve(objectives: Mapping[str, Objective], wanted: object = None) -> Objective:
    """The setting that a Train means: its own, the bench's of that name, or the bench's first.

    objectives: the bench's setting of each objective by name, the first being the default; wanted: `Train.objective`.
    """
    if isinstance(wanted, tuple(OBJECTIVES.values())):
        return wanted
    name = wanted or next(iter(objectives))
    if name not in OBJECTIVES:
        raise ValueError(f"no objective {name!r}; there are {', '.join(OBJECTIVES)}")
    return objectives.get(name) or OBJECTIVES[name]()
