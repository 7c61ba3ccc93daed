"""What checks of methods run on: small pools and simulated students."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from curriculab.bench.budget import Budget
from curriculab.bench.simulate import _objective, _writers, simulate
from curriculab.methods.order.random_order import random_order
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.registry import Objective
from curriculab.protocol import Method, Rows, method_name
from curriculab.runs import Runs
from curriculab.simulation.arithmetic import _key
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.permuted import deceived
from curriculab.simulation.pools import CHAIN_STUDENT, chain, chain_pool
from curriculab.simulation.student import Student


@dataclass(frozen=True)
class SimulatedCheckBench:
    """The CheckBench of methods that can be checked on the simulated student; `broken` makes it the twin's."""

    seeds: tuple[int, ...] = (0, 1, 2)
    broken: bool = False
    batch_size: int = 8

    @cached_property
    def pool(self) -> Rows:
        """480 rows: six skills, each the prerequisite of the next, level = place in the chain, `score` a noisy loss."""
        return chain_pool()

    @cached_property
    def wide(self) -> Rows:
        """360 rows: four topics, six levels, 15 rows in each cell, shuffled."""
        cells = [(t, level, i) for t in "abcd" for level in range(1, 7) for i in range(15)]
        pool = pd.DataFrame(cells, columns=["topic", "level", "i"])
        pool.index = pd.Index([f"wide/{t}/{level}/{i:05d}" for t, level, i in cells], name="id")
        pool = pool.assign(prompt=pool.index, answer="yes").drop(columns="i")
        return pool.iloc[np.random.default_rng(0).permutation(len(pool))]

    @property
    def random(self) -> Method:
        return random_order

    def simulate(
        self,
        method: Method,
        *,
        signal: tuple[str, ...] = (),
        pool: Rows | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        **knobs: object,
    ) -> Runs:
        """All seeds of one method: on the chain, one pass over the pool unless `steps` says otherwise."""
        pool = self.pool if pool is None else pool
        batch_size = batch_size or self.batch_size
        steps = steps or len(pool) // batch_size
        skills = sorted(set(pool["topic"])) if pool is self.pool else []  # "skill 1", "skill 2", ...
        student = replace(CHAIN_STUDENT, prerequisites=chain(*skills))
        learner = SimulatedLearner(student, pool)
        return self._simulated(method, signal, pool, learner, knobs, steps=steps, batch_size=batch_size)

    def reinforce(
        self,
        method: Method,
        *,
        signal: tuple[str, ...] = (),
        pool: Rows | None = None,
        student: Student | None = None,
        steps: int | None = 60,
        budget: Budget | None = None,
        batch_size: int | None = None,
        rollouts: int = 8,
        objective: Objective | None = None,
        **knobs: object,
    ) -> Runs:
        """All seeds of one method under reinforcement (or `objective`): on the chain and its student, or those given.

        Signals are columns of the pool or of replies, such as "reward" and "correct" together.
        """
        pool = self.pool if pool is None else pool
        student = student or replace(CHAIN_STUDENT, prerequisites=chain(*sorted(set(pool["topic"]))))
        objective = objective or Grpo()
        learner = SimulatedLearner(
            student,
            pool,
            objective=partial(_objective, default=objective),
            writers={method_name(method): _writers(method)},
        )
        return self._simulated(
            method,
            signal,
            pool,
            learner,
            knobs,
            steps=None if budget else steps,
            budget=budget,
            rollouts=rollouts,
            batch_size=batch_size or self.batch_size,
            objective=objective,
        )

    def _simulated(
        self, method: Method, signal: tuple[str, ...], pool: Rows, learner: SimulatedLearner, knobs: dict, **how: object
    ) -> Runs:
        shown = pool
        if self.broken:
            shown = pool.assign(**{c: self._permuted(pool[c]) for c in signal if c in pool})
            method = deceived(method, tuple(c for c in signal if c not in pool))
        return simulate(
            partial(method, **knobs),
            shown,
            seed=self.seeds,
            learner=learner,
            tests=pool,
            name=method_name(method),
            **how,
        )

    def reinforced(self, method: Method, **how: object) -> np.ndarray:
        """Accuracy at the end of `reinforce`, (seeds,)."""
        return self.final(self.reinforce(method, **how))

    def _permuted(self, column: pd.Series) -> np.ndarray:
        return column.to_numpy()[np.random.default_rng([0, _key(str(column.name))]).permutation(len(column))]

    def final(self, runs: Runs) -> np.ndarray:
        if runs.failed:
            (variant, seed), why = next(iter(runs.failed.items()))
            raise RuntimeError(f"{variant!r} with seed {seed} {why}")
        last = runs.items[runs.items.share == 1.0]
        return last.groupby("seed").correct.mean().loc[list(self.seeds)].to_numpy()

    def accuracy(self, method: Method, *, signal: tuple[str, ...] = (), **knobs: object) -> np.ndarray:
        return self.final(self.simulate(method, signal=signal, **knobs))

    def exposure(self, runs: Runs, pool: Rows | None = None) -> pd.DataFrame:
        seen = runs.exposure.join(self.pool if pool is None else pool, on="id")
        last = seen.groupby("seed").step.transform("max")
        return seen.assign(share_before=(seen.step - 1) / last, share=seen.step / last)
