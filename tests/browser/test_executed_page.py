"""The page that `make demo` leaves shows its figures with no network."""

from __future__ import annotations

from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import sync_playwright

from notebooks.run import execute, write_html

SOURCE = """import plotly.graph_objects as go
go.Figure(go.Scatter(x=[1, 2], y=[3, 4], mode="markers"))"""


def test_figures_are_drawn_offline(tmp_path: Path, chromium: str) -> None:
    notebook = new_notebook(cells=[new_code_cell(SOURCE), new_code_cell(SOURCE)])
    execute(notebook, report=lambda line: None)
    write_html(notebook, tmp_path / "page.html")
    asked: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.context.set_offline(True)
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector("svg.main-svg")
        drawn = page.locator("path.point").count()
        browser.close()
    assert drawn == 4
    assert [url for url in asked if url.startswith("http")] == []
