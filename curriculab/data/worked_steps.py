r"""The steps of a worked solution, and the value that each of them reaches.

"Half of 48: <<48/2=24>>24 left.\n#### 24"   ->   Step("Half of 48: <<48/2=24>>24 left.", "24")
"wairepo -> operiaw"                         ->   Step("wairepo -> operiaw", "operiaw")
"""

from __future__ import annotations

import re
from typing import NamedTuple

ANSWER_LINES = re.compile(r"(####|((so|thus|therefore|hence),? )?the (final )?answer is\b|answer:)", re.IGNORECASE)
CALCULATION = re.compile(r"<<[^<>]*=([^<>=]*)>>")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:/\d+)?")


class Step(NamedTuple):
    """One line of a solution, and the value it reaches; None where it names none."""

    text: str
    value: str | None


def steps(solution: str) -> list[Step]:
    """Split a solution into its steps.

    A step is a line that is not empty. A line that only states the answer ("#### 24", "The answer is 24.") is none.

    Parameters
    ----------
    solution : str
        Of the ladder, of GSM8K with its calculations in double angle brackets, or plain lines.

    Returns
    -------
    list of Step
        Its value is the result of the line's last calculation in angle brackets; without one, what stands behind its
        last "->"; then its first number behind the last "="; then its last number; without a number None. Numbers are
        written without thousands separators.

    Raises
    ------
    TypeError
        Where the solution is no text.

    Examples
    --------
    >>> from curriculab.data.worked_steps import steps
    >>> [step.value for step in steps("37*13 by digits\\n<<37*10=370>>\\n<<37*3=111>>\\n<<370+111=481>>")]
    ['13', '370', '111', '481']
    >>> steps("There are 2 + 3 = 5 pens.\\n#### 5")
    [Step(text='There are 2 + 3 = 5 pens.', value='5')]
    """
    if not isinstance(solution, str):
        raise TypeError(f"steps of {solution!r}: a solution is a text with one step a line; leave out rows without one")
    lines = (line.strip() for line in solution.splitlines())
    return [Step(line, reached(line)) for line in lines if line and not ANSWER_LINES.match(line)]


def reached(line: str) -> str | None:
    """The value that one line reaches, as `steps` says.

    Examples
    --------
    >>> from curriculab.data.worked_steps import reached
    >>> reached("He pays $1,200 in all"), reached("986 / 2 -> 493 rest 0"), reached("We add both.")
    ('1200', '493 rest 0', None)
    """
    if found := CALCULATION.findall(line):
        return found[-1].strip().replace(",", "")
    if "->" in line:
        return line.rsplit("->", 1)[1].strip() or None
    if "=" in line and (found := NUMBER.findall(line.rsplit("=", 1)[1])):
        return found[0].replace(",", "")
    found = NUMBER.findall(line)
    return found[-1].replace(",", "") if found else None


def stated_answer(text: str) -> str:
    """The answer that a worked text ends with.

    Parameters
    ----------
    text : str
        A solution, or a bare answer.

    Returns
    -------
    str
        What the last line that only states an answer says, or the line behind it where it says nothing; without one,
        the value of the last step; a text of one line without any calculation or "->" as it is.

    Examples
    --------
    >>> from curriculab.data.worked_steps import stated_answer
    >>> [stated_answer(text) for text in ("<<2+3=5>>\\n<<5*4=20>>", "pur -> rup", "Paris", "1\\n#### 7")]
    ['20', 'rup', 'Paris', '7']
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for place in reversed(range(len(lines))):
        if match := ANSWER_LINES.match(lines[place]):
            behind = [lines[place][match.end() :], *lines[place + 1 : place + 2]]
            said = [part.strip(" :").rstrip(".").rstrip() for part in behind]
            return next(filter(None, said), "")
    found = [step.value for step in steps(text) if step.value is not None]
    is_worked = len(lines) > 1 or "<<" in text or "->" in text
    return found[-1] if is_worked and found else text
