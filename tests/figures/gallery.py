"""Every figure of the package once, of runs whose names are long and many: what tests of looks are made on.

gallery()["learning_curves"]    # by the name of what draws it, and of how where a function is shown more than once
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

import curriculab as cl
from curriculab import figures
from curriculab.figures.training import training
from curriculab.runs import Runs
from tests.figures.made import IDS, LEVELS, record, reinforced

LONG = [  # as the notebooks of orders call them
    "random",
    "easy first, level",
    "easy first, loss, reversed",
    "baby steps, level, shuffled scores",
    "competence, loss",
    "hard first, level",
]


@cache
def gallery() -> dict[str, go.Figure]:
    """Figures by name, each with more variants, levels and measures than is comfortable."""
    null = tuple(f"order {i}" for i in range(2, 6))
    runs = Runs(tuple(record(v, s) for v in (*LONG, *null) for s in range(3)), null=null)
    few = Runs(tuple(r for r in runs.records if r.key[0] in (LONG[0], LONG[1], LONG[5])))
    columns = dict(prompt="p", answer="a", level=LEVELS, loss=np.random.default_rng(0).gamma(LEVELS))
    pool = pd.DataFrame(columns | dict(topic=["add", "sort"] * 20), index=pd.Index(IDS, name="id"))
    for i in range(8):
        pool[f"another_measure_{i}"] = np.random.default_rng(i).normal(LEVELS)
    measures = [c for c in pool.select_dtypes("number") if c != "level"]
    scores = pool[measures]
    online = _online()
    fit = _fit()
    both = [cl.difficulty.atlas.agreement(scores, method) for method in ("spearman", "kendall")]
    result = cl.compare(runs)
    return {
        "learning_curves": figures.learning_curves(runs),
        "learning_curves of three": figures.learning_curves(few),
        "learning_curves by level": figures.learning_curves(runs, by="level"),
        "learning_curves by variant": figures.learning_curves(runs, by="variant"),
        "loss_curves": figures.loss_curves(online),
        "notes": figures.notes(online, "p/*"),
        "explore": figures.explore(runs),
        "explore smoothed": figures.explore(online, "reward", x="generated", smooth=3),
        "comparison": figures.comparison(result),
        "levels": figures.levels(result),
        "levels, difference": figures.levels(result, "difference"),
        "forgetting": figures.forgetting(runs, by="level"),
        "grid": figures.grid(result),
        "transfer": figures.transfer(few, pool),
        "draws": figures.draws(runs, pool),
        "draws by loss": figures.draws(runs, pool, by="loss"),
        "schedules": figures.schedules(few, pool),
        "difficulty": figures.difficulty(pool, measures[:5]),
        "scatter": figures.scatter(pool, "loss", "another_measure_1"),
        "by_level": figures.by_level(cl.difficulty.atlas.by_level(scores, pool["level"])),
        "agreement": figures.agreement(pool, measures),
        "agreements": figures.agreements(*both),
        "waste": figures.waste(online),
        "test_time": figures.test_time(_voted()),
        "item_curves": figures.item_curves(fit),
        "wright_map": figures.wright_map(fit, groups=pd.Series([1, 2] * 5, fit.items.index, name="level")),
        "training": training(_points(), variants=LONG),
    }


def _online() -> Runs:
    chances = {f"p/{arm}": np.linspace(0.5, arm / 4, 12) for arm in range(1, 5)}
    every = {"loss": np.linspace(2, 1, 12), "rows": 1}
    names = ["random", "sec", "dynamic sampling, loss", "learnability"]
    return Runs(
        tuple(
            reinforced(v, s, steps=12, spread=float(v != "random"), notes=every | (chances if v == "sec" else {}))
            for v in names
            for s in range(2)
        )
    )


def _voted() -> Runs:
    """Each of the long names by three solvers that take 40, 120 and 360 tokens."""
    found = []
    for variant in LONG:
        for seed in range(3):
            one = record(variant, seed)
            votes = [one.tables["items"].assign(solver=f"{n} votes", test_tokens=40 * n) for n in (1, 3, 9)]
            items = pd.concat(votes, ignore_index=True).assign(test_generated=lambda t: t.test_tokens - 30)
            found.append(replace(one, tables={**one.tables, "items": items}))
    return Runs(tuple(found))


def _fit() -> object:
    rng = np.random.default_rng(3)
    ability, hard = rng.normal(size=(60, 1)), np.linspace(-2, 2, 10)
    answers = rng.random((60, 10)) < 1 / (1 + np.exp(hard - ability))
    return cl.difficulty.irt.fit(pd.DataFrame(answers.astype(float), columns=[f"question {i}" for i in range(10)]))


def _points() -> list[dict]:
    """Tests of six variants and two seeds, as a bench in training tells them."""
    return [
        dict(kind="test", variant=v, seed=s, step=step, accuracy=0.1 + 0.02 * step + 0.01 * i + 0.01 * s, rows=4)
        for i, v in enumerate(LONG)
        for s in range(2)
        for step in range(0, 21, 5)
    ]
