"""Names and numbers as sentences hold them: 'easy, reversed', "+0.031", "a, b and c"."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

RUN_ON = (",", ";", " and ", " or ")  # what lets a name run into the next one


def called(variant: object) -> str:
    """A name as a sentence holds it: in quotes where it could run into another one.

    Examples
    --------
    >>> from curriculab.statistics.wording import called
    >>> called("easy first"), called("easy first, reversed")
    ('easy first', "'easy first, reversed'")
    """
    text = str(variant)
    return f"'{text}'" if any(mark in text for mark in RUN_ON) else text


def listed(names: Iterable[object], word: str = "and") -> str:
    """Names as a sentence lists them: "a, b and c"."""
    *rest, last = [str(x) for x in names]
    return f"{', '.join(rest)} {word} {last}" if rest else last


def signed(value: float) -> str:
    """A difference with its sign; one that rounds to nothing has none.

    Examples
    --------
    >>> from curriculab.statistics.wording import signed
    >>> signed(0.0312), signed(-0.0312), signed(-9e-18)
    ('+0.031', '-0.031', '0.000')
    """
    text = f"{value:+.3f}"
    return text[1:] if text[1:] == "0.000" else text


def power_of_ten(p: float) -> str:
    """A p in a sentence: "= 0.031", "< 0.001", "< 1e-80", the next power of ten above a small one."""
    if p >= 0.001:
        return f"= {p:.3f}"
    if p >= 0.0001:
        return "< 0.001"
    return f"< 1e{int(np.floor(np.log10(p))) + 1}" if p > 0 else "< 1e-300"
