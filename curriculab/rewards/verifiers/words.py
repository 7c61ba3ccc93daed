"""A right answer in words: the same words, whatever their case, their Markdown and the punctuation around them."""

from __future__ import annotations

import re

from curriculab.rewards.answers import LONGEST, marked_answer
from curriculab.rewards.cutoffs import cut_off
from curriculab.rewards.meaning import words_meant
from curriculab.rewards.plain import words
from curriculab.rewards.registry import Reference, verifier

LETTER = re.compile(r"\(?([A-Za-z])\)?[.):]?")  # an option, as the right answer gives it
LETTERED = re.compile(r"\(?([a-z])(?:\)|[.:](?=\s))\s*\S")


@verifier("text")
def same_words(text: str, reference: Reference) -> float:
    """1 where the marked answer, its sentence or what stands before its explanation are the right words."""
    said, mark = marked_answer(text)
    gold = reference.plain
    if " ".join(said.split()) == gold:
        return 1.0
    if not mark and len(said) > max(LONGEST, 2 * len(gold)):
        return cut_off("length")
    return float(same_text(gold, said, mark))


def same_text(answer: str, said: str, mark: str) -> bool:
    """Whether words are the same; a right answer that is a letter is also meant by the letter before an option."""
    meant, target = words_meant(said, mark), words(answer)
    if target and target in meant:
        return True
    letter = LETTER.fullmatch(target)
    found = LETTERED.match(meant[0]) if letter and meant else None
    return found is not None and found[1] == letter[1].casefold()
