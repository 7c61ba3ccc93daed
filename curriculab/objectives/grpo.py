"""Policy gradient with advantages relative to a group of answers: GRPO and its kin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curriculab.objectives.options import check_number, check_optimiser
from curriculab.protocol import Rows


@dataclass(frozen=True)
class Grpo:
    """Policy gradient with advantages relative to a group of answers: GRPO and its kin.

    Loss of one token, with ratio = exp(logp - logp when sampled), A the advantage, d = logp of the base - logp:

        - min(ratio A, clip(ratio, 1 - low, 1 + high) A) + beta ratio (exp(d) - d - 1)

    Reads `advantage`, else `reward` within `group` (groups may be of any size); `weight` (one per answer, times the
    whole loss), `token_weight` (one array per answer), `kl_weight` (one per answer, times beta).

    | as in TRL    | setting |
    |--------------|---------|
    | grpo         | Grpo(mean="rows") |
    | bnpo, dapo   | Grpo(), dapo with high=0.28 |
    | dr_grpo      | Grpo(mean="constant", longest=max_new_tokens, scale="none") |
    | cispo        | Grpo(surrogate="cispo", high=5.0) |

    RLOO is Grpo(baseline="others", scale="none"), REINFORCE Grpo(baseline="none", scale="none").
    """

    lr: float = 3e-4  # of the pocket model; 1e-5 to 5e-5 is usual for LoRA on 0.5B to 7B models
    weight_decay: float = 0.0
    clip: float = 1.0  # norm of the gradient of one adapter; TRL and transformers use the same default
    baseline: str = "group"  # mean of the group; "others": of its other answers (RLOO); "none": 0
    scale: str = "group"  # divide by the group's standard deviation (n - 1); "batch": by that of all rewards; "none"
    epsilon: float = 1e-4  # added to the standard deviation; TRL's value
    low: float = 0.2  # Schulman et al. 2017
    high: float = 0.2  # DAPO (Yu et al. 2025): 0.28; cispo: the largest ratio, 5.0 (Khatri et al. 2025)
    surrogate: str = "clip"  # "cispo": - min(ratio, high) A logp, the ratio without gradient (MiniMax-M1, 2025)
    mean: str = "tokens"  # over all tokens; "rows": of each row's mean; "constant": sum / (rows longest), Dr. GRPO
    longest: int | None = None  # tokens, for mean="constant"
    beta: float = 0.0  # of the divergence from the base
    kl_ratio: bool = True  # as TRL, after DeepSeek-V3.2 (2025); False leaves `ratio` out of that term: Shao et al. 2024
    updates: int = 1  # optimiser steps on the same answers; each is charged as a step

    def __post_init__(self) -> None:
        check_optimiser(self)
        for name in ("epsilon", "low", "high", "beta"):
            check_number(self, name, 0)
        for name, allowed in GRPO_CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"Grpo({name}={getattr(self, name)!r}); choose {' or '.join(map(repr, allowed))}")
        if (self.mean == "constant") != (self.longest is not None):
            raise ValueError(f"Grpo(mean={self.mean!r}, longest={self.longest}); mean='constant' wants longest=tokens")
        if self.baseline == "none" and self.scale == "group":
            raise ValueError(
                "Grpo(baseline='none', scale='group') blows up where all rewards of a group are alike; choose scale="
                "'none' (REINFORCE) or 'batch'"
            )
        if not isinstance(self.updates, int) or self.updates < 1:
            raise ValueError(f"Grpo(updates={self.updates!r}); give at least 1 optimiser step an answered batch")

    def advantages(self, rows: Rows) -> np.ndarray:
        """One advantage per answer, (rows,): the column `advantage`, else made of `reward` within `group`.

        An answer without an advantage or a reward (NaN) is an error; a group of one answer has advantage 0, unless
        the baseline is "none".
        """
        column = "advantage" if "advantage" in rows else "reward"
        if column not in rows or (column == "reward" and "group" not in rows):
            raise ValueError(f"Grpo reads `advantage`, or `reward` and `group`; the rows have {list(rows.columns)}")
        value = rows[column].to_numpy(float)
        if bad := np.flatnonzero(~np.isfinite(value)).tolist():
            raise ValueError(
                f"the {column} of row {rows.index[bad[0]]!r} is {value[bad[0]]} ({len(bad)} of {len(rows)} answers); "
                "give every answer a number, or leave it out"
            )
        if column == "advantage":
            return value
        if bad := np.flatnonzero(rows["group"].isna()).tolist():
            lacking = f"{len(bad)} of {len(rows)} answers"
            raise ValueError(f"row {rows.index[bad[0]]!r} has no `group` ({lacking}); give it one")
        _, of, size = np.unique(rows["group"].to_numpy(), return_inverse=True, return_counts=True)
        off = value - (np.bincount(of, value) / size)[of]
        spread = np.sqrt(np.bincount(of, off**2) / np.maximum(size - 1, 1))[of]
        if self.scale == "batch":
            spread = np.full(len(value), value.std(ddof=1) if len(value) > 1 else 0.0)
        if self.baseline == "none":
            off = value
        elif self.baseline == "others":
            off = off * (size / np.maximum(size - 1, 1))[of]
        return off if self.scale == "none" else off / (spread + self.epsilon)


GRPO_CHOICES = {
    "baseline": ("group", "others", "none"),
    "scale": ("group", "batch", "none"),
    "surrogate": ("clip", "cispo"),
    "mean": ("tokens", "rows", "constant"),
}
