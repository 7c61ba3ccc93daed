"""notebooks/run.py on a small notebook made here."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from notebooks import run
from notebooks.run import by_stem, execute, first_line, main, progress

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
    lines = [line for line in said.splitlines() if "T s  ..." not in line]  # a cell that takes its time is told of
    assert lines == [
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


def test_no_cell_is_silent_for_longer_than_the_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds are allowed; here a beat comes every half second, and a cell takes three."""
    assert run.SILENT < 5
    monkeypatch.setattr(run, "SILENT", 0.5)
    bench = tmp_path / "runs" / ".bench-1"
    bench.mkdir(parents=True)
    (bench / "now.json").write_text(json.dumps({"progress": 0.25, "seconds": 30.0, "from": 0.0}))
    told = []
    notebook = new_notebook(cells=[new_code_cell("import time; time.sleep(3)"), new_code_cell("1")])
    execute(notebook, cwd=tmp_path, report=lambda line: told.append((time.monotonic(), line)))
    beats = [line for _, line in told if "..." in line]
    assert beats[0].startswith("  1/2    0.5 s  ... 25% trained, about 90 s left")
    times = [when for when, _ in told]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert len(beats) >= 3 and max(gaps) < 2.0
    finished = [line for _, line in told if "..." not in line]
    assert [line.split()[0] for line in finished] == ["1/2", "2/2"]


def test_how_far_a_bench_is_comes_from_its_folder(tmp_path: Path) -> None:
    """A fifth in 20 s, of which the first tenth was there before: 0.8 / 0.1 * 20 s are left."""
    assert progress(tmp_path) == ""
    for name, text in {
        "a": json.dumps({"progress": 0.2, "seconds": 20.0, "from": 0.1}),
        "b": "{half",
        "c": json.dumps({"progress": 0.0, "seconds": 1.0, "from": 0.0}),
    }.items():
        folder = tmp_path / "runs" / f".bench-{name}"
        folder.mkdir(parents=True)
        (folder / "now.json").write_text(text)
    assert progress(tmp_path) == "20% trained, about 160 s left; 0% trained"


def test_files_that_differ_in_their_endings_are_one_line() -> None:
    paths = [Path("figures/a.svg"), Path("figures/b.html"), Path("figures/a.html")]
    assert by_stem(paths) == ["figures/a.html, .svg", "figures/b.html"]
