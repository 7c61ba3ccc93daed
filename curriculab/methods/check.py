"""What a method's check is given, what it returns, and the recorded results of all checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from curriculab.bench.budget import Budget
    from curriculab.objectives.registry import Objective
    from curriculab.runs import Runs
    from curriculab.simulation.student import Student
from curriculab.protocol import Method


@dataclass(frozen=True)
class Check:
    """One falsifiable claim about a method's mechanism, tried.

    claim: what the paper leads one to expect; refuted_by: what would have refuted it, threshold and source included;
    measured: the figures; held: whether they pass. `seeds` says which were used.
    """

    claim: str
    refuted_by: str
    measured: Mapping[str, float]
    held: bool
    seeds: tuple[int, ...] = (0, 1, 2)


class CheckBench(Protocol):
    """What a method's `check` is given: small pools, a simulated student, and a switch that breaks the signal.

    signal: columns of the pool the method listens to; the broken twin gets them permuted among the rows, while the
    student and every measurement below keep the true ones.
    """

    seeds: tuple[int, ...]
    batch_size: int
    pool: pd.DataFrame  # a chain of skills: topic i needs topic i - 1, level i; `score` is a loss that rises with it
    wide: pd.DataFrame  # topics and levels crossed, as many rows in each cell
    random: Method

    def simulate(
        self,
        method: Method,
        *,
        signal: tuple[str, ...] = (),
        pool: pd.DataFrame | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        **knobs: object,
    ) -> Runs:
        """All seeds of one method on the student of the chain."""

    def reinforce(
        self,
        method: Method,
        *,
        signal: tuple[str, ...] = (),
        pool: pd.DataFrame | None = None,
        student: Student | None = None,
        steps: int | None = 60,
        budget: Budget | None = None,
        batch_size: int | None = None,
        rollouts: int = 8,
        objective: Objective | None = None,
        **knobs: object,
    ) -> Runs:
        """All seeds of one method under reinforcement; signals may be columns of replies, such as "reward"."""

    def reinforced(self, method: Method, **how: object) -> np.ndarray:
        """Accuracy at the end of `reinforce`, (seeds,)."""

    def final(self, runs: Runs) -> np.ndarray:
        """Accuracy at the end, (seeds,)."""

    def accuracy(self, method: Method, *, signal: tuple[str, ...] = (), **knobs: object) -> np.ndarray:
        """Accuracy at the end of `simulate`, (seeds,)."""

    def exposure(self, runs: Runs, pool: pd.DataFrame | None = None) -> pd.DataFrame:
        """Rows trained with their true columns; `share_before` and `share` of the steps, around the row's own."""


def checks_path() -> Path:
    from curriculab.data.files import data_path

    return data_path("checks.json")


def load_checks() -> dict[str, dict]:
    """Recorded checks by function: claim, refuted_by, measured, held, seeds, date, versions, digest."""
    path = checks_path()
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def file_digest(path: Path) -> str:
    """Digest of a method's file (16 hex digits)."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
