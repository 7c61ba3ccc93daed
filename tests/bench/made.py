"""A small bench and two variants that stand beside a failing one."""

from __future__ import annotations

import curriculab as cl
from curriculab import methods


def bench_of(model, pools, folder, objective="sft", steps=6):
    """Six steps of four rows, tested three times."""
    return cl.Bench(
        model,
        *pools,
        objective=objective,
        budget=cl.Budget(steps=steps),
        batch_size=4,
        rollouts=4,
        evaluate_every=3,
        max_new_tokens=4,
        store=folder,
        valid=None,
    )


NEIGHBOURS = {"random": methods.random_order, "self paced": methods.self_paced}


def batch(pool, run):
    """The rows of this step, in the order of the pool."""
    return pool.iloc[run.step * run.batch : (run.step + 1) * run.batch]
