r"""A table as LaTeX's `tabular`, laid out to fit a width: that of its letters in Computer Modern, added up.

The layouts, from the first that fits: one line a row; heads in two lines; smaller letters; intervals under their
numbers and names in several lines. A table that none of them fits is laid out for a page's width, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from curriculab.paper.words import MATH, latex_text

POINTS = 72.27  # TeX's points to the inch
# Widths in thousandths of the letters' size, at least those of Computer Modern Roman at 10 pt (cmr10.tfm, Knuth).
WIDTHS = {
    **dict.fromkeys("0123456789/ago", 500),
    **dict.fromkeys("bdhnpu", 556),
    **dict.fromkeys("kqvxy", 528),
    **dict.fromkeys("cez", 445),
    **dict.fromkeys("rst()", 395),
    **dict.fromkeys("fjI -", 362),
    **dict.fromkeys("il.,:;[]'!|", 278),
    **dict.fromkeys("w", 723),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", 786),
    **dict.fromkeys("W", 1028),
}
WIDEST = 834  # of "m", "%", "+" and other letters
BOLD = 1.15  # cmbx10 against cmr10
COMMA = 167  # behind a comma in mathematics, as in an interval
MARK = 400  # of one small sign above the line
SIZES = {r"\small": (9, 1.028), r"\footnotesize": (8, 1.063)}  # points, and how much wider cmr9 and cmr8 run for these
PIECES = re.compile(r"[^\s_/-]+[\s_/-]*|[\s_/-]+")  # of a name: a line may end behind each


@dataclass(frozen=True)
class Layout:
    """size: of the letters; gap: points beside a cell; heads: lines of a head; stacked: intervals under numbers."""

    size: str
    gap: int
    heads: int
    stacked: bool = False

    def points(self, text: str) -> float:
        """How wide a text is, at most, in points."""
        size, wider = SIZES[self.size]
        return sum(WIDTHS.get(letter, WIDEST) for letter in text) / 1000 * size * wider


LAYOUTS = (
    Layout(r"\small", 4, 1),
    Layout(r"\small", 4, 2),
    Layout(r"\footnotesize", 3, 2),
    Layout(r"\footnotesize", 3, 2, stacked=True),
)


@dataclass(frozen=True)
class Cell:
    """One cell: its text; a number's interval, such as "[+0.012, +0.050]"; the signs above the line behind a name."""

    text: str
    reach: str = ""
    marks: str = ""
    number: bool = False
    bold: bool = False

    def latex(self, text: str | None = None) -> str:
        """The cell, or a part of a name, as LaTeX without the interval."""
        if self.number:
            number = self.text.replace("<", "{<}")  # no relation, which has blanks around it
            return rf"$\mathbf{{{number}}}$" if self.bold else f"${number}$"
        return latex_text(self.text if text is None else text)

    @property
    def raised(self) -> str:
        """The signs above the line as LaTeX."""
        return f"$^{{{''.join(MATH[mark] for mark in self.marks)}}}$" if self.marks else ""

    def points(self, layout: Layout) -> float:
        """How wide it is, in points: with the interval beside the number, or under it."""
        number = layout.points(self.text) * (BOLD if self.bold else 1)
        beside = layout.points(self.reach) + self.reach.count(",") * COMMA / 1000 * SIZES[layout.size][0]
        if layout.stacked:
            return max(number, beside)
        return number + (layout.points(" ") + beside if self.reach else 0) + _raised(self.marks, layout)


@dataclass(frozen=True)
class Head:
    """The head of a column: in full, what its intervals are, and how it is called in a narrow table."""

    text: str
    interval: str = ""
    short: str = ""

    def lines(self, layout: Layout) -> list[str]:
        """Its lines: one, or two where the layout has them."""
        name = self.short if layout.stacked and self.short else self.text
        if layout.heads == 1:
            return [f"{name} [{self.interval}]" if self.interval else name]
        if self.interval:
            return [name, f"[{self.interval}]"]
        words = name.split()
        splits = [[" ".join(words[:i]), " ".join(words[i:])] for i in range(1, len(words))]
        return min(splits, key=lambda lines: max(map(len, lines)), default=[name])


@dataclass(frozen=True)
class Fitted:
    """Lines of a tabular, its width in inches, its letters, and whether it is as narrow as was asked."""

    lines: tuple[str, ...]
    inches: float
    layout: Layout
    fits: bool


def fitted(heads: Sequence[Head], kinds: str, rows: Sequence[Sequence[Cell]], limits: Sequence[float]) -> Fitted:
    """The first layout that fits the first of the limits, inches, else the next; else the narrowest.

    kinds: "l" or "r" a column; the first holds names, which take several lines where intervals stand under numbers.
    """
    for limit in limits:
        for layout in LAYOUTS:
            others = _others(heads, rows, layout)
            room = limit * POINTS - others
            names = _names(heads, rows, layout)
            if names <= room:
                return _made(heads, kinds, rows, layout, names, (others + names) / POINTS, limit == limits[0])
            if layout.stacked and _narrowest(heads, rows, layout) <= room:
                return _made(heads, kinds, rows, layout, room, limit, limit == limits[0])
    return _made(heads, kinds, rows, layout, names, (others + names) / POINTS, False)


def _others(heads: Sequence[Head], rows: Sequence[Sequence[Cell]], layout: Layout) -> float:
    """How wide all columns but the first are, with the room between all, in points."""
    total = 2 * layout.gap * (len(heads) - 1)
    for place in range(1, len(heads)):
        cells = [row[place].points(layout) for row in rows]
        total += max([*cells, *map(layout.points, heads[place].lines(layout))])
    return total


def _names(heads: Sequence[Head], rows: Sequence[Sequence[Cell]], layout: Layout) -> float:
    """How wide the column of names is with every name in one line, in points."""
    cells = [layout.points(row[0].text) + _raised(row[0].marks, layout) for row in rows]
    return max([*cells, *map(layout.points, heads[0].lines(layout))])


def _narrowest(heads: Sequence[Head], rows: Sequence[Sequence[Cell]], layout: Layout) -> float:
    """How wide the column of names is with a line for each piece, in points."""
    widest = max(map(layout.points, heads[0].lines(layout)))
    for name, *_ in rows:
        *pieces, last = PIECES.findall(name.text) or [""]
        widest = max(widest, layout.points(last.strip()) + _raised(name.marks, layout))
        widest = max([widest, *(layout.points(piece.strip()) for piece in pieces)])
    return widest


def _raised(marks: str, layout: Layout) -> float:
    return len(marks) * MARK / 1000 * SIZES[layout.size][0]


def _wrapped(name: Cell, layout: Layout, room: float) -> list[str]:
    """The lines of a name, each as long as there is room."""
    lines, pieces = [""], PIECES.findall(name.text)
    for i, piece in enumerate(pieces):
        marks = _raised(name.marks, layout) if i == len(pieces) - 1 else 0
        if lines[-1] and layout.points((lines[-1] + piece).strip()) + marks > room + 0.01:
            lines.append("")
        lines[-1] += piece
    return [name.latex(line.strip()) for line in lines[:-1]] + [name.latex(lines[-1].strip()) + name.raised]


def _made(
    heads: Sequence[Head],
    kinds: str,
    rows: Sequence[Sequence[Cell]],
    layout: Layout,
    room: float,
    inches: float,
    fits: bool,
) -> Fitted:
    tops = [list(map(latex_text, head.lines(layout))) for head in heads]
    deepest = max(map(len, tops))
    lines = [rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}", r"  \toprule"]
    lines += _joined([[""] * (deepest - len(top)) + top for top in tops])
    lines.append(r"  \midrule")
    for i, row in enumerate(rows):
        lines += [r"  \addlinespace[2pt]"] if i and layout.stacked else []
        lines += _joined(_row(row, layout, room))
    return Fitted((*lines, r"  \bottomrule"), inches, layout, fits)


def _row(row: Sequence[Cell], layout: Layout, room: float) -> list[list[str]]:
    """The lines of each cell of a row."""
    first = _wrapped(row[0], layout, room) if layout.stacked else [row[0].latex() + row[0].raised]
    cells = [first]
    for cell in row[1:]:
        reach = [f"${cell.reach}$"] if cell.reach else []
        cells.append([cell.latex(), *reach] if layout.stacked else [" ".join([cell.latex(), *reach])])
    return cells


def _joined(cells: Sequence[Sequence[str]]) -> list[str]:
    lines = zip_longest(*cells, fillvalue="")
    return [f"  {' & '.join(line)} {chr(92) * 2}".replace("&  ", "& ") for line in lines]
