"""Numbers in words as digits.  `digits("twenty-one chairs and a dozen eggs") -> "21 chairs and 12 eggs"`.

Fractions ("three quarters"), "minus five" and "six and a half" are read; the pronoun of "the other one" is left alone.
"""

from __future__ import annotations

import re
from fractions import Fraction

UNITS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
TENS = {
    word: 10 * (place + 2) for place, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100,
}  # fmt: skip

SMALL = "|".join(sorted([*UNITS, *TENS], key=len, reverse=True))
SCALE = "|".join(SCALES)
PART = "|".join([*PARTS, *(f"{part}s" for part in PARTS if part not in ("half", "halves"))])
SPOKEN = re.compile(
    r"\b(?:(?P<minus>minus|negative)\s+)?(?:"
    rf"(?P<dozens>half\s+an?\s+(?:dozen|{SCALE})|(?:(?:an?|{SMALL})\s+|(?<!\d )(?<!\d))dozen)\b"
    rf"|(?P<top>an?|{SMALL})[ -](?P<bottom>{PART})\b"
    rf"|(?P<number>(?:(?:{SMALL})\b|an?\s+(?=(?:{SCALE})\b))"
    rf"(?:(?:\s+and\s+|[\s-]+)?(?:{SMALL}|{SCALE})\b){{0,12}})(?P<half>\s+and\s+a\s+half\b)?"
    r")(?!['’])",
    re.IGNORECASE,
)
PRONOUN = re.compile(
    r"(?:\b(?:no|any|some|every|the|this|that|each|which|other|last|first|another|these|those|right|correct|"
    r"bigger|smaller)"
    r"\s+|-)\Z",
    re.IGNORECASE,
)
ANY = re.compile(rf"\b(?:{SMALL}|{SCALE}|dozen|half|quarters?|thirds?)\b", re.IGNORECASE)


def digits(text: str) -> str:
    """A text with its numbers in words as digits."""
    return SPOKEN.sub(_digits, text) if ANY.search(text) else text


def _digits(found: re.Match[str]) -> str:
    if found[0].lower() == "one" and PRONOUN.search(found.string[max(0, found.start() - 12) : found.start()]):
        return found[0]
    value = _value(found)
    if value is None:
        return found[0]
    sign = "-" if found["minus"] else ""
    if value.denominator in (1, 2, 4, 5, 10) and found["half"]:
        return f"{sign}{float(value):g}"
    return f"{sign}{value}"


def _value(found: re.Match[str]) -> Fraction | None:
    if found["dozens"]:
        first, last = found["dozens"].lower().split()[0], found["dozens"].lower().split()[-1]
        times = Fraction(1, 2) if first == "half" else {**UNITS, **TENS}.get(first, 1)
        return Fraction(times * {**SCALES, "dozen": 12}[last])
    if found["top"]:
        top = 1 if found["top"].lower() in ("a", "an") else {**UNITS, **TENS}[found["top"].lower()]
        part = found["bottom"].lower()
        return Fraction(top, PARTS.get(part) or PARTS[part.removesuffix("s")])
    whole = _whole(re.split(r"[\s-]+", found["number"].lower().strip()))
    return None if whole is None else Fraction(whole) + (Fraction(1, 2) if found["half"] else 0)


def _whole(words: list[str]) -> int | None:
    """The value of "two hundred and five"; None where the words make no one number, such as "one two"."""
    total = part = 0
    last = 10**15  # the least power of ten that stood last, below which a word may follow
    for word in words:
        if word == "and":
            continue
        if word in ("a", "an"):
            part, last = 1, 1
        elif word in SCALES:
            if SCALES[word] == 100:
                part, last = (part or 1) * 100, 100
            else:
                total, part, last = total + (part or 1) * SCALES[word], 0, SCALES[word]
        else:
            value = UNITS.get(word, TENS.get(word, 0))
            if part and not (last >= 100 or (last == 10 and 0 < value < 10)):
                return None
            part, last = part + value, 10 if word in TENS else 1
    return total + part
