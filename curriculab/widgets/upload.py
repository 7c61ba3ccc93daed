"""A file of your own, dropped on a notebook: how its columns map, how long its rows are, and what does not fit.

    upload = Upload(model)                            # drop a file on it, or:
    upload.take("mine.csv", Path("mine.csv").read_bytes())
    upload.set(prompt="question", answer="result")    # the same as choosing from the menus
    upload.pool, upload.source                        # the pool, and the Python line that loads it again

`examine` does the work and needs no widget: `examine(Path("mine.csv"), model=model)`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.data.files import FILES, read_table
from curriculab.data.guessing import guess_columns
from curriculab.data.loading import load_pool
from curriculab.data.mapping import Column, code_of, count_solution_steps, text_after, text_boxed, text_joined
from curriculab.data.validation import PoolError, show
from curriculab.widgets.html import html_table

if TYPE_CHECKING:
    import ipywidgets

    from curriculab.engine.model import Model

LARGEST = 500 * 2**20  # bytes; larger files are read faster from where they lie
TARGETS = ("prompt", "answer", "level", "topic", "options", "solution")
SHOWN = 3  # rows that are shown, and rows that are named where some are too long
ACCEPTED = ",".join((*FILES, ".gz"))

# The browser's own file field takes clicks, keys and dropped files alike. Pieces of a megabyte stay far below what
# Jupyter lets through in one message.
ESM = """
function render({ model, el }) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    label.className = "curriculab-upload";
    label.append("Drop a file here, or choose one: ", field);
    field.type = "file";
    field.accept = model.get("accept");
    field.onchange = async () => {
        const file = field.files[0];
        if (!file) return;
        if (file.size > model.get("largest")) { model.send({ name: file.name, size: file.size, at: -1 }); return; }
        const data = new Uint8Array(await file.arrayBuffer());
        for (let at = 0; at === 0 || at < data.length; at += 1048576)
            model.send({ name: file.name, size: data.length, at }, undefined, [data.slice(at, at + 1048576).buffer]);
        field.value = "";
    };
    el.append(label);
}
export default { render };
"""
CSS = """
.curriculab-upload { display: block; box-sizing: border-box; max-width: 60em; padding: 1.2em;
    border: 1px dashed var(--jp-border-color1, #999); color: var(--jp-ui-font-color1, #222); }
.curriculab-upload input { color: inherit; padding: 0.6em; }
"""


# -- what there is to say about a file --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Look:
    """What a file holds: its own table, the mapping, the pool it makes (None where it makes none), what is wrong."""

    name: str
    columns: Mapping[str, Column]
    table: pd.DataFrame | None
    pool: pd.DataFrame | None
    lengths: pd.Series | None  # of the pool's rows, in `unit`
    unit: str
    problems: tuple[str, ...]

    @property
    def mapping(self) -> pd.DataFrame:
        """One line per column of the pool: where it comes from, and what the first row has there."""
        made = self.pool if self.pool is not None else self.table
        if made is None:
            return pd.DataFrame(columns=["from", "first row"])
        names = list(made.columns) if self.pool is not None else list(self.columns)
        lines = {c: (_described(self.columns.get(c, c)), _first(made, c)) for c in names}
        return pd.DataFrame(lines.values(), index=pd.Index(lines, name="column"), columns=["from", "first row"])

    @property
    def source(self) -> str:
        """The Python line that loads it again, from where the file lies."""
        given = ", ".join(
            f"{target!r}: {code_of(column, repr)}" for target, column in self.columns.items() if target != column
        )
        return f"cl.load_pool({self.name!r}{f', columns={{{given}}}' if given else ''})"


def examine(path: Path, *, columns: Mapping[str, Column] | None = None, model: Model | None = None) -> Look:
    """Read a file, map its columns and measure its rows; what is wrong becomes `problems`.

    Parameters
    ----------
    path : Path
        The file: .jsonl, .json, .csv or .parquet, also as .gz.
    columns : mapping, optional
        Column of the pool to column of the file. None: guessed.
    model : Model, optional
        Lengths are its tokens of prompt, answer and end; without one, words of prompt and answer.

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
    unit = "words" if model is None else "tokens"
    try:
        table = read_table(path)
    except PoolError as error:
        return Look(path.name, dict(columns or {}), None, None, None, unit, (str(error),))
    mapping = dict(guess_columns(table) if columns is None else columns)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        try:
            pool = load_pool(path, columns={t: c for t, c in mapping.items() if t != c})
        except PoolError as error:
            return Look(path.name, mapping, table, None, None, unit, (str(error),))
    lengths = _words(pool) if model is None else model.lengths(pool)
    problems = [str(w.message) for w in warned if issubclass(w.category, UserWarning)]
    return Look(path.name, mapping, table, pool, lengths, unit, (*problems, *_too_long(lengths, model)))


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


def _described(column: Column) -> str:
    if isinstance(column, text_after):
        return f"{column.column}, behind {column.marker}"
    if isinstance(column, count_solution_steps):
        return f"{column.column}, its lines counted"
    if isinstance(column, text_boxed):
        return f"{column.column}, in its box"
    return " and ".join(column.columns) if isinstance(column, text_joined) else str(column)


def _first(table: pd.DataFrame, column: str) -> str:
    return show(table[column].iloc[0]) if column in table and len(table) else ""


def safe_name(name: str) -> str:
    """The last part of a file's name as it was sent, of letters, digits and -_. only: it is used as one here."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in last).lstrip(".")
    return kept[-100:].lstrip(".") or "upload"


# -- the widget -------------------------------------------------------------------------------------------------------
class Upload:
    """A place to drop a file on: its mapping with menus to change it, its rows' lengths, and what does not fit.

    Parameters
    ----------
    model : Model, optional
        Measures the rows in tokens; without one they are measured in words.

    Examples
    --------
    >>> upload = cl.widgets.Upload()
    >>> look = upload.take("mine.csv", b"question,answer\\n1+1=,2\\n")
    >>> upload.pool.prompt.tolist()
    ['1+1=']
    >>> upload.source
    "cl.load_pool('mine.csv', columns={'prompt': 'question'})"
    """

    def __init__(self, model: Model | None = None) -> None:
        import ipywidgets as w

        self.model, self.look, self._folder, self._path, self._muted = model, None, None, None, False
        self._pieces = bytearray()
        self.field = _field(self._received)
        self.menus = {target: w.Dropdown(description=target, options=[("", None)]) for target in TARGETS}
        for menu in self.menus.values():
            menu.observe(self._turned, "value")
        self.out = w.HTML("<p>Nothing to show yet: .jsonl, .json, .csv or .parquet, also as .gz.</p>")
        self.box = w.HBox([*self.menus.values()], layout=w.Layout(flex_flow="row wrap", display="none"))
        self.widget = w.VBox([self.field, self.box, self.out])

    @property
    def pool(self) -> pd.DataFrame:
        """The pool that the file makes; refuses in one line where it makes none."""
        if self.look is None:
            raise ValueError("no file was taken yet; drop one on the widget, or call take(name, content)")
        if self.look.pool is None:
            raise ValueError(self.look.problems[0])
        return self.look.pool

    @property
    def source(self) -> str:
        """The Python line that loads the file again, "" before there is one."""
        return self.look.source if self.look else ""

    def take(self, name: str, content: bytes) -> Look:
        r"""Examine the bytes of a file and guess its mapping, as dropping the file does.

        Parameters
        ----------
        name : str
            Of the file; its ending says what it is.
        content : bytes

        Returns
        -------
        Look
            Its table, mapping, pool and lengths, and what is wrong with it.

        Examples
        --------
        >>> look = cl.widgets.Upload().take("mine.csv", b"question,answer\n1+1=,2\n")
        >>> look.columns, look.problems
        ({'prompt': 'question', 'answer': 'answer'}, ())
        """
        self._folder = tempfile.TemporaryDirectory(prefix="curriculab-")  # the one before goes with its object
        self._path = Path(self._folder.name) / safe_name(name)
        self._path.write_bytes(content)
        return self._examine(None)

    def set(self, **columns: Column | None) -> Look:
        r"""Set the mapping, as the menus do.

        Parameters
        ----------
        **columns
            Column of the pool to column of the file; None leaves it out.

        Returns
        -------
        Look

        Raises
        ------
        ValueError
            Before a file was taken, or for a column that cannot be mapped to.

        Examples
        --------
        >>> upload = cl.widgets.Upload()
        >>> look = upload.take("mine.csv", b"ask,say,hard\n1+1=,2,1\n")
        >>> upload.set(prompt="ask", answer="say", level="hard").pool["level"].tolist()
        [1]
        """
        if self._path is None:
            raise ValueError("no file was taken yet; drop one on the widget, or call take(name, content)")
        if wrong := [c for c in columns if c not in TARGETS]:
            raise ValueError(f"no column {wrong[0]!r} to map to; choose from {', '.join(TARGETS)}")
        mapping = {**self.look.columns, **columns}
        return self._examine({target: column for target, column in mapping.items() if column is not None})

    def _examine(self, columns: Mapping[str, Column] | None) -> Look:
        self.look = examine(self._path, columns=columns, model=self.model)
        self._offer()
        self.out.value = _html(self.look)
        return self.look

    def _offer(self) -> None:
        """Menus with the file's columns, set to the mapping."""
        self._muted = True
        names = [] if self.look.table is None else list(map(str, self.look.table.columns))
        columns = [c for n in names for c in (n, text_after(n, "####"), count_solution_steps(n))]
        choices = [("", None), *((_described(c), c) for c in columns)]
        simple = [("", None), *((n, n) for n in names)]
        for target, menu in self.menus.items():
            offered, chosen = choices if target in ("answer", "level") else simple, self.look.columns.get(target)
            known = any(value == chosen for _, value in offered)
            menu.options = offered if known else [*offered, (_described(chosen), chosen)]
            menu.value = chosen
        self.box.layout.display = "flex" if names else "none"
        self._muted = False

    def _turned(self, change: Mapping[str, object]) -> None:
        if not self._muted:
            self.set(**{target: menu.value for target, menu in self.menus.items()})

    def _received(self, widget: object, content: Mapping[str, object], buffers: list) -> None:
        """One piece of a file from the browser; the last one completes it."""
        name, size, at = str(content["name"]), int(content["size"]), int(content["at"])
        if at < 0 or size > LARGEST:
            line = f"{safe_name(name)}: {size:,} bytes are more than the {LARGEST:,} that can be dropped here"
            self.out.value = _problems([f"{line}; load it from where it lies, cl.load_pool(path)"])
            return
        if at == 0:
            self._pieces = bytearray()
        if at == len(self._pieces):
            self._pieces += buffers[0]
        if len(self._pieces) == size:
            self.out.value = f"<p>Reading {escape(safe_name(name))}, {size:,} bytes</p>"
            whole, self._pieces = bytes(self._pieces), bytearray()
            self.take(name, whole)

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.widget._repr_mimebundle_(**options)


@cache
def _kind() -> type:
    """The field's class, made when it is first needed: importing this module needs no widgets."""
    import anywidget
    import traitlets

    class FileField(anywidget.AnyWidget):
        _esm, _css = ESM, CSS
        accept = traitlets.Unicode(ACCEPTED).tag(sync=True)
        largest = traitlets.Int(LARGEST).tag(sync=True)

    return FileField


def _field(received: Callable) -> ipywidgets.DOMWidget:
    field = _kind()()
    field.on_msg(received)
    return field


# -- as HTML ----------------------------------------------------------------------------------------------------------
def _html(look: Look) -> str:
    """What is wrong first, then mapping and lengths; every text from the file as text."""
    rows = f", {len(look.table):,} rows" if look.table is not None else ""
    parts = [f"<p><b>{escape(look.name)}</b>{rows}</p>", _problems(look.problems)]
    if look.table is not None:
        parts.append(_table(look.mapping))
    if look.lengths is not None:
        at = look.lengths.quantile([0.5, 0.95, 1.0], interpolation="lower").astype(int)
        parts.append(
            f"<p>{look.unit} a row: median {at.iloc[0]:,}, 95% up to {at.iloc[1]:,}, longest {at.iloc[2]:,}; "
            f"{int(look.lengths.sum()):,} in all</p>"
        )
        parts.append(f"<p>Load it again with <code>{escape(look.source)}</code></p>")
    return "\n".join(parts)


def _problems(lines: tuple[str, ...] | list[str]) -> str:
    return "".join(f"<p role='alert'><b>does not fit</b> &nbsp;{escape(line)}</p>" for line in lines)


def _table(table: pd.DataFrame) -> str:
    names = (table.index.name or "", *table.columns)
    rows = [map(_cell, line) for line in table.itertuples(name=None)]
    return html_table([escape(str(name)) for name in names], rows, heads="style='text-align:left'")


def _cell(value: object) -> str:
    return escape(str(np.asarray(value).item()))
