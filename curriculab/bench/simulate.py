"""Run methods on simulated students: the same tables as a bench, without a model."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from curriculab.bench.budget import Budget, default_ceiling, evaluation_shares
from curriculab.bench.evaluation import Validation
from curriculab.bench.job import open_job
from curriculab.bench.recording import record
from curriculab.bench.scheduler import Scheduler
from curriculab.bench.scripted import ScriptedRoles
from curriculab.objectives.objective import Objective
from curriculab.objectives.registry import as_objective
from curriculab.protocol import Backend, Method, Rows, Script, Train, method_name
from curriculab.registry.names import also_named
from curriculab.registry.progress import working
from curriculab.runs import Runs
from curriculab.runs.failures import tell_failures
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.rows import row_bytes
from curriculab.simulation.student import Student
from curriculab.simulation.writing import Writer


@also_named(rollouts="num_generations")
def simulate(
    method: Method | Mapping[str, Method],
    pool: Rows,
    *,
    steps: int | None = None,
    batch_size: int,
    seed: int | Sequence[int] = 0,
    learner: Student | Backend | None = None,
    tests: Rows | None = None,
    valid: Rows | None = None,
    evaluate_every: int | None = None,
    num_generations: int = 8,
    objective: str | Objective = "sft",
    budget: Budget | None = None,
    reference_models: Mapping[str, Student | Script] | None = None,
    name: str | None = None,
) -> Runs:
    """Run one method (or several, by name) on simulated students: the same tables as a bench, without a model.

    Parameters
    ----------
    method : callable or mapping of str to callable
        One method, or several by the names of their variants.
    pool : pd.DataFrame
        Rows to train on, by id.
    steps, budget : int or Budget
        When a variant is done, one of them: optimiser steps, or a budget.
    batch_size : int
        Rows a step.
    seed : int or sequence of int
        One seed or several.
    learner : Student or Backend, optional
        How the students learn, or anything that answers requests. None: `Student()`.
    tests : pd.DataFrame, optional
        Rows to test at the start, at the end and every `evaluate_every` units of the budget's first axis.
    valid : pd.DataFrame, optional
        Rows that are read in their place as training goes on; test rows are then read at the start and at the end.
    num_generations : int
        Answers a row, where the objective samples (`rollouts` is accepted too).
    objective : str or Objective
        "sft", "grpo" or another registered name, or its settings.
    reference_models : mapping of str to Student or Script, optional
        Students that never learn, or functions that speak, by the role that methods ask them by.
    name : str, optional
        Name of the variant of a single method. None: that of the function.

    Returns
    -------
    Runs
        A variant that failed is told in a warning, as a bench tells it.

    Raises
    ------
    ValueError
        Where both or neither of steps and budget are given, or an id stands twice.

    Examples
    --------
    >>> import curriculab as cl
    >>> from curriculab.simulation.pools import planted
    >>> pool, student = planted({"easy": 0.9, "hard": 0.1}, rate=0.1)
    >>> cl.simulate({"random": cl.methods.random_order}, pool, steps=10, batch_size=4, learner=student, tests=pool)
    Runs(1 variants x 1 seeds, up to 10 steps)
    """
    if (steps is None) == (budget is None):
        raise ValueError("give simulate steps=, or budget=Budget(...), and not both")
    for what, rows in (("pool", pool), ("tests", tests), ("valid", valid)):
        if rows is not None and not rows.index.is_unique:
            twice = rows.index[rows.index.duplicated()][0]
            raise ValueError(f"simulate: the id {twice!r} stands twice in {what}; give every row an id of its own")
    variants = dict(method) if isinstance(method, Mapping) else {name or method_name(method): method}
    resolve = partial(_objective, default=objective)
    samples = resolve(None).needs_samples
    budget = budget or Budget(steps=steps)
    whole = row_bytes(pool)
    ceiling = default_ceiling(whole, budget, batch_size, num_generations if samples else 0)
    budget = replace(budget, max_total_tokens=budget.max_total_tokens or ceiling)
    backend = learner
    if learner is None or isinstance(learner, Student):
        tables = [rows for rows in (pool, tests, valid) if rows is not None]
        writers = {variant: _writers(m) for variant, m in variants.items()}
        backend = SimulatedLearner(learner or Student(), *tables, objective=resolve, writers=writers)
        speakers = {
            role: one if isinstance(one, Script) else SimulatedLearner(one, *tables, writers=writers)
            for role, one in (reference_models or {}).items()
        }
        backend = ScriptedRoles(backend, speakers) if speakers else backend
    elif reference_models:
        raise ValueError("simulate: reference_models= go with a Student; a backend given as learner= has its own roles")
    seeds = [seed] if isinstance(seed, int) else list(seed)
    shares = evaluation_shares(budget, evaluate_every)
    jobs = [
        open_job(variant, m, pool, seed=s, batch=batch_size, rollouts=num_generations, objective=resolve)
        for variant, m in variants.items()
        for s in seeds
    ]
    backend.start([(job.variant, job.seed) for job in jobs])
    validation = None if valid is None else Validation(valid)
    with working(f"simulating {len(jobs)} runs"):
        Scheduler(backend, budget, tests, shares, validation=validation).drive(jobs)
    spec = {"simulated": True, "batch_size": batch_size, "objective": str(objective), "budget": asdict(budget)}
    runs = Runs(tuple(record(job, tests, spec, valid=valid) for job in jobs))
    tell_failures(runs)
    return runs


def _objective(request: Train | None, *, default: str | Objective) -> Objective:
    return as_objective(default if request is None or request.objective is None else request.objective)


def _writers(method: Method) -> dict[str, Writer]:
    """WRITERS of the module that a method stands in, and of the methods among its knobs."""
    found: dict[str, Writer] = {}
    while isinstance(method, partial):
        for value in method.keywords.values():
            if callable(value) and not inspect.isclass(value):
                found |= _writers(value)
        method = method.func
    return found | getattr(sys.modules.get(getattr(method, "__module__", "")), "WRITERS", {})
