"""`05_order` in JupyterLab, in a real browser: a bench is paused, resumed, steered, interrupted, and found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_order.ipynb"
CLIPPED = "labels => labels.filter(l => l.scrollWidth > l.clientWidth + 1).map(l => l.textContent)"
PATIENCE = 90_000

expect.set_options(timeout=PATIENCE)


def press(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).click()


def says(panel: Locator, text: str) -> None:
    expect(panel.locator(".widget-html", has_text=text).first).to_be_visible()


def share(panel: Locator) -> float:
    """How far the bar is, in [0, 1]."""
    return float(panel.locator(".progress-bar").first.evaluate("bar => parseFloat(bar.style.width) / 100"))


def run_cell(page: Page, source: str) -> None:
    """Run one cell again, found by its source; the one behind it is selected afterwards."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    place = next(i for i, cell in enumerate(cells) if source in cell.source)
    page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Enter")


@pytest.mark.pocket
def test_a_bench_in_training_is_in_the_readers_hands(shown: Callable, page: Page, lab: str, tmp_path: Path) -> None:
    panel = shown("bench.start(variants", ".legendtext")
    page.keyboard.press("Shift+Enter")  # runs = await live: from here on only the panel can act
    says(panel, "training")
    press(panel, "Pause")
    says(panel, "paused")
    stood = share(panel)
    page.wait_for_timeout(1500)
    assert share(panel) == stood < 1
    page.screenshot(path=tmp_path / "paused.png")
    assert panel.locator(".widget-label:visible").evaluate_all(CLIPPED) == []

    panel.get_by_text("Steer a variant").click()
    panel.get_by_label("variant", exact=True).select_option("hard first, level")
    press(panel, "Stop hard first, level")
    panel.get_by_label("variant", exact=True).select_option("easy first, level")
    panel.get_by_label("method", exact=True).select_option("hard_to_easy")
    press(panel, "Change easy first, level")
    panel.get_by_label("variant", exact=True).select_option("baby steps, level")
    press(panel, "Fork baby steps, level")
    expect(panel.locator(".legendtext", has_text="baby steps, level > hard_to_easy")).to_be_visible()

    press(panel, "Resume")
    says(panel, "training")
    expect(panel.locator(".legendtext", has_text="by hand")).to_be_visible()
    page.wait_for_function(
        "([bar, stood]) => parseFloat(bar.style.width) / 100 > stood",
        arg=[panel.locator(".progress-bar").first.element_handle(), stood],
    )
    panel.get_by_text("What it is doing right now").click()
    expect(panel.get_by_role("columnheader", name="prompt")).to_be_visible()
    page.screenshot(path=tmp_path / "doing.png")

    page.keyboard.press("Escape")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")  # the kernel's Interrupt
    says(panel, "stopped; start it again and it goes on from here")

    run_cell(page, "bench.start(variants")
    again = page.locator(".jp-OutputArea-output", has=page.locator(".js-plotly-plot")).first
    says(again, "training")
    expect(again.locator(".legendtext", has_text="baby steps, level > hard_to_easy")).to_be_visible()
    page.screenshot(path=tmp_path / "again.png")
    assert share(again) >= stood

    expect(page.locator(".jp-OutputArea-output", has_text="run the cell of bench.start again")).to_be_visible()
    page.goto("about:blank")  # the tab is closed and opened: training goes on, and the cell shows it with its history
    page.goto(lab)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached()
    run_cell(page, "bench.start(variants")
    once_more = page.locator(".jp-OutputArea-output", has=page.locator(".js-plotly-plot")).first
    expect(once_more.locator(".legendtext", has_text="baby steps, level > hard_to_easy")).to_be_visible()
    page.screenshot(path=tmp_path / "reloaded.png")
    says(once_more, "finished")
    run_cell(page, "runs = await live")
    expect(page.locator(".jp-OutputArea-output", has_text="Runs(").last).to_be_visible()
    press(once_more, "Save for a paper")
    with page.expect_download() as download:
        once_more.get_by_role("link", name="training.pdf", exact=True).click()
    (text,) = [p.extract_text() for p in PdfReader(download.value.path()).pages]
    assert "optimiser steps" in text and "hard first, level" in text
    page.screenshot(path=tmp_path / "finished.png")
