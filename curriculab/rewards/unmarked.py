"""The number that an unmarked text comes to.  `last_number("So 12 is 30% of 40.") -> 30%`.

It is the last one of the last sentence that has any, unless that sentence says otherwise: what it explains
("because 20 - 8 = 12"), denies ("not 13") or relates its number to ("12 eggs for 3 cakes") does not count, nor do
checks and notes behind an answer. "8 or 12" is no number. A number alone on the first line goes before its explanation.
"""

from __future__ import annotations

import re

from curriculab.rewards.plain import FRAME, plain
from curriculab.rewards.quantities import DIGIT, Quantity, Token, quantity, tokens
from curriculab.rewards.spoken import ANY, SPOKEN, digits

SENTENCE = re.compile(
    r"(?:\.(?<!\bapprox\.)(?<!\bca\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bRs\.)(?<!\bNo\.)(?<!\bno\.)(?<!\bvs\.)(?<!\bSt\.)"
    r"(?<!\bDr\.)(?<!\bMr\.)|[!?])[\"')*_`\]}$]*(?=\s|\Z)|\n"
)
LAST_DIGIT = re.compile(r".*\d", re.DOTALL | re.ASCII)
ENDING = re.compile(
    r"(?:[A-Za-z,:;=!?]\s|[A-Za-z:=]\s?\$)(-?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,15})?)[.!]?\s{0,4}\Z",
    re.ASCII,
)
REACH = 40  # characters in which the end of a text is read; doubled where a number goes on before them
LONGEST = 16384  # characters in which the beginning of one number is looked for
SENTENCE_LONG = 160  # characters that are looked at for what an answer is explained by
WINDOW = 600  # characters before the last digit, in which its sentence begins

# Words that must not stand before the number at the end of a text that is read at once.
RELATED = frozenset(
    "of in for per after from every each with to at than over or and between by not on out about roughly within before "
    "the all his her their a instead rather".split()
)
NOTE = re.compile(
    r"[\s*_(\[>#-]*(?:note|check|checking|verification|verify|double-check|proof|p\.?s\.?|remark|for (?:reference|"
    r"comparison)|"
    r"fun fact|by the way|(?:let me|let's|to|(?:we|you|i) can(?: also)?) (?:double-?\s?)?(?:check|verify)|check:)\b",
    re.IGNORECASE,
)
ASIDE = re.compile(r"\s*\(\s*[A-Za-z][^()]*\)?\W*\Z")
TAKEN_BACK = re.compile(
    r"\b(?:wait|mistake|error|wrong|incorrect|actually|corrected|correction|sorry|apolog\w+|hold on|should be)\b",
    re.IGNORECASE,
)
POLITE = re.compile(
    r"[\s*_]*(?:let me know|feel free|i hope|hope (?:this|that)|if you (?:have|want|need|would)|would you|do you|"
    r"is there|here (?:is|are)|have a)\b",
    re.IGNORECASE,
)
EXPLAINED = re.compile(
    r"(?:,?\s{0,3}\b(?:because|since|given that)\b(?![^,]*,[^,]*\d)|,\s{0,3}(?:and )?not\b|\band not\b|"
    r"\b(?:not|instead of|rather than) (?=\W?\d)|\s\((?=[^()]*\)\W*\Z))",
    re.IGNORECASE,
)
UNKNOWN = re.compile(
    r"\b(?:(?:do|does|did)(?:n't| not) know|can(?:'t|not| not)\s+(?:be\s+)?(?:tell|say|determine\w*|know\w*|"
    r"work\w*)|not enough|"
    r"need more (?:information|data)|impossible to (?:say|tell|know|determine)|unclear)",
    re.IGNORECASE,
)
EITHER = re.compile(r"\s*[^\d.;=]{0,40}?\b(?:or|and/or)\b(?P<about>[^\d.;=]{0,20})\Z", re.IGNORECASE)
DENIED_BEFORE = re.compile(r"(?:\bnot|n't)\s(?:equal to\s|exactly\s)?[$€£]?\Z", re.IGNORECASE)
BETWEEN = re.compile(r"\b(?:either|between|anywhere from)\b[^\d.;=]{0,20}\Z", re.IGNORECASE)
ABOUT = re.compile(r"\b(?:about|approximately|roughly|around|nearly|almost|approx)|[≈~]", re.IGNORECASE)
# "12 eggs for 3 cakes": what stands between a number and the one that it is related to.
RELATION = re.compile(
    r"(?:\s{0,2}%?\s{0,2}[A-Za-z/²³'-]{1,20}(?=[\s,])){0,3}?\s{0,2}%?\s{0,2}(?:(?:\bof|\bin|\bfor|\bper|\bafter|"
    r"\bout of|\bfrom|"
    r"\bevery|\bwithin|\bto make|\bto cover)\s+(?:the|each|every|all|all the|his|her|its|their|these|those|an?)?\s*"
    r"|,?\s(?:after|when|if|while|before|once|with)(?:\s[A-Za-z]{1,20}){0,4}\s*)\Z",
    re.IGNORECASE,
)
SUMMED = re.compile(r"\b(?:total|sum|all in all|altogether|combined|profit|cost)\b", re.IGNORECASE)
RESULT = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|gets?|needs?|takes?|took|makes?|made|holds?|contains?|costs?|leaves?|"
    r"left|equals?|"
    r"covers?|earns?|requires?|uses?|used|receives?|received|sees?|drives?|walks?|"
    r"reads?)\s+(?:[A-Za-z]+\s+){0,3}[$€£]?\Z",
    re.IGNORECASE,
)
SPOKEN_RESULT = re.compile(
    r"(?:\b(?:is|are|was|were|be|has|have|had|makes?|leaves?|gives?|equals?|total of|so|thus|therefore)|"
    r"[=:])\s{0,3}\Z",
    re.IGNORECASE,
)
BOLD = re.compile(r"\*\*(?!\s)([^*\n]{1,80}?)\*\*|(?<![\w_])__(?!\s)([^_\n]{1,80}?)__(?![\w_])")
CUT = re.compile(r"(?:[-+/×÷=]|(?<![*\w])\*)\s*\Z")  # a text that was cut off within a calculation
LONE = re.compile(
    r"\s*(?=[^\n]{1,40}\n)[*_#\s]*[-+−$€£]?\.?\d[^\n]*\n(?P<rest>\s*\n|[\s*_#]*(?:explanation|reason|because|here|"
    r"steps?|why|how)\b)",
    re.IGNORECASE,
)
BOLD_FIRST = re.compile(r"\*\*[^*\n]{1,40}\*\*[.!]?\s(?P<rest>)")
CONCLUDES = re.compile(r"\b(?:so|thus|therefore|hence|total|altogether|final)\b|=>|⇒", re.IGNORECASE)


def plain_ending(text: str) -> re.Match[str] | None:
    """The number at the end of a text that needs none of the rules below; None where one of them may change it."""
    end = text[-REACH:]
    found = ENDING.search(end)
    if (
        found is None
        or end[: found.start() + 1].rsplit(None, 1)[-1].lower() in RELATED
        or text[:1] in "0123456789*$-−#"
    ):
        return None
    tail = text[-SENTENCE_LONG:]
    if (
        "because" in tail
        or "since" in tail
        or "hether" in tail
        or "not " in tail
        or "**" in tail
        or "ither" in tail
        or "etween" in tail
    ):
        return None
    tail = text[-WINDOW // 2 :]
    return None if "heck" in tail or "Verif" in tail or "Note" in tail or "eference" in tail else found


def last_number(text: str) -> Quantity | None:
    """The number of a text that nothing marks, None where its last digits belong to something larger."""
    lone = _first_line(text)
    if lone is not None:
        return lone
    digit = _last_digit(text)
    spoken = None if digit >= 0 else ANY.search(text, max(0, len(text) - WINDOW))
    if digit < 0 and spoken is None:
        return None
    if digit < 0:
        digit = spoken.start()
    start, stop = max(0, digit - WINDOW), min(len(text), digit + WINDOW)
    sentences = [s for s in SENTENCE.split(text[start:stop]) if s.strip()]
    whole = stop == len(text)
    if start and len(sentences) == 1:
        return _last_token(text, digit)
    sentences = sentences[bool(start) :]
    if whole and sentences and CUT.search(sentences[-1]):
        return None
    for sentence in reversed(_without_notes(sentences)):
        if sentence.rstrip(FRAME[:-1]).endswith("?") or POLITE.match(sentence):
            continue
        found = _of_sentence(sentence, all_words=spoken is not None)
        if found is not None:
            return found.quantity
    return None


def _first_line(text: str) -> Quantity | None:
    """The number on a first line of its own, where what follows explains it and takes nothing back."""
    if text[:1] not in "0123456789*$-−#_":
        return None
    found = LONE.match(text) or BOLD_FIRST.match(text)
    if found is None:
        return None
    meant = quantity(text[: found.start("rest")].strip(" *_#\n.!"))
    rest = text[found.start("rest") :].lstrip()
    if meant is None or not rest or quantity(rest.split("\n", 1)[0].strip(" *_#")) is not None:
        return None
    return None if TAKEN_BACK.search(rest[: 4 * WINDOW]) or CONCLUDES.search(rest[-WINDOW // 2 :]) else meant


def _without_notes(sentences: list[str]) -> list[str]:
    """Sentences up to a check or a note behind an answer, unless it finds a mistake."""
    for at, sentence in enumerate(sentences):
        if at and (NOTE.match(sentence) or ASIDE.match(sentence)):
            before = any(DIGIT.search(s) or ANY.search(s) for s in sentences[:at])
            if before and not any(TAKEN_BACK.search(s) for s in sentences[at:]):
                return sentences[:at]
    return sentences


NOTHING = Token(0, 0, None)


def _of_sentence(sentence: str, *, all_words: bool) -> Token | None:
    """The number that a sentence comes to, one without a quantity where it leaves that open; None for no number."""
    bold = [m[1] or m[2] for m in BOLD.finditer(sentence)]
    bold = [b for b in bold if not b.rstrip().endswith(":")]
    if len(bold) == 1:
        found = tokens(digits(plain(bold[0])))
        if len(found) == 1 and found[0].quantity is not None:
            return found[0]
    text = _with_digits(plain(BOLD.sub(r"\1\2", sentence)), all_words)
    found = tokens(text)
    if not found:
        return None
    if UNKNOWN.search(text):
        return NOTHING
    explained = EXPLAINED.search(text)
    if explained is not None:
        head = tokens(text[: explained.start()])
        if head and head[-1].quantity is not None:
            text, found = text[: explained.start()], head
    return _related(text, found)


def _related(text: str, found: list[Token]) -> Token:
    """The last number, or the one that it is related to; no quantity where it is one of two."""
    last = found[-1]
    if DENIED_BEFORE.search(text[max(0, last.start - REACH) : last.start]):
        return NOTHING
    for before in reversed(found[:-1]):
        between = text[before.end : last.start]
        either = EITHER.match(between)
        if either is not None or ("and" in between and BETWEEN.search(text[: before.start])):
            if either is not None and ABOUT.search(either["about"]):
                return before
            return last if _one_thing(before.quantity, last.quantity) else NOTHING
        if before.quantity is None or SUMMED.search(between) or not RELATION.match(between):
            return last
        if not before.quantity.percent and not RESULT.search(text[max(0, before.start - REACH) : before.start]):
            return last
        last = before
    return last


def _one_thing(first: Quantity | None, second: Quantity | None) -> bool:
    """Whether two numbers may be one, in the same or in another unit: "90 minutes or 1.5 hours"."""
    if first is None or second is None:
        return first is second
    return first.same(second) or bool(first.unit and second.unit and first.unit != second.unit)


def _with_digits(text: str, all_words: bool) -> str:
    """A sentence with its numbers in words as digits: all, or those behind its digits that say what there is."""
    if not ANY.search(text):
        return text
    if all_words:
        return digits(text)
    at = _last_digit(text) + 1
    for found in SPOKEN.finditer(text, at):
        if found[0].lower() != "one" and SPOKEN_RESULT.search(text[max(0, found.start() - REACH) : found.start()]):
            return text[: found.start()] + digits(text[found.start() : found.end()]) + text[found.end() :]
    return text


def _last_token(text: str, digit: int) -> Quantity | None:
    """The last number of a sentence that is longer than the window."""
    stop = min(len(text), digit + 60)
    reach = REACH
    while True:
        start = max(0, digit - reach)
        if start:
            start = _blank_before(text, start, digit)
        found = tokens(plain(_line_of(text, start, stop, digit)))
        if found and (found[0].start > 0 or len(found) > 1 or start == 0 or reach > LONGEST):
            return found[-1].quantity
        if start == 0:
            return None
        reach *= 4


def _last_digit(text: str) -> int:
    found = LAST_DIGIT.match(text)
    at = found.end() - 1 if found else -1
    if text.isascii():
        return at
    for place in range(len(text) - 1, at, -1):
        if text[place].isnumeric():
            return place
    return at


def _blank_before(text: str, start: int, digit: int) -> int:
    blank = text.find(" ", start, digit)
    return blank if blank >= 0 else start


def _line_of(text: str, start: int, stop: int, digit: int) -> str:
    """The part of a text that lies on the line of its last digit."""
    line = text.rfind("\n", start, digit) + 1
    after = text.find("\n", digit, stop)
    return text[max(line, start) : after if after >= 0 else stop]
