"""All recorded runs: filtered, compared over any axis, and their answers read.

explorer = Explorer("runs")                # the folder of a bench's store; or Explorer(runs)
explorer.set(x="generated", smoothing=9)   # the same as moving the controls
explorer.figure, explorer.answers          # what is shown: a figure, and a table of answers
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path

import pandas as pd

from curriculab import figures
from curriculab.figures.explore import EXPLORED, in_words, quantities
from curriculab.protocol import Rows
from curriculab.protocol.roles import LEARNER
from curriculab.runs import Record, Runs, Store, load_runs
from curriculab.widgets.controls import NO_AXES, WIDE, Slider, control, live_figure, show, stacked
from curriculab.widgets.html import html_table
from curriculab.widgets.saving import Save

PAGE = 8  # answers shown together
ALL = ""  # what a menu of answers has for all of them; None would be no choice at all
TAGS = {
    "curricula": "curricula",
    "controls": "controls",
    "null": "null band",
    "failed": "failed, ended early",
}
ANSWERS = ("variant", "seed", "step", "role", "level", "prompt", "answer", "text", "reward", "spread", "n", "length")

HEADS = {"n": "answers"}


def tag_of(record: Record, null: tuple[str, ...]) -> str:
    """Which kind of run it is: one of TAGS."""
    if str(record.spec.get("ended", "")).startswith("failed"):
        return "failed"
    if record.key[0] in null:
        return "null"
    return "controls" if record.spec.get("control") else "curricula"


def answers_of(runs: Runs, pool: Rows | None = None) -> pd.DataFrame:
    """Answers to read: the texts that were kept, else one line per group; prompts and levels come from the pool."""
    kept = getattr(runs, "rollouts", None)
    table = runs.groups if kept is None or not len(kept) else kept
    if pool is not None and len(table):
        more = [c for c in ("level", "prompt", "answer") if c in pool and c not in table]
        table = table.join(pool[more], on="id")
    order = ["step", "variant", "seed"]
    return table.sort_values(order, kind="stable").reset_index(drop=True) if len(table) else table


def as_html(table: pd.DataFrame) -> str:
    """A table of answers; whatever a model or a data set wrote is shown as text, never as HTML."""
    columns = [c for c in ANSWERS if c in table and (c != "role" or table[c].nunique() > 1)]
    head = [escape(HEADS.get(name, name)) for name in columns]
    rows = [map(_cell, line) for line in table[columns].itertuples(index=False, name=None)]
    return html_table(head, rows, table="class='curriculab-answers'")


def _cell(value: object) -> str:
    if isinstance(value, str):
        return f"<pre>{escape(value)}</pre>"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return escape(str(value))


class Explorer:
    """Recorded runs, filtered and compared: curves over an axis of choice, and answers by level and reward.

    `chosen` are the runs that are shown, `answers` the answers.

    Parameters
    ----------
    runs : Runs, Store, str or Path
        Recorded runs, or the store that holds them, which the button and `reload()` read again.
    pool : pd.DataFrame, optional
        Where prompts and levels of answers are looked up.
    x : str
        Axis of the curves at first, such as "steps" or "generated".

    Examples
    --------
    >>> runs = cl.simulate(cl.methods.random_order, cl.load_pool("ladder", n=40), steps=2, batch_size=4, seed=[0, 1])
    >>> explorer = cl.widgets.Explorer(runs)
    >>> explorer.set(seeds=[1])
    >>> explorer.take(runs)  # what was chosen stays
    >>> explorer.reload()
    >>> explorer.draw()
    >>> explorer.browse()
    >>> explorer.chosen.seeds, len(explorer.answers)  # no answers: nothing was sampled
    ([1], 0)
    """

    def __init__(self, runs: Runs | Store | str | Path = "runs", pool: Rows | None = None, *, x: str = "steps") -> None:
        import ipywidgets as w
        import plotly.graph_objects as go

        self._source, self.pool, self._muted = runs, pool, True
        self.figure = live_figure(go.Figure(layout=dict(template=figures.template(), height=420) | NO_AXES))

        def wide() -> dict:  # each its own: a layout that is shared hides all where it hides one
            return dict(style=WIDE, layout=w.Layout(width="95%"))

        axes = tuple((title, name) for name, (_, title) in EXPLORED.items())
        self.controls: dict[str, w.Widget] = {
            "quantity": w.Dropdown(description="quantity", **wide()),
            "x": w.Dropdown(options=axes, value=x, description="against", **wide()),
            "smoothing": control("smoothing", Slider(1, 51, 2), 1),
            "variants": w.SelectMultiple(description="variants", rows=5, **wide()),
            "seeds": w.SelectMultiple(description="seeds", rows=5, **wide()),
            "tags": w.SelectMultiple(description="kinds", rows=5, **wide()),
        }
        self.browser: dict[str, w.Widget] = {
            "of": w.Dropdown(description="answers of", **wide()),
            "role": w.Dropdown(description="written by", **wide()),
            "level": w.Dropdown(description="level", **wide()),
            "reward": w.FloatRangeSlider(
                value=(0, 1), max=1, step=0.05, description="reward", continuous_update=False, **wide()
            ),
            "page": w.BoundedIntText(value=1, min=1, max=1, description="page", **wide()),
        }
        self.message, self.count, self.table = w.HTML(), w.HTML(), w.HTML()
        self.refresh = w.Button(description="Read the folder again", layout=w.Layout(width="max-content"))
        self.refresh.on_click(lambda button: self.reload())
        for knob in self.controls.values():
            knob.observe(lambda change: self._turned(self.draw), "value")
        for name, knob in self.browser.items():
            knob.observe(lambda change, name=name: self._turned(lambda: self.browse(keep=name == "page")), "value")
        self.drawn = go.Figure()
        self.save = Save(lambda: self.drawn, "explored")
        self.widget = self._laid_out()
        self.reload()

    def _laid_out(self) -> object:
        import ipywidgets as w

        columns = w.Layout(grid_template_columns="repeat(auto-fit, minmax(19em, 1fr))", width="100%")
        self._curves = w.VBox(
            [w.GridBox([*self.controls.values()], layout=columns), self.message, self.figure, self.save.widget]
        )
        self._answers = w.VBox([w.GridBox([*self.browser.values()], layout=columns), self.count, self.table])
        self._nothing = w.HTML()
        top = [] if isinstance(self._source, Runs) else [self.refresh]
        return stacked([*top, self._nothing, self._curves, self._answers])

    # -- what there is ------------------------------------------------------------------------------------------------
    def reload(self) -> None:
        """Read the store again; choices that still exist are kept."""
        if isinstance(self._source, Runs):
            return self.take(self._source)
        root = self._source.root if isinstance(self._source, Store) else Path(self._source)
        try:
            return self.take(load_runs(root))
        except ValueError as error:
            self.runs = self.chosen = Runs(())
            return self._say_nothing(str(error))

    def take(self, runs: Runs) -> None:
        """Show these runs: all of them at first, later what was chosen before and what is new."""
        self.runs = runs
        if not runs.records or not (found := quantities(runs)):
            self.chosen = Runs(())
            return self._say_nothing("no step and no test is recorded yet; this fills once training has begun")
        self._muted = True
        try:
            self._nothing.value = ""
            for part in (self._curves, self._answers):
                part.layout.display = ""
            self._offer("quantity", [(in_words(name), name) for name in found if in_words(name)])
            names = [*dict.fromkeys(r.key[0] for r in runs.records)]
            tags = {tag_of(r, runs.null) for r in runs.records}
            kinds = [(text, tag) for tag, text in TAGS.items() if tag in tags]
            for name, options in {"variants": names, "seeds": runs.seeds, "tags": kinds}.items():
                _offer_all(self.controls[name], options)
            self._offer_answers()
        finally:
            self._muted = False
        return self.draw()

    def _offer(self, name: str, options: list[tuple[str, str]]) -> None:
        knob = self.controls[name]
        kept, values = knob.value, [value for _, value in options]
        knob.options = options
        knob.value = kept if kept in values else values[0]

    def _offer_answers(self) -> None:
        self._all = answers_of(self.runs, self.pool)
        levels = sorted(self._all["level"].dropna().unique().tolist()) if "level" in self._all else []
        reward = self._all["reward"].astype(float) if len(self._all) else pd.Series([0.0, 1.0])
        slider, (low, high) = self.browser["reward"], (min(0.0, reward.min()), max(1.0, reward.max()))
        slider.min, slider.max = min(slider.min, low), max(slider.max, high)  # never crossing on the way
        slider.min, slider.max, slider.value = low, high, (low, high)
        variants = dict.fromkeys(self._all.get("variant", ()))
        roles = dict.fromkeys(self._all.get("role", ()))
        for name, what, values in (("level", "levels", levels), ("of", "variants", variants), ("role", "roles", roles)):
            knob, kept = self.browser[name], self.browser[name].value
            first = LEARNER if name == "role" and LEARNER in values else ALL
            knob.options = [(f"all {what}", ALL), *((str(v), v) for v in values)]
            knob.value = kept if kept in values else first
            knob.layout.display = "" if len(values) > 1 else "none"
        self._answers.layout.display = "" if len(self._all) else "none"

    def _say_nothing(self, why: str) -> None:
        self._nothing.value = f"<p role='status'><b>Nothing to show yet.</b> {escape(why[:1].upper() + why[1:])}.</p>"
        for part in (self._curves, self._answers):
            part.layout.display = "none"

    # -- what is shown ------------------------------------------------------------------------------------------------
    def set(self, **values: object) -> None:
        """Turn controls at once: quantity, x, smoothing, variants, seeds, tags, of, role, level, reward, page."""
        knobs: Mapping = {**self.controls, **self.browser}
        if unknown := [name for name in values if name not in knobs]:
            raise ValueError(f"no control {unknown[0]!r} here; there are {', '.join(knobs)}")
        self._muted = True
        try:
            for name, value in values.items():
                knobs[name].value = value
        finally:
            self._muted = False
        self.draw()

    def _turned(self, then: object) -> None:
        if not self._muted:
            then()

    def draw(self) -> None:
        """Filter and draw; show above the drawing why nothing can be drawn."""
        import plotly.graph_objects as go

        knobs = {name: knob.value for name, knob in self.controls.items()}
        wanted = [
            r
            for r in self.runs.records
            if r.key[0] in knobs["variants"]
            and r.key[1] in knobs["seeds"]
            and tag_of(r, self.runs.null) in knobs["tags"]
        ]
        names = {r.key[0] for r in wanted}
        self.chosen = Runs(tuple(wanted), tuple(v for v in self.runs.null if v in names))
        self.browse()
        try:
            if not wanted:
                raise ValueError("no run is left: choose at least one variant, one seed and one kind (Ctrl adds one)")
            drawn = figures.explore(
                self.chosen, knobs["quantity"], x=knobs["x"], smooth=knobs["smoothing"], among=self.runs.variants
            )
        except ValueError as error:
            self.message.value = f"<b role='alert'>{escape(str(error))}</b>"
            return
        self.message.value, self.drawn = "", go.Figure(drawn)
        show(self.figure, drawn.update_layout(autosize=True))

    @property
    def answers(self) -> pd.DataFrame:
        """The answers that the filters leave."""
        table, knobs = self._all, {name: knob.value for name, knob in self.browser.items()}
        if not len(table):
            return table
        keys = pd.MultiIndex.from_frame(table[["variant", "seed"]])
        low, high = knobs["reward"]
        whole = (low, high) == (self.browser["reward"].min, self.browser["reward"].max)  # texts without a reward too
        keep = table["reward"].between(low - 1e-9, high + 1e-9) | (whole & table["reward"].isna())
        keep &= keys.isin([r.key for r in self.chosen.records])
        keep &= (table["role"] == knobs["role"]) if knobs["role"] != ALL else True
        keep &= (table["variant"] == knobs["of"]) if knobs["of"] != ALL else True
        keep &= (table["level"] == knobs["level"]) if knobs["level"] != ALL else True
        return table[keep]

    def browse(self, *, keep: bool = False) -> None:
        """Show a page of the answers: the first, unless the page is to be kept."""
        found, page = self.answers, self.browser["page"]
        self._muted = True
        try:
            page.max = max(1, -(-len(found) // PAGE))
            page.value = min(page.value, page.max) if keep else 1
        finally:
            self._muted = False
        at = (page.value - 1) * PAGE
        part = found.iloc[at : at + PAGE]
        what = "answers" if "text" in found else "groups of answers (their texts were not kept)"
        upto = f", {at + 1} to {at + len(part)} shown" if len(part) else ": widen the filters"
        self.count.value = f"<p role='status'>{len(found):,} {what}{upto}</p>"
        self.table.value = as_html(part) if len(part) else ""

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.widget._repr_mimebundle_(**options)


def _offer_all(knob: object, options: list) -> None:
    """All of them, but for what was there before and was not chosen."""
    value = [o[1] if isinstance(o, tuple) else o for o in options]
    before = [o[1] if isinstance(o, tuple) else o for o in knob.options]
    refused = set(before) - set(knob.value)
    knob.options = options
    knob.value = [v for v in value if v not in refused]
    knob.rows = min(5, max(2, len(options)))
    knob.layout.display = "" if len(options) > 1 else "none"  # nothing to choose
