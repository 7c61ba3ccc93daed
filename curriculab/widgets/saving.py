"""A button that makes a figure into files for a paper, and links that download them.

save = Save(lambda: figures.learning_curves(runs), "curves")
save.widget          # the button; after a click, links to curves.pdf, .svg, .png and .csv
"""

from __future__ import annotations

import base64
import tempfile
import threading
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from curriculab import figures

if TYPE_CHECKING:
    import plotly.graph_objects as go

KINDS = {
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
    "png": "image/png",
    "csv": "text/csv",
    "txt": "text/plain",
}


class Save:
    """Files of what `figure` gives at the moment of the click, one column (3.25 in) wide, carried in the links."""

    def __init__(self, figure: Callable[[], go.Figure], name: str) -> None:
        import ipywidgets as w

        self._figure, self.name = figure, name
        self.button = w.Button(
            description="Save for a paper", tooltip="PDF, SVG, PNG and CSV", layout=w.Layout(width="max-content")
        )
        self.links = w.HTML()
        self.button.on_click(lambda _: threading.Thread(target=self.save, daemon=True).start())
        self.widget = w.HBox([self.button, self.links])

    def save(self) -> None:
        """Make the files and show a link to each, or what went wrong."""
        self.button.disabled, self.links.value = True, "<i>drawing …</i>"
        try:
            with tempfile.TemporaryDirectory() as folder:
                files = figures.export(self._figure(), Path(folder) / self.name)
                self.links.value = " ".join(_link(f) for f in files if f.suffix[1:] in KINDS)
        except Exception as error:  # noqa: BLE001, whatever it is, it belongs to who clicked
            self.links.value = f"<b role='alert'>{escape(str(error))}</b>"
        finally:
            self.button.disabled = False


def _link(file: Path) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    kind = KINDS[file.suffix[1:]]
    return f"<a download='{escape(file.name)}' href='data:{kind};base64,{data}'>{escape(file.name)}</a>"
