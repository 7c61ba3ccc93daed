"""How a figure looks in a notebook: its toolbar, and colours that follow JupyterLab's theme.

    learning_curves(runs)     # as the last line of a cell: plotly's own output, after one line of CSS

JupyterLab marks its theme on the page's body, so CSS alone follows it, also when it is switched, and paints no other
figure than these. Where that mark is missing (VS Code, nbconvert, exported files) figures stay dark on white.
In a dark theme lightness is turned round and hue kept: what stood out from white stands out from the dark ground.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

OWN = "curriculab-figure"  # class of a live figure; with -line behind it, of the CSS before one that is shown
DARK = "[data-jp-theme-light='false']"
INVERTED = 0.93  # so that white becomes #121212, about JupyterLab's own dark ground
CONFIG = {"displayModeBar": "hover", "displaylogo": False, "showSendToCloud": False}
RIGHT = 34  # px beside the panels, for the toolbar: it lies on nothing
TOOLBAR = {
    "orientation": "v",
    "bgcolor": "rgba(0,0,0,0)",
    "color": "#757575",
    "activecolor": "#222222",
    "remove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
}
PLOT = f":is(.{OWN}, .jp-OutputArea-child:has(.{OWN}-line) + .jp-OutputArea-child .js-plotly-plot)"
CSS = f"""
.jp-OutputArea-child:has(.{OWN}-line) {{ display: none; }}
{PLOT}:not(:hover):not(:focus-within) .modebar {{ opacity: 0; }}
{DARK} {PLOT} {{ filter: invert({INVERTED}) hue-rotate(180deg); }}
"""
LINE = f"<style class='{OWN}-line'>{CSS}</style>"


class Figure(go.Figure):
    """A plotly figure that a notebook shows with the toolbar and the colours of this module."""

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Show it as plotly does, with the settings of this module where none are given."""
        _announce()
        super().show(*args, **{"config": CONFIG, **kwargs})

    def _ipython_display_(self) -> None:
        import plotly.io as pio

        if pio.renderers.render_on_display and pio.renderers.default:
            self.show()
        else:
            print(repr(self))


def _announce() -> None:
    """Put the CSS before the figure, in the same output; outside of notebooks it does nothing."""
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is not None:
        display({"text/html": LINE}, raw=True)
