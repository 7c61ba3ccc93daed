"""Every notebook of the series runs from top to bottom, small, and what it says of itself is true.

Only the `parameters` cell is changed: the assignments below are put behind it, as a reader would edit it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from notebooks.run import execute, tables

FOLDER = Path(__file__).parents[2] / "notebooks"
SMALL = {
    "00_start_here": {"ROWS": 1200, "TEST": 12, "STEPS": 4, "SEEDS": 2},
    "01_model": {"ROWS": 48, "STEPS": 2, "ADAPTERS": 2},
    "02_data": {"ROWS": 300},
    "03_difficulty": {"ROWS": 600, "TEST": 30, "STEPS": 4, "SEEDS": 1, "ANSWERS": 4},
    "04_schedules": {"ROWS": 300, "STEPS": 40},
    "05_order": {"ROWS": 1200, "TEST": 12, "STEPS": 6, "SEEDS": 2},
    "06_online": {"ROWS": 400, "TEST": 12, "STEPS": 6, "SEEDS": 2},
    "07_reward": {"ROWS": 400, "TEST": 12, "STEPS": 6, "SEEDS": 2},
    "08_generated": {"ROWS": 600, "TEST": 24, "SEEDS": 2},
    "09_feedback": {"ROWS": 400, "TEST": 24, "SEEDS": 2},
    "10_context": {"ROWS": 400, "TEST": 24, "SEEDS": 2},
    "11_analysis": {"ROWS": 400, "TEST": 24, "SEEDS": 2},
    "13_report": {"ROWS": 1200, "TEST": 12, "STEPS": 2, "SEEDS": 2},
}
CHECKED = {"01_model", "09_feedback", "10_context", "11_analysis"}  # with a line that is true or false
TABLES = {  # what the cell tagged `table` shows
    "00_start_here": ["competence", "easy first", "95% interval"],
    "01_model": ["32 bits", "16 bits", "8 bits", "4 bits", "weights, MiB"],
    "03_difficulty": ["pass_rate", "gradient_norm", "generated", "seconds"],
    "04_schedules": ["random_order", "human_strategies", "most often"],
    "05_order": ["baby steps, shuffled", "low", "high", "the mean of 13 random orders", "forgetting, mean of all"],
    "06_online": ["difficulty_filter", "adarft", "95% interval", "test rows is 0.083", "wasted"],
    "07_reward": ["budget stays", "vl_cogito", "95% interval", "signal"],
    "08_generated": ["binary", "cloze", "row by row", "in stages", "success of own"],
    "09_feedback": ["own hints", "others hints", "taught", "skill", "majority", "auc"],
    "10_context": ["read 5", "own", "adaptive", "second", "steps/agreement/ensemble"],
    "11_analysis": ["steps", "flips", "verification", "npmi", "spread", "zeroth"],
    "13_report": ["rank 16, alpha 32", "easy_to_hard by loss", "95% interval", "detectable", "control: claims nothing"],
}


def run(name: str, folder: Path, edits: Mapping[str, object]) -> NotebookNode:
    """The notebook after it ran in `folder`, its parameters edited where it has them; a cell that raises fails."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    known = re.findall(r"^([A-Z]+) = ", notebook.cells[place].source, re.MULTILINE)
    lines = [f"{key} = {value!r}" for key, value in edits.items() if key in known]
    notebook.cells.insert(place + 1, new_code_cell("\n".join(lines)))
    execute(notebook, cwd=folder, report=lambda line: None)
    return notebook


def figures(notebook: NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("Plotly.newPlot" in output.get("data", {}).get("text/html", "") for output in outputs)


def checks(notebook: NotebookNode) -> list[str]:
    """What the cells printed of themselves that can be true or false: lines such as `the same rows: True`."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = "\n".join(output.get("text", "") for output in outputs).splitlines()
    return [line for line in lines if re.search(r": (True|False)$", line)]


def test_every_notebook_is_run_with_parameters_that_it_has() -> None:
    assert set(SMALL) == {path.stem for path in FOLDER.glob("*.ipynb")}
    for name, edits in SMALL.items():
        (cell,) = [
            cell
            for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
            if "parameters" in cell.metadata.get("tags", [])
        ]
        assert all(f"{key} = " in cell.source for key in edits), name


@pytest.mark.pocket
@pytest.mark.parametrize("name", [name for name in SMALL if name != "04_schedules"])
def test_it_runs_and_its_claims_hold(name: str, tmp_path: Path) -> None:
    notebook = run(name, tmp_path, SMALL[name])
    assert figures(notebook) >= 1
    assert all(line.endswith("True") for line in checks(notebook)), checks(notebook)
    assert checks(notebook) or name not in CHECKED
    shown = " ".join("\n".join(tables(notebook)).split())
    for words in TABLES.get(name, []):
        assert words in shown
    if name == "00_start_here":
        assert {path.name for path in (tmp_path / "figures").glob("*.html")} == {
            "difficulty.html",
            "curves.html",
            "draws.html",
            "comparison.html",
        }
        assert len(list((tmp_path / "runs").glob("*/spec.json"))) == 3 * SMALL[name]["SEEDS"]


def test_schedules_run_without_a_model(tmp_path: Path) -> None:
    notebook = run("04_schedules", tmp_path, SMALL["04_schedules"])
    assert figures(notebook) == 3  # the live one is a widget
    assert checks(notebook) == ["the same rows at the same steps: True"]
    shown = "\n".join(tables(notebook))
    for words in TABLES["04_schedules"]:
        assert words in shown
