"""Multiple choice: the right option by its text or its letter, where no other option stands in the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from curriculab.rewards.answers import LONGEST, marked_answer
from curriculab.rewards.cutoffs import cut_off
from curriculab.rewards.meaning import SENTENCE, number_meant
from curriculab.rewards.plain import plain, words
from curriculab.rewards.prose import states
from curriculab.rewards.quantities import DIGIT, Quantity, quantity
from curriculab.rewards.registry import Reference, verifier

# "The correct option is B", "I choose B": what marks an option where no answer is marked, the last one of a text.
CHOSEN = re.compile(
    r"\b(?:(?:correct|right|best|true)\s+(?:option|choice|one|statement)\s*(?:is|:)|(?:choose|pick|select|go\s+with|"
    r"going\s+with|opt\s+for)|(?:it\s+)?must\s+be|(?:option|choice)\s*(?:is|:)|"
    r"(?:that|this|which)\s+leaves(?:\s+us)?(?:\s+with)?(?:\s+only)?(?=\W+(?:(?:option|"
    r"choice)\W+)?[A-Z]\b(?!\s+[a-z]))|left\s+with|"
    r"(?:hence|therefore|thus|so)[,:]?\s+(?=(?:option\s+)?\(?(?-i:[A-HJ-Z])\)?[.!]?\s*\Z))\s*",
    re.IGNORECASE,
)
# A capital letter counts where it stands for an option: not the article of "A bit of everything" nor "I".
OPTION = re.compile(
    r"(?<![\w'])(?:(?P<named>(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?)(?P<after>[A-Za-z])(?![\w'])"
    r"|[(\[](?P<framed>[A-Za-z])[)\]]"
    r"|(?P<listed>[A-Z])(?=\)|[.:](?:\s|\Z)|\s*-\s)"
    r"|(?P<alone>[A-Z])(?=\s*(?:[,;(!?]|\Z|\.(?:\s|\Z))|\s+(?:is|was|or|and|because|since|as|for|not|but|seems|must|"
    r"would|are|nor|with|instead|rather|here|can|could)\b)(?![\w']))"
)
NOT_BEFORE = re.compile(
    r"(?:\bnot|n't|\bnor|\bneither|rather than|instead of|unlike|than|exclud\w+|eliminat\w+|discard\w*|rul\w+ out)\s+"
    r"(?:the\s+)?(?:options?\s+)?(?:[A-Z],?\s(?:and\s|or\s)?){0,6}[\"'(*_]*\Z",
    re.IGNORECASE,
)
NOT_BEHIND = re.compile(
    r"[\"')*_.]*(?:,?\s(?:and\s|or\s)?[A-Z]\b){0,6}\s*(?:(?:can|could|may)\s+be\s+(?:ruled|excluded|eliminated|"
    r"discarded)|(?:is|was|are|would\s+be|seems)(?:\s+(?:also|clearly|simply))?\s*(?:n't|not\b|wrong|incorrect|"
    r"false|out\b|ruled))",
    re.IGNORECASE,
)
BECAUSE = re.compile(r",?\s*\b(?:because|since|as|given\s+that|for\s+the\s+reason)\b", re.IGNORECASE)
OPENING = re.compile(
    r"(?:it\s+is|it's|that\s+is|i\s+think|i\s+would\s+say|so|thus|hence|therefore|clearly)[,:]?\s+", re.IGNORECASE
)


@verifier("choice")
def choice(text: str, reference: Reference) -> float:
    """1 where the answer means the same option as the right answer, and no other."""
    said, mark = marked_answer(text)
    given = reference.options
    options = texts_of(tuple(map(str, given))) if isinstance(given, (list, tuple, np.ndarray)) else ()
    right = option_of(reference.plain, options)
    if right is None:  # no options given: the words themselves
        right = words(reference.plain)
    if not mark:
        chosen = next(reversed(list(CHOSEN.finditer(said[-LONGEST:]))), None)
        if chosen is not None:
            said, mark = said[-LONGEST:][chosen.end() :], "line"
        elif len(said) > LONGEST + max((len(o) for o in options), default=0):
            return cut_off("length")
    meant = option_meant(said, options, marked=mark != "")
    if meant is None and not mark:
        meant = option_stated(said, options)
    return float(meant == right)


@lru_cache(maxsize=1024)
def texts_of(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options' texts, each with every run of white space as one blank."""
    return tuple(" ".join(o.split()) for o in options)


@lru_cache(maxsize=4096)
def option_of(answer: str, options: tuple[str, ...]) -> int | None:
    """Which option a right answer is: by its text, else by its letter, with or without its text."""
    if answer in options:
        return options.index(answer)
    spoken = [words(o) for o in options]
    if spoken.count(words(answer)) == 1:
        return spoken.index(words(answer))
    letter = re.fullmatch(r"[\W_]*([A-Za-z])[\W_]*", answer) or re.match(r"[\W_]*([A-Za-z])(?:\)|[.:]\s)", answer)
    return _place(letter[1], options) if letter else None


def _place(letter: str, options: Sequence[str]) -> int | None:
    place = ord(letter.lower()) - ord("a")
    return place if not options or place < len(options) else None


def option_meant(said: str, options: tuple[str, ...], *, marked: bool) -> int | str | None:
    """The only option that an answer means; None for none, or for several; without options its letter or words."""
    spoken = [words(o) for o in options]
    whole = words(said[: 2 * LONGEST])
    if said.strip() in options:
        return options.index(said.strip())
    if spoken.count(whole) == 1:
        return spoken.index(whole)
    single = re.fullmatch(r"[\W_]*(?:(?:option|choice)[\W_]+)?([A-Za-z])[\W_]*", plain(said[:LONGEST]), re.IGNORECASE)
    if single:
        return _place(single[1], options)
    text = plain(said[: 4 * LONGEST]).replace("*", "").replace("__", "").replace("`", "").strip()
    sentence = SENTENCE.split(_lettered(text), maxsplit=1)[0] if marked else text
    head = BECAUSE.split(sentence, maxsplit=1)[0]
    found = meant_in(head, options, spoken)
    if len(found) != 1:
        return None if found or options else whole
    (place,) = found
    if marked or _opens(head, place, options, spoken) or _asserted(head):
        return place
    return None


def option_stated(said: str, options: tuple[str, ...]) -> int | None:
    """The only option that a text in ordinary prose states: the number it comes to, or the words."""
    numbers = numbers_of(options)
    if options and None not in numbers:
        meant = number_meant(said, "")
        stated = [] if meant is None else [i for i, number in enumerate(numbers) if number.same(meant)]
    else:
        stated = [i for i, o in enumerate(options) if len(o) > 1 and states(said, o, _others(options, i))]
    lettered = letters_in(plain(said[: 4 * LONGEST]), options)
    return stated[0] if len(stated) == 1 and lettered <= set(stated) else None


def _others(options: tuple[str, ...], place: int) -> tuple[str, ...]:
    return options[:place] + options[place + 1 :]


def _lettered(text: str) -> str:
    """ "B. Paris" with a colon, so that its full stop ends no sentence."""
    return re.sub(r"\A([(\[]?[A-Za-z])\.(?=\s+\S)", r"\1:", text)


def meant_in(text: str, options: tuple[str, ...], spoken: list[str]) -> set[int]:
    """The options that a sentence names and does not deny."""
    places = letters_in(text, options)
    numbers = numbers_of(options)
    if numbers and None not in numbers:
        return places | _numbers_in(OPTION.sub(" ", text), options, numbers)
    lowered = text.casefold()
    taken: list[tuple[int, int]] = []
    for place in sorted(range(len(options)), key=lambda i: -len(spoken[i])):  # "New York" before "York"
        if len(spoken[place]) < 2:
            continue
        for found in re.finditer(rf"(?<!\w){re.escape(spoken[place])}(?!\w)", lowered):
            inside = any(a <= found.start() and found.end() <= b for a, b in taken)
            if not inside:
                taken.append(found.span())
                if not _denied(text, found.start(), found.end()):
                    places.add(place)
    return places


def letters_in(text: str, options: tuple[str, ...]) -> set[int]:
    """The options whose letter a text names and does not deny."""
    places: set[int] = set()
    for found in OPTION.finditer(text):
        letter = found["after"] or found["framed"] or found["listed"] or found["alone"]
        place = _place(letter, options)
        if place is not None and place < 26 and not _denied(text, found.start(), found.end()):
            places.add(place)
    return places


def _numbers_in(text: str, options: tuple[str, ...], numbers: tuple[Quantity | None, ...]) -> set[int]:
    """The options whose number a text names; a number that is no option's counts as -1."""
    if not DIGIT.search(text):
        return set()
    meant = number_meant(text, "line")
    if meant is None:
        return {-1, *(i for i, o in enumerate(options) if re.search(rf"(?<![\d.]){re.escape(o)}(?![\d.])", text))}
    return {i for i, number in enumerate(numbers) if number.same(meant)} or {-1}


@lru_cache(maxsize=1024)
def numbers_of(options: tuple[str, ...]) -> tuple[Quantity | None, ...]:
    """The number that each option is."""
    return tuple(quantity(o) for o in options)


def _denied(text: str, start: int, end: int) -> bool:
    return NOT_BEFORE.search(text[max(0, start - 40) : start]) is not None or NOT_BEHIND.match(text, end) is not None


def _opens(head: str, place: int, options: tuple[str, ...], spoken: list[str]) -> bool:
    """Whether an unmarked text begins with the option that it means."""
    start = head[OPENING.match(head).end() :] if OPENING.match(head) else head
    found = OPTION.match(start)
    if found is not None or re.match(r"[(\[]?[A-Za-z][)\]:.](?:\s|\Z)", start):
        return True
    first = words(start)
    return bool(options) and (first.startswith(spoken[place]) or number_meant(start, "line") is not None)


def _asserted(head: str) -> bool:
    return (
        re.search(r"\b(?:is|must be)\s+(?:the\s+)?(?:correct|right|true|best|answer)\b", head, re.IGNORECASE)
        is not None
    )
