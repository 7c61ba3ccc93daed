"""What every notebook keeps to, so that all of them read alike and leave no traces in the repository."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PARAMETERS = ["MODEL", "BITS", "DATA", "STEPS", "SEEDS"]
SERIES = ["00_start_here", "01_model", "02_data", "03_difficulty", "04_schedules", "05_order"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(request.param, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_series_is_complete() -> None:
    assert {path.stem for path in NOTEBOOKS} >= set(SERIES)


def test_a_title_with_a_question_comes_first(notebook: NotebookNode) -> None:
    title, empty, question = notebook.cells[0].source.split("\n")[:3]
    assert re.fullmatch(r"# \w.*", title)
    assert not empty
    assert question.startswith("> ")
    assert "?" in notebook.cells[0].source.split("\n\n")[1]


def test_it_is_valid_and_holds_no_traces(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_cells_are_few_and_short(notebook: NotebookNode) -> None:
    assert 12 <= len(notebook.cells) <= 25
    lengths = [len(cell.source.splitlines()) for cell in code(notebook)]
    assert max(lengths) <= 25
    assert sorted(lengths)[len(lengths) // 2] <= 8


def test_one_cell_holds_the_parameters(notebook: NotebookNode) -> None:
    tagged = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0] is code(notebook)[0]
    lines = ast.parse(tagged[0].source).body
    assert all(isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) for line in lines)
    names = {line.targets[0].id: line.value.value for line in lines}
    assert list(names)[: len(PARAMETERS)] == PARAMETERS
    assert (names["MODEL"], names["BITS"]) == ("pocket", 4)


def test_it_asserts_its_claims_and_shows_figures(notebook: NotebookNode) -> None:
    whole = "\n".join(cell.source for cell in code(notebook))
    assert re.search(r"^ *assert ", whole, re.MULTILINE)
    assert "cl.figures." in whole


def test_nothing_is_installed_defined_or_read_from_elsewhere(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        assert not re.search(r"^\s*[!%]|sys\.path|\bpip\b|^\s*(def|class) ", cell.source, re.MULTILINE), cell.source
