"""Multiple choice: the right option by its text or its letter ("(B)", "b.", "B) Paris")."""

from __future__ import annotations

import re

import numpy as np

from curriculab.rewards.answers import final_answer
from curriculab.rewards.cutoffs import cut_off
from curriculab.rewards.registry import Reference, verifier

LETTER = re.compile(r"\W*(?:option |choice )?\W*([A-Za-z])\W*\Z", re.IGNORECASE)
LETTERED = re.compile(r"[\W_]*([A-Za-z])(?:\)|[.:](?=\s))\W*(\S.*)\Z", re.DOTALL)  # "(B) Paris", "B. Paris"


@verifier("choice")
def choice(text: str, reference: Reference) -> float:
    """1 where the final answer means the same option as the right answer."""
    said, _, cut = final_answer(text)
    options = reference.options
    texts = [" ".join(str(o).split()) for o in options] if isinstance(options, (list, tuple, np.ndarray)) else []
    right = option_meant(reference.plain, texts)
    if right is None:  # no options given: the letter or the words themselves
        same = said.strip(" .").casefold() == reference.plain.strip(" .").casefold()
    else:
        same = option_meant(said, texts) == right
    if same:
        return 1.0
    return cut_off("length") if cut else 0.0


def option_meant(said: str, texts: list[str]) -> int | None:
    """Which option is meant: by its text, else by its letter, which must not stand before another option's text."""
    if said in texts:
        return texts.index(said)
    words = [t.strip(" .").casefold() for t in texts]
    if words.count(said.strip(" .").casefold()) == 1:
        return words.index(said.strip(" .").casefold())
    found = LETTER.match(said) or LETTERED.match(said)
    if found is None:
        return None
    place = ord(found[1].lower()) - ord("a")
    rest = found[2].strip(" .").casefold() if found.re is LETTERED else None
    if texts and (place >= len(texts) or (rest in words and words[place] != rest)):
        return None
    return place
