"""What the tests of figures share: records of three orders over ladder rows, and traces by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.runs import Record

LEVELS = np.repeat([1, 2, 3, 4], 10)
IDS = [f"ladder/add/{level}/{i:05d}" for i, level in enumerate(LEVELS)]
VARIANTS = ("random", "easy first", "hard first")


def record(variant: str, seed: int, *, ended: str = "budget", until: float = 1.0) -> Record:
    """Ten steps of four rows in order of level (or against it, or at random), tested at start, middle, end."""
    rng = np.random.default_rng([seed, *variant.encode()])
    skill = {"easy first": 0.1, "hard first": -0.1}.get(variant, 0.0)
    tests = []
    for share in (0.0, 0.5, 1.0):
        chance = 0.9 - 0.15 * LEVELS + share * (0.2 + skill)
        fixed = dict(step=int(10 * share), progress=share, share=share, solver="direct", gold=False, level=LEVELS)
        spent = dict(id=IDS, tokens=int(400 * share) + seed, seconds=4.0 * share + seed)
        spent |= dict(rollouts=int(320 * share), generated=int(1600 * share) + seed)
        tests.append(pd.DataFrame({**fixed, **spent, "correct": (rng.random(40) < chance).astype(float)}))
    order = {"easy first": np.arange(40), "hard first": np.arange(40)[::-1]}.get(variant, rng.permutation(40))
    items = pd.concat([t for t in tests if t.share[0] <= until], ignore_index=True)
    exposure = pd.DataFrame(dict(step=np.repeat(np.arange(1, 11), 4), id=np.array(IDS)[order], tokens=10, weight=1.0))
    tables = dict(items=items, exposure=exposure, metrics=pd.DataFrame(), ledger=pd.DataFrame())
    return Record(dict(variant=variant, seed=seed, ended=ended), tables)


def traces(figure, name: str) -> list:
    """The traces of a figure that have this name."""
    return [t for t in figure.data if t.name == name]


def reinforced(variant: str, seed: int, *, steps: int = 4, spread: float = 1.0, notes: dict | None = None) -> Record:
    """Steps of one group of 4 answers of 10 tokens each, after one group asked as a probe; reward step / 10 + seed."""
    step = np.arange(1, steps + 1)
    so_far = dict(tokens=40 * step, rollouts=4 * step, generated=40 * step + seed, seconds=1.0 * step)
    metrics = pd.DataFrame(dict(step=step, reward=step / 10 + seed, **so_far, **(notes or {})))
    group = dict(id=IDS[:steps], group=step, n=4, reward=0.5, spread=spread, tokens=40, trained=4, signal=spread > 0)
    asked = dict(step=[1], purpose="probe", id=IDS[0], group=0, n=4, reward=1.0, spread=0.0, tokens=40, trained=0)
    probe = pd.DataFrame(dict(asked, signal=False))
    groups = pd.concat([probe, pd.DataFrame(dict(step=step, purpose="answer", **group))], ignore_index=True)
    ledger = pd.DataFrame(dict(step=step, request="Train", test=False, seconds=1.0))
    tables = dict(metrics=metrics, groups=groups, ledger=ledger, items=pd.DataFrame(), exposure=pd.DataFrame())
    return Record(dict(variant=variant, seed=seed, ended="budget"), tables)


DIGESTS = [f"{i:016x}" for i in range(15)]


def signed_record(variant: str, seed: int, digest: str) -> Record:
    """Four steps of ten rows, tested at start and end."""
    rng = np.random.default_rng([seed, *variant.encode()])
    tests = []
    for share in (0.0, 1.0):
        right = (rng.random(40) < 0.9 - 0.15 * LEVELS + share * 0.2).astype(float)
        spent = dict(step=int(4 * share), tokens=400 * share, rollouts=0, generated=0, seconds=share)
        tests.append(
            pd.DataFrame(
                dict(
                    id=IDS,
                    correct=right,
                    level=LEVELS,
                    progress=share,
                    share=share,
                    solver="direct",
                    gold=False,
                    **spent,
                )
            )
        )
    order = np.arange(40) if variant == "easy & first" else rng.permutation(40)
    exposure = pd.DataFrame(dict(step=np.repeat(np.arange(1, 5), 10), id=np.array(IDS)[order], tokens=9, weight=1.0))
    tables = dict(items=pd.concat(tests, ignore_index=True), exposure=exposure)
    return Record(dict(variant=variant, seed=seed, ended="budget", digest=digest), tables)


def cloud() -> pd.DataFrame:
    """10,000 rows with a level and a loss."""
    rng = np.random.default_rng(1)
    level = rng.integers(1, 6, 10_000)
    return pd.DataFrame(dict(prompt="p", answer="a", level=level + rng.normal(0, 0.1, 10_000), loss=rng.gamma(level)))
