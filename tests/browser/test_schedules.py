"""`04_schedules` in JupyterLab, in a real browser: moving a slider, by keyboard and by mouse, changes the drawing."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04_schedules.ipynb"
PLACES = (
    "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
)  # fmt: skip
PATIENCE = 90_000  # ms; the machine may be busy
# What is to be seen: the bars' outlines and the map's picture.
DRAWN = """plot => [...plot.querySelectorAll('.bars .point path')].map(p => p.getAttribute('d')).concat(
    [...plot.querySelectorAll('.heatmaplayer image')].map(i => i.getAttribute('xlink:href')))"""
CLIPPED = "labels => labels.filter(l => l.scrollWidth > l.clientWidth + 1).map(l => l.textContent)"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """Address of the notebook in a JupyterLab that keeps its token and everything it writes to itself."""
    (tmp_path / "work").mkdir()
    shutil.copy(NOTEBOOK, tmp_path / "work")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}"
    own = {name: str(tmp_path / name.lower()) for name in PLACES}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={tmp_path / 'work'}",
    ]  # fmt: skip
    with (tmp_path / "lab.log").open("w") as log:
        environment = {**os.environ, **own, "JUPYTER_TOKEN": token}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"{address}/api?token={token}", server, tmp_path / "lab.log")
        yield f"{address}/lab/tree/{NOTEBOOK.name}?reset&token={token}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(PATIENCE // 500):
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.5)
    raise AssertionError(f"JupyterLab did not answer: {log.read_text()}")


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1300})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def run_to_panel(page: Page, address: str) -> Locator:
    """Open the notebook and run its cells up to the panel as a reader would, with Shift and Enter; its output."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    place = next(i for i, cell in enumerate(cells) if "Schedules(" in cell.source)
    page.goto(address)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=PATIENCE)
    page.keyboard.press("Escape")
    for _ in range(place + 1):
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(100)
    output = page.locator(".jp-OutputArea-output", has=page.locator(".js-plotly-plot")).first
    output.locator(".bars .point path").first.wait_for(state="attached")
    output.scroll_into_view_if_needed()
    return output


def drawing_after(output: Locator, before: list[str]) -> list[str]:
    """What is drawn as soon as it is something else than `before`."""
    plot = output.locator(".js-plotly-plot").first
    for _ in range(PATIENCE // 250):
        if (drawn := plot.evaluate(DRAWN)) != before:
            return drawn
        output.page.wait_for_timeout(250)
    raise AssertionError("the drawing did not change")


def test_a_slider_changes_the_drawing(lab: str, page: Page, tmp_path: Path) -> None:
    output = run_to_panel(page, lab)
    first = output.locator(".js-plotly-plot").first.evaluate(DRAWN)
    said = output.locator("textarea")
    assert "buckets=5" in said.input_value()
    assert output.locator(".widget-label").evaluate_all(CLIPPED) == []

    buckets = output.get_by_role("slider").first
    buckets.focus()
    page.keyboard.press("ArrowLeft")
    second = drawing_after(output, first)
    assert "buckets=4" in said.input_value()

    box = buckets.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    drawing_after(output, second)
    assert "buckets=4" not in said.input_value()

    page.screenshot(path=tmp_path / "panel.png")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
