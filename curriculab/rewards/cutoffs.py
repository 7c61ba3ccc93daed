"""Limits of time, length and nesting: what they cut off is worth 0, and counted.

The judging processes (worker.py) are started when a verifier first asks them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from curriculab.rewards.worker import SECONDS, WALL, CutOff, Judge

DEEPEST = 20  # brackets within brackets; each more doubles math-verify's time
JUDGES = {"math": Judge("math"), "gym": Judge("gym")}

# Which of them may be set (see `judging`): processor's and clock's seconds of one judgement, and the relative
# difference up to which a decimal number is the same as a value that is not one.
SETTINGS = {"seconds": SECONDS, "wall": WALL, "tolerance": 1e-12}
DEFAULTS = dict(SETTINGS)

_cut: Counter[str] = Counter()
_counting = threading.Lock()


def limits(*, reset: bool = False) -> dict[str, float]:
    """Count what was cut off in this process since it began, or since the last reset.

    Parameters
    ----------
    reset : bool
        Whether to begin anew with counting, after this answer.

    Returns
    -------
    dict of str to float
        Texts judged wrong because of a limit: `length` (the answer may stand beyond what is looked at), `nesting`
        (deeper than 20), `time` (3 s of the processor, or 30 s by the clock twice), `crash` (out of memory, or the
        worker died); `raised`: a scorer failed on them. `refused`: judgements in which something was refused that
        their packages tried, and which may be wrong for it. `restarts`: workers lost; `restart_seconds`: waited for
        workers to be ready, their first start included.

    Examples
    --------
    >>> before = cl.rewards.limits()["length"]
    >>> cl.rewards.verify("so " * 800 + "and on", "three", "text")  # nothing marks an answer in all that
    0.0
    >>> cl.rewards.limits()["length"] - before
    1
    """
    with _counting:
        found: dict[str, float] = {name: _cut[name] for name in ("length", "nesting", "time", "crash", "raised")}
        found["refused"] = sum(j.refused for j in JUDGES.values())
        found["restarts"] = sum(j.restarts for j in JUDGES.values())
        found["restart_seconds"] = sum(j.waited for j in JUDGES.values())
        if reset:
            _cut.clear()
            for judge in JUDGES.values():
                judge.restarts, judge.waited, judge.refused = 0, 0.0, 0
    return found


def judging(
    *, seconds: float | None = None, wall: float | None = None, tolerance: float | None = None
) -> dict[str, float]:
    """Set the limits of one judgement for this process, and tell what they are; runs record those that are not usual.

    Parameters
    ----------
    seconds : float, optional
        Of the processor, for one judgement in a process of its own; 3 unless set.
    wall : float, optional
        By the clock, after which it is tried once more; 30 unless set.
    tolerance : float, optional
        Relative difference up to which two numbers are the same; 1e-12 unless set, and then fractions are compared
        exactly.

    Returns
    -------
    dict of str to float
        The limits as they are now.

    Raises
    ------
    ValueError
        For a limit that is not above 0, or a tolerance outside [0, 1).

    Examples
    --------
    >>> cl.rewards.judging()["tolerance"]
    1e-12
    """
    given = {"seconds": seconds, "wall": wall, "tolerance": tolerance}
    for name, value in given.items():
        if value is not None and not (0 <= value < 1 if name == "tolerance" else 0 < value < float("inf")):
            raise ValueError(f"{name}={value!r}: seconds and wall are above 0, the tolerance lies in [0, 1)")
    SETTINGS.update({name: float(value) for name, value in given.items() if value is not None})
    return dict(SETTINGS)


def cut_off(why: str) -> float:
    """Count an answer that a limit made worthless; returns its worth, 0."""
    with _counting:
        _cut[why] += 1
    return 0.0


CUT_OFF = "cut_off/"  # before a reason, in the figures of a backend's answer
REASONS = ("length", "nesting", "time", "crash", "raised", "refused")


@contextmanager
def counting() -> Iterator[dict[str, float]]:
    """Count what is cut off within: the dictionary is filled at the end, such as {"cut_off/time": 2.0}."""
    before, found = limits(), {}
    yield found
    after = limits()
    found.update({CUT_OFF + name: after[name] - before[name] for name in REASONS if after[name] > before[name]})


def judged(kind: str, **request: str | None) -> float:
    """The score that a judging process gives, 0 where a limit cut it off."""
    try:
        score = _remembered(kind, tuple(request.items()), SETTINGS["seconds"], SETTINGS["tolerance"])
    except CutOff as why:
        return cut_off("time" if why.args[0] == "wall" else why.args[0])
    if score is None:
        return cut_off("time")
    return score if score == score else 0.0


@lru_cache(maxsize=4096)  # what the clock or a lost child cut off raises and is not kept: the next time may be luckier
def _remembered(
    kind: str, request: tuple[tuple[str, str | None], ...], seconds: float, tolerance: float
) -> float | None:
    """The score; None where the processor's time did not suffice, which it never will."""
    JUDGES[kind].wall = SETTINGS["wall"]
    try:
        return JUDGES[kind].ask(**dict(request), seconds=seconds, tolerance=tolerance)
    except CutOff as why:
        if why.args[0] == "time":
            return None
        raise
