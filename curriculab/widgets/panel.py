"""The panel of a bench in training: what it is doing, how far every variant is, and the hands on it.

live = bench.start(variants)     # shows the panel in a notebook; `live` as the last line of a cell shows it again
live.panel.draw()                # what the training does by itself, at most every half second
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from curriculab.bench.panels import panel
from curriculab.figures.training import AXES, QUANTITIES, training
from curriculab.protocol import Method
from curriculab.widgets.controls import WIDE, Side, having_knobs, measures_of, stacked
from curriculab.widgets.html import html_table
from curriculab.widgets.saving import Save
from curriculab.widgets.standing import Standing, asked
from curriculab.widgets.strokes import Strokes

if TYPE_CHECKING:
    import ipywidgets
    import plotly.graph_objects as go

    from curriculab.bench.background import BackgroundRun


HERE = Path(__file__).parent
KEPT_SECONDS = 120.0  # between two snapshots in the notebook

STATES = {
    "paused": "paused",
    "finished": "finished: runs = await live has its tables",
    "interrupted": "stopped; start it again and it goes on from here",
    "failed": "failed",
}


@cache
def _parts() -> tuple[type, type]:
    """The classes of the table and the curves, made when they are first needed: importing this needs no widgets."""
    import anywidget
    import traitlets as t

    style = (HERE / "panel.css").read_text(encoding="utf-8")

    class Table(anywidget.AnyWidget):
        _esm, _css = (HERE / "panel_table.js").read_text(encoding="utf-8"), style
        panel = t.Unicode().tag(sync=True)
        state = t.Dict().tag(sync=True)

    class Curves(anywidget.AnyWidget):
        _esm, _css = (HERE / "panel_curves.js").read_text(encoding="utf-8"), style
        panel = t.Unicode().tag(sync=True)
        variants = t.List().tag(sync=True)
        marks = t.List().tag(sync=True)
        total = t.Int(allow_none=True, default_value=None).tag(sync=True)  # steps of the budget
        tests_planned = t.Int().tag(sync=True)
        y = t.Unicode("auto").tag(sync=True)  # auto: accuracy once it has a curve, else reward or loss
        x = t.Unicode("step").tag(sync=True)
        shown = t.Unicode("loss").tag(sync=True)  # what "auto" came to
        y_choices, x_choices = t.Dict(QUANTITIES).tag(sync=True), t.Dict(AXES).tag(sync=True)

    return Table, Curves


@panel("live")
class Panel:
    """Table, curves and controls of a `BackgroundRun`, as `bench.start(variants)` shows them.

    It has no state of its own: shown again, or in a browser that was opened anew, it shows the whole history.

    Parameters
    ----------
    live : BackgroundRun
        What `Bench.start` returns.

    Examples
    --------
    >>> from curriculab.bench.background import BackgroundRun
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> train, test = cl.split(cl.load_pool("ladder", skills="add", n=300, seed=0), test=12, by="level")
    >>> bench = cl.Bench(model, train, test, budget=cl.Budget(steps=2), batch_size=4, store="runs")
    >>> live = BackgroundRun(bench.ask({"random": cl.methods.random_order}, seeds=1))  # bench.start would train it
    >>> panel = cl.widgets.Panel(live)
    >>> panel.table.state["rows"][0]["name"], panel.table.state["phase"]
    ('random', 'getting ready')
    >>> panel.choose("swap", "random")  # what "Change random ..." in the menu of its row does
    >>> panel.side.set(method="baby_steps", buckets=2)
    >>> panel.method.keywords["buckets"], panel.go.description
    (2, 'Change random')
    """

    def __init__(self, live: BackgroundRun) -> None:
        import ipywidgets as w

        self.live = live
        self._standing, self._strokes = Standing(live), Strokes(live)
        self._drawing = threading.Lock()  # the training thread draws, and who gives a command
        Table, Curves = _parts()
        name, design = uuid.uuid4().hex, live.chosen.design
        self.table = Table(panel=name)
        self.curves = Curves(panel=name, total=design.budget.steps, tests_planned=len(design.shares))
        self.table.on_msg(self._heard)
        self.curves.on_msg(self._asked_for_curves)
        self.acting: tuple[str, str] | None = None  # swap or fork, and the variant
        self._kept = Kept(self.table)
        self.heading = w.HTML()
        self.side = Side("to", "easy_to_hard", measures_of(design.train), lambda: None, having_knobs("order", "online"))
        self.side.box.layout.width = "100%"
        self.since = w.Dropdown(options=[("now", None)], value=None, description="branch at", style=WIDE)
        self.go = w.Button(button_style="primary", layout=w.Layout(width="max-content"))
        self.cancel = w.Button(description="Cancel", layout=w.Layout(width="max-content"))
        self.go.on_click(lambda _: self.carry_out())
        self.cancel.on_click(lambda _: self._hide())
        hands = w.HBox([self.go, self.cancel])
        self.drawer = w.VBox([self.heading, self.side.box, self.since, hands]).add_class("curriculab-steer")
        self.looked_at: str | None = None
        self.doing = w.HTML()
        self.save = Save(self._fresh, "training")
        self._hide()
        self.widget = stacked([self.table, self.drawer, self.curves, self.save.widget, self.doing])
        live.listen(lambda _: self.draw())
        self.draw()

    # -- from the browser ---------------------------------------------------------------------------------------------
    def _heard(self, _: object, message: Mapping, __: object) -> None:
        """A button was pressed, or the browser asks whether the kernel is there."""
        what, variant = message.get("do"), message.get("variant")
        if what == "ask":
            self.draw()
            self.table.send({"here": True})
        elif what in ("swap", "fork"):
            self.choose(what, variant)
        elif what == "look":
            self.looked_at = variant
            self._look()
        elif what in ("pause", "resume", "interrupt", "stop"):
            try:
                if what == "stop":
                    self.live.stop(variant, wait=False)
                else:
                    getattr(self.live, what)()
            except ValueError:  # it ended in the moment of the click, and says so
                self.draw()

    def _asked_for_curves(self, _: object, message: Mapping, __: object) -> None:
        if message.get("do") == "all":
            with self._drawing:
                self._strokes.read()
                self._send(True, self._strokes.whole())

    def choose(self, what: str, variant: str) -> None:
        """Open the choice of the method that takes over; what: "swap" or "fork".

        Examples
        --------
        >>> from curriculab.bench.background import BackgroundRun
        >>> model = cl.load_model("pocket", bits=32, device="cpu")
        >>> train, test = cl.split(cl.load_pool("ladder", skills="add", n=300, seed=0), test=12, by="level")
        >>> bench = cl.Bench(model, train, test, budget=cl.Budget(steps=2), batch_size=4, store="runs")
        >>> panel = cl.widgets.Panel(BackgroundRun(bench.ask({"random": cl.methods.random_order}, seeds=1)))
        >>> panel.choose("fork", "random")
        >>> panel.go.description, panel.drawer.layout.display
        ('Fork random', None)
        """
        self.acting = what, variant
        self.go.description = f"{'Change' if what == 'swap' else 'Fork'} {variant}"
        told = {
            "swap": f"<b>Change {escape(variant)}</b>: its adapter stays as it is, and from here on goes on with",
            "fork": f"<b>Fork {escape(variant)}</b>: a branch of it is a variant of its own, and goes on with",
        }
        there = self.live.checkpoints.items()
        known = [(f"step {steps[variant]}", call) for call, steps in sorted(there) if variant in steps]
        self.since.options = [("now", None), *known]
        self.since.value = None
        self.since.layout.display = None if what == "fork" else "none"
        self.heading.value = told[what]
        self.drawer.layout.display = None

    def carry_out(self) -> None:
        """Give the command that was chosen.

        Examples
        --------
        >>> from curriculab.bench.background import BackgroundRun
        >>> model = cl.load_model("pocket", bits=32, device="cpu")
        >>> train, test = cl.split(cl.load_pool("ladder", skills="add", n=300, seed=0), test=12, by="level")
        >>> bench = cl.Bench(model, train, test, budget=cl.Budget(steps=2), batch_size=4, store="runs")
        >>> panel = cl.widgets.Panel(BackgroundRun(bench.ask({"random": cl.methods.random_order}, seeds=1)))
        >>> panel.choose("swap", "random")
        >>> panel.carry_out()
        >>> panel.table.state["rows"][0]["lines"]
        [{'kind': 'waiting', 'text': 'asked to change; after the current call'}]
        """
        if self.acting is None:
            return
        what, variant = self.acting
        self._hide()
        if what == "swap":
            self.live.swap(variant, self.method, wait=False)
        else:
            self.live.fork(variant, self.method, name=self._branch(variant), since=self.since.value, wait=False)

    @property
    def method(self) -> Method:
        """The method that would take over."""
        return self.side.variant

    def _hide(self) -> None:
        self.drawer.layout.display = "none"
        self.acting = None

    def _branch(self, variant: str) -> str:
        """A name for a branch that no variant has."""
        name = f"{variant} > {self.side.method.value}"
        taken = [v for v in self.live.variants if v == name or v.startswith(f"{name} ")]
        return f"{name} {len(taken) + 1}" if taken else name

    # -- to the browser -----------------------------------------------------------------------------------------------
    def draw(self) -> None:
        """Show how it stands; the training does this by itself, at most every half second.

        Examples
        --------
        >>> from curriculab.bench.background import BackgroundRun
        >>> model = cl.load_model("pocket", bits=32, device="cpu")
        >>> train, test = cl.split(cl.load_pool("ladder", skills="add", n=300, seed=0), test=12, by="level")
        >>> bench = cl.Bench(model, train, test, budget=cl.Budget(steps=2), batch_size=4, store="runs")
        >>> panel = cl.widgets.Panel(BackgroundRun(bench.ask({"random": cl.methods.random_order}, seeds=1)))
        >>> panel.draw()
        >>> panel.table.state["progress"]
        0.0
        """
        with self._drawing:
            self._standing.read()
            rows = self._standing.rows()
            self.table.state = state_of(self.live, self._standing, rows)
            variants = [_drawn_as(row) for row in rows]
            if variants != self.curves.variants:
                self.curves.variants = variants
            if len(self.curves.marks) != len(marks := self._standing.marks()):
                self.curves.marks = marks
            anew, numbers = self._strokes.fresh()
            if anew or len(numbers):
                self._send(anew, numbers)
        if self.looked_at is not None:
            self._look()
        self._kept.refresh(self.live.status)

    def _send(self, anew: bool, numbers: object) -> None:
        self.curves.send({"anew": anew, "runs": self._strokes.runs}, buffers=[numbers.tobytes()])

    def _look(self) -> None:
        name = self.looked_at
        self.doing.value = f"<b>What {escape(str(name))} is doing</b>{_doing(self.live.doing.get(name))}"

    def _fresh(self) -> go.Figure:
        null = [v for v, kind in self.live.chosen.kinds.items() if kind["null"]]
        return training(self.live.points, self.curves.shown, x=self.curves.x, variants=self.live.variants, null=null)

    def keep(self) -> None:
        """Show a picture of the table in the notebook, to be read where no kernel answers; out of sight while one does.

        Examples
        --------
        >>> from curriculab.bench.background import BackgroundRun
        >>> model = cl.load_model("pocket", bits=32, device="cpu")
        >>> train, test = cl.split(cl.load_pool("ladder", skills="add", n=300, seed=0), test=12, by="level")
        >>> bench = cl.Bench(model, train, test, budget=cl.Budget(steps=2), batch_size=4, store="runs")
        >>> panel = cl.widgets.Panel(BackgroundRun(bench.ask({"random": cl.methods.random_order}, seeds=1)))
        >>> panel.keep()  # in a notebook a table: A snapshot of ...
        <IPython.core.display.HTML object>
        """
        self._kept.show(self.live.status)

    def _repr_mimebundle_(self, **options: object) -> object:
        self.draw()
        return self.widget._repr_mimebundle_(**options)


class Kept:
    """The picture of the table that the notebook keeps: some minutes old at most, and of the end once it ended."""

    def __init__(self, table: ipywidgets.Widget) -> None:
        self.table, self.output = table, None
        self._at, self._status = 0.0, ""

    def show(self, status: str) -> None:
        """Put it into the output of the cell that runs; where there is no notebook, nothing is kept."""
        from IPython.display import HTML, display

        self._at, self._status = time.monotonic(), status
        self.output = display(HTML(snapshot(self.table.panel, self.table.state)), display_id=uuid.uuid4().hex)

    def refresh(self, status: str) -> None:
        """Make it anew where it is old, or of another status."""
        old = status != self._status or time.monotonic() - self._at > KEPT_SECONDS
        if self.output is not None and old:
            from IPython.display import HTML

            self._at, self._status = time.monotonic(), status
            self.output.update(HTML(snapshot(self.table.panel, self.table.state)))


def state_of(live: BackgroundRun, standing: Standing, rows: list[dict[str, object]]) -> dict[str, object]:
    """What the table shows, as JSON: seconds since 1970 as `at`, shares in [0, 1], `left` in seconds or None."""
    left, waiting = live.left, [c for c in live.monitor.waiting if not c.get("variant")]
    return {
        "at": time.time(),
        "status": live.status,
        "words": STATES.get(live.status, live.phase),
        "phase": live.phase,
        "asked": f"{asked(waiting[-1])}; after the current call" if waiting else None,
        "progress": live.progress,
        "call_share": 0.0 if live.done else live.monitor.call_share,
        "left": None if math.isnan(left) else left,
        "rows": rows,
        "general": standing.general(),
        "problems": standing.problems(),
    }


def snapshot(name: str, state: Mapping[str, object]) -> str:
    """The table as HTML that says of when it is."""
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(state["at"])))
    rows = []
    for row in state["rows"]:
        done = "; ".join(str(line["text"]) for line in row["lines"])
        step = f"{row['step']} of {row['steps']}" if row["steps"] else f"{row['step']}"
        numbers = ["–" if row[key] is None else f"{row[key]:.3f}" for key in ("loss", "accuracy")]
        rows.append([escape(str(row["name"])), escape(str(row["state"])), step, *numbers, escape(done)])
    told = (
        f"A snapshot of {when}: {escape(str(state['words']))}. With a kernel, run the cell again: it shows the present."
    )
    table = html_table(["variant", "state", "step", "loss", "accuracy", "by hand"], rows)
    return f"<div class='clp-snapshot clp-snapshot-{name}'><p><i>{told}</i></p>{table}</div>"


def _drawn_as(row: Mapping[str, object]) -> dict[str, object]:
    """What the curves need of a line of the table."""
    return {key: row[key] for key in ("name", "colour", "dash", "kind")}


def _doing(table: pd.DataFrame | None) -> str:
    """A few rows as text; whatever a model wrote is shown as it is."""
    if table is None or not len(table):
        return "<p><i>Nothing yet.</i></p>"
    rows = [map(_short, line) for line in table.itertuples(index=False, name=None)]
    return html_table([escape(str(name)) for name in table], rows, cells="style='white-space:pre-wrap'")


def _short(value: object) -> str:
    """A cell as HTML, of 200 characters at most."""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= 200 else f"{text[:200]} …")
