"""Two schedules side by side, drawn by simulation before anything trains."""

from __future__ import annotations

import json
from html import escape

from curriculab import figures
from curriculab.requests import Rows
from curriculab.runs import Runs
from curriculab.simulation import simulate
from curriculab.widgets.controls import WIDE, Side, Slider, control, measures_of, show


class Schedules:
    """Two schedules side by side, drawn by simulation: which rows would come when, before anything trains.

    `runs` are the tables of the last drawing, `figure` is what is shown, `sides["A"].source` is the Python line.
    """

    def __init__(
        self, pool: Rows, *, steps: int = 150, batch_size: int = 8, seed: int = 0,
        left: str = "easy_to_hard", right: str = "competence",
    ) -> None:  # fmt: skip
        import ipywidgets as w
        import plotly.graph_objects as go

        measures = measures_of(pool)
        self.pool, self.batch_size, self.seed = pool, batch_size, seed
        self.steps = control("steps", Slider(10, max(1000, steps), 10), steps)
        self.steps.observe(lambda change: self.draw(), "value")
        self.sides = {n: Side(n, m, measures, self.draw) for n, m in {"A": left, "B": right}.items()}
        self.line = w.Textarea(rows=5, description="in Python", layout=w.Layout(width="98%"), style=WIDE)
        self.message = w.HTML()
        self.runs, drawn = self._simulated()
        self.figure = go.FigureWidget(drawn)
        self.line.value = self.source
        boxes = w.HBox([side.box for side in self.sides.values()])
        self.widget = w.VBox([boxes, self.steps, self.message, self.figure, self.line])

    @property
    def source(self) -> str:
        """Python that gives `runs` again."""
        variants = ",\n    ".join(f"{json.dumps(side.label)}: {side.source}" for side in self.sides.values())
        more = f"steps={self.steps.value}, batch_size={self.batch_size}, seed={self.seed}"
        return f"runs = cl.simulate({{{variants}}},\n    pool, {more})"

    def draw(self) -> None:
        """Simulate what the controls say and show it; what cannot run is said above the drawing."""
        try:
            self.runs, fresh = self._simulated()
        except ValueError as error:
            self.message.value = f"<b role='alert'>{escape(str(error))}</b>"
            return
        self.message.value, self.line.value = "", self.source
        show(self.figure, fresh)

    def _simulated(self) -> tuple[Runs, object]:
        sides = self.sides.values()
        variants = {side.label: side.variant for side in sides}
        runs = simulate(variants, self.pool, steps=self.steps.value, batch_size=self.batch_size, seed=self.seed)
        for (name, _), why in runs.failed.items():
            raise ValueError(f"{name} {why}")
        return runs, figures.schedules(runs, self.pool, [side.by for side in sides])

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.widget._repr_mimebundle_(**options)
