"""How long a bench still takes: what is left of each run, at the pace of its own steps and tests so far.

A run that spent 0.2 of its budget in 8 s of steps, and was tested once in 3 s of five times, takes 32 s more of steps
and 12 s of tests; seconds that answers did not take (bookkeeping, checkpoints) are added in proportion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from curriculab.bench.job import Job
from curriculab.runs.schema import COLUMNS

LINE = COLUMNS["ledger"][2:]  # of a job's ledger: without its variant and seed
STEP, REQUEST, ROWS, TOKENS, SECONDS, TEST = map(LINE.index, ("step", "request", "rows", "tokens", "seconds", "test"))
# Rows to come are longer or shorter than those so far where the mean of the pool says so. It is right of an order that
# goes once through the pool, wrong of a choice of short rows: this power of the ratio is within 1.5 of both where the
# rows so far are half or twice as long as the pool's.
TRUST = 0.6


@dataclass
class _Seen:
    """What one run's ledger came to: lines read; seconds of steps, tests and the start's test; rows, tokens, tests."""

    lines: int = 0
    steps: float = 0.0
    tests: float = 0.0
    start: float = 0.0
    rows: int = 0
    tokens: int = 0
    sampled: bool = False
    tested: int = 0


@dataclass(eq=False)
class Pace:
    """Estimates the seconds left from the ledgers of jobs.

    tokens_per_row: of the whole pool (None: not known, rows to come are like those so far).
    """

    tokens_per_row: float | None = None
    seen: dict[tuple[str, int], _Seen] = field(default_factory=dict)
    taken_up: float | None = None  # seconds of answers that were booked before this process began

    def left(self, jobs: Sequence[Job], seconds: float) -> float:
        """Seconds left, of which `seconds` were spent so far in this process; NaN before a run has taken a step."""
        found = [self._read(job) for job in jobs]
        booked = self._booked(jobs, found)
        if self.taken_up is None:
            self.taken_up = booked
        rates = [own.steps / job.run.spent for job, own in zip(jobs, found, strict=True) if job.run.spent and own.rows]
        if not rates:
            return math.nan
        costs = [own.tests / own.tested for own in found if own.tested]
        usual, cost = sum(rates) / len(rates), sum(costs) / len(costs) if costs else 0.0
        answers = sum(self._of_run(job, own, usual, cost) for job, own in zip(jobs, found, strict=True))
        mine = booked - self.taken_up
        return answers * (max(seconds / mine, 1.0) if mine > 0 else 1.0)

    def _booked(self, jobs: Sequence[Job], found: Sequence[_Seen]) -> float:
        """Seconds of all answers; those of the start, which all variants of a seed have in common, once."""
        starts = {job.seed: own.start for job, own in zip(jobs, found, strict=True)}
        return sum(own.steps + own.tests - own.start for own in found) + sum(starts.values())

    def _of_run(self, job: Job, own: _Seen, usual: float, cost: float) -> float:
        """Seconds of answers that one run still takes."""
        if not job.open:
            return 0.0
        spent = job.run.spent
        rate = own.steps / spent * self._longer(own, spent) if spent and own.rows else usual
        each = own.tests / own.tested if own.tested else cost
        return rate * (1.0 - spent) + each * (len(job.due) + bool(job.evaluations))

    def _longer(self, own: _Seen, spent: float) -> float:
        """How much longer the rows to come are than those so far."""
        if self.tokens_per_row is None or own.sampled or not own.tokens or spent >= 1.0:
            return 1.0
        total, mean = own.rows / spent, own.tokens / own.rows
        rest = (self.tokens_per_row * total - own.tokens) / (total - own.rows)
        return (max(rest, 0.1 * mean) / mean) ** (TRUST * (1.0 - spent))

    def _read(self, job: Job) -> _Seen:
        """Add what is new in a ledger."""
        own = self.seen.setdefault((job.variant, job.seed), _Seen())
        for line in job.ledger[own.lines :]:
            if line[TEST]:
                own.tests += line[SECONDS]
                own.start += line[SECONDS] if line[STEP] == 0 else 0.0
            elif line[STEP] > 0 or line[REQUEST] != "Score":  # measured once before training: no part of its pace
                own.steps += line[SECONDS]
                own.sampled = own.sampled or line[REQUEST] == "Sample"
                own.rows += line[ROWS] if line[REQUEST] == "Train" else 0
                own.tokens += line[TOKENS] if line[REQUEST] == "Train" else 0
        own.lines = len(job.ledger)
        own.tested = len({item["share"] for item in job.watched})
        return own
