"""Figures that change in place: plotly's widget with the look of `figures.screen`.

    LiveFigure(learning_curves(runs))    # `controls.live_figure` makes it, so that plotly is imported when needed

plotly's widget announces itself to the page before it has any number, and sends the numbers after. A page that draws
it in between keeps an empty pair of axes, -1 to 6 by -1 to 4, for good; this one announces itself when it has them.
plotly.js is read once a page, and no change is lost while a busy page reads it (live_figure.js).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import plotly
import plotly.graph_objects as go
from traitlets import Unicode

from curriculab.figures.screen import CONFIG, CSS, OWN

# plotly.js with plotly's widget around it, as plotly's own figure widget has it.
BUNDLE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"


@cache
def _bundle() -> str:
    return BUNDLE.read_text(encoding="utf-8")


class LiveFigure(go.FigureWidget):
    """A figure that can be changed in place and fills the width it is given."""

    _esm = Path(__file__).with_name("live_figure.js")
    _css = CSS
    _plotly_source = Unicode().tag(sync=True)
    _plotly_version = Unicode(plotly.__version__).tag(sync=True)
    _complete = False

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self._plotly_source = _bundle()
        self._config = self._config | CONFIG | {"responsive": True}
        self.layout.autosize = True
        self._widget_layout = {**self._widget_layout, "autosize": True}
        self.add_class(OWN)
        self._complete = True
        self.open()

    def open(self) -> None:
        """Announce it to the page: with everything it shows, hence not while it is being made."""
        if self._complete:
            super().open()

    def get_state(self, *args: object, **kwargs: object) -> dict[str, object]:
        """What a page is told that opens now: the numbers of now, where plotly keeps those that it began with."""
        state = super().get_state(*args, **kwargs)
        for name, own in {"_widget_data": "_data", "_widget_layout": "_layout"}.items() if self._complete else ():
            if name in state:
                now = getattr(self, own)
                state[name] = self.trait_metadata(name, "to_json")(now, self)
        return state
