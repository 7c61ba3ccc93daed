"""A notebook run without a browser makes the tables that its widgets show with their defaults.

What a notebook's panel is compared with is told by an entry of DEFAULTS: the panel's name, its table, and the one that
its Python, which is what a reader copies, makes of the same parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import curriculab as cl

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@dataclass(frozen=True)
class Default:
    """The panel called `name`; from what is known once it is made, its table and the one made without it."""

    notebook: str
    name: str
    shown: Callable[[dict], pd.DataFrame]
    headless: Callable[[dict], pd.DataFrame]


def by_its_python(known: dict) -> pd.DataFrame:
    copied = {name: known[name] for name in ("cl", "partial", "pool", "Root", "Linear", "Geometric")}
    exec(known["panel"].source, copied)
    return copied["runs"].exposure


def predicted_by_hand(known: dict) -> pd.DataFrame:
    panel, pool = known["panel"], known["pool"]
    tests = pool.sample(200, random_state=panel.seed)
    how = dict(steps=known["STEPS"], batch_size=known["BATCH"], seed=range(5), tests=tests)
    variants = {**panel.variants, "random": cl.methods.random_order}
    items = cl.simulate(variants, pool, evaluate_every=known["STEPS"] // 10, **how).items
    return items.drop(columns="seconds")


DEFAULTS = [
    Default("04_schedules", "panel", lambda known: known["panel"].runs.exposure, by_its_python),
    Default(
        "04_schedules",
        "panel",
        lambda known: known["panel"].predict(120).items.drop(columns="seconds"),
        predicted_by_hand,
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("default", DEFAULTS, ids=lambda d: f"{d.notebook}-{d.headless.__name__}")
def test_a_panel_left_alone_shows_what_its_python_gives(default: Default) -> None:
    known: dict = {"partial": partial}
    for cell in nbformat.read(NOTEBOOKS / f"{default.notebook}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, known)
        if default.name in known:
            break
    shown = default.shown(known)
    assert len(shown) and shown.equals(default.headless(known))
