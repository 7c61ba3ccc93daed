"""Verifiers by task name: `VERIFIERS["choice"]`, and the decorator that enters one.

@verifier("exact")                       # a file in rewards/verifiers, a notebook, or another package
def exact(text: str, reference: Reference) -> float:
    return float(text == reference.answer)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from curriculab.registry.registry import Registry

VERIFIERS = Registry("verifier", "curriculab.rewards.verifiers")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a text is compared with.

    Parameters
    ----------
    answer : str
        The right answer as it stands in the pool.
    task : str, optional
        The full task name, such as "gym:chain_sum".
    metadata : str, optional
        JSON that comes with the row.
    options : sequence, optional
        The options of a multiple-choice row.

    Examples
    --------
    >>> cl.rewards.Reference("60", task="math").task
    'math'
    """

    answer: str
    task: str | None = None
    metadata: str | None = None
    options: Sequence[object] | None = None

    @property
    def plain(self) -> str:
        """The answer with every run of white space as one blank.

        Examples
        --------
        >>> cl.rewards.Reference("New\\n  York").plain
        'New York'
        """
        return " ".join(self.answer.split())


Verifier = Callable[[str, Reference], float]


def verifier(task: str, /) -> Callable[[Verifier], Verifier]:
    """Decorate a function as the verifier of a task.

    Parameters
    ----------
    task : str
        Name in the pool's column `task`; "family:" stands for all "family:<name>".

    Returns
    -------
    callable
        The decorator of a function of (text, reference) that gives what the text is worth, in [0, 1].

    Examples
    --------
    >>> @cl.rewards.verifier("shouted")
    ... def shouted(text, reference):
    ...     return float(text == reference.answer.upper())
    >>> cl.rewards.verify("PARIS", "Paris", "shouted")
    1.0
    """
    verifier_of.cache_clear()
    return VERIFIERS.register(task)


@lru_cache(maxsize=1024)  # one is looked up for every answer
def verifier_of(task: str) -> Verifier:
    """The verifier of a task; ValueError with all there are for an unknown one."""
    if isinstance(task, str) and not task.endswith(":") and task in VERIFIERS:
        return VERIFIERS[task]
    known = ", ".join(repr(f"{name}<name>" if name.endswith(":") else name) for name in VERIFIERS)
    raise ValueError(f"unknown task {task!r}; known are {known} and None (any text)")
