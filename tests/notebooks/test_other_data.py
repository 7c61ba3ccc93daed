"""Every cell of every notebook runs with a reader's own file and other seeds; the first ones on a larger model.

What a reader edits is the `parameters` cell, and so do these tests: a CSV of sums with the columns prompt, answer and
level and no more, another seed for the rows and others for training, and SmolLM2-135M. Four steps of everything.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

import curriculab as cl
from tests.notebooks.test_series import FOLDER, checks, figures, run

SMALL = {"ROWS": 240, "TEST": 12, "STEPS": 4, "SEEDS": 2, "ANSWERS": 4}
OTHER = {"DATA": "sums.csv", "TOPICS": None, "SEED": 7, "SEEDS": [11, 12]}
LONGER = {"LONGEST": 200}  # where the shorter rows alone are taken, and all rows of the file are longer
REINFORCED = ("06_online", "07_reward")
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def write_sums(folder: Path, rows: int = 300) -> None:
    """Sums of numbers with one to three digits, in words that no task of the package uses."""
    rng = random.Random(5)
    lines = ["prompt,answer,level"]
    for i in range(rows):
        level = 1 + i % 3
        a, b = rng.randrange(10 ** (level - 1), 10**level), rng.randrange(10 ** (level - 1), 10**level)
        lines.append(f"Shelf {i} holds {a} books and gets {b} more. How many?,{a + b},{level}")
    (folder / "sums.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.hour
@pytest.mark.pocket
@pytest.mark.parametrize("name", NAMES)
def test_every_cell_runs_with_other_rows_and_seeds(name: str, tmp_path: Path) -> None:
    write_sums(tmp_path)
    rows = LONGER if name in REINFORCED else {}
    notebook = run(name, tmp_path, SMALL | rows | OTHER)
    assert figures(notebook) >= 1
    assert all(line.endswith("True") for line in checks(notebook)), checks(notebook)


@pytest.mark.hour
@pytest.mark.real
@pytest.mark.needs("smollm2")
@pytest.mark.parametrize("name", ["01_model", "02_data", "03_difficulty"])
def test_the_first_notebooks_run_on_a_larger_model(name: str, tmp_path: Path) -> None:
    write_sums(tmp_path)
    few = {"MODEL": "smollm2", "DATA": "sums.csv", "ROWS": 48, "TEST": 6, "STEPS": 1, "SEEDS": 1, "ANSWERS": 2}
    notebook = run(name, tmp_path, few)
    assert figures(notebook) >= 1
    assert all(line.endswith("True") for line in checks(notebook)), checks(notebook)


@pytest.mark.hour
@pytest.mark.real
@pytest.mark.needs("smollm2")
def test_a_bench_of_two_variants_trains_on_a_larger_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sums(tmp_path)
    model = cl.load_model("smollm2", bits=4)
    train, test = cl.split(cl.load_pool("sums.csv", n=48, seed=0), test=6, by="level", seed=0)
    bench = cl.Bench(model, train, test, budget=cl.Budget(steps=4), batch_size=2, max_new_tokens=4)
    variants = {"random": cl.methods.random_order, "easy first": partial(cl.methods.easy_to_hard, by="level")}
    runs = bench.run(variants, seeds=2, progress=False)
    assert not runs.failed
    steps = runs.metrics.groupby(["variant", "seed"]).step.max()
    assert steps.to_dict() == {(variant, seed): 4 for variant in variants for seed in (0, 1)}
    levels = runs.exposure.assign(level=runs.exposure.id.map(train.level))
    climbing = levels[levels.variant == "easy first"].groupby(["seed", "step"])["level"].mean()
    assert all(of_seed.is_monotonic_increasing for _, of_seed in climbing.groupby("seed"))
    assert sorted(cl.compare(runs, to="random").table.index) == ["easy first", "random"]
