"""Limits of time, length and nesting: what they cut off is worth 0, and counted.

The judging processes (worker.py) are started when a verifier first asks them.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import lru_cache

from curriculab.rewards.worker import CutOff, Judge

DEEPEST = 20  # brackets within brackets; each more doubles math-verify's time, 15 take it over 0.2 s
JUDGES = {"math": Judge("math"), "gym": Judge("gym")}

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
        (deeper than 20), `time` (0.2 s), `crash` (out of memory, or the worker died); `raised`: Reasoning Gym's own
        scorer failed on them. `restarts`: workers lost; `restart_seconds`: waited for workers to be ready, their first
        start included.

    Examples
    --------
    >>> before = cl.rewards.limits()["length"]
    >>> cl.rewards.verify("so " * 200 + "and on", "60")  # the answer may stand in what is not looked at
    0.0
    >>> cl.rewards.limits()["length"] - before
    1
    """
    with _counting:
        found: dict[str, float] = {name: _cut[name] for name in ("length", "nesting", "time", "crash", "raised")}
        found["restarts"] = sum(j.restarts for j in JUDGES.values())
        found["restart_seconds"] = sum(j.waited for j in JUDGES.values())
        if reset:
            _cut.clear()
            for judge in JUDGES.values():
                judge.restarts, judge.waited = 0, 0.0
    return found


def cut_off(why: str) -> float:
    """Count an answer that a limit made worthless; returns its worth, 0."""
    with _counting:
        _cut[why] += 1
    return 0.0


def judged(kind: str, **request: str | None) -> float:
    """The score that a judging process gives, 0 where a limit cut it off."""
    try:
        score = _remembered(kind, tuple(request.items()))
    except CutOff as why:
        return cut_off(why.args[0])
    return score if score == score else 0.0


@lru_cache(maxsize=4096)  # what was cut off raises and is not kept: the next time may be luckier
def _remembered(kind: str, request: tuple[tuple[str, str | None], ...]) -> float:
    return JUDGES[kind].ask(**dict(request))
