"""Any task: the final answer as characters, or as a plain decimal number."""

from __future__ import annotations

from curriculab.rewards.answers import NUMBERS, final_answer, number
from curriculab.rewards.cutoffs import cut_off
from curriculab.rewards.registry import Reference


def free_text(text: str, reference: Reference) -> float:
    """1 for the same final answer, or for the same number; the last number counts where nothing marks the answer.

    Rows without a task are judged by it, and so it has no task name of its own.
    """
    said, marked, cut = final_answer(text)
    target = number(reference.plain)
    if said == reference.plain:
        return 1.0
    if target is not None:
        numbers = [said] if marked else NUMBERS.findall(said)[-1:]
        if any(number(n.strip("$ .")) == target for n in numbers):
            return 1.0
    return cut_off("length") if cut else 0.0
