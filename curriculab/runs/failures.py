"""Runs that failed, those of one variant and one reason together: "'mine' failed in all 3 seeds: KeyError: 'levl'"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curriculab.registry.warning import warn

if TYPE_CHECKING:
    from curriculab.runs.schema import Runs


@dataclass(frozen=True)
class Failure:
    """Why some seeds of a variant failed.

    seeds: those that failed for this reason; of: how many seeds the variant has; why: one line, beginning with
    "failed: "; traceback: the lines of the method's author that led there, "" where there are none.
    """

    variant: str
    seeds: tuple[int, ...]
    of: int
    why: str
    traceback: str = ""

    @property
    def where(self) -> str:
        """ "in all 3 seeds", "in seed 0", "in seeds 0 and 2"."""
        if len(self.seeds) == self.of:
            return f"in all {self.of} seeds" if self.of > 1 else f"in seed {self.seeds[0]}"
        *rest, last = map(str, self.seeds)
        return f"in seeds {', '.join(rest)} and {last}" if rest else f"in seed {last}"

    def __str__(self) -> str:
        return f"{self.variant!r} failed {self.where}: {self.why.removeprefix('failed: ')}"


def failures(runs: Runs) -> list[Failure]:
    """Failed runs, those of one variant that failed for one reason together, in the order of the runs.

    Parameters
    ----------
    runs : Runs

    Examples
    --------
    >>> from curriculab.runs.failures import failures
    >>> def mine(pool, run):
    ...     yield cl.Train(pool.head(4))
    ...     yield cl.Train(pool[pool["levl"] > 1])
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> print(failures(cl.simulate(mine, pool, steps=3, batch_size=4, seed=[0, 1]))[0])
    'mine' failed in all 2 seeds: KeyError: 'levl'
    """
    of: dict[str, int] = {}
    found: dict[tuple[str, str], list] = {}
    for record in runs.records:
        of[record.key[0]] = of.get(record.key[0], 0) + 1
        if record.key in runs.failed:
            found.setdefault((record.key[0], runs.failed[record.key]), []).append(record)
    told = []
    for (variant, why), records in found.items():
        seeds = tuple(record.key[1] for record in records)
        told.append(Failure(variant, seeds, of[variant], why, _traceback(records)))
    return told


def tell_failures(runs: Runs) -> None:
    """Warn of failed runs: a warning a variant and reason, with the lines of its author that led there.

    Parameters
    ----------
    runs : Runs

    Examples
    --------
    >>> from curriculab.runs.failures import tell_failures
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> tell_failures(cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4))  # nothing failed
    """
    for failure in failures(runs):
        warn("\n".join(filter(None, [str(failure), failure.traceback])))


def _traceback(records: Sequence) -> str:
    return next((str(r.spec["traceback"]) for r in records if r.spec.get("traceback")), "")
