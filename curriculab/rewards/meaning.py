"""What an answer means: its number, or its words.  `number_meant("18 dollars, since 9 * 2 = 18", "line") -> 18`.

An answer that leaves open which of several it means, such as "17 or 18", means none of them.
"""

from __future__ import annotations

import re
from decimal import Decimal

from curriculab.rewards.answers import LONGEST
from curriculab.rewards.plain import FRAME, THIN, plain, words
from curriculab.rewards.quantities import DIGIT, MONEY, SIMPLE, Quantity, Token, tokens
from curriculab.rewards.spoken import digits
from curriculab.rewards.unmarked import REACH, SENTENCE, last_number, plain_ending

# What comes behind these explains an answer; a comma does so unless it goes on with a list.
CLAUSE = re.compile(
    r",?\s*\b(?:because|since|as|which|where|whereas|while|given|not|instead|rather\s+than|but|so\s+that|after\s+that|"
    r"i\.e\.|that\s+is)\b|;|\s[(\[]|\s-{1,2}\s(?=[A-Za-z])|\?|,(?=\s+(?!(?:and|or)\b)[A-Za-z(])",
    re.IGNORECASE,
)
RELATIONS = re.compile(r"[<>≤≥≠±]|\\(?:n?leq?|n?geq?|lt|gt|ne|neq|pm|mp|in|notin|cup|cap|infty)(?![A-Za-z])")
DENIED = re.compile(r"[\s*_:,]*(?:not|n['’]t|neither|none|no|never|anything but)\b", re.IGNORECASE)
CONNECTED = re.compile(
    r"[^\d]*?\b(?:for|in|per|of|out|on|at|each|every|by|after|over|from|with|when|if|who|that|during|within)\b",
    re.IGNORECASE,
)
LISTED = re.compile(r"\b(?:or|and|to|between|either|plus|minus|times|through)\b|[&,]", re.IGNORECASE)
VARIABLE = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z'])")
COEFFICIENT = re.compile(r"\d\s*[A-Za-z](?![A-Za-z])|[A-Za-z]\s*[+*/-]\s*\d|\d\s*[+*/-]\s*[A-Za-z](?![A-Za-z])|\^")
FIRST_LETTERS = re.compile(r"[A-Za-z]{2,}")
# Answers that need none of the rules below: a number alone, and one that ends a text behind a word or "=".
ALONE = re.compile(r"[\s*_]{0,4}\$?(-?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?)\$?[*_]{0,2}\.?[\s*_]{0,4}\Z", re.ASCII)


def plainly_same(said: str, mark: str, answer: str) -> bool | None:
    """Whether a plain number is the right one, itself a plain number; None where either needs to be read by rules."""
    if not SIMPLE.fullmatch(answer):
        return None
    if mark and len(said) >= REACH:
        return None
    found = ALONE.match(said) if mark else plain_ending(said)
    if found is None:
        return None
    value = found[1].replace(",", "")
    return value == answer or Decimal(value) == Decimal(answer)


def number_meant(said: str, mark: str) -> Quantity | None:
    """The number of an answer as `marked_answer` found it; None where it has none, or more than one."""
    if mark == "":
        return last_number(said)
    if len(said) > 4 * LONGEST:
        return None
    text = digits(plain(said))
    if DENIED.match(text):
        return None
    strict = mark == "box" or "\\" in said
    if mark == "box":
        return _of_clause(text, strict, whole=True)
    for sentence in _pieces(text, SENTENCE, 2):
        for clause in _pieces(sentence, CLAUSE, 8):
            if DIGIT.search(clause):
                return _of_clause(clause, strict, whole=False)
            if DENIED.match(clause):
                return None
        if FIRST_LETTERS.search(sentence):
            return None
    return None


def _pieces(text: str, border: re.Pattern[str], most: int) -> list[str]:
    return border.split(text, maxsplit=most)[:most] if most else [text]


def _of_clause(text: str, strict: bool, whole: bool) -> Quantity | None:
    """The number of a clause: the one behind the last "=", else its only one."""
    if RELATIONS.search(text) or len(text) > LONGEST:
        return None
    parts = text.split("=")
    last = parts[-1]
    found = tokens(last, strict=strict)
    if not found and len(parts) > 1:
        return None
    if coefficients(text):
        return None
    return _only(last, found, whole)


def coefficients(text: str) -> bool:
    """Whether what stands before the last "=" has unknowns with numbers: "2x - y + 5 = 0" names no number, "x" does."""
    return any(VARIABLE.search(part) and COEFFICIENT.search(part) for part in plain(text).split("=")[:-1])


def _only(text: str, found: list[Token], whole: bool) -> Quantity | None:
    if not found:
        return None
    first = found[0]
    if len(found) > 1:
        if not whole and first.quantity is not None and all(t.quantity == first.quantity for t in found):
            return first.quantity  # "one half, or 1/2"
        if whole or first.quantity is None or FIRST_LETTERS.search(text[: first.start]) and _listed(text, found):
            return None
        between = text[first.end : found[1].start]
        return first.quantity if CONNECTED.match(between) and not LISTED.search(between) else None
    if "\\" in text or (whole and not _whole(text, first)):
        return None
    return first.quantity


def _listed(text: str, found: list[Token]) -> bool:
    return LISTED.search(text[: found[1].start]) is not None


MONEY_OR_THIN = re.escape(MONEY) + THIN
LEFT = re.compile(  # what may stand before a number in a box: words, money, opening brackets
    rf"[\s{MONEY_OR_THIN}({{\[*_`\"'.:,;]*(?:[A-Za-z][A-Za-z ,:{THIN}]*[:\s{MONEY_OR_THIN}]+)?[({{]?\Z"
)


def _whole(text: str, token: Token) -> bool:
    """Whether a box holds the number with words around it, and no brackets, letters or operators of mathematics."""
    before, after = text[: token.start], text[token.end :]
    if VARIABLE.search(before.replace(" a ", " ")) or not LEFT.match(before):
        return False
    rest = after.strip(FRAME + ")}]' ")
    if any(c in rest for c in "+*/^={}(×") and "/" not in rest:
        return False
    letters = VARIABLE.findall(rest)
    return all(letter in "mgslhLtVWAN" for letter in letters)


def words_meant(said: str, mark: str) -> list[str]:
    """What an answer in words may be: all of it, its sentence, and what stands before its explanation."""
    whole = words(said[:LONGEST])
    if mark == "" or DENIED.match(said):
        return [whole]
    sentence = SENTENCE.split(said[:LONGEST], maxsplit=1)[0]
    clause = CLAUSE.split(sentence, maxsplit=1)[0]
    return [w for w in dict.fromkeys((whole, words(sentence), words(clause))) if w]
