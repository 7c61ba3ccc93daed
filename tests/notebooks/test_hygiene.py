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
PARAMETERS = ["MODEL", "BITS", "DATA", "SEED", "STEPS", "SEEDS"]
SERIES = ["00_start_here", "01_model", "02_data", "03_difficulty", "04_schedules", "05_order"]
SERIES += ["06_online", "07_reward", "08_generated", "09_feedback", "10_context", "11_analysis", "13_report"]


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


def parameters(notebook: NotebookNode) -> dict[str, object]:
    """Name to value of the assignments in the cell that is tagged."""
    (cell,) = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", [])]
    lines = ast.parse(cell.source).body
    assert all(isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) for line in lines)
    return {line.targets[0].id: line.value.value for line in lines}


def test_the_first_cell_of_code_holds_the_parameters_in_one_order(notebook: NotebookNode) -> None:
    assert "parameters" in code(notebook)[0].metadata.get("tags", [])
    names = parameters(notebook)
    common = [name for name in names if name in PARAMETERS]
    assert common == [name for name in PARAMETERS if name in names] == list(names)[: len(common)]
    assert (names.get("MODEL", "pocket"), names.get("BITS", 4)) == ("pocket", 4)


def test_every_parameter_is_used(notebook: NotebookNode) -> None:
    rest = "\n".join(cell.source for cell in code(notebook)[1:])
    used = {node.id for node in ast.walk(ast.parse(rest, mode="exec")) if isinstance(node, ast.Name)}
    assert set(parameters(notebook)) <= used


def test_the_rows_drawn_follow_a_seed_of_the_reader(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        assert not re.search(r"(load_pool|split)\([^)]*seed=\d", cell.source), cell.source


def test_it_shows_lessons_and_does_not_test_the_package(notebook: NotebookNode) -> None:
    whole = "\n".join(cell.source for cell in code(notebook))
    assert not re.search(r"^ *assert ", whole, re.MULTILINE)
    assert "cl.figures." in whole


def test_a_first_reader_is_told_what_to_look_for_and_where_to_go_next(notebook: NotebookNode) -> None:
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert sum("**Look " in text for text in prose) >= 2
    assert notebook.cells[-1].cell_type == "markdown"
    assert "**In short:**" in prose[-1]


def test_no_line_is_wider_than_a_cell(notebook: NotebookNode) -> None:
    """JupyterLab shows about 95 characters of code at 1280 pixels, with the list of files open."""
    for cell in code(notebook):
        assert max(map(len, cell.source.splitlines())) <= 88, cell.source
        assert "fmt: " not in cell.source and "noqa" not in cell.source


def test_nothing_is_installed_defined_or_read_from_elsewhere(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        assert not re.search(r"^\s*[!%]|sys\.path|\bpip\b|^\s*(def|class) ", cell.source, re.MULTILINE), cell.source
