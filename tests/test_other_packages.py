"""Another package adds a method, a measure, an objective, a source and a verifier: one file each, and entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "stripes.py": '''
"""Every other row of the pool.

Title    Stripes
Authors  Lab
Year     2026
Needs    objective any; columns none
"""

from collections.abc import Generator

import pandas as pd

from curriculab.protocol import Run, Train


def stripes(pool: pd.DataFrame, run: Run, *, step: int = 2) -> Generator:
    """Rows 0, step, 2 step, ... in turn."""
    chosen = pool.iloc[::step]
    while True:
        yield Train(chosen.sample(run.batch, random_state=run.rng))
''',
    "vowels.py": '''
"""Vowels of a prompt."""

import pandas as pd

from curriculab.difficulty.registry import measure


@measure
def vowel_count(pool: pd.DataFrame) -> pd.Series:
    """Vowels in the prompt (a count)."""
    return pool["prompt"].str.count("[aeiou]").astype(float)
''',
    "gentle.py": '''
"""Half of supervised fine-tuning."""

from dataclasses import dataclass
from typing import ClassVar

from curriculab.objectives.objective import SimulatedGain, Terms, token_weights
from curriculab.objectives.registry import OBJECTIVES, objective
from curriculab.objectives.sft import Sft


@objective("gentle")
@dataclass(frozen=True, kw_only=True)
class Gentle(Sft):
    """Half the loss of Sft."""

    title: ClassVar[str] = "gentle supervision"

    def loss(self, torch, logp, **terms):
        return 0.5 * super().loss(torch, logp, **terms)

    def simulated_gain(self, rows, known):
        gain = super().simulated_gain(rows, known)
        return SimulatedGain(0.5 * gain.ability, gain.length, gain.reply)
''',
    "counting.py": '''
"""Counting to n."""

import pandas as pd

from curriculab.data.registry import source


@source("counting")
def counting(name: str, *, last: int = 12) -> pd.DataFrame:
    """Rows "count to 3" with the answer "1 2 3"."""
    rows = [(f"counting/{n}", f"count to {n}", " ".join(map(str, range(1, n + 1)))) for n in range(1, last + 1)]
    return pd.DataFrame(rows, columns=["id", "prompt", "answer"]).set_index("id").assign(task="counting", level=1)
''',
    "counted.py": '''
"""Counting, judged by the last number."""

from curriculab.rewards.registry import Reference, verifier


@verifier("counting")
def counted(text: str, reference: Reference) -> float:
    """1 where the last number is that of the answer."""
    return float(text.split()[-1:] == reference.answer.split()[-1:])
''',
}
POINTS = """
[curriculab.methods]
stripes = lab.stripes:stripes
[curriculab.measures]
vowel_count = lab.vowels:vowel_count
[curriculab.objectives]
gentle = lab.gentle:Gentle
[curriculab.sources]
counting = lab.counting:counting
[curriculab.verifiers]
counting = lab.counted:counted
"""
USE = """
import json
import curriculab as cl

pool = cl.load_pool("counting", last=10)
score = cl.difficulty.measure(pool, None, ["vowel_count"])["vowel_count"]
runs = cl.simulate(
    {"stripes": cl.methods.stripes, "random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=2,
    objective="gentle",
)
full = cl.simulate(cl.methods.stripes, pool, tests=pool, steps=4, batch_size=2)
entry = next(e for e in cl.methods.CATALOG if e.function == "stripes")
from curriculab.registry.serialization import made, written
setting = cl.objectives.registry.OBJECTIVES["gentle"](lr=0.5)
print(json.dumps({
    "rows": len(pool), "vowels": score.tolist()[:2], "failed": list(runs.failed.values()),
    "trained": sorted(set(runs.exposure[runs.exposure.variant == "stripes"].id)),
    "right": cl.rewards.verify("... and 3", "1 2 3", "counting"), "wrong": cl.rewards.verify("4", "1 2 3", "counting"),
    "title": entry.title, "year": entry.year, "differs": not runs.items.correct.equals(full.items.correct),
    "again": made(json.loads(json.dumps(written(setting)))) == setting,
    "method again": made(json.loads(json.dumps(written(cl.methods.stripes)))) is cl.methods.stripes,
}))
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder as pip would fill it: the package `lab` and what its distribution offers."""
    package, info = tmp_path / "lab", tmp_path / "lab-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text("")
    for name, text in FILES.items():
        (package / name).write_text(text.lstrip())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return tmp_path


@pytest.mark.slow
def test_each_of_five_kinds_is_one_file_and_an_entry_point(lab: Path) -> None:
    paths = os.pathsep.join([str(lab), str(Path(__file__).parents[1])])
    ran = subprocess.run(
        [sys.executable, "-c", USE], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, cwd=lab
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["rows"] == 10 and found["vowels"] == [3.0, 3.0]  # "count to 1": o, u, o
    assert found["failed"] == []
    assert set(found["trained"]) <= {f"counting/{n}" for n in (1, 3, 5, 7, 9)} and found["trained"]
    assert (found["right"], found["wrong"]) == (1.0, 0.0)
    assert (found["title"], found["year"]) == ("Stripes", 2026)
    assert found["differs"] and found["again"] and found["method again"]
