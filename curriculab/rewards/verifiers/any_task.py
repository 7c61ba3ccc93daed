"""A row that names no task: judged by the verifier that its right answer asks for."""

from __future__ import annotations

import numpy as np

from curriculab.rewards.golds import kind_of
from curriculab.rewards.registry import Reference, verifier_of

BY_KIND = {"number": "number", "latex": "math", "text": "text", "code": "text"}


def has_options(options: object) -> bool:
    """Whether a row's cell `options` holds any."""
    return isinstance(options, (list, tuple, np.ndarray)) and len(options) > 0


def any_task(text: str, reference: Reference) -> float:
    """A choice where the row has options, else as `kind_of` the right answer says.

    Rows without a task are judged by it, and so it has no task name of its own.
    """
    if has_options(reference.options):
        return verifier_of("choice")(text, reference)
    return verifier_of(BY_KIND[kind_of(reference.answer)])(text, reference)
