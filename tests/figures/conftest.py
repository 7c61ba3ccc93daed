"""Runs and pools that several tests of figures draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.runs import Runs
from tests.figures.made import DIGESTS, IDS, LEVELS, VARIANTS, record, reinforced, signed_record


@pytest.fixture(scope="module")
def runs() -> Runs:
    names = [*VARIANTS, "order 2", "order 3"]
    return Runs(tuple(record(v, s) for v in names for s in range(3)), null=("order 2", "order 3"))


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    loss = np.random.default_rng(0).gamma(LEVELS)
    columns = dict(prompt="p", answer="a", level=LEVELS, loss=loss, topic=["add", "sort"] * 20)
    return pd.DataFrame(columns, index=pd.Index(IDS, name="id"))


@pytest.fixture(scope="module")
def online() -> Runs:
    chances = {"p/1": [0.5, 0.4, 0.3, 0.2], "p/2": [0.5, 0.6, 0.7, 0.8]}
    listening = [reinforced("sec", s, notes=chances) for s in range(2)]
    return Runs((*(reinforced("random", s, spread=0.0) for s in range(2)), *listening))


@pytest.fixture(scope="module")
def signed() -> Runs:
    names = ["random", "easy & first", "hard first", "order 2", "order 3"]
    keys = [(v, s) for v in names for s in range(3)]
    return Runs(
        tuple(signed_record(v, s, d) for (v, s), d in zip(keys, DIGESTS, strict=True)), null=("order 2", "order 3")
    )
