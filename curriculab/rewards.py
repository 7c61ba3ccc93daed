"""Verifiers: is this text a right answer?  verify(" 52\\n", "52", "ladder") -> 1.0."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

LONGEST = 512  # characters of an answer that are looked at; longer ones are wrong
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?\Z")


def verify(text: object, answer: object, task: str | None = None) -> float:
    """1.0 if `text` says the same as `answer`: the same characters up to white space, or the same plain number.

    The embedded tasks want the characters; elsewhere "1,200.0" equals "1200". NaN without an answer.
    """
    if answer is None or answer != answer:
        return float("nan")
    if not isinstance(text, str) or len(text) > LONGEST:
        return 0.0
    said, gold = " ".join(text.split()), " ".join(str(answer).split())
    if said == gold:
        return 1.0
    if task in ("ladder", "clinic"):
        return 0.0
    a, b = number(said), number(gold)
    return float(a is not None and a == b)


def number(text: str) -> Decimal | None:
    """A plain decimal number, thousands separators allowed; None for anything else."""
    if not NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
