"""JupyterLab in a real browser: `lab` serves the notebook that a test module calls NOTEBOOK, `shown` runs it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

PLACES = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)
PATIENCE = 150_000  # ms; the machine may be busy


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of the notebook in a JupyterLab that keeps its token and everything it writes to itself."""
    notebook: Path = request.module.NOTEBOOK
    (tmp_path / "work").mkdir()
    shutil.copy(notebook, tmp_path / "work")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}"
    own = {name: str(tmp_path / name.lower()) for name in PLACES}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={tmp_path / 'work'}",
    ]
    with (tmp_path / "lab.log").open("w") as log:
        environment = {**os.environ, **own, "JUPYTER_TOKEN": token}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"{address}/api?token={token}", server, tmp_path / "lab.log")
        yield f"{address}/lab/tree/{notebook.name}?reset&token={token}"
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
def page(chromium: str, tmp_path: Path) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1300})
        page.set_default_timeout(PATIENCE)
        yield page
        page.screenshot(path=tmp_path / "end.png")  # what a test that failed saw last
        browser.close()


@pytest.fixture
def shown(request: pytest.FixtureRequest, page: Page, lab: str) -> Callable[..., Locator]:
    """Output of the cell whose source holds some text, run as a reader would, and its drawing waited for."""

    def run_to(source: str, drawn: str, within: str = ".js-plotly-plot") -> Locator:
        cells = nbformat.read(request.module.NOTEBOOK, as_version=4).cells
        place = next(i for i, cell in enumerate(cells) if source in cell.source)
        page.goto(lab)
        page.locator(".jp-Notebook .jp-Cell").first.click()
        expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=PATIENCE)
        first = page.locator(".jp-Notebook .jp-Cell").first
        first.click()  # again: what JupyterLab opens while it starts takes the focus away
        page.keyboard.press("Escape")
        expect(page.locator(".jp-Notebook.jp-mod-commandMode")).to_be_attached(timeout=PATIENCE)
        expect(first).to_have_class(re.compile(r"jp-mod-active"), timeout=PATIENCE)
        for _ in range(place + 1):
            page.keyboard.press("Shift+Enter")
            page.wait_for_timeout(100)
        output = page.locator(".jp-OutputArea-output", has=page.locator(within)).first
        output.locator(drawn).first.wait_for(state="attached")
        output.scroll_into_view_if_needed()
        return output

    return run_to
