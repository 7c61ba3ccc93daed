"""When a variant is tested: answers are trained before what they taught is tested, unless nothing trains them."""

from __future__ import annotations

from collections.abc import Sequence

from curriculab.bench.budget import Budget
from curriculab.bench.job import Job, Pending
from curriculab.protocol import Train


def paid_for(job: Job, budget: Budget) -> bool:
    """Have the last answers spent the budget of rollouts, and nothing else? Then their step is still taken."""
    shares = budget.shares(job.spent)
    return job.sampled and shares.pop("rollouts", 0.0) >= 1.0 and max(shares.values(), default=0.0) < 1.0


def only_samples(job: Job, asked: Sequence[Pending]) -> bool:
    """Has a run trained nothing so far, and does it go on without? Then no answers wait to be trained before a test."""
    trains = any(isinstance(p.request, Train) for p in asked)
    return bool(asked) and job.open and not trains and not job.metrics and not job.must_train
