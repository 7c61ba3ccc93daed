"""Tables fit the width they are written for: LaTeX itself says so; names, numbers and intervals stay what they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from curriculab.paper import tables
from curriculab.paper.tabular import Cell, Head, fitted

LONG = ["random", "easy first, shuffled scores", "longest_answers_late, warm=0.6", "interleaved", "gain_rl, reversed"]
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


def made(names: list[str], notes: tuple[str, ...] = ("† control: claims nothing.",)) -> tables.Table:
    count = range(len(names))
    numbers = tuple(f"0.{400 + i}" for i in count)
    columns = (
        tables.Column("variant", tuple(names)),
        tables.Column("seeds", ("3",) * len(names), short="n"),
        tables.Column("accuracy", numbers, short="acc."),
        tables.Column(
            "difference",
            ("", *(f"+0.0{10 + i}" for i in count[1:])),
            ("", *("-0.088",) * (len(names) - 1)),
            ("", *("+0.188",) * (len(names) - 1)),
            "95% interval",
        ),
        tables.Column("p (Holm)", ("", *("<0.001",) * (len(names) - 1))),
        tables.Column("detectable at most", ("", *("0.188",) * (len(names) - 1))),
    )
    marks = ("", *("†‡",) * (len(names) - 1))
    return tables.Table("Accuracy & more", columns, ("difference", frozenset({2})), marks, notes)


def compiled(folder: Path, *parts: str) -> tuple[str, int]:
    """The log of an article in two columns of 3.25 in (ICML's), and how many pages it has."""
    text = "\n".join(
        [
            r"\documentclass[10pt,twocolumn]{article}",
            r"\usepackage[textwidth=6.75in,textheight=9in,columnsep=0.25in]{geometry}",
            r"\usepackage[utf8]{inputenc}\usepackage{booktabs}",
            r"\begin{document}",
            *parts,
            r"\end{document}",
        ]
    )
    (folder / "paper.tex").write_text(text)
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=folder, capture_output=True
    )
    log = ran.stdout.decode(errors="replace")
    assert ran.returncode == 0, log[-2000:]
    return log, int(re.search(r"\((\d+) page", log)[1])


FLOAT = r"\begin{table}\centering\caption{One of my own}\input{%s}\end{table}"


@needs_latex
@pytest.mark.parametrize("kind", ["tabular", "table"])
@pytest.mark.parametrize("names", [LONG, ["random", "sec"]], ids=["long names", "short names"])
def test_a_table_fits_a_column_of_two(tmp_path: Path, kind: str, names: list[str]) -> None:
    made(names).write(tmp_path / "one", kind, 3.25)
    assert re.match(r"% \d\.\d in wide; \\usepackage\{booktabs\}\n", (tmp_path / "one.tex").read_text())
    log, pages = compiled(tmp_path, "Words before.\n", FLOAT % "one.tex" if kind == "tabular" else r"\input{one.tex}")
    assert "Overfull" not in log and pages == 1


@needs_latex
def test_the_width_that_is_told_is_the_one_that_latex_finds(tmp_path: Path) -> None:
    """Added up it is at most a tenth more than LaTeX's, and never less."""
    for width in (3.25, 5.0, 6.75):
        table = made(LONG, notes=())
        table.write(tmp_path / "one", width=width)
        found, _ = compiled(tmp_path, r"\setbox0=\hbox{\input{one.tex}\unskip}\typeout{WIDE=\the\wd0} Words.")
        inches = float(re.search(r"WIDE=([\d.]+)pt", found)[1]) / 72.27
        told = table._fitted(width).inches
        assert inches <= told + 0.01 <= width + 0.02 and (told < 1.1 * inches or table._fitted(width).layout.stacked)


@needs_latex
def test_what_fits_no_column_says_what_it_needs(tmp_path: Path) -> None:
    wide = tables.of(pd.DataFrame({f"a column {i}": ["some words that are long"] for i in range(3)}), "Wide")
    with pytest.warns(
        UserWarning, match=r"one.tex is 4\.\d in wide and needs 6.75 in, not 3.25: the float is a table\*"
    ):
        wide.write(tmp_path / "one", "table")
    with pytest.warns(UserWarning, match=r"needs 6.75 in, not 3.25: put it into a .begin{table\*}"):
        wide.write(tmp_path / "two")
    assert (tmp_path / "one.tex").read_text().startswith("% 4.")
    starred = r"\begin{table*}\caption{Mine}\input{two.tex}\end{table*}"
    assert "Overfull" not in compiled(tmp_path, r"\input{one.tex}", starred)[0]
    with pytest.raises(ValueError) as error:
        wide.write(tmp_path / "one", "tabel")
    assert str(error.value) == "kind='tabel'; choose 'tabular', to stand in a float of your own, or 'table', a float"
    with pytest.raises(ValueError, match=r"width=325; give the inches of a column, such as 3.25, or 6.75 for a page"):
        wide.latex(width=325)


def test_a_narrow_table_holds_what_a_wide_one_does() -> None:
    """Read line by line: names joined, numbers and intervals in the order of the rows."""
    table = made(LONG)
    narrow, wide = (table.latex(width=width) for width in (3.25, 6.75))
    pick = r"(?<!\d)[<+-]?\d+\.\d+"
    bodies = [text.split(r"\midrule")[1].split(r"\bottomrule")[0] for text in (narrow, wide)]
    assert "\\addlinespace" in bodies[0] and "\\addlinespace" not in bodies[1]
    found = [sorted(re.findall(pick, body.replace(r"\addlinespace[2pt]", "").replace("{<}", "<"))) for body in bodies]
    assert found[0] == found[1] and len(found[0]) > 20
    lines = [line.split("&")[0].strip() for line in bodies[0].splitlines() if "&" in line]
    whole = " ".join(line for line in lines if line).replace(r"\_ ", r"\_")
    for name in ("easy first, shuffled scores", r"longest\_answers\_late, warm=0.6", "gain\\_rl, reversed"):
        assert name in whole
    assert narrow.count(r"^{\dagger\ddagger}") == wide.count(r"^{\dagger\ddagger}") == len(LONG) - 1


def test_the_first_layout_that_fits_is_taken() -> None:
    heads = [Head("variant"), Head("a long head of four")]
    rows = [[Cell("random"), Cell("0.1", number=True)]]
    one, two = fitted(heads, "lr", rows, (4.0,)), fitted(heads, "lr", rows, (1.3,))
    assert one.fits and two.fits and one.layout.heads == 1 and two.layout.heads == 2
    assert [line for line in two.lines if "head" in line] == [
        "   & a long head \\\\"
    ] and "  variant & of four \\\\" in two.lines
    assert not fitted(heads, "lr", rows, (0.5, 0.6)).fits
