"""What runs leave behind, as tidy tables.

One line of `runs.items`: variant "easy first", seed 0, step 50, id "ladder/add/3/00417", correct 1.0, level 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.registry.warning import warn
from curriculab.runs.configurations import apart
from curriculab.runs.display import as_html
from curriculab.runs.roles import of_learner, with_role

FORMAT = 2  # of run folders and specs; 1: of 0.1.0 before its modules moved, without a number

KEYS = ["variant", "seed", "step"]


CUMULATIVE = ["tokens", "rollouts", "generated", "seconds"]  # trained tokens, answers, their tokens, seconds until then

OF_TEST = ["test_tokens", "test_generated"]  # tokens that a test row took at this test, read and written; and written


COLUMNS: dict[str, list[str]] = {
    "metrics": [*KEYS, "progress", "loss", "rows", *CUMULATIVE, "role"],
    "exposure": [*KEYS, "id", "tokens", "weight", "role"],
    "items": [*KEYS, "progress", "share", "solver", "gold", "id", "correct", *CUMULATIVE, *OF_TEST],
    "validation": [*KEYS, "progress", "share", "solver", "gold", "id", "correct", *CUMULATIVE, *OF_TEST],
    "ledger": [*KEYS, "request", "purpose", "role", "rows", *CUMULATIVE, "test", "solver"],
    "groups": [*KEYS, "purpose", "id", "group", "n", "reward", "spread", "tokens", "trained", "signal", "role"],
    "rollouts": [*KEYS, "purpose", "id", "level", "group", "prompt", "text", "reward", "length", "ended", "role"],
}


SIGNAL = 1e-6  # advantages (and spreads of rewards) up to this are 0 but for rounding: they teach nothing


@dataclass(frozen=True)
class Record:
    """One variant with one seed.

    Parameters
    ----------
    spec : mapping
        What decided it, its `variant` and `seed`, and how it `ended`.
    tables : mapping of str to DataFrame
        The six tables of `Runs` by name, without the columns variant and seed.
    events : tuple of mapping
        What happened to it.
    findings : DataFrame, optional
        What the method returned.
    adapter : Path, optional
        Folder of the trained adapter.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> (record,) = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4).records
    >>> record.key, record.steps
    (('random_order', 0), 3)
    """

    spec: Mapping[str, object]
    tables: Mapping[str, pd.DataFrame]
    events: tuple[Mapping[str, object], ...] = ()
    findings: pd.DataFrame | None = None
    adapter: Path | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Variant and seed."""
        return self.spec["variant"], self.spec["seed"]

    @property
    def steps(self) -> int:
        """Optimiser steps taken."""
        metrics = of_learner(self.tables.get("metrics", pd.DataFrame()))
        return int(metrics["step"].max()) if len(metrics) else 0

    def __repr__(self) -> str:
        ended = str(self.spec.get("ended", "")).split("\n")[0]
        return f"Record({self.key[0]!r}, seed {self.key[1]}, {self.steps} steps, ended: {ended[:80] or 'not recorded'})"

    def _repr_html_(self) -> str:
        lines = {name: len(table) for name, table in self.tables.items()}
        return as_html(repr(self), pd.DataFrame({"lines": lines}))


@dataclass(frozen=True)
class Runs:
    """Several variants with several seeds, as tidy tables with `variant`, `seed` and `step`.

    metrics    one line per optimiser step of a `role`: loss (nats a token), the learner's steps and trained tokens so
               far, answers, their tokens and seconds of all roles so far, the method's notes;
               under reinforcement also mean `reward`, tokens an answer (`length`), share of groups with a `signal`,
               how far the decode's log-probabilities are from the forward's (`logprob_gap`, `logprob_gap_max`, nats)
    exposure   one line per trained row: which row at which step of the learner, with how many learned tokens and which
               weight, and which `role` learned it (`runs.roles.of_learner` keeps the learner's)
    items      one line per test row and evaluation: correct (0 or 1), level and topic where the pool has them; what the
               test itself took for the row: test_tokens (read and written, by all roles), test_generated (written)
    validation the same of the rows that were read as training went on; empty where the test rows were
    ledger     one line per answered request: what it cost in rows, tokens, rollouts and seconds, by `role`; of a test,
               by its `solver`
    groups     one line per group of answers to a row: how many, mean reward, spread (largest minus smallest), tokens
               generated, how many of its answers were trained (0: probed or rejected) and whether any of these pushed
               the learner (an advantage other than 0); statistics.waste adds it up
    rollouts   up to 16 answers of every sampled batch, evenly picked, with their texts: to be read

    Examples
    --------
    >>> pool, variants = cl.load_pool("ladder", n=12, seed=0), {"random": cl.methods.random_order}
    >>> runs = cl.simulate(variants, pool, steps=3, batch_size=4, seed=[0, 1], tests=pool)
    >>> runs, runs.variants, runs.seeds, runs.controls
    (Runs(1 variants x 2 seeds, up to 3 steps), ['random'], [0, 1], [])
    >>> len(runs.metrics), len(runs.exposure), len(runs.items)  # steps, rows trained, answers in tests
    (6, 24, 48)
    >>> "tokens" in runs.ledger, len(runs.groups), len(runs.rollouts)  # nothing is sampled in supervised training
    (True, 0, 0)
    >>> len(runs.validation), runs.watched is runs  # with rows to validate on, what curves read instead of `items`
    (0, True)
    >>> runs.failed, runs.tracebacks, runs.findings, runs.interventions
    ({}, {}, {}, [])
    """

    records: tuple[Record, ...]
    null: tuple[str, ...] = ()
    _cache: dict = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        records, said = apart(self.records)
        if said:
            warn(f"{said}; names and tables tell them apart, report.latest(runs) takes the latest")
            null = [record.key[0] for record, old in zip(records, self.records, strict=True) if old.key[0] in self.null]
            object.__setattr__(self, "records", records)
            object.__setattr__(self, "null", tuple(dict.fromkeys(null)))

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._cache:
            parts = [
                r.tables[name].assign(variant=r.key[0], seed=r.key[1])
                for r in self.records
                if len(r.tables.get(name, ()))
            ]
            table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS[name])
            table = with_role(table) if "role" in COLUMNS[name] else table
            self._cache[name] = table[[*KEYS, *(c for c in table.columns if c not in KEYS)]]
        return self._cache[name]

    metrics = property(lambda self: self._table("metrics"))
    exposure = property(lambda self: self._table("exposure"))
    items = property(lambda self: self._table("items"))
    validation = property(lambda self: self._table("validation"))
    ledger = property(lambda self: self._table("ledger"))
    groups = property(lambda self: self._table("groups"))
    rollouts = property(lambda self: self._table("rollouts"))

    @property
    def watched(self) -> Runs:
        """The same runs as they were watched: `items` are those of the validation rows, where all runs have some.

        Curves read it, so that nothing is chosen by the test rows.
        """
        if "watched" not in self._cache:
            read = [r.tables.get("validation", ()) for r in self.records if len(r.tables.get("items", ()))]
            whole = bool(read) and all(map(len, read))
            self._cache["watched"] = Runs(tuple(map(_validated, self.records)), self.null) if whole else self
        return self._cache["watched"]

    @property
    def variants(self) -> list[str]:
        """Names in the order they were asked for, null-band orders left out."""
        names = dict.fromkeys(record.key[0] for record in self.records)
        return [name for name in names if name not in self.null]

    @property
    def seeds(self) -> list[int]:
        """Those of all variants, in rising order."""
        return sorted({r.key[1] for r in self.records})

    @property
    def controls(self) -> list[str]:
        """Names of the variants that were added as controls."""
        return list(dict.fromkeys(r.key[0] for r in self.records if r.spec.get("control")))

    @property
    def findings(self) -> dict[tuple[str, int], pd.DataFrame]:
        """What methods returned, by (variant, seed)."""
        return {r.key: r.findings for r in self.records if r.findings is not None}

    @property
    def failed(self) -> dict[tuple[str, int], str]:
        """Why a variant stopped before its budget was spent, by (variant, seed)."""
        return {r.key: str(r.spec["ended"]) for r in self.records if str(r.spec.get("ended", "")).startswith("failed")}

    @property
    def tracebacks(self) -> dict[tuple[str, int], str]:
        """Where a method failed in its author's own lines, by (variant, seed)."""
        return {r.key: str(r.spec["traceback"]) for r in self.records if r.spec.get("traceback")}

    @property
    def interventions(self) -> list[Mapping[str, object]]:
        """What was done by hand while these runs trained: `bench.run(..., interventions=...)` repeats it."""
        events = [list(record.spec.get("events", ())) for record in self.records]
        return max(events, key=len, default=[])

    def accuracy(self, by: str | None = None) -> pd.DataFrame:
        """Share correct per variant, seed and evaluation.

        Parameters
        ----------
        by : str, optional
            A column of the test rows, such as "level"; each of its values apart.

        Returns
        -------
        DataFrame
            `variant`, `seed`, `step`, `solver`, [by], `accuracy` in [0, 1], `n` (test rows), and what was spent until
            then: `tokens`, `rollouts`, `generated`, `seconds`.

        Raises
        ------
        ValueError
            Where the test rows have no such column.

        Examples
        --------
        >>> pool = cl.load_pool("ladder", n=12, seed=0)
        >>> runs = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4, tests=pool)
        >>> runs.accuracy()[["step", "n"]].values.tolist()
        [[0, 12], [3, 12]]
        """
        keys = [*KEYS, "solver", *([by] if by else [])]
        if by and by not in self.items:
            raise ValueError(f"the test rows have no column {by!r}; they have {sorted(set(self.items) - set(KEYS))}")
        groups = self.items.groupby(keys, sort=False, observed=True, dropna=False)  # samples may have no step
        table = groups.agg(
            accuracy=("correct", "mean"),
            n=("correct", "size"),
            **{c: (c, "first") for c in CUMULATIVE},
        )
        return table.reset_index()

    def __repr__(self) -> str:
        steps = max((record.steps for record in self.records), default=0)
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"Runs({len(self.variants)} variants x {len(self.seeds)} seeds, up to {steps} steps{failed})"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self._overview())

    def _overview(self) -> pd.DataFrame:
        """One line per variant: seeds, steps, accuracy at each seed's last evaluation (mean), failed seeds."""
        taken: dict[str, list[Record]] = {name: [] for name in self.variants}
        for record in self.records:
            taken.get(record.key[0], []).append(record)
        failed = self.failed
        lines = {}
        for name, records in taken.items():
            lines[name] = {
                "seeds": len(records),
                "steps": max(record.steps for record in records),
                "accuracy": _last_accuracy(records),
                "failed": sum(record.key in failed for record in records),
            }
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis("variant").round(3)


def _validated(record: Record) -> Record:
    """The record with the tests of the validation rows in the place of those of the test rows."""
    items = record.tables.get("validation", record.tables.get("items"))
    return record if items is None else replace(record, tables={**record.tables, "items": items})


def _last_accuracy(records: Sequence[Record]) -> float:
    """Share right at the last evaluation, mean over the records that have one; NaN where none has."""
    shares = []
    for record in records:
        items = record.tables.get("items", ())
        if len(items):
            shares.append(items.loc[items["step"] == items["step"].max(), "correct"].mean())
    return float(np.mean(shares)) if shares else float("nan")
