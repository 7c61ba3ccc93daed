"""A right answer in words: the same words, whatever their case, their Markdown and the punctuation around them."""

from __future__ import annotations

import re

from curriculab.rewards.answers import marked_answer
from curriculab.rewards.clauses import MOST, OPPOSITE, polarity
from curriculab.rewards.cutoffs import cut_off
from curriculab.rewards.meaning import DENIED, words_meant
from curriculab.rewards.names import folded, whole
from curriculab.rewards.plain import words
from curriculab.rewards.prose import states
from curriculab.rewards.registry import Reference, verifier

LETTER = re.compile(r"\(?([A-Za-z])\)?[.):]?")  # an option, as the right answer gives it
LONG_ENOUGH = re.compile(r"[^\W\d_].*\w")  # words, of which a text may state one
MOST_NAMED = 80  # characters of a right answer that is looked for in prose; longer ones are compared as a whole
LETTERED = re.compile(r"\(?([a-z])(?:\)|[.:](?=\s))\s*\S")


@verifier("text")
def same_words(text: str, reference: Reference) -> float:
    """1 where the answer is the right words, or a sentence of ordinary prose states them."""
    said, mark = marked_answer(text)
    gold = reference.plain
    if " ".join(said.split()) == gold or same_text(gold, said, mark):
        return 1.0
    return cut_off("length") if not mark and len(said) > max(2 * MOST, 2 * len(gold)) else 0.0


def same_text(answer: str, said: str, mark: str) -> bool:
    """Whether words are the same; a right answer that is a letter is also meant by the letter before an option."""
    meant, target = words_meant(said, mark), words(answer)
    if target and target in meant:
        return True
    letter = LETTER.fullmatch(target)
    if letter:
        found = LETTERED.match(meant[0]) if meant else None
        return found is not None and found[1] == letter[1].casefold()
    if not LONG_ENOUGH.search(target) or len(target) > MOST_NAMED or (mark and DENIED.match(said)):
        return False
    if target in OPPOSITE:
        return polarity(said) == target
    if any(whole(answer).fullmatch(folded(one)) for one in meant):
        return True
    return states(f"It is {said}" if mark else said, answer)
