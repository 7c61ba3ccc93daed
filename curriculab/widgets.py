"""Controls for a notebook: they only call public functions, so everything they show can be had without them.

    panel = Schedules(pool, steps=150, batch_size=8)       # two schedules side by side; nothing trains
    panel.sides["A"].set(method="baby_steps", buckets=3)   # what a hand on the slider does
    panel.sides["A"].source        # 'partial(cl.methods.baby_steps, by="level", buckets=3)'
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from curriculab import figures, methods
from curriculab.draws import Geometric, Linear, Root
from curriculab.requests import Rows, method_name
from curriculab.runs import Runs
from curriculab.simulation import simulate

if TYPE_CHECKING:
    import ipywidgets


@dataclass(frozen=True)
class Slider:
    """A knob that is a number between `low` and `high`."""

    low: float
    high: float
    step: float


PACINGS = (Root(p=2), Root(p=5), Linear(), Geometric(), Linear(start=0.3))
ORDERS = ("random", "curriculum", "blocked", "blocked_curriculum", "interleaved", "interleaved_curriculum")
# Knobs that can be turned, by method: a slider, or the values to choose among.
KNOBS: dict[str, dict[str, Slider | tuple[object, ...]]] = {
    "random_order": {},
    "easy_to_hard": {"span": ("pass", "budget")},
    "hard_to_easy": {"span": ("pass", "budget")},
    "baby_steps": {"buckets": Slider(1, 12, 1)},
    "competence": {"pacing": PACINGS, "until": Slider(0.1, 1.0, 0.05)},
    "human_strategies": {"order": ORDERS, "parts": Slider(1, 8, 1)},
    "cyclical": {"start": Slider(0.05, 1.0, 0.05), "factor": Slider(0.1, 0.9, 0.1), "ease": ("inverse", "uniform")},
}
WIDE = {"description_width": "6.5em"}


def source(variant: partial) -> str:
    """The Python that makes this variant again, with `import curriculab as cl` and the pacings of curriculab.draws."""
    knobs = "".join(f", {k}={_literal(v)}" for k, v in variant.keywords.items())
    return f"partial(cl.methods.{method_name(variant)}{knobs})"


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


class Side:
    """One schedule's controls: a method, the measure it goes by, its knobs. `changed` is called after every change."""

    def __init__(self, name: str, method: str, measures: list[str], changed: Callable[[], None]) -> None:
        import ipywidgets as w

        self.name, self._measures, self._changed, self._muted = name, measures, changed, False
        self.method = _control("method", tuple(KNOBS), method)
        self.knobs: dict[str, ipywidgets.Widget] = {}
        layout = w.Layout(width="50%", padding="0 1em 0 0", min_height="9.5em")  # so that the drawing stays put
        self.box = w.VBox(layout=layout)
        self.method.observe(self._rebuilt, "value")
        self._build()

    @property
    def variant(self) -> partial:
        """What the bench would be given."""
        return partial(getattr(methods, self.method.value), **{name: knob.value for name, knob in self.knobs.items()})

    @property
    def source(self) -> str:
        return source(self.variant)

    @property
    def by(self) -> str:
        """The measure it goes by, or to look at where it goes by none."""
        return self.knobs["by"].value if "by" in self.knobs else self._measures[0]

    @property
    def label(self) -> str:
        return f"{self.name}: {self.method.value}" + (f" by {self.by}" if "by" in self.knobs else "")

    def set(self, *, method: str | None = None, **knobs: object) -> None:
        """Turn several controls at once."""
        self._muted = True
        try:
            self.method.value = method or self.method.value
            if unknown := [k for k in knobs if k not in self.knobs]:
                has = ", ".join(self.knobs) or "none"
                raise ValueError(f"{self.method.value} has no knob {unknown[0]!r} here; it has {has}")
            for name, value in knobs.items():
                self.knobs[name].value = value
        finally:
            self._muted = False
        self._changed()

    def _build(self) -> None:
        """The controls of the chosen method, at its own defaults."""
        defaults = {k: p.default for k, p in inspect.signature(getattr(methods, self.method.value)).parameters.items()}
        kept = self.knobs["by"].value if "by" in self.knobs else None
        self.knobs = {}
        if "by" in defaults:
            start = next(m for m in (kept, defaults["by"], self._measures[0]) if m in self._measures)
            self.knobs["by"] = _control("by", tuple(self._measures), start)
        self.knobs |= {k: _control(k, what, defaults[k]) for k, what in KNOBS[self.method.value].items()}
        for knob in self.knobs.values():
            knob.observe(self._turned, "value")
        self.box.children = [self.method, *self.knobs.values()]

    def _rebuilt(self, change: object) -> None:
        self._build()
        self._turned(change)

    def _turned(self, change: object) -> None:
        if not self._muted:
            self._changed()


def _control(name: str, what: Slider | tuple[object, ...], value: object) -> ipywidgets.Widget:
    import ipywidgets as w

    layout = w.Layout(width="95%")
    if isinstance(what, tuple):
        options = [(value if isinstance(value, str) else repr(value), value) for value in what]
        return w.Dropdown(options=options, value=value, description=name, style=WIDE, layout=layout)
    kind = w.IntSlider if isinstance(value, int) else w.FloatSlider
    return kind(
        value, min=what.low, max=what.high, step=what.step, description=name, style=WIDE, layout=layout,
        continuous_update=False,
    )  # fmt: skip


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

        measures = [c for c in pool.select_dtypes("number") if pool[c].notna().all()]
        if not measures:
            raise ValueError(f"no column of numbers to order by; the pool has {', '.join(pool.columns)}")
        self.pool, self.batch_size, self.seed = pool, batch_size, seed
        self.steps = _control("steps", Slider(10, max(1000, steps), 10), steps)
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
        with self.figure.batch_update():
            for old, new in zip(self.figure.data, fresh.data, strict=True):
                old.update({k: v for k, v in new.to_plotly_json().items() if k not in ("type", "uid")})
            self.figure.layout.update(fresh.layout)

    def _simulated(self) -> tuple[Runs, object]:
        sides = self.sides.values()
        variants = {side.label: side.variant for side in sides}
        runs = simulate(variants, self.pool, steps=self.steps.value, batch_size=self.batch_size, seed=self.seed)
        for (name, _), why in runs.failed.items():
            raise ValueError(f"{name} {why}")
        return runs, figures.schedules(runs, self.pool, [side.by for side in sides])

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.widget._repr_mimebundle_(**options)
