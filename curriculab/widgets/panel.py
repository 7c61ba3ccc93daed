"""The panel of a bench in training: what it is doing, how far it is, and the hands on it.

live = bench.start(variants)     # shows the panel in a notebook; `live` as the last line of a cell shows it again
live.panel.draw()                # what the training does by itself, at most every half second
"""

from __future__ import annotations

import math
from collections import Counter
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from curriculab.bench.panels import panel
from curriculab.figures.training import AXES, QUANTITIES, training
from curriculab.protocol import Method
from curriculab.runs.judging import CUT_OFF_EVENT, in_words
from curriculab.widgets.controls import WIDE, Side, having_knobs, live_figure, measures_of, show
from curriculab.widgets.html import html_table
from curriculab.widgets.saving import Save

if TYPE_CHECKING:
    import ipywidgets
    import plotly.graph_objects as go

    from curriculab.bench.background import BackgroundRun


STATES = {
    "training": "training",
    "paused": "paused",
    "finished": "finished: <code>runs = await live</code> has its tables",
    "interrupted": "stopped; start it again and it goes on from here",
    "failed": "failed",
}


@panel("live")
class Panel:
    """Controls and curves of a `BackgroundRun`, as `bench.start(variants)` shows them.

    It has no state of its own: shown again, it shows the whole history.

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
    >>> panel.side.set(method="baby_steps", buckets=2)
    >>> panel.method.keywords["buckets"], panel.stop.description
    (2, 'Stop random')
    """

    def __init__(self, live: BackgroundRun) -> None:
        import ipywidgets as w

        self.live = live
        wide = w.Layout(width="auto")
        self.bar = w.FloatProgress(min=0.0, max=1.0, layout=w.Layout(width="40%"))
        self.status = w.HTML(layout=w.Layout(flex="1"))
        self.pause = w.Button(description="Pause", tooltip="stand still after the current call", layout=wide)
        self.halt = w.Button(description="Stop all", tooltip="stop; started again it goes on from here", layout=wide)
        names = live.variants
        self.variant = w.Dropdown(options=names, value=names[0], description="variant", style=WIDE)
        self.stop = w.Button(tooltip="test it where it stands and record it", layout=wide)
        self.side = Side(
            "to", "easy_to_hard", measures_of(live.chosen.design.train), lambda: None, having_knobs("order", "online")
        )
        self.swap = w.Button(tooltip="the method beside takes over from here on", layout=wide)
        self.fork = w.Button(tooltip="a branch goes on with the method beside", layout=wide)
        self.since = w.Dropdown(options=[("now", None)], value=None, description="branch at", style=WIDE)
        self.x = w.Dropdown(options=[(v, k) for k, v in AXES.items()], value="step", description="over", style=WIDE)
        value = "accuracy" if len(live.chosen.design.shares) > 2 else "loss"  # with two tests there is no curve
        self.y = w.Dropdown(
            options=[(v, k) for k, v in QUANTITIES.items()], value=value, description="show", style=WIDE
        )
        self.figure = live_figure(self._fresh())
        self.message, self.doing = w.HTML(), w.HTML()
        self._wire()
        hands = w.VBox([self.variant, self.stop, self.swap, self.since, self.fork])
        self.side.box.layout.width = "60%"
        acting = w.HBox([hands, self.side.box])
        self.more = w.Accordion([acting, self.doing], titles=("Steer a variant", "What it is doing right now"))
        top = w.HBox([self.pause, self.halt, self.bar, self.status], layout=w.Layout(align_items="center"))
        self.save = Save(self._fresh, "training")
        self._around = [top, self.message, w.HBox([self.y, self.x])], [self.save.widget, self.more]
        self.widget = w.VBox(self._boxes())
        self.widget.add_class("curriculab")
        live.listen(lambda _: self.draw())
        self.draw()

    def _wire(self) -> None:
        """Buttons give commands and do not wait for them: a bench answers between two calls."""
        self.pause.on_click(lambda _: self.live.resume() if self.live.status == "paused" else self.live.pause())
        self.halt.on_click(lambda _: self.live.interrupt())
        self.stop.on_click(lambda _: self.live.stop(self.variant.value, wait=False))
        self.swap.on_click(lambda _: self.live.swap(self.variant.value, self.method, wait=False))
        self.fork.on_click(
            lambda _: self.live.fork(
                self.variant.value, self.method, name=self._branch(), since=self.since.value, wait=False
            )
        )
        for menu in (self.x, self.y):
            menu.observe(lambda _: self.draw(), "value")
        self.variant.observe(lambda _: self._chosen(), "value")

    @property
    def method(self) -> Method:
        """The method that would take over."""
        return self.side.variant

    def _branch(self) -> str:
        """A name for a branch that no variant has."""
        name = f"{self.variant.value} > {self.side.method.value}"
        taken = [v for v in self.live.variants if v == name or v.startswith(f"{name} ")]
        return f"{name} {len(taken) + 1}" if taken else name

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
        >>> panel.bar.value
        0.0
        """
        live = self.live
        self.bar.value = live.progress
        self.status.value = f"{STATES[live.status]}{_left(live)}"
        self.pause.description = "Resume" if live.status == "paused" else "Pause"
        for button in (self.pause, self.halt, self.stop, self.swap, self.fork):
            button.disabled = live.done
        self._menus()
        self._chosen()
        self.message.value = _problems(live)
        show(self.figure, self._fresh())

    def _fresh(self) -> go.Figure:
        null = [v for v, kind in self.live.chosen.kinds.items() if kind["null"]]
        return training(self.live.points, self.y.value, x=self.x.value, variants=self.live.variants, null=null)

    def _chosen(self) -> None:
        """Buttons say whom they act on: a click may be quicker than the menu, and does what it was seen to say."""
        name = self.variant.value
        for button, verb in ((self.stop, "Stop"), (self.swap, "Change"), (self.fork, "Fork")):
            button.description = f"{verb} {name}"
        self.doing.value = _doing(self.live.doing.get(name))

    def _menus(self) -> None:
        if tuple(self.variant.options) != tuple(self.live.variants):
            chosen = self.variant.value
            self.variant.options = self.live.variants
            self.variant.value = chosen
        there = {
            call: steps[self.variant.value]
            for call, steps in sorted(self.live.checkpoints.items())
            if self.variant.value in steps
        }
        options = [("now", None), *((f"step {step}", call) for call, step in there.items())]
        if list(self.since.options) != options:
            chosen = self.since.value if self.since.value in dict(options).values() else None
            self.since.options = options
            self.since.value = chosen

    def _boxes(self) -> list[ipywidgets.Widget]:
        above, below = self._around
        return [*above, self.figure, *below]

    def _repr_mimebundle_(self, **options: object) -> object:
        self.draw()
        self.figure = live_figure(self._fresh())  # a page that was opened anew is told only what it began with
        self.widget.children = self._boxes()
        return self.widget._repr_mimebundle_(**options)


def _left(live: BackgroundRun) -> str:
    """How much longer, in words."""
    if live.done or math.isnan(live.left):
        return ""
    seconds = live.left
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f", about {seconds / size:.0f} {unit} left"
    return f", about {max(seconds, 1):.0f} s left"


def _problems(live: BackgroundRun) -> str:
    """The last thing that went wrong, if anything did."""
    wrong = [p for p in live.points if p["kind"] in ("refused", "failed")]
    stopped = [p for p in live.points if p["kind"] == "end" and str(p["why"]).startswith("failed")]
    problems = [str(p["why"]) for p in wrong[-1:]]
    problems += [f"{p['variant']!r}, seed {p['seed']}: {p['why']}" for p in stopped]
    cut = sum((Counter(p["counts"]) for p in live.points if p.get("event") == CUT_OFF_EVENT), Counter())
    if cut:
        problems.append(f"{cut.total()} answers count as wrong because the verifier was cut off ({in_words(cut)})")
    return "<br>".join(f"<b role='alert'>{escape(line)}</b>" for line in problems)


def _doing(table: pd.DataFrame | None) -> str:
    """A few rows as text; whatever a model wrote is shown as it is."""
    if table is None or not len(table):
        return "<i>Nothing yet.</i>"
    rows = [map(_short, line) for line in table.itertuples(index=False, name=None)]
    return html_table([escape(str(name)) for name in table], rows, cells="style='white-space:pre-wrap'")


def _short(value: object) -> str:
    """A cell as HTML, of 200 characters at most."""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= 200 else f"{text[:200]} …")
