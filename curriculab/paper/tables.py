"""Tables for papers: the same numbers, formatted once, as LaTeX (booktabs), Markdown and CSV.

    table = comparison(cl.compare(runs))
    print(table.markdown())        # | easy first | 3 | 0.412 | **+0.031** [+0.012, +0.050] | 0.020 | 0.024 |
    table.write("report/tables/comparison")      # .tex, .md, .csv

A number is bold only where the test supports it: after Holm's correction its interval leaves out 0. Marks behind a name
are explained under the table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.figures.files import write as write_file
from curriculab.statistics import Comparison

MARKS = ("†", "‡", "§", "¶")

MATH = {"†": r"\dagger", "‡": r"\ddagger", "§": r"\mathsection", "¶": r"\mathparagraph"}

NUMBER = re.compile(r"[<+-]?\d[\d.]*(e[+-]?\d+)?")

SPECIAL = {  # by symbols that LaTeX's first encoding has: others would come as bitmaps, in a font of Type 3
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"$\mathdollar$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\`{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "ß": r"\ss{}",
    "\u00a0": "~",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "µ": r"$\mu$",
    "°": r"$^\circ$",
    **{mark: f"${math}$" for mark, math in MATH.items()},
}

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi _ pi rho varsigma sigma tau upsilon phi "
    "chi psi omega"
).split()

SPECIAL |= {chr(0x3B1 + i): f"$\\{name}$" for i, name in enumerate(GREEK) if name != "_"}

ACCENTS = {chr(0x300 + i) for i in (0, 1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 39)}  # those that LaTeX's first encoding has


def latex_text(text: object) -> str:
    r"""Write a text so that LaTeX prints it as it stands; what its fonts lack becomes its number, such as [U+4E2D].

    Examples
    --------
    >>> cl.paper.tables.latex_text("50% of answer_loss")
    '50\\% of answer\\_loss'
    """
    plain = " ".join(str(text).split())
    return "".join(SPECIAL.get(c) or (c if _known(c) else f"[U+{ord(c):04X}]") for c in plain)


def _known(character: str) -> bool:
    base, *accents = unicodedata.normalize("NFD", character) if character < "\u0180" else "\0"
    return " " <= base <= "~" and len(accents) <= 1 and set(accents) <= ACCENTS


def markdown_text(text: object) -> str:
    r"""Write a text so that Markdown prints it as it stands, also inside a table.

    Examples
    --------
    >>> print(cl.paper.tables.markdown_text("a|b *c*"))
    a\|b \*c\*
    """
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(str(text).split()))


@dataclass(frozen=True)
class Column:
    """A column of strings as they are printed: words, or numbers such as "+0.031"; "" where there is none.

    low, high: of the interval around each number, where there is one; interval: what it is, such as "95% interval".

    Examples
    --------
    >>> column = cl.paper.tables.Column("gain", ("+0.031",), ("+0.012",), ("+0.050",), "95% interval")
    >>> column.head, column.numeric
    ('gain [95% interval]', True)
    """

    name: str
    cells: tuple[str, ...]
    low: tuple[str, ...] = ()
    high: tuple[str, ...] = ()
    interval: str = ""

    @property
    def head(self) -> str:
        """The name, and what the interval is."""
        return f"{self.name} [{self.interval}]" if self.interval else self.name

    def reach(self, row: int) -> str:
        """Write the interval of a row (counted from 0), "" where there is none.

        Examples
        --------
        >>> cl.paper.tables.Column("gain", ("+0.031",), ("+0.012",), ("+0.050",)).reach(0)
        '[+0.012, +0.050]'
        """
        return f"[{self.low[row]}, {self.high[row]}]" if self.low and self.low[row] else ""

    @property
    def numeric(self) -> bool:
        """Whether all cells are numbers or empty."""
        return all(NUMBER.fullmatch(cell) for cell in self.cells if cell)


@dataclass(frozen=True, repr=False)
class Table:
    """Columns of one length; the first names the rows.

    bold: name of the column and rows that are bold in it; marks: of each row, such as "†"; notes: what stands under the
    table, marks explained first.

    Examples
    --------
    >>> len(cl.paper.tables.Table("Accuracy", (cl.paper.tables.Column("variant", ("random", "sec")),)))
    2
    """

    title: str
    columns: tuple[Column, ...]
    bold: tuple[str, frozenset[int]] = ("", frozenset())
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0].cells)

    def latex(self, label: str = "") -> str:
        r"""Write a table environment of LaTeX, \label{tab:label} in it; it needs the package booktabs.

        Examples
        --------
        >>> print(cl.paper.tables.of(pd.DataFrame({"a": [1]}), "Accuracy").latex("all").splitlines()[2].strip())
        \caption{Accuracy}\label{tab:all}
        """
        head = " & ".join(latex_text(c.head) for c in self.columns)
        kinds = "".join("r" if c.numeric and i else "l" for i, c in enumerate(self.columns))
        rows = [f"    {' & '.join(self._latex_cells(i))} \\\\" for i in range(len(self))]
        reference = f"\\label{{tab:{label}}}" if label else ""
        return "\n".join(
            [
                r"\begin{table}[tb]",
                r"  \centering\small\setlength{\tabcolsep}{4pt}",
                f"  \\caption{{{latex_text(self.title)}}}{reference}",
                f"  \\begin{{tabular}}{{{kinds}}}",
                r"    \toprule",
                f"    {head} \\\\",
                r"    \midrule",
                *rows,
                r"    \bottomrule",
                r"  \end{tabular}",
                *(
                    [rf"  \par\smallskip{{\footnotesize\raggedright {' '.join(map(latex_text, self.notes))}\par}}"]
                    if self.notes
                    else []
                ),
                r"\end{table}",
                "",
            ]
        )

    def _latex_cells(self, row: int) -> Iterator[str]:
        for place, column in enumerate(self.columns):
            cell, reach = column.cells[row], column.reach(row)
            if place == 0 or not NUMBER.fullmatch(cell):
                marks = "".join(MATH[m] for m in self._marks(row)) if place == 0 else ""
                yield latex_text(cell) + (f"$^{{{marks}}}$" if marks else "")
                continue
            cell = rf"\mathbf{{{cell}}}" if self._is_bold(column, row) else cell
            yield f"${cell}$" + (f" ${reach}$" if reach else "")

    def markdown(self) -> str:
        """Write a table of GitHub's Markdown, the title above and the notes below it.

        Examples
        --------
        >>> print(cl.paper.tables.of(pd.DataFrame({"accuracy": [0.431]}), "A").markdown().splitlines()[4])
        | 0.431 |
        """
        lines = [[markdown_text(c.head) for c in self.columns]]
        lines.append(["---:" if c.numeric and i else "---" for i, c in enumerate(self.columns)])
        lines += [list(self._markdown_cells(i)) for i in range(len(self))]
        table = [f"| {' | '.join(line)} |" for line in lines]
        notes = "  \n".join(map(markdown_text, self.notes))  # two blanks: a new line
        return "\n".join([f"**{markdown_text(self.title)}**", "", *table, "", notes, ""])

    def _markdown_cells(self, row: int) -> Iterator[str]:
        for place, column in enumerate(self.columns):
            cell, reach = markdown_text(column.cells[row]), column.reach(row)
            cell = f"**{cell}**" if self._is_bold(column, row) else cell
            marks = self._marks(row) if place == 0 else ""
            yield " ".join(part for part in (cell, marks, reach) if part)

    def csv(self) -> str:
        """Write one number a cell: an interval has two columns of its own; `bold` and `marks` where there are any.

        Examples
        --------
        >>> print(cl.paper.tables.of(pd.DataFrame({"method": ["sec"], "accuracy": [0.431]}), "Accuracy").csv())
        method,accuracy
        sec,0.431
        """
        names, values = zip(*self._csv_columns(), strict=True)
        return pd.DataFrame(zip(*values, strict=True), columns=names).to_csv(index=False, lineterminator="\n")

    def _csv_columns(self) -> Iterator[tuple[str, Sequence[str]]]:
        for column in self.columns:
            yield column.name, column.cells
            if column.low:
                yield f"{column.name} low", column.low
                yield f"{column.name} high", column.high
        if self.bold[1]:
            yield "bold", ["yes" if row in self.bold[1] else "" for row in range(len(self))]
        if any(self.marks):
            yield "marks", self.marks

    def write(self, path: str | Path) -> list[Path]:
        """Write `path`.tex, .md and .csv, and return their paths; the name is the label in LaTeX.

        Examples
        --------
        >>> [path.as_posix() for path in cl.paper.tables.of(pd.DataFrame({"a": [1]}), "Accuracy").write("tables/all")]
        ['tables/all.tex', 'tables/all.md', 'tables/all.csv']
        """
        path = Path(path)
        texts = {"tex": self.latex(path.name), "md": self.markdown(), "csv": self.csv()}
        return [write_file(path.with_name(f"{path.name}.{form}"), text.encode()) for form, text in texts.items()]

    def _marks(self, row: int) -> str:
        return self.marks[row] if self.marks else ""

    def _is_bold(self, column: Column, row: int) -> bool:
        return column.name == self.bold[0] and row in self.bold[1]

    def __repr__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()


def number(value: object, places: int = 3, *, sign: bool = False) -> str:
    """Write a number as it is printed: whole ones as they are, others to `places`; "" where there is none.

    Examples
    --------
    >>> [cl.paper.tables.number(value) for value in (0.0312, 5, float("nan"), -0.0001)]
    ['0.031', '5', '', '0.000']
    """
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return ""
    if isinstance(value, int | np.integer):
        return f"{value:+d}" if sign else str(value)
    text = f"{value:{'+' if sign else ''}.{places}f}"
    return text.replace("-", "+" if sign else "") if float(text) == 0 else text  # no minus before 0.000


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else number(value)


def _differences(result: Comparison, places: int) -> Column:
    cells = [_printed(result.table[name], places, sign=True) for name in ("difference", "low", "high")]
    return Column("difference", *cells, f"{result.confidence:.0%} interval")


def comparison(result: Comparison, *, controls: Sequence[str] = (), places: int = 3) -> Table:
    """Every variant of `cl.compare` with its difference, interval, p after Holm, and what could have been detected.

    controls: names that were added as controls (`runs.controls`); they claim nothing, and a mark says so.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
    >>> "easy first" in cl.paper.tables.comparison(cl.compare(runs)).markdown()
    True
    """
    table = result.table
    columns = [
        Column("variant", tuple(map(str, table.index))),
        Column("seeds", tuple(number(int(n)) for n in table.seeds)),
        Column("accuracy", tuple(number(v, places) for v in table.accuracy)),
        _differences(result, places),
        Column("p (Holm)", tuple(_p(v) for v in table.p_holm)),
        Column("detectable", tuple(number(v, places) for v in table.mde)),
    ]
    meanings, marks = _marked(result, controls)
    bold = frozenset(int(i) for i in np.flatnonzero(table.differs))
    title = f"Accuracy against {result.to}" + ("" if result.at == "end" else f", at {result.at:.0%} of the budget")
    return Table(title, tuple(columns), ("difference", bold), marks, (*meanings, *_design(result)))


def _marked(result: Comparison, controls: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the marks mean, and those of each row; only marks that are used."""
    table, null = result.table, result.null
    excludes = (table.low > 0) | (table.high < 0)
    lucky = (table.difference > 0) & (table.difference <= (null.gain + 1e-12 if null else -1))
    gain = number(null.gain, sign=True) if null else ""
    meanings = {
        f"the {result.confidence:.0%} interval leaves out 0, but not after Holm's correction.": excludes
        & ~table.differs,
        "control: claims nothing, tested by itself.": table.index.isin(controls) & (table.index != result.to),
        f"gains no more than the best of {null.k if null else 0} random orders did by chance ({gain}).": lucky,
        "tested by a solver that sees the answers.": table.gold.to_numpy(bool),
    }
    used = [(text, np.asarray(rows, bool)) for text, rows in meanings.items() if np.any(rows)]
    notes, marks = [], [""] * len(table)
    for mark, (text, rows) in zip(MARKS, used, strict=False):
        notes.append(f"{mark} {text}")
        for row in np.flatnonzero(rows):
            marks[row] += mark
    return tuple(notes), tuple(marks) if used else ()


def _design(result: Comparison) -> Iterator[str]:
    """How the numbers came about."""
    table = result.table.drop(index=result.to)
    if table.differs.any():
        yield f"Bold: differs from {result.to} after Holm's correction."
    else:
        yield f"None differs from {result.to} after Holm's correction."
    kinds = " and ".join(dict.fromkeys(table.interval[table.low.notna()]))
    if kinds:
        yield f"Intervals over seeds, paired by seed on the same test rows: {kinds}."
        yield "Detectable: the smallest effect that so many seeds find with 80% power."


def levels(result: Comparison, *, places: int = 3) -> Table:
    """Tabulate the final accuracy of every variant on each level of the test rows; ValueError where they have none.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", levels=[1, 2], n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=4)
    >>> [column.name for column in cl.paper.tables.levels(cl.compare(runs)).columns]
    ['variant', 'level 1', 'level 2']
    """
    if result.levels.empty:
        raise ValueError("no levels to show: the test rows have no column 'level'")
    wide = result.levels.pivot(index="variant", columns="level", values="accuracy").reindex(result.table.index)
    rows = result.levels.drop_duplicates("level").set_index("level").rows
    columns = [Column(f"level {name}", _printed(wide[name], places, sign=False)) for name in wide]
    note = f"Means over seeds; test rows a level: {', '.join(map(str, rows[list(wide)]))}."
    return Table("Accuracy by level", (Column("variant", tuple(map(str, wide.index))), *columns), notes=(note,))


def of(
    frame: pd.DataFrame,
    title: str,
    *,
    intervals: Mapping[str, tuple[str, str]] | None = None,
    signed: Sequence[str] = (),
    places: int = 3,
    notes: Sequence[str] = (),
) -> Table:
    """Tabulate any frame, its index first; ValueError for a column that is not there.

    Parameters
    ----------
    frame, title, notes : pd.DataFrame, str, sequence of str
        An index that only counts the rows is left out; what stands above and below.
    intervals, signed, places : mapping, sequence of str, int
        {"forgetting": ("low", "high")} prints three columns as one; columns of differences; digits after the point.

    Examples
    --------
    >>> frame = pd.DataFrame({"method": ["sec"], "gain": [0.031], "low": [0.012], "high": [0.05]})
    >>> print(cl.paper.tables.of(frame, "Gain", intervals={"gain": ("low", "high")}, signed=["gain"], places=2))
    **Gain**
    <BLANKLINE>
    | method | gain |
    | --- | ---: |
    | sec | +0.03 [+0.01, +0.05] |
    """
    intervals = dict(intervals or {})
    ends = list(chain.from_iterable(intervals.values()))
    for name in (*intervals, *ends, *signed):
        if name not in frame:
            raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, frame.columns))}")
    whole = frame if frame.index.names == [None] and isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    columns = []
    for name in (c for c in whole if c not in ends):
        parts = [name, *intervals.get(name, ())]
        columns.append(Column(str(name), *[_printed(whole[part], places, name in signed) for part in parts]))
    return Table(title, tuple(columns), notes=tuple(notes))


def _printed(values: pd.Series, places: int, sign: bool) -> tuple[str, ...]:
    if pd.api.types.is_bool_dtype(values):
        return tuple("yes" if v else "no" for v in values)
    if pd.api.types.is_numeric_dtype(values):
        return tuple(number(v, places, sign=sign) for v in values.tolist())
    return tuple("" if v is None or v != v else str(v) for v in values)
