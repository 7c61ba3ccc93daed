"""Answers that a limit of the verifiers made worthless, as runs recorded them.

An event of a run, such as {"event": "cut off", "step": 40, "test": true, "counts": {"time": 2}, "answers": 64}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curriculab.runs.schema import Runs

CUT_OFF_EVENT = "cut off"
WORDS = {
    "length": "too long",
    "nesting": "too deeply nested",
    "time": "out of time",
    "crash": "out of memory",
    "raised": "the scorer failed",
    "refused": "a step of the judge was refused",
}


def cut_offs(runs: Runs) -> dict[str, dict[str, int]]:
    """Count what was cut off in the tests and the rewards of each variant.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    dict of str to dict
        By variant the number of answers by reason ("time", "length" and so on, see `cl.rewards.limits`); variants
        without any are left out.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> cl.runs.cut_offs(cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4))
    {}
    """
    found: dict[str, Counter[str]] = {}
    for record in runs.records:
        for event in record.events:
            if event.get("event") == CUT_OFF_EVENT:
                found.setdefault(record.key[0], Counter()).update(event["counts"])
    return {variant: dict(counts) for variant, counts in found.items()}


def in_words(counts: Mapping[str, int]) -> str:
    """Counts by reason as words: "3 out of time, 1 too long"."""
    return ", ".join(f"{n} {WORDS.get(why, why)}" for why, n in counts.items())


def sentence(runs: Runs) -> str:
    """A sentence on all that was cut off, for a paragraph of methods; nothing where nothing was."""
    found = cut_offs(runs)
    each = ", ".join(f"{variant} {sum(counts.values()):,} ({in_words(counts)})" for variant, counts in found.items())
    return f"Answers that count as wrong because a limit of the verifier cut them off: {each}." if each else ""
