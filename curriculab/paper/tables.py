"""Tables for papers: the same numbers, formatted once, as LaTeX (booktabs), Markdown and CSV.

    table = comparison(cl.compare(runs))
    print(table.markdown())        # | easy first | 3 | 0.412 | **+0.031** [+0.012, +0.050] | 0.020 | 0.024 |
    table.write("report/tables/comparison")      # .tex, .md, .csv

A number is bold only where the test supports it: after the correction its interval leaves out 0. Marks behind a name
are explained under the table; each sign means one thing, in every table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from curriculab.figures.files import write as write_file
from curriculab.paper.tabular import Cell, Fitted, Head, fitted
from curriculab.paper.words import MATH, latex_text, markdown_text
from curriculab.registry.warning import warn
from curriculab.statistics import Comparison

Kind = Literal["tabular", "table"]

COLUMN, PAGE = 3.25, 6.75  # inches: of a column and of a page of two (ICML 2026's style)

# One meaning a sign, whatever else a table marks.
CONTROL, BY_HAND, UNCORRECTED, THESE_ROWS, RANK, GOLD = MARKS = tuple(MATH)

NUMBER = re.compile(r"[<+-]?\d[\d.]*(e[+-]?\d+)?")


@dataclass(frozen=True)
class Column:
    """A column of strings as they are printed: words, or numbers such as "+0.031"; "" where there is none.

    low, high: of the interval around each number, where there is one; interval: what it is, such as "95% interval";
    short: the name in a narrow table.

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
    short: str = ""

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

    def latex(self, label: str = "", *, kind: Kind = "tabular", width: float = COLUMN) -> str:
        r"""Write LaTeX for a column of `width` inches: a tabular, or a float with caption; it needs booktabs.

        A table that does not fit is laid out for a page of 6.75 in, as a `table*` where it is a float; its first line
        says so.

        Parameters
        ----------
        label : str
            \label{tab:label} of a float.
        kind : "tabular" or "table"
            Bare, to stand in a float of your own, or a float with the title as its caption.
        width : float
            Of a column, inches: 3.25 in two columns, 6.75 in one.

        Examples
        --------
        >>> table = cl.paper.tables.of(pd.DataFrame({"a": [1]}), "Accuracy")
        >>> print(table.latex("all", kind="table").splitlines()[3].strip())
        \caption{Accuracy}\label{tab:all}
        """
        if kind not in ("tabular", "table"):
            raise ValueError(f"kind={kind!r}; choose 'tabular', to stand in a float of your own, or 'table', a float")
        made = self._fitted(width)
        notes = " ".join(map(latex_text, self.notes))
        size = rf"{made.layout.size}\setlength{{\tabcolsep}}{{{made.layout.gap}pt}}"
        first = rf"% {_wide(made, width)}; \usepackage{{booktabs}}"
        if kind == "tabular":
            room = 0.98 * width if made.inches < 0.7 * width else 0.93 * made.inches  # does not widen the last column
            span = rf"\multicolumn{{{len(self.columns)}}}{{@{{}}p{{{room:.2f}in}}@{{}}}}"
            below = [r"  \addlinespace[2pt]", rf"  {span}{{\footnotesize\raggedright {notes}}} \\"] if notes else []
            lines = [first, f"% {latex_text(self.title)}", f"{{{size}%", *made.lines, *below, r"\end{tabular}}", ""]
            return "\n".join(lines)
        star = "" if made.fits else "*"
        reference = f"\\label{{tab:{label}}}" if label else ""
        below = [rf"  \par\smallskip{{\footnotesize\raggedright {notes}\par}}"] if notes else []
        lines = [first, rf"\begin{{table{star}}}[tb]", rf"  \centering{size}"]
        lines += [rf"  \caption{{{latex_text(self.title)}}}{reference}", *(f"  {line}" for line in made.lines)]
        return "\n".join([*lines, r"  \end{tabular}", *below, rf"\end{{table{star}}}", ""])

    def _fitted(self, width: float) -> Fitted:
        if not 1 <= width <= 20:
            raise ValueError(f"width={width!r}; give the inches of a column, such as {COLUMN}, or {PAGE} for a page")
        heads = [Head(column.name, column.interval, column.short) for column in self.columns]
        kinds = "".join("r" if c.numeric and i else "l" for i, c in enumerate(self.columns))
        rows = [list(self._cells(row)) for row in range(len(self))]
        return fitted(heads, kinds, rows, (width, PAGE) if width < PAGE else (width,))

    def _cells(self, row: int) -> Iterator[Cell]:
        for place, column in enumerate(self.columns):
            cell = column.cells[row]
            if place == 0 or not NUMBER.fullmatch(cell):
                yield Cell(cell, marks=self._marks(row) if place == 0 else "")
            else:
                yield Cell(cell, column.reach(row), number=True, bold=self._is_bold(column, row))

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

    def write(self, path: str | Path, kind: Kind = "tabular", width: float = COLUMN) -> list[Path]:
        r"""Write `path`.tex, .md and .csv, and return their paths; one line where the table is wider than `width`.

        Parameters
        ----------
        path : str or Path
            Without an ending; its name is the label of a float.
        kind : "tabular" or "table"
            Bare, for \input inside a float of your own, or a float with caption.
        width : float
            Of the column it stands in, inches: 3.25 in two columns, 6.75 in one.

        Examples
        --------
        >>> [path.as_posix() for path in cl.paper.tables.of(pd.DataFrame({"a": [1]}), "Accuracy").write("tables/all")]
        ['tables/all.tex', 'tables/all.md', 'tables/all.csv']
        """
        path = Path(path)
        texts = {"tex": self.latex(path.name, kind=kind, width=width), "md": self.markdown(), "csv": self.csv()}
        made = self._fitted(width)
        if not made.fits:
            how = "the float is a table*" if kind == "table" else r"put it into a \begin{table*}"
            warn(f"{path.name}.tex is {_wide(made, width)}: {how}, or leave columns or long names out")
        return [write_file(path.with_name(f"{path.name}.{form}"), text.encode()) for form, text in texts.items()]

    def _marks(self, row: int) -> str:
        return self.marks[row] if self.marks else ""

    def _is_bold(self, column: Column, row: int) -> bool:
        return column.name == self.bold[0] and row in self.bold[1]

    def __repr__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _wide(made: Fitted, width: float) -> str:
    """ "3.1 in wide", or what a table that is wider than it should be needs."""
    if made.fits:
        return f"{made.inches:.1f} in wide"
    return (
        f"{made.inches:.1f} in wide and needs {'6.75' if made.inches <= PAGE else 'more than 6.75'} in, not {width:g}"
    )


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
    """Every variant of `cl.compare` with its difference, interval, p after correction, and what could be detected.

    Controls, and variants that were changed or stopped by hand, are marked. controls: names of more of them.

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
        Column("seeds", tuple(number(int(n)) for n in table.seeds), short="n"),
        Column("accuracy", tuple(number(v, places) for v in table.accuracy), short="acc."),
        _differences(result, places),
        Column(f"p ({_correction(result)})", tuple(_p(v) for v in table.p_holm)),
        Column("detectable at most", tuple(number(v, places) for v in table.mde)),
    ]
    marks, meanings = _marks(result, _meanings(result, controls) | _tests(result))
    bold = frozenset(int(i) for i in np.flatnonzero(table.differs))
    title = f"Accuracy against {result.to}" + ("" if result.at == "end" else f", {result.when}")
    return Table(title, tuple(columns), ("difference", bold), marks, (*meanings, *_design(result)))


def _correction(result: Comparison) -> str:
    return "Dunnett" if result.spread == "pooled" else "Holm"


Meanings = dict[str, tuple[str, np.ndarray]]  # of a sign: in words, and the rows that it stands at


def _meanings(result: Comparison, controls: Sequence[str] = ()) -> Meanings:
    """What every table of variants marks: controls, what was done by hand, solvers that see the answers."""
    table, names = result.table, result.table.index
    added = table.control.to_numpy(bool) if "control" in table else np.zeros(len(table), bool)
    by_hand = result.costs["steered"].reindex(names).fillna("") if "steered" in result.costs else pd.Series("", names)
    done = "; ".join(f"{name}: {text}" for name, text in by_hand.items() if text)
    return {
        CONTROL: (
            "control: claims nothing; its p is its own, without a correction.",
            (added | names.isin(controls)) & (names != result.to),
        ),
        BY_HAND: (f"changed by hand while it trained ({done}).", by_hand.ne("").to_numpy()),
        GOLD: ("tested by a solver that sees the answers.", table.gold.to_numpy(bool)),
    }


def _tests(result: Comparison) -> Meanings:
    """What a table of differences marks besides."""
    table, null, correction = result.table, result.null, _correction(result)
    excludes = (table.low > 0) | (table.high < 0)
    ranks = pd.Series(null.ranks if null else {}, dtype=float).reindex(table.index)
    return {
        UNCORRECTED: (
            f"the {result.confidence:.0%} interval leaves out 0, but not after {correction}'s correction.",
            (excludes & ~table.differs).to_numpy(bool),
        ),
        THESE_ROWS: (
            "differs on these test rows; for new rows of their kind the interval holds 0.",
            (table.differs & ~table.differs_new).to_numpy(bool),
        ),
        RANK: (
            f"rank among {null.k if null else 0} random orders: p above 0.05.",
            ((ranks > 0.05) & (table.difference > 0)).to_numpy(bool),
        ),
    }


def _marks(result: Comparison, meanings: Meanings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The signs of each row, and what those that are used mean, in the signs' order."""
    used = [(mark, *meanings[mark]) for mark in MARKS if mark in meanings and meanings[mark][1].any()]
    marks = [""] * len(result.table)
    for mark, _, rows in used:
        marks = [before + mark * bool(here) for before, here in zip(marks, rows, strict=True)]
    return (tuple(marks) if used else ()), tuple(f"{mark} {text}" for mark, text, _ in used)


def _design(result: Comparison) -> Iterator[str]:
    """How the numbers came about."""
    table, correction = result.table.drop(index=result.to), _correction(result)
    if table.differs.any():
        yield f"Bold: differs from {result.to} after {correction}'s correction."
    elif table.low.isna().all():
        yield f"None could be tested against {result.to}: a single seed, or the same difference in all seeds."
    else:
        yield f"None differs from {result.to} after {correction}'s correction."
    kinds = " and ".join(dict.fromkeys(table.interval[table.low.notna()]))
    if kinds:
        yield f"Intervals over seeds, paired by seed on the same test rows: {kinds}."
        yield "Detectable at most: upper 95% bound of the smallest effect that so many seeds find with 80% power."


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
    marks, meanings = _marks(result, _meanings(result))
    names = Column("variant", tuple(map(str, wide.index)))
    return Table("Accuracy by level", (names, *columns), marks=marks, notes=(*meanings, note))


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
