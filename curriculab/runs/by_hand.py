"""What was done by hand while a run trained, and the mark that its variant carries for it in every table and figure.

easy first (steered)      another method took over at some step; a fork is one from the step it branches off at
easy first (stopped)      it was stopped before its budget was spent
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

STEERED, STOPPED = "steered", "stopped"
MEANING = {
    STEERED: "another method took over by hand while it trained",
    STOPPED: "stopped by hand before its budget was spent",
}


class Recorded(Protocol):
    """What is read of a record: what decided it, what happened to it, its variant and seed."""

    spec: Mapping[str, object]
    events: Sequence[Mapping[str, object]]

    @property
    def key(self) -> tuple[str, int]: ...


def done_by_hand(record: Recorded) -> str:
    """What was done: "swapped to random_order at step 3, stopped at step 5"; "" where nothing was.

    Examples
    --------
    >>> from curriculab.runs.by_hand import done_by_hand
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> done_by_hand(cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4).records[0])
    ''
    """
    done = []
    for event in record.events:
        if event.get("event") == "swap":
            done.append(f"swapped to {event['to']} at step {event['step']}")
        elif event.get("event") == "stop":
            done.append(f"stopped at step {event['step']}")
    if not done:  # an older record holds it among what decided the run: [turn, tests, step, method or "stop"]
        for *_, step, to in record.spec.get("decides", {}).get("steered", ()):
            done.append(f"stopped at step {step}" if to == "stop" else f"changed by hand at step {step}")
    return ", ".join(done)


def mark_of(done: str) -> str:
    """The mark for what was done by hand: that another method took over outweighs a stop; "" for nothing.

    Examples
    --------
    >>> from curriculab.runs.by_hand import mark_of
    >>> mark_of("stopped at step 5"), mark_of("swapped to sec at step 3, stopped at step 5"), mark_of("")
    ('stopped', 'steered', '')
    """
    if not done:
        return ""
    return STEERED if any(word in done for word in ("swapped", "changed")) else STOPPED


def marks(records: Sequence[Recorded]) -> dict[str, str]:
    """By variant of which some run was changed by hand, its mark.

    Examples
    --------
    >>> from curriculab.runs.by_hand import marks
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> marks(cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4).records)
    {}
    """
    found: dict[str, str] = {}
    for record in records:
        done = ", ".join(filter(None, [found.get(record.key[0], ""), done_by_hand(record)]))
        if done:
            found[record.key[0]] = done
    return {variant: mark_of(done) for variant, done in found.items()}


def marked(name: object, mark: str) -> str:
    """A name with its mark: "easy first (steered)"; as it is without one.

    Examples
    --------
    >>> from curriculab.runs.by_hand import marked
    >>> marked("easy first", "steered"), marked("easy first", "")
    ('easy first (steered)', 'easy first')
    """
    return f"{name} ({mark})" if mark else str(name)
