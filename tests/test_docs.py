"""The pages of docs/: their examples are put where they say, into a copy of the package, and held to its tests."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("add_a*_*.md"))


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its tests, to be written into."""
    for name in ("curriculab", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "browser"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


def apply(block: str, root: Path) -> bool:
    """Do what a block says: its first line names the file; False where it names none."""
    head, code = block.split("\n", 1)
    place = re.fullmatch(r"# (curriculab/[\w/]+\.py)(, at the end)?", head)
    if place is None:
        return False
    path = root / place[1]
    if not path.exists():
        path.write_text(code)
    elif "# new" in code:
        insert(path, code.splitlines())
    else:
        path.write_text(f"{path.read_text().rstrip()}\n\n\n{code}")
    return True


def insert(path: Path, lines: list[str]) -> None:
    """Put the lines marked `# new` behind the one before them, which the file has once."""
    known = [line for line in lines if not line.endswith("# new")]
    new = [line.removesuffix("  # new") for line in lines if line.endswith("# new")]
    there = path.read_text().splitlines()
    assert there.count(known[-1]) == 1, f"{path.name} has not exactly one line {known[-1]!r}"
    place = there.index(known[-1]) + 1
    path.write_text("\n".join([*there[:place], *new, *there[place:]]) + "\n")


def run(root: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{root}{os.pathsep}{ROOT}",
        "PYTEST_ADDOPTS": "",
    }
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=500
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def passed(root: Path, name: str, *places: str) -> int:
    """How many tests of that name passed."""
    said = run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", *places, "-k", name)
    return int(re.search(r"(\d+) passed", said)[1])


def test_the_readme_links_every_page():
    readme = (ROOT / "README.md").read_text()
    assert [p.name for p in PAGES] == [
        "add_a_backend.md",
        "add_a_measure.md",
        "add_a_method.md",
        "add_a_task.md",
        "add_an_objective.md",
    ]
    assert all(f"docs/{page.name}" in readme for page in PAGES)


def test_the_notebooks_form_one_path():
    names = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    told = {}
    for name in names:
        text = "".join("".join(cell["source"]) + "\n" for cell in json.loads(notebook(name))["cells"])
        told[name] = re.findall(r"\*\*Next:\*\* `(\w+)`", text)
    assert told == {**{a: [b] for a, b in itertools.pairwise(names)}, names[-1]: []}


def notebook(name: str) -> str:
    return (ROOT / "notebooks" / f"{name}.ipynb").read_text()


def test_examples_keep_the_style(tmp_path):
    for page in PAGES:
        for i, block in enumerate(blocks(page.name)):
            if "# new" in block:
                continue
            path = tmp_path / f"{page.stem}_{i}.py"
            path.write_text(block)
            options = ["--config", str(ROOT / "pyproject.toml"), "--ignore", "F821,I001"]
            command = [sys.executable, "-m", "ruff", "check", *options, str(path)]
            told = subprocess.run(command, capture_output=True, text=True)
            assert told.returncode == 0, told.stdout


@pytest.mark.slow
def test_the_method_passes_the_contract_and_its_check(copy):
    assert all([apply(block, copy) for block in blocks("add_a_method.md")])
    assert passed(copy, "two_halves", "tests/methods/test_contract.py") >= 8
    shown = run(copy, "-m", "curriculab.methods", "show", "two_halves")
    assert "until = 0.5" in shown


@pytest.mark.pocket
def test_the_measure_passes_the_contract(copy):
    assert all([apply(block, copy) for block in blocks("add_a_measure.md")])
    assert passed(copy, "digit_count", "tests/difficulty/test_survey.py") >= 5
    code = "import curriculab as cl, pandas as pd; p = pd.DataFrame({'prompt': ['12 + 345', 'one'], 'answer': 'x'}); "
    assert run(copy, "-c", code + "print(cl.difficulty.digit_count(p).tolist())") == "[5.0, 0.0]\n"


@pytest.mark.slow
def test_the_task_loads_splits_and_is_judged(copy):
    *parts, use = blocks("add_a_task.md")
    assert all([apply(block, copy) for block in parts]) and not apply(use, copy)
    run(copy, "-c", use)
    answers = "import curriculab as cl; p = cl.load_pool('clock', n=9, seed=2); "
    derive = (
        "print(all(sum(int(x) * {'h': 60, 'min': 1}[u] for x, u in zip(t[:-2:2], t[1:-2:2])) == int(a) "
        "for t, a in ((q.replace(' and', '').split(), a) for q, a in zip(p.prompt, p.answer))))"
    )
    assert run(copy, "-c", answers + derive) == "True\n"
    wrong = "import curriculab as cl\ntry: cl.load_pool('clock', levels=7)\nexcept cl.PoolError as e: print(e)"
    assert run(copy, "-c", wrong) == "clock: no level 7; choose from (1, 2, 3)\n"


@pytest.mark.slow
def test_the_objective_has_its_loss_and_trains_a_student(copy):
    part, use = blocks("add_an_objective.md")
    assert apply(part, copy) and not apply(use, copy)
    run(copy, "-c", use)
    assert passed(copy, "focal", "tests/objectives") >= 1
    wrong = "from curriculab.objectives.registry import OBJECTIVES\n"
    wrong += "try: OBJECTIVES['focal'](gamma=-1)\nexcept ValueError as e: print(e)"
    assert run(copy, "-c", wrong) == "Focal(gamma=-1); give a number of at least 0\n"


@pytest.mark.slow
def test_the_backend_answers_a_simulated_bench(tmp_path):
    rote, *uses = blocks("add_a_backend.md")
    (tmp_path / "rote.py").write_text(rote)
    run(tmp_path, "-c", "\n".join(uses))
    unable = "import curriculab as cl; from rote import Rote; p = cl.load_pool('ladder', n=12, seed=0); "
    unable += "print(cl.simulate(cl.methods.self_paced, p, steps=2, batch_size=4, learner=Rote()).failed)"
    assert "Rote answers Sample and Train only" in run(tmp_path, "-c", unable)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["start.md", "your_data.md", "answers.md"])
def test_the_code_of_the_guides_runs(page, tmp_path):
    printed = run(tmp_path, "-c", "\n".join(blocks(page)))
    assert {"start.md": "No detectable difference", "your_data.md": "34", "answers.md": ""}[page] in printed
