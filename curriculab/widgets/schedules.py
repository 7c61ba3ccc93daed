"""Two schedules side by side before anything trains: what they draw, and what a simulated learner makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape

import pandas as pd

from curriculab import figures, methods
from curriculab.bench.preview import Preview, droppable
from curriculab.bench.simulate import simulate
from curriculab.methods import CATALOG
from curriculab.protocol import Method, Rows
from curriculab.runs import Record, Runs
from curriculab.widgets.controls import NO_AXES, WIDE, Side, Slider, control, live_figure, measures_of, show, stacked
from curriculab.widgets.copying import copy_button
from curriculab.widgets.debounce import Debounced

SEEDS = tuple(range(5))  # of the prediction
TESTED = 200  # rows that the simulated learner is tested on
CURVE = 10  # tests on the way
WAITING = "Predicting: five simulated learners take each schedule to its end …"
PREDICTED = (
    "Accuracy that a <b>simulated</b> learner predicts, on rows of the pool; seeds thin, their mean thick, its 95% "
    "interval a band. It shows what to look for, not what a model will do."
)


class Schedules:
    """Two schedules side by side, drawn by simulation: which rows would come when, before anything trains.

    `runs` are the tables of the last drawing, `figure` is what is shown, `sides["A"].source` is the Python line. Once
    the panel is shown, a prediction follows every drawing in the background: `predict()` waits for it.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows to draw from, by id.
    steps, batch_size : int
        Optimiser steps, and rows a step.
    seed : int
        Of the methods and the simulated learner.
    left, right : str
        Names of the two methods.

    Examples
    --------
    >>> from curriculab.simulation.pools import chain_pool
    >>> panel = cl.widgets.Schedules(chain_pool(), steps=20, batch_size=4)
    >>> panel.sides["B"].set(method="baby_steps", by="score", buckets=3)
    >>> panel.sides["B"].source
    'partial(cl.methods.baby_steps, by="score", buckets=3)'
    >>> list(panel.variants)
    ['A: easy_to_hard by level', 'B: baby_steps by score']
    """

    def __init__(
        self,
        pool: Rows,
        *,
        steps: int = 150,
        batch_size: int = 8,
        seed: int = 0,
        left: str = "easy_to_hard",
        right: str = "competence",
    ) -> None:
        import ipywidgets as w
        import plotly.graph_objects as go

        measures = measures_of(pool)
        self.pool, self.batch_size, self.seed = pool, batch_size, seed
        self._preview = Preview(pool, batch_size=batch_size, seed=seed)
        self._drawn, self._group = _grouped(pool, measures[0])
        self._kept: dict[str, tuple[str, Record]] = {}  # of each side: what was drawn last, by its Python and steps
        self._shown: list[Record] = []
        self._predictions: dict[tuple[str, str, int], tuple[Record, ...]] = {}
        self.steps = control("steps", Slider(10, max(1000, steps), 10), steps, live=True)
        self.steps.observe(lambda change: self.draw(), "value")
        self.sides = {n: Side(n, m, measures, self.draw, live=True) for n, m in {"A": left, "B": right}.items()}
        self.line = w.Textarea(rows=7, description="in Python", layout=w.Layout(width="98%"), style=WIDE)
        self.copy = copy_button(label="Copy the Python")
        self.message, self.status = w.HTML(), w.HTML(PREDICTED)
        self.prediction = live_figure(go.Figure(layout=dict(template=figures.template(), height=330) | NO_AXES))
        self.runs = self._simulated()
        self.figure = live_figure(figures.schedules(self.runs, self._drawn, self._by, group=self._group))
        self._shown = [*self.runs.records]
        self.line.value = self.copy.text = self.source
        self._background = Debounced(self._predicted, self._show_prediction)
        boxes = w.HBox([side.box for side in self.sides.values()])
        shown = [boxes, self.steps, self.message, self.figure, self.line, self.copy, self.status, self.prediction]
        self.widget = stacked(shown)

    @property
    def variants(self) -> dict[str, Method]:
        """Both methods with their knobs set, by label."""
        return {side.label: side.variant for side in self.sides.values()}

    @property
    def source(self) -> str:
        """Python that gives `runs` again."""
        variants = ",\n    ".join(f"{json.dumps(side.label)}: {side.source}" for side in self.sides.values())
        more = f"steps={self.steps.value}, batch_size={self.batch_size}, seed={self.seed}"
        return f"runs = cl.simulate({{{variants}}},\n    pool, {more})"

    def draw(self) -> None:
        """Draw the schedules that the controls set; show above the drawing why one cannot run.

        Examples
        --------
        >>> from curriculab.simulation.pools import chain_pool
        >>> panel = cl.widgets.Schedules(chain_pool(), steps=20, batch_size=4)
        >>> panel.draw()  # as every change of a control does
        >>> panel.runs.variants
        ['A: easy_to_hard by level', 'B: competence by level']
        """
        try:
            self.runs = self._simulated()
        except ValueError as error:
            self.message.value = f"<b role='alert'>{escape(str(error))}</b>"
            return
        self.message.value, self.line.value, self.copy.text = "", self.source, self.source
        shown = set(map(id, self._shown))
        fresh = [record.key[0] for record in self.runs.records if id(record) not in shown]
        figures.redraw_schedules(self.figure, self.runs, self._drawn, self._by, group=self._group, only=fresh)
        self._shown = [*self.runs.records]
        if self._background.requested:
            self._request_prediction()

    def predict(self, timeout: float | None = None) -> Runs:
        """Wait for the runs of five simulated learners on both schedules and on random order.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        Runs

        Raises
        ------
        TimeoutError
            Where it takes longer.

        Examples
        --------
        >>> from curriculab.simulation.pools import chain_pool
        >>> panel = cl.widgets.Schedules(chain_pool(), steps=20, batch_size=4)
        >>> panel.predict(timeout=60).seeds  # doctest: +SKIP
        [0, 1, 2, 3, 4]
        """
        if not self._background.requested:
            self._request_prediction()
        return self._background.wait(timeout)

    @property
    def _by(self) -> list[str]:
        return [side.by for side in self.sides.values()]

    def _simulated(self) -> Runs:
        return Runs(tuple(self._record(side) for side in self.sides.values()))

    def _record(self, side: Side) -> Record:
        """Simulate the schedule of a side, or return its last record where nothing changed."""
        key = f"{side.source} {self.steps.value}"
        if self._kept.get(side.name, ("", None))[0] != key:
            listens = {entry.function: entry.adapts for entry in CATALOG}[side.method.value]
            runs = self._preview(side.label, side.variant, steps=self.steps.value, listens=listens)
            for (name, _), why in runs.failed.items():
                raise ValueError(f"{name} {why}")
            self._kept[side.name] = key, runs.records[0]
        return self._kept[side.name][1]

    def _request_prediction(self) -> None:
        self.status.value = WAITING
        variants = {side.label: (side.source, side.variant) for side in self.sides.values()}
        variants["random"] = "random", methods.random_order
        self._background.request(variants, self.steps.value)

    def _predicted(self, cancelled: Callable[[], bool], variants: dict[str, tuple[str, Method]], steps: int) -> Runs:
        """Accuracy of simulated learners on the way, with random order to compare with."""
        records: list[Record] = []
        for label, (python, method) in variants.items():
            key = label, python, steps
            if key not in self._predictions:
                self._predictions[key] = self._taught(droppable({label: method}, cancelled), steps)
            records += self._predictions[key]
        return Runs(tuple(records))

    def _taught(self, variants: dict[str, Method], steps: int) -> tuple[Record, ...]:
        pool = self._preview.pool
        tests = pool.sample(min(TESTED, len(pool)), random_state=self.seed)
        how = dict(steps=steps, batch_size=self.batch_size, tests=tests, evaluate_every=max(1, steps // CURVE))
        runs = simulate(variants, pool, seed=SEEDS, **how)
        for (name, _), why in runs.failed.items():
            raise ValueError(f"{name} {why}")
        return runs.records

    def _show_prediction(self, runs: Runs | None, error: Exception | None) -> None:
        if error is not None:
            self.status.value = f"<b role='alert'>No prediction: {escape(str(error))}</b>"
            return
        show(self.prediction, figures.learning_curves(runs).update_layout(autosize=True, height=330))
        self.status.value = PREDICTED

    def _repr_mimebundle_(self, **options: object) -> object:
        if not self._background.requested:
            self._request_prediction()
        return self.widget._repr_mimebundle_(**options)


def _grouped(pool: Rows, measure: str) -> tuple[Rows, str]:
    """The pool, and the column whose tokens are counted: its levels, else its topics, else fifths of a measure."""
    if known := [c for c in ("level", "topic") if c in pool and pool[c].notna().all()]:
        return pool, known[0]
    name = f"fifth by {measure}"
    return pool.assign(**{name: pd.qcut(pool[measure].rank(method="first"), 5, labels=False) + 1}), name
