"""What a bench would take, before anything trains: steps, tokens, minutes, bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from curriculab.bench.budget import Budget
from curriculab.bench.design import Design
from curriculab.bench.recording import record
from curriculab.bench.scheduler import Scheduler, closing_backend
from curriculab.bench.simulate import simulate
from curriculab.methods.order.random_order import random_order
from curriculab.protocol import Method
from curriculab.registry.warning import warn

SIMULATED_STEPS = 50  # that show what a method asks for
TIMED_TESTS = 64  # test rows that the speed of tests is measured on
RUN_BYTES = 40_000  # of a run's tables at least
STEP_BYTES = 80  # of the tables for each row trained


def plan(design: Design, variants: Mapping[str, Method], seeds: Sequence[int]) -> pd.DataFrame:
    """What training these variants would take, a line a variant; minutes and bytes are those of all its seeds to do."""
    speed = measured_speed(design)
    test_tokens = float(design.model.lengths(design.test).sum()) * len(design.shares)
    lines = {}
    for name, method in variants.items():
        steps, tokens = requested(design, method)
        recorded = sum(bool(design.store and design.store.load(name, design.digest(method, seed))) for seed in seeds)
        todo = len(seeds) - recorded
        seconds = sum(n / speed[kind] for kind, n in tokens.items()) + test_tokens / speed["test"]
        lines[name] = {
            "learning_rate": design.objective.learning_rate,
            "steps": steps,
            **{f"{kind}_tokens": n if math.isnan(n) else int(n) for kind, n in tokens.items()},
            "test_tokens": int(test_tokens),
            "seeds": len(seeds),
            "recorded": recorded,
            "minutes": float(f"{seconds / 60 * todo:.2g}"),
            "bytes": todo * (4 * design.model.layout.size + RUN_BYTES + STEP_BYTES * steps * design.batch_size),
        }
    return pd.DataFrame.from_dict(lines, orient="index")


def requested(design: Design, method: Method) -> tuple[int, dict[str, float]]:
    """Steps of one run, and tokens it trains, samples and scores, by simulating its first steps."""
    axis, total = design.budget.axis()
    each = {
        "steps": 1,
        "tokens": design.batch_size * design.tokens_per_row,
        "rollouts": design.batch_size * design.rollouts,
    }
    steps = max(1, math.ceil(total / each[axis]))
    simulated = min(steps, SIMULATED_STEPS)
    seen = simulate(
        method,
        design.train,
        steps=simulated,
        batch_size=design.batch_size,
        objective=design.objective,
        rollouts=design.rollouts,
    )
    if seen.failed:
        why = "; ".join(seen.failed.values())
        warn(f"what it asks for is not known, the simulated learner says: {why}")
        known = steps * design.batch_size * design.tokens_per_row
        return steps, {"train": known, "sample": math.nan, "score": math.nan}
    spent = seen.ledger.groupby("request").tokens.sum()
    # The simulated student counts bytes, the model tokens.
    unit = len(seen.exposure) * design.tokens_per_row / max(1.0, float(spent.get("Train", 0)))
    grow = steps / simulated
    return steps, {kind.lower(): float(spent.get(kind, 0)) * unit * grow for kind in ("Train", "Sample", "Score")}


def measured_speed(design: Design) -> dict[str, float]:
    """Tokens a second of training, sampling, scoring and tests, seen on three steps in random order.

    The adapter that learns in them is thrown away.
    """
    rows, tests = design.train.iloc[: 3 * design.batch_size], design.test.iloc[:TIMED_TESTS]
    job = design.open_job("plan", random_order, 0, pool=rows)
    limit = design.max_new_tokens
    with closing_backend(design.backend()) as backend:
        backend.start([(job.variant, job.seed)])
        Scheduler(backend, Budget(steps=3), tests, (1.0,), max_completion_length=limit).drive([job])
    if job.failed:
        raise ValueError(f"the speed cannot be measured: {job.ended.removeprefix('failed: ')}")
    ledger = record(job, tests, {}).tables["ledger"].assign(kind=lambda t: t.request.str.lower())
    ledger.loc[ledger.test, "kind"] = "test"
    warm = ledger[(ledger.step > 1) | ((ledger.step == 1) & (ledger.kind == "sample"))]
    sums = warm.groupby("kind")[["tokens", "seconds"]].sum()
    speed = (sums.tokens / sums.seconds).to_dict()
    return {"score": 3 * speed["train"], "sample": speed["test"], **speed}  # a forward is a third of a step
