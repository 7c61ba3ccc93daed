"""Every notebook of the series runs from top to bottom, small, and the claims it asserts hold.

Only the `parameters` cell is changed: the assignments below are put behind it, as a reader would edit it.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from notebooks.run import execute, tables

FOLDER = Path(__file__).parents[2] / "notebooks"
SMALL = {
    "00_start_here": {"ROWS": 360, "TEST": 12, "STEPS": 4, "SEEDS": 2},
    "01_model": {"ROWS": 48, "STEPS": 2, "SEEDS": 2},
    "02_data": {"ROWS": 300},
    "03_difficulty": {"ROWS": 600, "TEST": 30, "STEPS": 4, "SEEDS": 1, "ANSWERS": 4},
    "04_schedules": {"ROWS": 300, "STEPS": 40},
    "05_order": {"ROWS": 1200, "TEST": 12, "STEPS": 6, "SEEDS": 2},
    "06_online": {"ROWS": 400, "TEST": 12, "STEPS": 6, "SEEDS": 2},
    "07_reward": {"ROWS": 400, "TEST": 12, "STEPS": 6, "SEEDS": 2},
    "13_report": {"ROWS": 1200, "TEST": 12, "STEPS": 2, "SEEDS": 2},
}
TABLES = {  # what the cell tagged `table` shows
    "00_start_here": ["easy first, shuffled scores", "low", "high", "mde", "The best of 3 random orders"],
    "01_model": ["32 bits", "16 bits", "8 bits", "4 bits", "weights, MiB"],
    "03_difficulty": ["pass_rate", "gradient_norm", "generated", "seconds"],
    "04_schedules": ["random_order", "human_strategies", "most often"],
    "05_order": ["baby steps, shuffled", "low", "high", "The best of 12 random orders", "forgetting, mean of topics"],
    "06_online": ["difficulty_filter", "adarft", "low", "high", "would mostly go unseen", "wasted"],
    "07_reward": ["budget stays", "vl_cogito", "low", "high", "signal"],
    "13_report": ["rank 16, alpha 32", "easy_to_hard by loss", "95% interval", "detectable", "control: claims nothing"],
}


def run(name: str, folder: Path) -> NotebookNode:
    """The notebook after it ran in `folder` with small parameters; a cell that raises, an assertion too, fails."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    lines = [f"{key} = {value!r}" for key, value in SMALL[name].items()]
    notebook.cells.insert(place + 1, new_code_cell("\n".join(lines)))
    execute(notebook, cwd=folder, report=lambda line: None)
    return notebook


def figures(notebook: NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("Plotly.newPlot" in output.get("data", {}).get("text/html", "") for output in outputs)


def test_every_notebook_is_run() -> None:
    assert set(SMALL) == {path.stem for path in FOLDER.glob("*.ipynb")}


@pytest.mark.pocket
@pytest.mark.parametrize("name", [name for name in SMALL if name != "04_schedules"])
def test_it_runs_and_its_claims_hold(name: str, tmp_path: Path) -> None:
    notebook = run(name, tmp_path)
    assert figures(notebook) >= 1
    shown = "\n".join(tables(notebook))
    for words in TABLES.get(name, []):
        assert words in shown
    if name == "00_start_here":
        assert {path.name for path in (tmp_path / "figures").glob("*.html")} == {
            "difficulty.html",
            "curves.html",
            "draws.html",
            "comparison.html",
        }
        assert len(list((tmp_path / "runs").glob("*/spec.json"))) == 7 * SMALL[name]["SEEDS"]


def test_schedules_run_without_a_model(tmp_path: Path) -> None:
    notebook = run("04_schedules", tmp_path)
    assert figures(notebook) == 3  # the live one is a widget
    shown = "\n".join(tables(notebook))
    for words in TABLES["04_schedules"]:
        assert words in shown
