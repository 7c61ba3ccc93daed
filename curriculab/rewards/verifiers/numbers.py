"""A right answer that is a number: the same number, written in any way, with any unit that is not another one."""

from __future__ import annotations

from curriculab.rewards.answers import marked_answer
from curriculab.rewards.meaning import number_meant, plainly_same
from curriculab.rewards.quantities import quantity
from curriculab.rewards.registry import Reference, verifier
from curriculab.rewards.verifiers.math import FORMULA, math
from curriculab.rewards.verifiers.words import same_words
from curriculab.rewards.worker import can_judge


@verifier("number")
def same_number(text: str, reference: Reference) -> float:
    """1 for the same number, compared exactly; where nothing marks an answer, the last number of the text counts."""
    gold = reference.plain
    said, mark = marked_answer(text)
    if said == gold or said.strip() == gold:
        return 1.0
    if (same := plainly_same(said, mark, gold)) is not None:
        return float(same)
    target = quantity(gold)
    if target is None:
        return same_words(text, reference)
    meant = number_meant(said, mark)
    if meant is None and mark == "box" and FORMULA.search(said) and can_judge():
        return math(text, reference)  # "5!" or "\\sqrt{16}"
    return float(meant is not None and target.same(meant))
