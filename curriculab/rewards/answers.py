"""Finding the final answer in a worked text.  `final("5 * 12 = 60\\n#### 60") -> ("60", True)`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

LONGEST = 512  # characters at the end of a text that are looked at
NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\Z")  # commas between thousands only
NUMBERS = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
CLOSING = re.compile(r".*(?:####|\banswer(?: is|:))\s*(.*)", re.IGNORECASE | re.DOTALL)  # the last such mark counts


def final(text: str) -> tuple[str, bool]:
    """Find the final answer of a worked text.

    Parameters
    ----------
    text : str
        What was written.

    Returns
    -------
    said : str
        What stands in the last \\boxed{}, else behind the last "####", "answer is" or "answer:" on that line, else the
        whole text.
    marked : bool
        Whether something marks it as the answer.

    Examples
    --------
    >>> cl.rewards.final("5 * 12 = 60\\n#### 60")
    ('60', True)
    >>> cl.rewards.final("It makes 60.")
    ('It makes 60.', False)
    """
    start = text.rfind("\\boxed{")
    if start >= 0:
        depth = 0
        for at in range(start + 6, len(text)):
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 0:
                return text[start + 7 : at], True
    found = CLOSING.match(text)
    if found:
        first = found.group(1).strip().split("\n")[0]
        return first, True
    return text, False


def number(text: str) -> Decimal | None:
    """Read a plain decimal number, thousands separators allowed.

    Parameters
    ----------
    text : str
        The number and nothing else.

    Returns
    -------
    Decimal or None
        None for anything but a number.

    Examples
    --------
    >>> cl.rewards.number("1,234.5"), cl.rewards.number("12 eggs")
    (Decimal('1234.5'), None)
    """
    if not NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def nesting(text: str) -> int:
    """How many brackets of any kind are open at the deepest place."""
    depth = deepest = 0
    for c in text:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}" and depth:
            depth -= 1
    return deepest


def final_answer(text: str, longest: int = LONGEST) -> tuple[str, bool, bool]:
    """The final answer up to white space, whether it is marked, and whether it may stand beyond what is looked at."""
    said, marked = final(text[-longest:])
    return " ".join(said.split()), marked, not marked and len(text) > longest
