"""A file of your own, dropped on a notebook: how its columns map, how long its rows are, and what does not fit.

    upload = Upload(model)                            # drop a file on it, or:
    upload.take("mine.csv", Path("mine.csv").read_bytes())
    upload.set(prompt="question", answer="result")    # the same as choosing from the menus
    upload.pool, upload.source                        # the pool, and the Python line that loads it again

`examine` does the work and needs no widget: `examine(Path("mine.csv"), model=model)`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from curriculab.data.files import FILES
from curriculab.data.levels import are_words
from curriculab.data.mapping import Column
from curriculab.data.values import is_missing
from curriculab.widgets.html import html_table
from curriculab.widgets.reading import NONE, SHOWN, Look, choices, examine, in_words

if TYPE_CHECKING:
    import ipywidgets

    from curriculab.engine.model import Model

LARGEST = 500 * 2**20  # bytes; larger files are read faster from where they lie
TARGETS = {  # columns of a pool, and what they mean, as the menus say it
    "prompt": "prompt (the question)",
    "answer": "answer (what is right)",
    "level": "level (how hard)",
    "topic": "topic (what about)",
    "options": "options (choices)",
    "solution": "solution (the steps)",
}
ACCEPTED = ",".join((*FILES, ".gz"))
WIDEST = 60  # characters of a cell, and columns of a row
COLUMNS = 8
KEPT = 200  # bytes of a file's name; file systems take 255
FORBIDDEN = set('/\\:*?"<>|')  # in names of files, on one system or another

# The browser's own file field, which takes clicks and keys, lies behind a button that is drawn in the theme's colours;
# its own words would say "no file chosen" once the file is read. Pieces of a megabyte stay far below what Jupyter lets
# through in one message.
ESM = """
function render({ model, el }) {
    const box = document.createElement("div"), label = document.createElement("label");
    const field = document.createElement("input"), said = document.createElement("span");
    box.className = "curriculab-upload";
    label.append("Choose a file", field);
    field.type = "file";
    field.accept = model.get("accept");
    said.setAttribute("role", "status");
    const tell = () => { said.textContent = model.get("said"); };
    const take = async (file) => {
        if (!file) return;
        if (file.size > model.get("largest")) { model.send({ name: file.name, size: file.size, at: -1 }); return; }
        said.textContent = `Reading ${file.name}`;
        const data = new Uint8Array(await file.arrayBuffer());
        for (let at = 0; at === 0 || at < data.length; at += 1048576)
            model.send({ name: file.name, size: data.length, at }, undefined, [data.slice(at, at + 1048576).buffer]);
    };
    const over = (event) => { event.preventDefault(); event.stopPropagation(); };
    field.onchange = async () => { await take(field.files[0]); field.value = ""; };
    box.ondragover = (event) => { over(event); box.classList.add("over"); };
    box.ondragleave = () => box.classList.remove("over");
    box.ondrop = (event) => { over(event); box.classList.remove("over"); take(event.dataTransfer.files[0]); };
    model.on("change:said", tell);
    tell();
    box.append(label, said);
    el.append(box);
}
export default { render };
"""
CSS = """
.curriculab-upload { box-sizing: border-box; max-width: 60em; padding: 1.2em; display: flex; gap: 1em;
    align-items: center; border: 1px dashed var(--jp-border-color1, #999); color: var(--jp-ui-font-color1, #222); }
.curriculab-upload.over { border-style: solid; border-color: var(--jp-brand-color1, #1976d2); }
.curriculab-upload label { position: relative; padding: 0.4em 1em; white-space: nowrap; cursor: pointer;
    border: 1px solid var(--jp-border-color1, #999); background: var(--jp-layout-color2, #eee); }
.curriculab-upload label:focus-within { outline: 2px solid var(--jp-brand-color1, #1976d2); }
.curriculab-upload input { position: absolute; inset: 0; width: 100%; opacity: 0; cursor: pointer; }
"""
FIRST = f"or drop one here: {', '.join(FILES)}, also packed (.gz)"


def safe_name(name: str) -> str:
    """The last part of a file's name as it was sent, without what no name may hold: it is used as one here."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isprintable() and c not in FORBIDDEN else "_" for c in last).strip().lstrip(".")
    while len(kept.encode()) > KEPT:
        kept = kept[1:]
    return kept.strip().lstrip(".") or "upload"


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
        style, layout = {"description_width": "12.5em"}, {"width": "28em", "max_width": "100%"}
        self.menus = {
            target: w.Dropdown(description=said, options=[NONE], style=style, layout=layout)
            for target, said in TARGETS.items()
        }
        self.order = w.Text(description="levels, easiest first", continuous_update=False, style=style, layout=layout)
        self.sheets = w.Dropdown(description="sheet", options=[("", None)], style=style, layout=layout)
        for control in (*self.menus.values(), self.order, self.sheets):
            control.observe(self._turned, "value")
        self.out = w.HTML("<p>Nothing to show yet.</p>")
        controls = [self.sheets, *self.menus.values(), self.order]
        self.box = w.HBox(controls, layout=w.Layout(flex_flow="row wrap", display="none"))
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
        self.field.said = f"{self._path.name}, {_bytes(len(content))}"
        return self._examine(None)

    def set(
        self, *, sheet: str | None = None, level_order: Sequence[str] | None = None, **columns: Column | None
    ) -> Look:
        r"""Set the mapping, as the menus do.

        Parameters
        ----------
        sheet : str, optional
            Of an Excel file; another sheet is mapped anew.
        level_order : sequence of str, optional
            Words that are levels, the easiest first.
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
        if sheet is not None and sheet != self.look.sheet:
            return self._examine(columns or None, sheet)
        mapping = {**self.look.columns, **columns}
        chosen = {target: column for target, column in mapping.items() if column is not None}
        same = chosen.get("level") == self.look.columns.get("level")
        order = level_order or (self.look.level_order if same else None)
        return self._examine(chosen, self.look.sheet, order)

    def _examine(
        self,
        columns: Mapping[str, Column] | None,
        sheet: str | None = None,
        order: Sequence[str] | None = None,
    ) -> Look:
        self.look = examine(self._path, columns=columns, model=self.model, sheet=sheet, level_order=order)
        self._offer()
        self.out.value = _html(self.look)
        return self.look

    def _offer(self) -> None:
        """Menus with the file's columns, set to the mapping; words of levels, and sheets, where there are any."""
        self._muted = True
        look, table = self.look, self.look.table
        for target, menu in self.menus.items():
            offered, chosen = [NONE] if table is None else choices(table, target), look.columns.get(target)
            known = any(value == chosen for _, value in offered)
            menu.options = offered if known else [*offered, (in_words(chosen), chosen)]
            menu.value = chosen
        words = self._words()
        self.order.value = ", ".join(look.level_order or words)
        self.order.layout.display = "flex" if words else "none"
        self.sheets.options = [(name, name) for name in look.sheets] or [("", None)]
        self.sheets.value = look.sheet if look.sheet in look.sheets else self.sheets.options[0][1]
        self.sheets.layout.display = "flex" if len(look.sheets) > 1 else "none"
        self.box.layout.display = "none" if table is None else "flex"
        self._muted = False

    def _words(self) -> list[str]:
        """The words in the column of levels, where it holds words."""
        column, table = self.look.columns.get("level"), self.look.table
        if table is None or not isinstance(column, str) or column not in table or not are_words(table[column]):
            return []
        return list(dict.fromkeys(str(word).strip() for word in table[column].dropna() if str(word).strip()))

    def _turned(self, change: Mapping[str, object]) -> None:
        if self._muted:
            return
        if change["owner"] is self.sheets:
            self.set(sheet=self.sheets.value)
        elif change["owner"] is self.order:
            self.set(level_order=[word.strip() for word in self.order.value.split(",") if word.strip()])
        else:
            self.set(**{target: menu.value for target, menu in self.menus.items()})

    def _received(self, widget: object, content: Mapping[str, object], buffers: list) -> None:
        """One piece of a file from the browser; the last one completes it."""
        name, size, at = str(content["name"]), int(content["size"]), int(content["at"])
        if at < 0 or size > LARGEST:
            line = f"{safe_name(name)}: {size:,} bytes are more than the {LARGEST:,} that can be dropped here"
            self.field.said = f"{safe_name(name)}, {_bytes(size)}"
            self.out.value = _lines([f"{line}; load it from where it lies, cl.load_pool(path)"], "does not fit")
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
        said = traitlets.Unicode(FIRST).tag(sync=True)

    return FileField


def _field(received: Callable) -> ipywidgets.DOMWidget:
    field = _kind()()
    field.on_msg(received)
    return field


# -- as HTML ----------------------------------------------------------------------------------------------------------
TIGHT = "style='margin:0.4em 0'"
P = f"<p {TIGHT}>"


def _html(look: Look) -> str:
    """What is wrong, the first rows, what becomes of them, how long they are; every text from the file as text."""
    size = "" if look.table is None else f", {len(look.table):,} rows, {len(look.table.columns)} columns"
    parts = [f"{P}<b>{escape(look.name)}</b>{size}</p>", _lines(look.problems, "does not fit", "alert")]
    parts.append(_lines(look.notes, "note"))
    if look.raw:
        parts.append(f"{P}The file begins:</p><pre>{escape(chr(10).join(look.raw))}</pre>")
    if look.table is not None and len(look.table):
        parts += [f"{P}The first rows, as the file has them:</p>", _rows(look.table)]
    if look.table is not None:
        parts += [f"{P}What becomes of the columns:</p>", _table(look.mapping)]
    if look.lengths is not None:
        at = look.lengths.quantile([0.5, 0.95, 1.0], interpolation="lower").astype(int)
        parts.append(
            f"{P}{look.unit} a row: median {at.iloc[0]:,}, 95% up to {at.iloc[1]:,}, longest {at.iloc[2]:,}; "
            f"{int(look.lengths.sum()):,} in all</p>"
        )
        parts.append(f"{P}Load it again with <code>{escape(look.source)}</code></p>")
    return "\n".join(parts)


def _lines(lines: Sequence[str], head: str, role: str = "note") -> str:
    return "".join(f"<p role='{role}' {TIGHT}><b>{head}</b> &nbsp;{escape(line)}</p>" for line in lines)


def _rows(table: pd.DataFrame) -> str:
    """The first rows, by where they stand in the file."""
    shown = table.iloc[:SHOWN, :COLUMNS]
    more = [f"... {len(table.columns) - COLUMNS} more"] if len(table.columns) > COLUMNS else []
    return _table(shown.assign(**dict.fromkeys(more, "")))


def _table(table: pd.DataFrame) -> str:
    names = (table.index.name or "", *table.columns)
    rows = [map(_cell, line) for line in table.itertuples(name=None)]
    left = "style='text-align:left; vertical-align:top; padding-right:1em'"
    return html_table([escape(str(name)) for name in names], rows, heads=left, cells=left)


def _cell(value: object) -> str:
    text = "" if is_missing(value) else str(value)
    return escape(text if len(text) <= WIDEST else f"{text[:WIDEST]}...")


def _bytes(size: int) -> str:
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:,.0f} kB"
