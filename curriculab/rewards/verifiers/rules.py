"""Instructions whose following can be counted: the share of a row's rules that a text meets."""

from __future__ import annotations

from curriculab.rewards.registry import Reference, verifier
from curriculab.rewards.rules import share_met


@verifier("ifeval")
@verifier("rules")
def rules(text: str, reference: Reference) -> float:
    """The share met of the rules in the row's `metadata`; NaN where it names none. 1 is all of them."""
    return share_met(text, reference.metadata)
