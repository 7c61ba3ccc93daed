"""Preference pairs."""

from __future__ import annotations

from dataclasses import dataclass

from curriculab.objectives.options import check_number, check_optimiser


@dataclass(frozen=True)
class Pair:
    """Preference pairs within `group`: `prefer` is +1 or -1."""

    lr: float = 3e-4
    weight_decay: float = 0.0
    clip: float = 1.0
    beta: float = 0.1  # Rafailov et al. 2023

    def __post_init__(self) -> None:
        check_optimiser(self)
        check_number(self, "beta", 0)
