"""notebooks/run.py on a small notebook made here."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from notebooks.run import first_line, main

FIGURE = """# two points
import plotly.graph_objects as go
figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
figure"""
TABLE = """import pandas as pd
print("ahead of it")
pd.DataFrame({name: [1.0] for name in ["an unusually wide column name " + c for c in "abcd"]}, index=["random"])"""


def save(path: Path, *cells: nbformat.NotebookNode) -> Path:
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small notebook was run, with what it said in said.txt."""
    folder = tmp_path_factory.mktemp("run")
    path = save(
        folder / "small.ipynb",
        new_markdown_cell("# Small"),
        new_code_cell(FIGURE),
        new_code_cell("figure"),
        new_code_cell("import os\nassert os.environ['OMP_NUM_THREADS'] == '1'\nprint('10%\\r100%\\nsaid')"),
        new_code_cell("from ipywidgets import HTML\nHTML('gone with its kernel')"),
        new_code_cell(TABLE, metadata={"tags": ["table"]}),
    )
    with pytest.MonkeyPatch.context() as patch, (folder / "said.txt").open("w") as said:
        patch.setattr("sys.stdout", said)
        assert main([str(path), "--to", str(folder / "figures")]) == 0
    return folder


def test_a_line_per_finished_cell_then_the_table_and_what_was_written(folder: Path) -> None:
    said = re.sub(r" +[\d.]+ s(?=  |; )", " T s", (folder / "said.txt").read_text())
    said = re.sub(r"^[\d.]+ s;", "T s;", said, flags=re.MULTILINE)
    wide = "  ".join(f"an unusually wide column name {c}" for c in "abcd")
    assert said.splitlines() == [
        f"{folder}/small.ipynb",
        "  2/6 T s  import plotly.graph_objects as go",
        "  3/6 T s  figure",
        "  4/6 T s  import os",
        "                100%",
        "                said",
        "  5/6 T s  from ipywidgets import HTML",
        "  6/6 T s  import pandas as pd",
        "",
        "ahead of it",
        "",
        f"        {wide}",
        "random  " + "  ".join(["1.0".rjust(31)] * 4),
        "",
        "T s; written:",
        f"  {folder}/figures/small.html",
    ]


def test_the_page_holds_plotly_once_and_links_nothing(folder: Path) -> None:
    page = (folder / "figures" / "small.html").read_text()
    assert page.count("Plotly.newPlot(") >= 2
    assert 4e6 < len(page) < 8e6  # plotly's JavaScript is 5 MB
    assert page.count("gone with its kernel") == 1  # in the source, not in the output
    linked = re.findall(r"<(?:script|link|img|iframe)[^>]* (?:src|href)=\"?([^\" >]+)", page)
    assert linked == []


def test_a_cell_that_fails_is_shown_and_the_page_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "bad.ipynb", new_code_cell("1"), new_code_cell("assert 1 > 2, 'not so'"), new_code_cell("3"))
    assert main([str(path), "--to", str(tmp_path / "figures")]) == 1
    said = capsys.readouterr()
    assert "AssertionError: not so" in said.err
    assert "3/3" not in said.out
    assert "not so" in (tmp_path / "figures" / "bad.html").read_text()


def test_a_notebook_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nowhere.ipynb"])
    assert capsys.readouterr().err.splitlines()[-1] == "run.py: error: no notebook at nowhere.ipynb"


@pytest.mark.parametrize(
    ("source", "shown"),
    [("", ""), ("# why\n\nx = 1\ny = 2", "x = 1"), ("a" * 100, "a" * 87 + "..."), ("b" * 90, "b" * 90)],
)
def test_a_cell_is_known_by_its_first_line_of_code(source: str, shown: str) -> None:
    assert first_line(source) == shown
