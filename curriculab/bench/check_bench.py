"""What checks of methods run on: small pools and simulated students."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from curriculab.bench.budget import Budget
from curriculab.bench.scripted import ScriptedRoles
from curriculab.bench.simulate import _objective, _writers, simulate
from curriculab.data.files import data_path
from curriculab.engine.loading import load_model
from curriculab.methods.check import CheckBench
from curriculab.methods.order.random_order import random_order
from curriculab.protocol import Method, Rows, method_name
from curriculab.runs import Runs
from curriculab.simulation.arithmetic import text_key
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.permuted import watched, with_permuted_feedback
from curriculab.simulation.pools import CHAIN_STUDENT, chain, chain_pool, planted
from curriculab.simulation.student import Student


class SimulatedCheckBench(CheckBench):
    """The CheckBench of methods that can be checked on the simulated student."""

    chain = staticmethod(chain)
    planted = staticmethod(planted)
    student = staticmethod(Student)
    watch = staticmethod(watched)
    random = staticmethod(random_order)

    @cached_property
    def pool(self) -> Rows:
        return chain_pool()

    @cached_property
    def wide(self) -> Rows:
        cells = [(t, level, i) for t in "abcd" for level in range(1, 7) for i in range(15)]
        pool = pd.DataFrame(cells, columns=["topic", "level", "i"])
        pool.index = pd.Index([f"wide/{t}/{level}/{i:05d}" for t, level, i in cells], name="id")
        pool = pool.assign(prompt=pool.index, answer="yes").drop(columns="i")
        return pool.iloc[np.random.default_rng(0).permutation(len(pool))]

    @cached_property
    def pocket(self) -> Any:
        return load_model("pocket") if data_path("pocket").exists() else None

    def chain_student(self, *skills: object) -> Student:
        return replace(CHAIN_STUDENT, prerequisites=chain(*skills))

    def train(
        self, method: Method, signal: tuple[str, ...], pool: Rows, student: Student, knobs: Mapping, **how: object
    ) -> Runs:
        own = {}
        if objective := how.get("objective"):  # without one, the learner's own: supervised
            writers = {method_name(method): _writers(method)}
            own = dict(objective=partial(_objective, default=objective), writers=writers)
        if "budget" in how:
            how["budget"] = Budget(**how["budget"])
        shown = pool
        if self.broken:
            shown = pool.assign(**{c: self._permuted(pool[c]) for c in signal if c in pool})
            method = with_permuted_feedback(method, tuple(c for c in signal if c not in pool))
        learner = SimulatedLearner(student, pool, **own)
        if speakers := how.pop("reference_models", None):
            learner = ScriptedRoles(learner, speakers)
        how |= dict(seed=self.seeds, learner=learner, tests=pool, name=method_name(method))
        return simulate(partial(method, **knobs), shown, **how)

    def _permuted(self, column: pd.Series) -> np.ndarray:
        return column.to_numpy()[np.random.default_rng([0, text_key(column.name)]).permutation(len(column))]
