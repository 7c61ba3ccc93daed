"""What every panel is made of: knobs and their sliders, the controls of one method, figures that change in place.

side = Side("A", "baby_steps", ["level"], changed=lambda: None)
side.set(buckets=3)
side.source        # 'partial(cl.methods.baby_steps, by="level", buckets=3)'
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from typing import TYPE_CHECKING

from curriculab import methods
from curriculab.protocol import Rows, method_name
from curriculab.registry.knobs import knobs_of

if TYPE_CHECKING:
    import ipywidgets
    import plotly.graph_objects as go

    from curriculab.methods.registry import Entry


@dataclass(frozen=True)
class Slider:
    """A knob that is a number between `low` and `high`.

    Attributes
    ----------
    low, high : float
        Ends.
    step : float
        Least change.

    Examples
    --------
    >>> cl.widgets.Slider(0.0, 1.0, 0.05).high
    1.0
    """

    low: float
    high: float
    step: float


GROUPS = ("order", "online", "reward")
# What the menu of a group begins with; its other methods follow in the order of the catalogue.
FIRST = (
    "random_order",
    "easy_to_hard",
    "hard_to_easy",
    "baby_steps",
    "competence",
    "human_strategies",
    "cyclical",
    "self_paced",
    "superloss",
    "hard_mining",
    "spaced_repetition",
    "climb",
    "corgi",
    "curriculum_designer",
    "pudf",
    "transfer_teacher",
    "fading_weights",
    "graphmasal",
    "edco",
    "sec",
    "dump",
    "learning_progress",
    "adarft",
    "thompson",
    "learnability",
    "difficulty_filter",
    "dynamic_sampling",
    "pcl",
    "cures",
    "gain_rl",
    "adcl",
    "sari",
    "egsr",
)
ARMS = ("level", "topic")  # columns that a bandit may choose among
WIDE = {"description_width": "6.5em"}
NO_AXES = {"xaxis": {"visible": False}, "yaxis": {"visible": False}}  # of a figure that has no numbers yet
KNOWN = {  # what knobs do that are no sliders of a method's own
    "by": "the measure of difficulty that it goes by; None: it measures for itself",
    "arms": "the column whose values it chooses among",
}


def source(variant: partial) -> str:
    """Write the Python that makes this variant again, with `import curriculab as cl` and the pacings.

    Parameters
    ----------
    variant : functools.partial
        A method with its knobs.

    Returns
    -------
    str

    Examples
    --------
    >>> from functools import partial
    >>> print(cl.widgets.source(partial(cl.methods.baby_steps, by="level", buckets=3)))
    partial(cl.methods.baby_steps, by="level", buckets=3)
    """
    knobs = "".join(f", {k}={_literal(v)}" for k, v in variant.keywords.items())
    return f"partial(cl.methods.{method_name(variant)}{knobs})"


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def having_knobs(*groups: str) -> tuple[str, ...]:
    """Name the methods that have controls here, group by group.

    Parameters
    ----------
    *groups : str
        "order", "online" or "reward"; all of them without any.

    Returns
    -------
    tuple of str
        In the order of the menus.

    Examples
    --------
    >>> cl.widgets.having_knobs("order")[:3]
    ('random_order', 'easy_to_hard', 'hard_to_easy')
    """
    written = [entry for entry in methods.CATALOG if entry.path.exists()]
    claim = [entry for entry in written if entry.role != "control" or entry.function == "random_order"]
    asked = [entry for entry in claim if not groups or entry.group in groups]
    return tuple(entry.function for entry in sorted(asked, key=_menu_place))


def _menu_place(entry: Entry) -> tuple[int, int]:
    group = GROUPS.index(entry.group) if entry.group in GROUPS else len(GROUPS)
    return group, FIRST.index(entry.function) if entry.function in FIRST else len(FIRST)


def controls_of(name: str) -> dict[str, Slider | tuple[object, ...]]:
    """Knobs of a method that can be turned, as its signature tells: a slider, or the values to choose among.

    Examples
    --------
    >>> import curriculab as cl
    >>> cl.widgets.controls_of("sec")["absent"]
    ('keep', 'decay')
    """
    return {
        knob: about.choices if about.low is None else Slider(about.low, about.high, about.step)
        for knob, about in knobs_of(getattr(methods, name)).items()
        if about.choices or about.low is not None
    }


class Side:
    """A method, the measure it goes by, and its knobs, as controls.

    Parameters
    ----------
    name : str
        Of the side, which its label begins with.
    method : str
        Chosen at first.
    measures : list of str
        Columns of numbers that the method may go by.
    changed : callable
        Called after every change.
    choices : sequence of str, optional
        Methods in the menu; those that order rows where not given.
    live : bool
        Whether sliders tell their value while they are dragged.

    Examples
    --------
    >>> side = cl.widgets.Side("A", "baby_steps", ["level"], changed=lambda: None)
    >>> side.label, side.by, side.variant.keywords["by"]
    ('A: baby_steps by level', 'level', 'level')
    >>> side.source.startswith("partial(cl.methods.baby_steps")
    True
    """

    def __init__(
        self,
        name: str,
        method: str,
        measures: list[str],
        changed: Callable[[], None],
        choices: Sequence[str] | None = None,
        live: bool = False,
    ) -> None:
        import ipywidgets as w

        self._live = live
        self.name, self._measures, self._changed, self._muted = name, measures, changed, False
        self.method = control("method", tuple(choices or having_knobs("order")), method)
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
        return self.knobs["by"].value if self._goes_by else self._measures[0]

    @property
    def _goes_by(self) -> bool:
        return "by" in self.knobs and self.knobs["by"].value is not None

    @property
    def label(self) -> str:
        return f"{self.name}: {self.method.value}" + (f" by {self.by}" if self._goes_by else "")

    def set(self, *, method: str | None = None, **knobs: object) -> None:
        """Turn several controls at once; `changed` is called once.

        Parameters
        ----------
        method : str, optional
            To choose before its knobs are set.
        **knobs
            Values by name.

        Raises
        ------
        ValueError
            For a knob that the method does not have here.

        Examples
        --------
        >>> side = cl.widgets.Side("A", "easy_to_hard", ["level"], changed=lambda: None)
        >>> side.set(method="baby_steps", buckets=3)
        >>> side.source
        'partial(cl.methods.baby_steps, by="level", buckets=3)'
        """
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
        if "by" in defaults:  # None: it measures for itself
            measures = [*([None] if defaults["by"] is None else []), *self._measures]
            start = next(m for m in (kept, defaults["by"], measures[0]) if m in measures)
            self.knobs["by"] = control("by", tuple(measures), start)
        if "arms" in defaults:
            self.knobs["arms"] = control("arms", ARMS, defaults["arms"])
        own = controls_of(self.method.value)
        self.knobs |= {k: control(k, what, defaults[k], live=self._live) for k, what in own.items()}
        for knob in self.knobs.values():
            knob.observe(self._turned, "value")
        said = {name: about.help for name, about in knobs_of(getattr(methods, self.method.value)).items()} | KNOWN
        rows = [part for name, knob in self.knobs.items() for part in (knob, *_in_words(said.get(name, "")))]
        self.box.children = [*([self.method] if len(self.method.options) > 1 else []), *rows]

    def _rebuilt(self, change: object) -> None:
        self._build()
        self._turned(change)

    def _turned(self, change: object) -> None:
        if not self._muted:
            self._changed()


def _in_words(text: str) -> list[ipywidgets.Widget]:
    """A line below a control that says what it does, where that is known."""
    import ipywidgets as w

    return [w.HTML(f"<div class='curriculab-help'>{escape(text)}</div>")] if text else []


def control(name: str, what: Slider | tuple[object, ...], value: object, *, live: bool = False) -> ipywidgets.Widget:
    """A slider or a menu; live: a slider tells its value while it is dragged, not only when it is let go."""
    import ipywidgets as w

    layout = w.Layout(width="95%")
    if isinstance(what, tuple):
        options = [(value if isinstance(value, str) else repr(value), value) for value in what]
        return w.Dropdown(options=options, value=value, description=name, style=WIDE, layout=layout)
    kind = w.IntSlider if isinstance(value, int) else w.FloatSlider
    return kind(
        value,
        min=what.low,
        max=what.high,
        step=what.step,
        description=name,
        style=WIDE,
        layout=layout,
        continuous_update=live,
    )


STYLE = """<style>
.curriculab.curriculab :is(button, select, textarea, input, .noUi-handle):focus-visible {
    outline: 2px solid var(--jp-brand-color1, #1976d2) !important; outline-offset: 2px; }
.curriculab .js-plotly-plot { border-radius: 4px; overflow: hidden; }
.curriculab.curriculab :is(.widget-box, .widget-html) { overflow: visible; min-width: 0; }
.curriculab .widget-readout { min-width: max-content; overflow: visible; }
[data-jp-theme-light='false'] .curriculab { color-scheme: dark; --jp-widgets-dropdown-arrow: url("data:image/svg+xml,\
%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath fill='%23e0e0e0' d='M5.2 5.9L9 9.7l3.8-3.8\
L14 7.1l-5 4.9-5-4.9z'/%3E%3C/svg%3E"); }
.curriculab-help { color: var(--jp-ui-font-color2, #555); font-size: 0.9em; line-height: 1.25;
    padding: 0 1em 0.3em calc(6.5em + 8px); }
.curriculab .widget-html-content, .curriculab .jupyter-widgets.widget-html { height: auto; line-height: 1.4; }
.curriculab [role=alert] { color: var(--jp-error-color1, #b71c1c); }
.curriculab-answers { border-collapse: collapse; width: 100%; color: var(--jp-ui-font-color1, #222); }
.curriculab-answers :is(th, td) { text-align: left; vertical-align: top; padding: 0.3em 0.8em 0.3em 0;
    border-bottom: 1px solid var(--jp-border-color2, #ddd); font-weight: normal; }
.curriculab-answers th { color: var(--jp-ui-font-color2, #555); white-space: nowrap; }
.curriculab-answers pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 12em; overflow: auto;
    font-family: var(--jp-code-font-family, monospace); }
</style>"""  # colours of JupyterLab's own, so that they follow its theme


# plotly fits a figure to its place when the window changes, not when the place appears or changes by itself.
FIT = """
function render({ el }) {
    const tried = new Map();
    const fit = () => {
        const plots = el.closest(".curriculab")?.querySelectorAll(".js-plotly-plot") ?? [];
        const off = [...plots].filter((plot) => {
            const room = plot.parentElement.clientWidth;
            return room && plot._fullLayout && Math.abs(plot._fullLayout.width - room) > 2 && tried.get(plot) !== room;
        });
        for (const plot of off) {
            tried.set(plot, plot.parentElement.clientWidth);
            delete plot.layout.width;
        }
        if (off.length) window.dispatchEvent(new Event("resize"));
    };
    const timer = setInterval(fit, 300);
    return () => clearInterval(timer);
}
export default { render };
"""


@cache
def _fitter() -> type:
    """The class, made when it is first needed: importing this module needs no widgets."""
    import anywidget

    return type("Fitter", (anywidget.AnyWidget,), {"_esm": FIT})


def stacked(parts: Sequence[ipywidgets.Widget]) -> ipywidgets.Widget:
    """A panel: its parts from top to bottom, with a visible focus in light and dark themes."""
    import ipywidgets as w

    return w.VBox([w.HTML(STYLE, layout=w.Layout(display="none")), *parts, _fitter()()]).add_class("curriculab")


def live_figure(figure: go.Figure) -> go.FigureWidget:
    """A figure that can be changed in place and fills the width it is given."""
    from curriculab.widgets.live import LiveFigure

    return LiveFigure(figure)


def show(figure: go.FigureWidget, fresh: go.Figure) -> None:
    """Give a live figure new numbers, in place where it has as many traces."""
    if len(figure.data) != len(fresh.data):
        figure.data = ()
        figure.update_layout({name: None for name in figure.layout if name not in fresh.layout})
        figure.layout = fresh.layout  # whole: in parts, a browser keeps titles of panels that are gone
        figure.add_traces(fresh.data)
        return
    with figure.batch_update():
        for old, new in zip(figure.data, fresh.data, strict=True):
            old.update({k: v for k, v in new.to_plotly_json().items() if k not in ("type", "uid")})
        figure.layout.update(fresh.layout)


def measures_of(pool: Rows) -> list[str]:
    """Columns of numbers without gaps."""
    measures = [c for c in pool.select_dtypes("number") if pool[c].notna().all()]
    if not measures:
        raise ValueError(f"no column of numbers to order by; the pool has {', '.join(pool.columns)}")
    return measures


def short_name(method: str) -> str:
    """What a variant of it is called: random order is what everything is compared with."""
    return "random" if method == "random_order" else method
