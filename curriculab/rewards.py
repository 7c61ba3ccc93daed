"""Verifiers: is this text a right answer?  verify("5 * 12 = 60\\n#### 60", "60") -> 1.0."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

LONGEST = 512  # characters at the end of a text that are looked at
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?\Z")
NUMBERS = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
CLOSING = re.compile(r".*(?:####|\banswer(?: is|:))\s*(.*)", re.IGNORECASE | re.DOTALL)  # the last such mark counts


def verify(text: object, answer: object, task: str | None = None) -> float:
    """1.0 if `text` says the same as `answer`: the same characters up to white space, or the same plain number.

    The embedded tasks want the whole text. Elsewhere it is what stands behind the last "####", "answer is", "answer:"
    or in the last \\boxed{} of its last 512 characters, and "$1,200.0." equals "1200"; where the answer is a number
    and nothing marks the end of the reasoning, the last number counts. NaN without an answer.
    """
    if answer is None or answer != answer:
        return float("nan")
    if not isinstance(text, str):
        return 0.0
    gold = " ".join(str(answer).split())
    if task in ("ladder", "clinic"):
        return float(len(text) <= LONGEST and " ".join(text.split()) == gold)
    whole, marked = final(text[-LONGEST:])
    said = " ".join(whole.split())
    if said == gold:
        return 1.0
    target = number(gold)
    if target is None:
        return 0.0
    numbers = [said] if marked else NUMBERS.findall(said)[-1:]
    return float(any(number(n.strip("$ .")) == target for n in numbers))


def final(text: str) -> tuple[str, bool]:
    """The final answer of a worked text, and whether something marks it as such."""
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
    """A plain decimal number, thousands separators allowed; None for anything else."""
    if not NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
