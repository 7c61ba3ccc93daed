"""Methods to tick, each with its knobs, and what they would draw."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from curriculab import figures, methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.protocol import Rows
from curriculab.runs import Record, Runs
from curriculab.widgets.controls import (
    WIDE,
    Side,
    having_knobs,
    live_figure,
    measures_of,
    short_name,
    show,
    source,
    stacked,
)

if TYPE_CHECKING:
    import ipywidgets

    from curriculab.simulation.student import Student


class Picker:
    """Methods to tick, each with its knobs, and what they would draw: a simulated learner answers, nothing trains.

    `variants` is what a bench is given, `source` its Python, `runs` the tables of the last drawing. The budget is in
    answers (steps * batch_size * rollouts each), as a bench should have it where some methods reject answers.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows to draw from, by id.
    offered, chosen : sequence of str
        Names of the methods that have a box, and of those that are ticked at first.
    steps, batch_size, rollouts : int
        Optimiser steps, rows a step, and answers a row.
    seed : int
        Of the methods and the simulated learner.
    by : str
        Column of the pool whose shares are drawn.
    noted : sequence of str
        Columns of `runs.metrics` to draw instead, for methods that differ in something else than the rows they take.
    student : Student, optional
        How the simulated learner learns. None: `Student()`.

    Examples
    --------
    >>> from curriculab.simulation.pools import chain_pool
    >>> picker = cl.widgets.Picker(chain_pool(), ["random_order", "sec"], chosen=["random_order"], steps=4)
    >>> picker.choose("sec")
    >>> list(picker.variants)
    ['sec']
    >>> picker.source.startswith('variants = {\\n    "sec": partial(cl.methods.sec')
    True
    """

    def __init__(
        self,
        pool: Rows,
        offered: Sequence[str] | None = None,
        *,
        chosen: Sequence[str] = ("random_order", "sec"),
        steps: int = 40,
        batch_size: int = 4,
        rollouts: int = 8,
        seed: int = 0,
        by: str = "level",
        noted: Sequence[str] = (),
        student: Student | None = None,
    ) -> None:
        import ipywidgets as w
        import plotly.graph_objects as go

        offered = tuple(offered or ("random_order", *having_knobs("online")))
        for name, among in [*((n, having_knobs()) for n in offered), *((n, offered) for n in chosen)]:
            if name not in among:
                raise ValueError(f"no control for the method {name!r}; choose among {', '.join(among)}")
        self.pool, self.by, self.noted, self.student = pool, by, tuple(noted), student
        self.steps, self.batch_size, self.rollouts, self.seed = steps, batch_size, rollouts, seed
        measures = measures_of(pool)
        self.sides = {n: Side(short_name(n), n, measures, self.draw, choices=(n,)) for n in offered}
        self.ticks = {n: w.Checkbox(n in chosen, description=short_name(n), indent=False) for n in offered}
        for tick in self.ticks.values():
            tick.observe(self._ticked, "value")
        self._muted = False
        self._kept: dict[str, Record] = {}  # drawn before, by their Python
        self.runs, self.figure = Runs(()), live_figure(go.Figure())
        self.message = w.HTML()
        self.line = w.Textarea(rows=8, description="in Python", layout=w.Layout(width="98%"), style=WIDE)
        columns = "repeat(auto-fill, minmax(21em, 1fr))"
        cards = w.GridBox([self._card(n) for n in offered], layout=w.Layout(grid_template_columns=columns))
        self.widget = stacked([cards, self.message, self.figure, self.line])
        self.draw()

    def _card(self, name: str) -> ipywidgets.Widget:
        """A box to tick, one line of what the method does, and its knobs while it is ticked."""
        import ipywidgets as w

        about = inspect.getdoc(sys.modules[getattr(methods, name).__module__]) or ""
        box, tick = self.sides[name].box, self.ticks[name]
        box.layout = w.Layout(width="100%", display="" if tick.value else "none")
        tick.observe(lambda change: setattr(box.layout, "display", "" if change["new"] else "none"), "value")
        line = w.HTML(f"<div style='line-height:1.3;padding:0 1em 0.4em 0'>{escape(about.splitlines()[0])}</div>")
        return w.VBox([tick, line, box], layout=w.Layout(min_width="0"))

    @property
    def variants(self) -> dict[str, partial]:
        """Name to method with its knobs set, of those that are ticked."""
        found = {side.name: side.variant for name, side in self.sides.items() if self.ticks[name].value}
        if not found:
            raise ValueError("no method is chosen: tick at least one box (Tab to it, then Space), or call choose(...)")
        return found

    @property
    def source(self) -> str:
        """Python that gives `variants` again."""
        lines = "".join(f"    {json.dumps(name)}: {source(variant)},\n" for name, variant in self.variants.items())
        return f"variants = {{\n{lines}}}"

    def choose(self, *names: str) -> None:
        """Tick these methods and no others.

        Parameters
        ----------
        *names : str
            Methods that have a box.

        Raises
        ------
        ValueError
            For a method without a box.

        Examples
        --------
        >>> from curriculab.simulation.pools import chain_pool
        >>> picker = cl.widgets.Picker(chain_pool(), ["random_order", "sec"], chosen=["random_order"], steps=4)
        >>> picker.choose("random_order", "sec")
        >>> list(picker.variants)
        ['random', 'sec']
        """
        if unknown := [name for name in names if name not in self.ticks]:
            raise ValueError(f"no box for {unknown[0]!r}; there is {', '.join(self.ticks)}")
        self._muted = True
        try:
            for name, tick in self.ticks.items():
                tick.value = name in names
        finally:
            self._muted = False
        self.draw()

    def _ticked(self, change: object) -> None:
        if not self._muted:
            self.draw()

    def draw(self) -> None:
        """Simulate the ticked methods and draw them; show above the drawing why one cannot run.

        Examples
        --------
        >>> from curriculab.simulation.pools import chain_pool
        >>> picker = cl.widgets.Picker(chain_pool(), ["random_order"], chosen=["random_order"], steps=4)
        >>> picker.steps = 6
        >>> picker.draw()
        >>> picker.message.value
        ''
        """
        try:
            self.runs = self._simulated()
        except ValueError as error:
            self.message.value = f"<b role='alert'>{escape(str(error))}</b>"
            return
        self.message.value, self.line.value = "", self.source
        noted = [name for name in self.noted if name in self.runs.metrics]
        drawn = figures.notes(self.runs, noted) if noted else figures.draws(self.runs, self.pool, self.by)
        show(self.figure, drawn.update_layout(autosize=True))

    def _simulated(self) -> Runs:
        """Simulate all ticked variants, those that were simulated before with the same knobs excepted."""
        return Runs(tuple(self._record(name, variant) for name, variant in self.variants.items()))

    def _record(self, name: str, variant: partial) -> Record:
        key = source(variant)
        if key not in self._kept:
            budget = Budget(rollouts=self.steps * self.batch_size * self.rollouts)
            runs = simulate(
                {name: variant},
                self.pool,
                batch_size=self.batch_size,
                rollouts=self.rollouts,
                seed=self.seed,
                objective="grpo",
                budget=budget,
                learner=self.student,
            )
            for why in runs.failed.values():
                raise ValueError(f"{name} {why}")
            (self._kept[key],) = runs.records
        return self._kept[key]

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.widget._repr_mimebundle_(**options)
