"""Numbers as people write them, each read whole or not at all.  `quantity("$1,200.50") -> 1200.5`.

A number is a sign, digits or a leading dot, groups of three (by comma, thin space or blank), an exponent, a fraction, a
mixed number or a power, with a percent sign or a unit behind it. Digits that belong to something larger, such as those
of "3:30", "x^2", "A18" or "9 - 5", are no number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from curriculab.rewards.plain import THIN, plain
from curriculab.rewards.spoken import SPOKEN, digits

MOST_DIGITS = 400  # of a number that is read; powers that come to more are left to the mathematical judge

# One name per unit, so that "cm" and "centimetres" are the same and "cm" and "m" are not.
UNITS = {
    name: unit
    for unit, names in {
        "mm": "mm millimeter millimetre", "cm": "cm centimeter centimetre", "m": "m meter metre",
        "km": "km kilometer kilometre", "in": "in inch inches", "ft": "ft foot feet", "yd": "yd yard",
        "mi": "mi mile", "mg": "mg milligram", "g": "g gram gramme", "kg": "kg kilogram kilo", "t": "ton tonne",
        "lb": "lb pound", "oz": "oz ounce", "s": "s sec second", "min": "min minute", "h": "h hr hour",
        "day": "day", "week": "week", "month": "month", "year": "yr year", "ml": "ml milliliter millilitre",
        "l": "l liter litre", "gal": "gal gallon", "deg": "degree deg", "rad": "rad radian", "cent": "cent",
        "dollar": "dollar usd buck", "euro": "euro eur", "mph": "mph", "kmh": "kmh kph", "w": "watt", "v": "volt",
        "n": "newton", "j": "joule", "hz": "hz hertz", "pa": "pascal", "mol": "mol", "k": "kelvin",
    }.items()
    for name in names.split()
}  # fmt: skip
GLUED = {*UNITS, *(f"{name}s" for name in UNITS if len(name) > 2), "st", "nd", "rd", "th", "c", "f", "am", "pm", "x"}
GLUED -= {"n", "k", "c", "f", "x", "in", "cent"}
CURRENCY = {"usd", "eur", "gbp", "inr", "rs", "us", "hk", "a", "c", "cad", "aud"}  # that may touch a number from before
MONEY = "$€£¥₹¢"

UNSIGNED = (
    rf"(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d{{1,3}}(?:[ {THIN}]\d{{3}})+(?![\d])|\d{{1,3}}(?:'\d{{3}})+(?!\d)|\d+)"
    r"(?:\.\d+)?|\.\d+"
)
TOKEN = re.compile(
    rf"(?:(?P<whole>\d+)[ {THIN}]+(?P<top>\d+)/(?P<bottom>\d+)"
    rf"|(?P<base>\d+)\s?\^\s?(?:\{{\s?(?P<power>-?\d+)\s?\}}|(?P<raised>-?\d+))"
    rf"|(?P<number>{UNSIGNED})(?:[eE](?P<exponent>[-+]?\d{{1,6}})(?![\d.]))?"
    rf"(?:\s{{0,3}}[×*x]\s{{0,3}}10\s?\^\s?(?:\{{\s?(?P<ten>[-+]?\d{{1,6}})\s?\}}|(?P<tens>[-+]?\d{{1,6}})))?"
    rf"(?:\s?/\s?(?P<denominator>\d+)(?![\d.,]*\d))?)"
    rf"(?P<scale>[ {THIN}-]?(?i:hundred|thousand|million|billion|trillion|bn|dozen)\b|[kKM](?![A-Za-z0-9]))?",
    re.ASCII,
)
SCALES = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
SCALES |= {"k": 10**3, "m": 10**6}  # "40k", "1.2M"
DIGIT = re.compile(r"\d", re.ASCII)
LETTERS = re.compile(r"[A-Za-z]+")
PERCENT = re.compile(rf"[ {THIN}\\]*(?:%|percent\b|per cent\b|pct\b)", re.IGNORECASE)
UNIT = re.compile(rf"[ {THIN}-]*(square |cubic |sq\.? |cu\.? )?([A-Za-z]+)(\s?\^\s?\{{?([23])\}}?)?", re.IGNORECASE)
SPACES = " \t" + THIN


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that was read, and what stood with it.

    Parameters
    ----------
    value : Fraction
        Exact; of "50%" it is 50.
    percent : bool
        Whether a percent sign stood behind it.
    unit : str, optional
        The unit's short name with its power, such as "cm^2"; None where no known unit stood behind it.
    scale : int
        By which the value has been multiplied: 10**6 of "2.5 million".

    Examples
    --------
    >>> from curriculab.rewards.quantities import quantity
    >>> quantity("8 cm")
    Quantity(value=Fraction(8, 1), percent=False, unit='cm')
    """

    value: Fraction
    percent: bool = False
    unit: str | None = None
    scale: int = field(default=1, repr=False, compare=False)

    def same(self, other: Quantity) -> bool:
        """Whether the other one means the same: the value, percent signs apart, and no other unit.

        "2.5 million" is the same as "2.5" itself, which may count millions; the reverse does not hold.

        Examples
        --------
        >>> quantity("50%").same(quantity("0.5")), quantity("8 cm").same(quantity("8 m"))
        (True, False)
        """
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if self.value == other.value or (self.scale == 1 != other.scale and self.value * other.scale == other.value):
            return True
        if self.percent != other.percent:
            mine = self.value / 100 if self.percent else self.value
            return mine == (other.value / 100 if other.percent else other.value)
        return False


@dataclass(frozen=True, slots=True)
class Token:
    """A place in a text where digits stand; `quantity` is None where they belong to something larger."""

    start: int
    end: int
    quantity: Quantity | None


def tokens(text: str, *, strict: bool = False) -> list[Token]:
    """All numbers of a plain text, in their order; `strict`: "5!" is a factorial and no exclamation."""
    found = []
    for match in TOKEN.finditer(text):
        found.append(_token(text, match, strict))
    return found


def _token(text: str, match: re.Match[str], strict: bool) -> Token:
    start, end = match.span()
    sign, begin = _sign(text, start)
    scale = (match["scale"] or "").strip(" -" + THIN).lower()
    if sign is None or _torn_left(text, start) or _torn_right(text, end, strict):
        return Token(begin, end, None)
    value = _value(match)
    if value is None:
        return Token(begin, end, None)
    times = SCALES[scale] if scale else 1
    percent = PERCENT.match(text, end)
    if percent:
        return Token(begin, percent.end(), Quantity(value * sign * times, True, scale=times))
    return Token(begin, end, Quantity(value * sign * times, False, _unit(text, end), times))


def _sign(text: str, start: int) -> tuple[int | None, int]:
    """The sign before a number and where it stands; None where it is an operator or a range between two numbers."""
    at = start - 1
    while at >= 0 and text[at] in MONEY + "\\":
        at -= 1
    if at == start - 1 and at >= 0 and text[at] in SPACES:  # "= - 7", but not "Total - 7"
        while at > 0 and text[at] in SPACES:
            at -= 1
        before = text[:at].rstrip(SPACES)[-1:]
        if text[at] in "-+" and (not before or before in "=([{,:"):
            return (-1 if text[at] == "-" else 1), at
        return 1, start
    if at < 0 or text[at] not in "-+":
        return 1, start
    sign = -1 if text[at] == "-" else 1
    before = at - 1
    while before >= 0 and text[before] in SPACES + MONEY + "%":
        before -= 1
    last = text[before] if before >= 0 else ""
    if last and (last.isdigit() or last in ")}]%" or (before == at - 1 and (last.isalpha() or last in "-+*/^_"))):
        return None, at
    return sign, at


def _torn_left(text: str, start: int) -> bool:
    """Whether something before a number makes it a part of something larger."""
    if start == 0:
        return False
    last = text[start - 1]
    if last == "-" or last == "+":
        return False  # judged with the sign
    if last.isalpha():
        word = LETTERS.search(text[max(0, start - 4) : start])
        return word is None or word[0].lower() not in CURRENCY or word.end() != min(4, start)
    if last == "_":
        return start > 1 and not text[start - 2].isspace()  # an index, or Markdown's emphasis
    if last in "^/}]\\" or (last == "{" and start > 1 and text[start - 2] in "^_"):
        return True
    if last in ".,:'" and start > 1 and text[start - 2].isdigit():
        return True
    if text[start] == "." and last == ".":
        return True
    at = start - 1
    while at >= 0 and text[at] in SPACES + MONEY:
        at -= 1
    if at < 0 or at == start - 1 and last not in "*×/÷^-+)":
        return False
    before = text[at]
    if before.isdigit():
        return all(c in SPACES for c in text[at + 1 : start])  # digit, blank, digit
    if before in "+*×/^" or (before == "-" and at < start - 1):
        while at > 0 and text[at - 1] in SPACES:
            at -= 1
        return at > 0 and (text[at - 1].isdigit() or text[at - 1] in ")}")
    return False


def _torn_right(text: str, end: int, strict: bool) -> bool:
    """Whether something behind a number makes it a part of something larger."""
    if end == len(text):
        return False
    first = text[end]
    if first.isalpha():
        if first in "²³":
            return True
        word = LETTERS.match(text, end)
        return word is None or word[0].lower() not in GLUED
    if first in "^(\\²³" or (first == "_" and (text[end + 1 : end + 2].isalnum() or text[end + 1 : end + 2] == "{")):
        return True
    second = text[end + 1 : end + 2]
    if first in ".,:/'" and second.isdigit():
        return True
    if first == "!":
        return strict or second in ("!", "/")
    at = end
    while at < len(text) and text[at] in SPACES:
        at += 1
    if at == len(text):
        return False
    if text[at] in "²³^":
        return True
    if text[at].isdigit():
        return True
    if text[at] in "+*×/" or text[at] == "-":
        after = at + 1
        while after < len(text) and text[after] in SPACES + MONEY:
            after += 1
        return after < len(text) and (text[after].isdigit() or text[after] in "(\\")
    return False


def _value(match: re.Match[str]) -> Fraction | None:
    """The exact value; None for what is no number (a fraction of zero, an improper mixed number) or too long."""
    if len(match[0]) > MOST_DIGITS:
        return None
    if match["whole"]:
        top, bottom = int(match["top"]), int(match["bottom"])
        return int(match["whole"]) + Fraction(top, bottom) if top < bottom else None
    if match["base"]:
        base, power = int(match["base"]), int(match["power"] or match["raised"])
        if abs(power) * len(match["base"]) > MOST_DIGITS or (base == 0 and power <= 0):
            return None
        return Fraction(base) ** power
    written = match["number"]
    for mark in (",", " ", THIN, "'"):
        written = written.replace(mark, "")
    value = Fraction(written)
    exponent = int(match["exponent"] or 0) + int(match["ten"] or match["tens"] or 0)
    if abs(exponent) > MOST_DIGITS:
        return None
    value *= Fraction(10) ** exponent
    if match["denominator"] is not None:
        bottom = int(match["denominator"])
        return value / bottom if bottom else None
    return value


def _unit(text: str, end: int) -> str | None:
    found = UNIT.match(text, end)
    if found is None:
        return {"$": "dollar", "€": "euro"}.get(text[end : end + 1])
    name = found[2].lower()
    unit = UNITS.get(name) or UNITS.get(name.removesuffix("s"))
    if unit is None:
        return None
    tail = text[found.end() : found.end() + 1]
    power = found[4] or {"²": "2", "³": "3"}.get(tail) or ("2" if (found[1] or " ")[0] in "sS" else None)
    if power is None and found[1]:
        power = "3"
    return f"{unit}^{power}" if power else unit


DROPPED = " \t\r\n*_`\"'()[]<>|~.,;:!?" + MONEY + THIN


SIMPLE = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)  # read without any of the rules


def quantity(text: str) -> Quantity | None:
    """Read a text that is one number and perhaps its unit, and nothing else; None for anything else.

    Parameters
    ----------
    text : str
        Plain or LaTeX, such as "1,200", "\\\\frac{1}{2}", "5 3/4", "3e5", "50\\\\%", "12\\\\text{ cm}" or "$18".

    Returns
    -------
    Quantity or None

    Examples
    --------
    >>> from curriculab.rewards.quantities import quantity
    >>> str(quantity("5 3/4").value), quantity("3:30"), quantity("room 5")
    ('23/4', None, None)
    """
    return Quantity(Fraction(text)) if SIMPLE.fullmatch(text) else _quantity(text)


@lru_cache(maxsize=4096)  # right answers come again with every text
def _quantity(text: str) -> Quantity | None:
    if len(text) > MOST_DIGITS:
        return None
    if not DIGIT.search(ascii_digits(text)):
        if SPOKEN.fullmatch(text.strip(" .*_")) is None:
            return None
        text = digits(text)
    line = plain(text).strip()
    bracket = line[:1] in "([" and line[-1:] in ")]" and line[1:2] != ""
    inner = line[1:-1].strip() if bracket else line
    found = tokens(inner, strict=True)
    if len(found) != 1 or found[0].quantity is None:
        return None
    if bracket and not ("," not in inner and line[0] == "(" and line[-1] == ")"):
        return None
    before, after = inner[: found[0].start].strip(DROPPED), inner[found[0].end :].strip(DROPPED)
    if before.strip("-+") or any(c in before + after for c in "\\=<>≤≥±{}"):
        return None
    return found[0].quantity if _is_unit(after) else None


def ascii_digits(text: str) -> str:
    """A text of which plain digits are asked: as it is where it is ASCII, else with its Unicode forms made plain."""
    return text if text.isascii() else plain(text)


NO_UNIT = {"or", "and", "not", "to", "is", "i", "pi", "sqrt", "if", "mod", "plus", "minus", "times", "less", "more"}
LETTER_UNITS = {"m", "g", "s", "h", "l", "t", "w", "v", "a"}
MOST_WORDS = 4  # of a unit: "square metres per hour"


def _is_unit(after: str) -> bool:
    """Whether the words behind a number may name what is counted."""
    parts = after.replace("/", " ").replace("²", "").replace("³", "").split()
    named = (w.strip(".").lower() for w in parts)
    return len(parts) <= MOST_WORDS and all(
        w.isalpha() and w not in NO_UNIT and (len(w) > 1 or w in LETTER_UNITS) for w in named
    )
