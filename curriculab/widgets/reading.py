"""What there is to say about a file of one's own: its first rows, how its columns map, what does not fit.

look = examine(Path("mine.csv"), model=model)
look.table, look.mapping, look.problems    # its rows, what becomes of them, what is wrong
look.source                                # the line that loads it again
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from curriculab.data.chats import chat_answer, chat_prompt
from curriculab.data.encodings import decode
from curriculab.data.excel import SHEETS, sheet_names
from curriculab.data.files import bytes_of, read_table, suffix_of
from curriculab.data.guessing import ALIASES, MARKED, guess_columns
from curriculab.data.levels import are_words, guess_order
from curriculab.data.loading import load_pool
from curriculab.data.mapping import Column, code_of, count_solution_steps, text_after, text_boxed, text_joined
from curriculab.data.options import pick_option
from curriculab.data.validation import PoolError, show

if TYPE_CHECKING:
    from curriculab.engine.model import Model

NONE = ("(none)", None)  # the choice of no column
SHOWN = 3  # rows that are shown, and rows that are named where some are too long
LINES = 5  # of a file that is no table
LONGEST = 160  # characters of a line that are shown
IN_WORDS = (  # what a helper takes of a column, in words
    (text_after, "what follows {marker}"),
    (text_boxed, "what stands in its \\boxed{{}}"),
    (count_solution_steps, "the number of its steps"),
    (chat_prompt, "all messages before the answer"),
    (chat_answer, "the last message"),
)


@dataclass(frozen=True)
class Look:
    """What a file holds, and what becomes of it.

    Attributes
    ----------
    name : str
        Of the file.
    columns : mapping
        Column of the pool to column of the file.
    table, pool : pd.DataFrame or None
        The file's own rows; the pool they make. None where it cannot be read, or makes none.
    lengths : pd.Series or None
        Of the pool's rows, in `unit`: "tokens" or "words".
    problems, notes : tuple of str
        What does not fit; what was done on the way.
    raw : tuple of str
        The first lines of a file that is no table, and the one that is wrong.
    sheets, sheet : tuple of str, str or None
        Of an Excel file: those that hold something, and the one that is read.
    level_order : tuple of str, optional
        Words that are levels, the easiest first.
    """

    name: str
    columns: Mapping[str, Column]
    table: pd.DataFrame | None
    pool: pd.DataFrame | None
    lengths: pd.Series | None
    unit: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    sheet: str | None = None
    level_order: tuple[str, ...] | None = None

    @property
    def mapping(self) -> pd.DataFrame:
        """One line per column of the pool: where it comes from, and what the first row has there."""
        made = self.pool if self.pool is not None else self.table
        if made is None:
            return pd.DataFrame(columns=["from", "first row"])
        names = list(made.columns) if self.pool is not None else list(self.columns)
        lines = {c: (in_words(self.columns.get(c, c)), self._first(made, c)) for c in names}
        return pd.DataFrame(lines.values(), index=pd.Index(lines, name="column"), columns=["from", "first row"])

    def _first(self, made: pd.DataFrame, column: str) -> str:
        taken = column if self.pool is not None else self.columns.get(column, column)
        return show(made[taken].iloc[0]) if isinstance(taken, str) and taken in made and len(made) else ""

    @property
    def source(self) -> str:
        """The Python line that loads it again, from where the file lies."""
        given = ", ".join(
            f"{target!r}: {code_of(column, repr)}" for target, column in self.columns.items() if target != column
        )
        parts = [repr(self.name), *([f"columns={{{given}}}"] if given else [])]
        parts += [f"sheet={self.sheet!r}"] if self.sheet is not None else []
        parts += [f"level_order={list(self.level_order)}"] if self.level_order else []
        return f"cl.load_pool({', '.join(parts)})"


def examine(
    path: Path,
    *,
    columns: Mapping[str, Column] | None = None,
    model: Model | None = None,
    sheet: str | None = None,
    level_order: Sequence[str] | None = None,
) -> Look:
    """Read a file, map its columns and measure its rows; what is wrong becomes `problems`.

    Parameters
    ----------
    path : Path
        The file, of any kind that `load_pool` reads.
    columns : mapping, optional
        Column of the pool to column of the file. None: guessed.
    model : Model, optional
        Lengths are its tokens of prompt, answer and end; without one, words of prompt and answer.
    sheet : str, optional
        Of an Excel file; without it the first that holds something.
    level_order : sequence of str, optional
        Words in the column `level`, the easiest first; without it an order that everybody knows is taken.

    Returns
    -------
    Look

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "mine.csv")
    >>> length = path.write_text("question,answer\\n1+1=,2\\n")
    >>> cl.widgets.examine(path).mapping["from"].to_dict()
    {'prompt': 'question', 'answer': 'answer'}
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        look = _examined(path, columns, model, sheet, level_order)
    said = dict.fromkeys(str(w.message) for w in warned if issubclass(w.category, UserWarning))
    return Look(**{**vars(look), "notes": (*look.notes, *said)})


def _examined(
    path: Path,
    columns: Mapping[str, Column] | None,
    model: Model | None,
    sheet: str | None,
    level_order: Sequence[str] | None,
) -> Look:
    unit, notes, sheets = "words" if model is None else "tokens", [], ()
    try:
        if suffix_of(path) in SHEETS:
            sheets = tuple(sheet_names(bytes_of(path), path.name))
            sheet = sheet if sheet in sheets else None
            if len(sheets) > 1:
                sheet = sheet or sheets[0]
                notes.append(f"the sheet {sheet!r} is read; there are {', '.join(map(repr, sheets))}")
        table = read_table(path, sheet=sheet)
    except PoolError as error:
        raw = first_lines(path, str(error))
        return Look(path.name, dict(columns or {}), None, None, None, unit, (str(error),), raw=raw, sheets=sheets)
    mapping = dict(guessed(table) if columns is None else columns)
    order = tuple(level_order or _order(table, mapping) or ()) or None
    how = {"notes": tuple(notes), "sheets": sheets, "sheet": sheet, "level_order": order}
    try:
        own = {target: column for target, column in mapping.items() if target != column}
        given = {"sheet": sheet, "level_order": order}
        pool = load_pool(path, columns=own, **{key: value for key, value in given.items() if value is not None})
    except PoolError as error:
        return Look(path.name, mapping, table, None, None, unit, (str(error),), **how)
    if order is not None:
        how["notes"] += (f"levels, the easiest first: {', '.join(order)}",)
    lengths = _words(pool) if model is None else model.lengths(pool)
    return Look(path.name, mapping, table, pool, lengths, unit, tuple(_too_long(lengths, model)), **how)


def guessed(table: pd.DataFrame) -> dict[str, Column]:
    """The mapping to begin with; a column of levels may hold words whose order everybody knows."""
    mapping = guess_columns(table)
    if "level" not in mapping:
        named = {str(name).strip().lower(): name for name in table.columns}
        known = [named[alias] for alias in ALIASES["level"] if alias in named]
        found = next((name for name in known if are_words(table[name]) and guess_order(table[name])), None)
        mapping |= {} if found is None else {"level": found}
    return mapping


def _order(table: pd.DataFrame, mapping: Mapping[str, Column]) -> list[str] | None:
    column = mapping.get("level")
    known = isinstance(column, str) and column in table and are_words(table[column])
    return guess_order(table[column]) if known else None


def first_lines(path: Path, error: str) -> tuple[str, ...]:
    """The first lines of a text that is no table, and the one that an error names, each with its number."""
    if suffix_of(path) in (*SHEETS, ".parquet"):
        return ()
    try:
        data = bytes_of(path)
        text = decode(data, path.name)
    except PoolError:
        text = path.read_bytes().decode("utf-8", errors="replace")
    lines, wrong = text.splitlines(), re.search(r", line (\d+)", error)
    places = [*range(min(LINES, len(lines)))]
    if wrong and LINES < int(wrong[1]) <= len(lines):
        places.append(int(wrong[1]) - 1)
    return tuple(f"{place + 1}: {lines[place][:LONGEST]}" for place in places)


def _words(pool: pd.DataFrame) -> pd.Series:
    return pool["prompt"].str.split().str.len() + pool["answer"].str.split().str.len()


def _too_long(lengths: pd.Series, model: Model | None) -> list[str]:
    if model is None or not (lengths > model.positions).any():
        return []
    long = lengths[lengths > model.positions]
    named = ", ".join(f"{row} ({n:,} tokens)" for row, n in long.iloc[:SHOWN].items())
    return [
        f"{len(long):,} of {len(lengths):,} rows are longer than the {model.positions:,} tokens that {model.name!r} "
        f"takes: {named}{', ...' if len(long) > SHOWN else ''}; keep the others with "
        "pool[model.lengths(pool) <= model.positions]"
    ]


# -- a mapping in words -----------------------------------------------------------------------------------------------
def in_words(column: Column) -> str:
    """A column of the file, or what is taken of one, as a reader would say it."""
    for kind, words in IN_WORDS:
        if isinstance(column, kind):
            return f"{column.column}: {words.format(marker=getattr(column, 'marker', ''))}"
    if isinstance(column, text_joined):
        return " and ".join(column.columns)
    if isinstance(column, pick_option):
        return f"{column.answer}: the option that it names"
    return str(column) if isinstance(column, str) else "a function of your own"


def choices(table: pd.DataFrame, target: str) -> list[tuple[str, Column | None]]:
    """What a column of the pool may come from: the file's columns, and what makes sense to take of one."""
    found: list[Column] = list(map(str, table.columns))
    for name in list(found) if target in ("answer", "level") else ():
        texts = table[name].dropna()
        texts = texts[texts.map(lambda value: isinstance(value, str))]
        if len(texts) and target == "answer":
            found += [text_after(name, "####")] if texts.str.contains("####", regex=False).mean() >= MARKED else []
            found += [text_boxed(name)] if texts.str.contains("\\boxed{", regex=False).mean() >= MARKED else []
        elif len(texts):
            found += [count_solution_steps(name)] if texts.str.strip().str.contains("\n").mean() >= MARKED else []
    return [NONE, *((in_words(column), column) for column in found)]
