"""The whole text is the answer: the embedded tasks, which ask for nothing else."""

from __future__ import annotations

from curriculab.rewards.answers import LONGEST
from curriculab.rewards.cutoffs import cut_off
from curriculab.rewards.registry import Reference, verifier


@verifier("ladder")
@verifier("clinic")
def exact(text: str, reference: Reference) -> float:
    """1 for the same characters up to white space."""
    if len(text) > LONGEST:
        return cut_off("length")
    return float(" ".join(text.split()) == reference.plain)
