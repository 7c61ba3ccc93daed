"""Mathematical answers: as a number, else as LaTeX through math-verify, in a process of its own."""

from __future__ import annotations

import re

from curriculab.rewards.answers import LONGEST, NUMBERS, final_answer, nesting, number
from curriculab.rewards.cutoffs import DEEPEST, cut_off, judged
from curriculab.rewards.registry import Reference, verifier

LATEX_SIGNS = re.compile(r"[\\$^/{]")  # where the last number of a text need not be its answer


@verifier("math")
def math(text: str, reference: Reference) -> float:
    """1 for the same value; numbers are compared here, everything else by math-verify within 0.2 s."""
    gold = reference.plain
    said, marked, cut = final_answer(text)
    numbers = [said] if marked or LATEX_SIGNS.search(said) else NUMBERS.findall(said)[-1:]
    target = number(gold.strip("$ ."))
    meant = number(numbers[0].strip("$ .")) if numbers else None
    if said == gold or (target is not None and meant == target):
        return 1.0
    if cut or len(gold) > LONGEST:
        return cut_off("length")
    if not said or (target is not None and meant is not None):  # two numbers, and not the same
        return 0.0
    if max(nesting(said), nesting(gold)) > DEEPEST:
        return cut_off("nesting")
    return judged("math", said=said, gold=gold)
