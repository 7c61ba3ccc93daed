"""What a method's check is given, what it returns, and the recorded results of all checks."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curriculab.data.files import data_path
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Method, Rows
from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import modules
from curriculab.runs.roles import of_learner

if TYPE_CHECKING:
    from curriculab.objectives.objective import Objective
    from curriculab.runs import Runs


RESULTS = ("held", "mechanism", "refuted", "not testable at this size")
TIERS = ("simulated", "pocket", "real")


@dataclass(frozen=True)
class Check:
    """One falsifiable claim about a method, tried.

    Parameters
    ----------
    claim : str
        What the paper leads one to expect.
    refuted_by : str
        What would have refuted it, threshold and source included.
    measured : mapping of str to float
        The figures.
    held : bool
        Whether they pass.
    seeds : tuple of int
        Which were used.
    mechanism : bool
        True where only what the method decides is claimed (which rows, which text, at which cost), since the simulated
        student plants the effect.
    detectable, threshold : float, optional
        The smallest effect that this size can detect, and the effect that is claimed, in the same unit. A threshold
        below what can be detected is "not testable at this size", unless `gain` is given.
    gain : float, optional
        The effect that was found, in the unit of the threshold. Where it is given, a claim is "not testable at this
        size" only if gain and threshold are less apart than what can be detected.
    knobs : mapping of str to object
        Knobs of the method that are not its defaults here; empty: the claim is about the defaults.
    tier : str
        "simulated" (a simulated student), "pocket" (the pocket model) or "real".
    also : tuple of Check
        Further claims of the method, or the same at other knobs; the status in the catalogue is that of this one.

    Raises
    ------
    ValueError
        Where one of detectable and threshold is given without the other, or a gain without them, or the tier is
        unknown.

    Examples
    --------
    >>> gain = 0.12
    >>> check = cl.Check("easy first ends higher", "less than 0.05 above random", {"gain": gain}, held=gain > 0.05)
    >>> check.held, check.result
    (True, 'held')
    """

    claim: str
    refuted_by: str
    measured: Mapping[str, float]
    held: bool
    seeds: tuple[int, ...] = (0, 1, 2)
    mechanism: bool = False
    detectable: float | None = None
    threshold: float | None = None
    gain: float | None = None
    knobs: Mapping[str, object] = field(default_factory=dict)
    tier: str = "simulated"
    also: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if (self.detectable is None) != (self.threshold is None):
            raise ValueError("detectable and threshold are compared with each other; give a Check both, or neither")
        if self.gain is not None and self.threshold is None:
            raise ValueError("gain is compared with a threshold; give a Check detectable and threshold beside it")
        if self.tier not in TIERS:
            raise ValueError(f"Check(tier={self.tier!r}) is unknown; give one of {', '.join(TIERS)}")

    @property
    def result(self) -> str:
        """One of RESULTS.

        Examples
        --------
        >>> cl.Check("ends 0.02 higher", "", {}, held=True, detectable=0.05, threshold=0.02).result
        'not testable at this size'
        >>> cl.Check("ends 0.02 higher", "", {}, held=False, detectable=0.05, threshold=0.02, gain=-0.3).result
        'refuted'
        """
        if self.detectable is not None:
            apart = self.threshold if self.gain is None else abs(self.gain - self.threshold)
            if apart < self.detectable:
                return "not testable at this size"
        if not self.held:
            return "refuted"
        return "mechanism" if self.mechanism else "held"


def detectable(gains: np.ndarray) -> float:
    """The mean gain that so many seeds with this spread find in 80% of studies, at 5% on two sides: a paired t test.

    Parameters
    ----------
    gains : np.ndarray
        Differences of two methods, one a seed, (seeds,).

    Returns
    -------
    float
        (t(0.975) + t(0.8)) standard errors, with seeds - 1 degrees of freedom: 5.36 of three seeds, 2.80 of many. In
        the unit of the gains; NaN of one seed.

    Examples
    --------
    >>> import numpy as np
    >>> from curriculab.methods.check import detectable
    >>> round(detectable(np.array([0.1, 0.2, 0.3])), 3)
    0.31
    """
    from scipy.stats import t

    if len(gains) < 2:
        return float("nan")
    free = len(gains) - 1
    return float((t.ppf(0.975, free) + t.ppf(0.8, free)) * np.std(gains, ddof=1) / np.sqrt(len(gains)))


@dataclass(frozen=True)
class CheckBench(ABC):
    """What a method's `check` is given: small pools, simulated students, and a switch that breaks the signal.

    The package that runs checks hands it in (`curriculab.bench.check_bench`), so that a method's file needs nothing but
    this class.

    Parameters
    ----------
    seeds : tuple of int
        Of every run.
    broken : bool
        Whether `signal`, the columns that the method reads (of the pool, or of replies, such as "reward" and "correct"
        together; "hint:text": of replies of that purpose or role alone), is permuted among the rows, while the student
        and every measurement below keep the true ones.
    batch_size : int
        Rows in a step.

    Examples
    --------
    >>> from curriculab.bench.check_bench import SimulatedCheckBench
    >>> bench, seen = SimulatedCheckBench(seeds=(0, 1)), []
    >>> len(bench.pool), len(bench.wide), bench.student(rate=0.1).rate
    (480, 360, 0.1)
    >>> bench.chain("a", "b"), bench.chain_student("a", "b").prerequisites
    ((('b', 'a'),), (('b', 'a'),))
    >>> pool, student = bench.planted({"easy": 0.9, "hard": 0.1})
    >>> runs = bench.train(bench.watch(bench.random, seen), (), pool, student, {}, steps=3, batch_size=4)
    >>> runs, {type(request).__name__ for request in seen}
    (Runs(1 variants x 2 seeds, up to 3 steps), {'Train'})
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    broken: bool = False
    batch_size: int = 8

    @property
    @abstractmethod
    def pool(self) -> Rows:
        """480 rows: six skills, each the prerequisite of the next, level = place in the chain, `score` a noisy loss."""

    @property
    @abstractmethod
    def wide(self) -> Rows:
        """360 rows: four topics, six levels, 15 rows in each cell, shuffled."""

    @property
    @abstractmethod
    def random(self) -> Method:
        """Random order, to compare with."""

    @property
    @abstractmethod
    def pocket(self) -> Any:
        """The pocket model, or None where it is not installed.

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> SimulatedCheckBench().pocket.name
        'pocket'
        """

    @abstractmethod
    def student(self, **settings: object) -> Any:
        """A simulated student: student(rate=0.1, start=-1.0); settings as of `simulation.student.Student`."""

    @abstractmethod
    def chain_student(self, *skills: object) -> Any:
        """A student for whom order matters: each skill needs the one before it."""

    @abstractmethod
    def chain(self, *skills: object) -> tuple[tuple[str, str], ...]:
        """Prerequisites in a row: chain("a", "b", "c") -> (("b", "a"), ("c", "b"))."""

    @abstractmethod
    def planted(self, rates: Mapping[str, float], *, rows: int = 40, **student: object) -> tuple[Rows, Any]:
        """A pool with one topic per pass rate, and a student that has just these rates and, but for `student`, learns
        nothing; `level` counts the topics from easy to hard, `logit` is a row's difficulty."""

    @abstractmethod
    def watch(self, method: Method, seen: list) -> Method:
        """The same method, whose requests are put into the list `seen`."""

    @abstractmethod
    def train(
        self, method: Method, signal: tuple[str, ...], pool: Rows, student: object, knobs: Mapping, **how: object
    ) -> Runs:
        """All seeds of `method` with its knobs on a student, its signal permuted where the bench is `broken`."""

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
        """All seeds of one method, supervised: on the chain, one pass over the pool unless `steps` says otherwise.

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> bench = SimulatedCheckBench(seeds=(0, 1))
        >>> bench.simulate(cl.methods.easy_to_hard, by="score", signal=("score",), steps=4)
        Runs(1 variants x 2 seeds, up to 4 steps)
        """
        pool = self.pool if pool is None else pool
        batch_size = batch_size or self.batch_size
        skills = sorted(set(pool["topic"])) if pool is self.pool else []  # "skill 1", "skill 2", ...
        how = dict(steps=steps or len(pool) // batch_size, batch_size=batch_size)
        return self.train(method, signal, pool, self.chain_student(*skills), knobs, **how)

    def reinforce(
        self,
        method: Method,
        *,
        signal: tuple[str, ...] = (),
        pool: Rows | None = None,
        student: object | None = None,
        steps: int | None = 60,
        budget: Mapping[str, int] | None = None,
        batch_size: int | None = None,
        rollouts: int = 8,
        objective: Objective | None = None,
        reference_models: Mapping[str, object] | None = None,
        **knobs: object,
    ) -> Runs:
        """All seeds of one method under reinforcement (or `objective`): on the chain and its student, or those given.

        budget: instead of `steps`, such as {"rollouts": 1500}; reference_models: what speaks by role, such as a Script.

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> runs = SimulatedCheckBench(seeds=(0,)).reinforce(cl.methods.random_order, steps=2, rollouts=4)
        >>> len(runs.groups)  # a step of eight rows each
        16
        """
        pool = self.pool if pool is None else pool
        student = student or self.chain_student(*sorted(set(pool["topic"])))
        how = dict(budget=dict(budget)) if budget else dict(steps=steps)
        how |= dict(batch_size=batch_size or self.batch_size, rollouts=rollouts, objective=objective or Grpo())
        how |= dict(reference_models=reference_models) if reference_models else {}
        return self.train(method, signal, pool, student, knobs, **how)

    def final(self, runs: Runs) -> np.ndarray:
        """Accuracy at the end, in [0, 1], (seeds,).

        Raises
        ------
        RuntimeError
            Where a run failed.

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> bench = SimulatedCheckBench(seeds=(0, 1))
        >>> bench.final(bench.simulate(bench.random, steps=4)).shape
        (2,)
        """
        if runs.failed:
            (variant, seed), why = next(iter(runs.failed.items()))
            raise RuntimeError(f"{variant!r} with seed {seed} {why}")
        last = runs.items[runs.items.share == 1.0]
        return last.groupby("seed").correct.mean().loc[list(self.seeds)].to_numpy()

    def accuracy(self, method: Method, **how: object) -> np.ndarray:
        """Accuracy at the end of `simulate`, in [0, 1], (seeds,).

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> bench = SimulatedCheckBench(seeds=(0,))
        >>> bool(bench.accuracy(cl.methods.easy_to_hard, by="level") > bench.accuracy(bench.random))
        True
        """
        return self.final(self.simulate(method, **how))

    def reinforced(self, method: Method, **how: object) -> np.ndarray:
        """Accuracy at the end of `reinforce`, in [0, 1], (seeds,).

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> SimulatedCheckBench(seeds=(0, 1)).reinforced(cl.methods.random_order, steps=2).shape
        (2,)
        """
        return self.final(self.reinforce(method, **how))

    def exposure(self, runs: Runs, pool: Rows | None = None) -> pd.DataFrame:
        """Rows that the learner trained, with their true columns; `share_before` and `share` of the steps, around the
        row's own.

        Examples
        --------
        >>> from curriculab.bench.check_bench import SimulatedCheckBench
        >>> bench = SimulatedCheckBench(seeds=(0,))
        >>> seen = bench.exposure(bench.simulate(cl.methods.easy_to_hard, by="level", steps=2))
        >>> seen.groupby("share_before")["level"].max().to_dict()
        {0.0: 1, 0.5: 4}
        """
        seen = of_learner(runs.exposure).join(self.pool if pool is None else pool, on="id")
        last = seen.groupby("seed").step.transform("max")
        return seen.assign(share_before=(seen.step - 1) / last, share=seen.step / last)


def checks_path() -> Path:
    return data_path("checks.json")


def load_checks() -> dict[str, dict]:
    """Recorded checks by function: what a Check says, its date, versions and digest.

    Beside them what the twin with a permuted signal came to (`twin`), CPU seconds (`seconds`), further claims on the
    simulated student (`also`) and on models (`models`).

    Examples
    --------
    >>> cl.methods.load_checks()["easy_to_hard"]["seeds"]
    [0, 1, 2]
    """
    path = checks_path()
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def result_of(record: Mapping[str, object]) -> str:
    """What came of a recorded claim, one of RESULTS.

    Examples
    --------
    >>> from curriculab.methods.check import result_of
    >>> result_of({"held": False})
    'refuted'
    """
    return record.get("result") or ("held" if record["held"] else "refuted")


CHECK_BENCH = "curriculab.bench.check_bench"  # what checks run on: a name, since it imports this module


def claim_digest(module: str) -> str:
    """Digest of all that a check's figures depend on (16 hex digits): the modules of the method and of its bench.

    Comments and docstrings do not count, as in the digest of a run.
    """
    return digest_of(modules(module, CHECK_BENCH))
