"""Run a notebook without a browser: a line for every finished cell, its tables, one HTML file to keep.

    python notebooks/run.py notebooks/00_start_here.ipynb --to figures

A finished cell is a line like `  7/19    1.2 s  runs = bench.run(...)`, with what it printed below; while a cell runs, a
line every few seconds says how long it has, and how far a bench is. The text of cells tagged `table` comes at the end. The HTML shows its figures without a network: plotly's `notebook` renderer puts its
JavaScript into the page once, and nothing else is linked. Cells run in the folder this was started in, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PLOTLY_RENDERER": "notebook",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the kernel greets with a warning about frozen modules
}
# Tables are printed on a terminal, so let them be wider than pandas' 80 columns before they wrap.
WIDE = "import pandas; pandas.set_option('display.width', 160, 'display.max_columns', None)"

WIDGET = "application/vnd.jupyter.widget-view+json"
# plotly links MathJax beside every figure, and a browser would wait for it where the network is slow.
MATHJAX = re.compile(r'<script src="https://[^">]*mathjax[^">]*"></script>')


SILENT = 4.0  # seconds after which a cell that runs is told of


def progress(folder: Path) -> str:
    """How far the benches are that train in `folder` or below it, by what each writes beside its checkpoints."""
    told = []
    for path in sorted(folder.glob("*/.bench-*/now.json")):
        try:
            now = json.loads(path.read_text(encoding="utf-8"))
            done, seconds = now["progress"], now["seconds"]
        except (OSError, ValueError, KeyError):  # it has just ended
            continue
        gone = done - now.get("from", 0.0)
        left = (
            f", about {seconds * (1 - done) / gone:.0f} s left"
            if gone > 0 and seconds > 2 * SILENT
            else ""
        )
        told.append(f"{done:.0%} trained{left}")
    return "; ".join(told)


class Heartbeat:
    """Says every few seconds that the cell in hand still runs, and how far its bench is."""

    def __init__(self, folder: Path, total: int, report: Callable[[str], None]) -> None:
        self.folder, self.total, self.report = folder, total, report
        self.started, self.index, self._over = 0.0, 0, threading.Event()

    def begin(self, index: int) -> None:
        """A cell begins."""
        self.started, self.index, self._over = (
            time.perf_counter(),
            index,
            threading.Event(),
        )
        threading.Thread(target=self._beat, args=(self._over,), daemon=True).start()

    def end(self) -> float:
        """The cell has ended; the seconds that it took."""
        self._over.set()
        return time.perf_counter() - self.started

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(SILENT):
            gone = time.perf_counter() - self.started
            said = progress(self.folder) or "running"
            self.report(f"{self.index + 1:3}/{self.total} {gone:6.1f} s  ... {said}")


def execute(
    notebook: NotebookNode,
    *,
    cwd: Path | None = None,
    report: Callable[[str], None] = print,
) -> None:
    """Run all cells in a fresh kernel; outputs go into the notebook, a line per finished cell to `report`."""
    total = len(notebook.cells)
    heart = Heartbeat(cwd or Path.cwd(), total, report)

    def before(cell: NotebookNode, cell_index: int) -> None:
        heart.begin(cell_index)

    def after(
        cell: NotebookNode, cell_index: int, execute_reply: dict[str, object]
    ) -> None:
        report(
            f"{cell_index + 1:3}/{total} {heart.end():6.1f} s  {first_line(cell.source)}"
        )
        if not is_table(cell):
            for line in printed(cell).splitlines():
                report(f"{line:>{len(line) + 16}}" if line else "")

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        store_widget_state=False,  # every FigureWidget would bring 5 MB of JavaScript
        extra_arguments=[
            f"--IPKernelApp.exec_lines={WIDE}",
            "--IPKernelApp.log_level=ERROR",
        ],
        on_cell_execute=before,
        on_cell_executed=after,
    )
    try:
        client.execute(cwd=str(cwd or Path.cwd()), env={**os.environ, **ENVIRONMENT})
    finally:
        heart.end()


def first_line(source: str, *, width: int = 90) -> str:
    """The first line of code in a cell that is not a comment, cut to `width` characters."""
    lines = [line.strip() for line in source.splitlines()]
    code = next((line for line in lines if line and not line.startswith("#")), "")
    return code if len(code) <= width else code[: width - 3] + "..."


def is_table(cell: NotebookNode) -> bool:
    return "table" in cell.metadata.get("tags", [])


def printed(cell: NotebookNode) -> str:
    """What a cell wrote to standard output; of a line written over and over (a progress bar) its last state."""
    text = "".join(
        output.text for output in cell.outputs if output.get("name") == "stdout"
    )
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def tables(notebook: NotebookNode) -> Iterator[str]:
    """The text of every cell tagged `table`, as it printed or showed it."""
    for cell in filter(is_table, notebook.cells):
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain")
            if (
                text
                and output.get("name") != "stderr"
                and WIDGET not in output.get("data", {})
            ):
                yield text.rstrip("\n")


def without_widgets(notebook: NotebookNode) -> NotebookNode:
    """The notebook less its widgets: of one whose kernel is gone a page can show only the text it began with."""
    notebook = deepcopy(notebook)
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [
                output
                for output in cell.outputs
                if WIDGET not in output.get("data", {})
            ]
    return notebook


def write_html(notebook: NotebookNode, path: Path) -> None:
    """The notebook as one page that links nothing from the network; written whole or not at all."""
    exporter = HTMLExporter(require_js_url="", jquery_url="", mathjax_url="")
    page, _ = exporter.from_notebook_node(
        without_widgets(notebook), {"metadata": {"name": path.stem}}
    )
    page = MATHJAX.sub("", page)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def by_stem(paths: list[Path]) -> list[str]:
    """One line for files that differ in their endings alone."""
    endings: dict[Path, list[str]] = {}
    for path in paths:
        endings.setdefault(path.with_suffix(""), []).append(path.suffix)
    return [
        f"{stem}{', '.join(sorted(found))}" for stem, found in sorted(endings.items())
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("figures"),
        help="folder for the HTML (default: figures)",
    )
    options = parser.parse_args(arguments)
    if not options.notebook.is_file():
        parser.error(f"no notebook at {options.notebook}")
    began = time.time()
    notebook = nbformat.read(options.notebook, as_version=4)
    failed = False
    print(f"{options.notebook}", flush=True)
    try:
        execute(notebook, report=lambda line: print(line, flush=True))
    except CellExecutionError as error:
        failed = True
        print(strip_ansi(str(error)), file=sys.stderr)
    write_html(notebook, options.to / f"{options.notebook.stem}.html")
    for text in tables(notebook):
        print(f"\n{text}")
    written = sorted(
        path
        for path in options.to.rglob("*")
        if path.is_file() and path.stat().st_mtime >= began - 1
    )
    print(f"\n{time.time() - began:.0f} s; written:", *by_stem(written), sep="\n  ")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
