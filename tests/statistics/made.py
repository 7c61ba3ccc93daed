"""Small runs made by hand: answers of last tests, courses of accuracy over several."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.runs import Record, Runs


def last_test(correct: list[float], **columns: object) -> pd.DataFrame:
    """The items of one last test: row ids a, b, c ... right (1) or wrong (0)."""
    ids = [chr(ord("a") + i) for i in range(len(correct))]
    fixed = dict(step=10, progress=1.0, share=1.0, solver="direct", gold=False, id=ids, tokens=100, seconds=1.0)
    return pd.DataFrame({**fixed, "correct": np.asarray(correct, float), **columns})


def runs_of(answers: dict[str, list], null: tuple[str, ...] = (), ended: dict | None = None, **columns: object) -> Runs:
    """Runs from {variant: [answers of seed 0, of seed 1, ...]}, each a list of right and wrong, or a finished table."""
    records = []
    for variant, seeds in answers.items():
        for seed, given in enumerate(seeds):
            if given is None:
                continue
            items = given if isinstance(given, pd.DataFrame) else last_test(given, **columns)
            empty = {name: pd.DataFrame() for name in ("metrics", "exposure", "ledger")}
            spec = {"variant": variant, "seed": seed, "ended": (ended or {}).get((variant, seed), "budget")}
            records.append(Record(spec, {"items": items, **empty}))
    return Runs(tuple(records), null)


def right(k: int, of: int = 20) -> list[int]:
    return [1] * k + [0] * (of - k)


def course(accuracy: dict, trained: dict | None = None, *, by: str = "topic") -> tuple[Record, ...]:
    """Runs from {variant: [per seed: {group: accuracy at steps 0, 10, 20, ...}]}, shares in quarters, and rows trained
    {variant: [(step, id), ...]}, the same in every seed."""
    records = []
    for variant, seeds in accuracy.items():
        for seed, groups in enumerate(seeds):
            items = [
                last_test([1] * round(4 * a) + [0] * round(4 - 4 * a), **{by: group}).assign(
                    step=10 * k, share=k / (len(path) - 1), id=[f"{group}/{i}" for i in range(4)]
                )
                for group, path in groups.items()
                for k, a in enumerate(path)
            ]
            exposure = pd.DataFrame((trained or {}).get(variant, []), columns=["step", "id"])
            tables = {"items": pd.concat(items, ignore_index=True), "exposure": exposure.assign(tokens=1, weight=1.0)}
            spec = {"variant": variant, "seed": seed, "ended": "budget"}
            records.append(Record(spec, {**tables, "metrics": pd.DataFrame(), "ledger": pd.DataFrame()}))
    return tuple(records)
