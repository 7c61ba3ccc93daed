"""Numbers that every objective has, and how they are checked."""

from __future__ import annotations

import math

import numpy as np

LARGEST_LR = 10.0  # Adam moves each weight by about lr: above, float32 is soon at its end


def check_number(setting: object, name: str, least: float, most: float = math.inf) -> None:
    """Refuse a setting that is no finite number from `least` to `most`."""
    value = getattr(setting, name)
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not least <= value <= most:
        allowed = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{type(setting).__name__}({name}={value!r}); give a number {allowed}")


def check_optimiser(setting: object) -> None:
    check_number(setting, "lr", 0, LARGEST_LR)
    check_number(setting, "weight_decay", 0)
    check_number(setting, "clip", 0)
