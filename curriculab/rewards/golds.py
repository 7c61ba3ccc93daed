"""What kind of answer a right answer is, by which the verifier is chosen.  `kind_of(r"\\\\frac{1}{2}") -> "latex"`."""

from __future__ import annotations

import re
from functools import lru_cache

from curriculab.rewards.formulas import intervals, values
from curriculab.rewards.quantities import SIMPLE, quantity

LATEX = re.compile(r"\\[A-Za-z({\[]|[\^{}√π∞≤≥²³]|\$.+\$|_\{?\d")
# Formulas without LaTeX: tuples and intervals, equations, ratios, sums and lists of numbers.
FORMULA = re.compile(
    r"[(\[{][^A-Za-z]*[\d,][^A-Za-z]*[)\]}]"
    r"|[A-Za-z]\s*(?:=|<|>|<=|>=)\s*[-+]?[\w.]+(?:\s*[-+*/,]\s*[\w.=]+)*"
    r"|[-+]?\d+\s*:\s*\d+(?:\s*:\s*\d+)?"
    r"|[-+]?[\d.]*[A-Za-z]?\s*(?:[-+*/]\s*[\d.]*[A-Za-z]?\s*)+"
    r"|[-+]?\d+[A-Za-z](?:\s*[-+*/=]\s*\w+)*"
    r"|[-+]?[\w.]+\s*(?:<|>|<=|>=)\s*[A-Za-z]\s*(?:<|>|<=|>=)\s*[-+]?[\w.]+"
    r"|\([A-Za-z, ]{1,20}\)\s*=\s*\([^()]{1,40}\)"
    r"|(?:[\w.]*\([^()A-Za-z]*[A-Za-z]?[^()A-Za-z]*\)){1,4}"
    r"|[-+]?[\d./]+(?:\s*,\s*[-+]?[\d./]+)+"
)
CODE = re.compile(r"^\s*(?:def |class |import |from \w+ import |#include|public |function )|```", re.MULTILINE)
KINDS = ("number", "latex", "option", "text", "code", "constraint")


def kind_of(answer: str) -> str:
    """The kind of one right answer: "number", "latex", "text" or "code".

    Parameters
    ----------
    answer : str

    Returns
    -------
    str

    Examples
    --------
    >>> [cl.rewards.kind_of(a) for a in ("$1,200", r"\\\\frac{\\\\pi}{2}", "(1, 2]", "New York")]
    ['number', 'latex', 'latex', 'text']
    """
    return "number" if SIMPLE.fullmatch(answer) else _kind_of(answer)


@lru_cache(maxsize=4096)  # a right answer comes again with every text
def _kind_of(answer: str) -> str:
    if quantity(answer) is not None:
        return "number"
    if CODE.search(answer):
        return "code"
    if len(answer) > 4096:
        return "text"
    text = answer.strip()
    if LATEX.search(text) or (len(text) <= 80 and FORMULA.fullmatch(text)):
        return "latex"
    if intervals(text) or values(text):  # "x < -1 or x > 4", "x = 2 and y = 5"
        return "latex"
    return "text"
