"""`05_order` in JupyterLab, in a real browser: a bench is paused, resumed, steered, interrupted, and found again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_order.ipynb"
PATIENCE = 150_000

expect.set_options(timeout=PATIENCE)


def press(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).click()


def choose(panel: Locator, variant: str, action: str) -> None:
    """An entry of the menu of a variant's line."""
    panel.get_by_role("button", name=f"actions for {variant}", exact=True).click()
    panel.get_by_role("menuitem", name=action).click()


def says(panel: Locator, text: str) -> None:
    expect(panel.locator(".clp-words")).to_contain_text(text)


def share(panel: Locator) -> float:
    """How far the bar is, in [0, 1]."""
    return float(panel.locator(".clp-fill").evaluate("bar => parseFloat(bar.style.width) / 100"))


def row(panel: Locator, variant: str) -> Locator:
    return panel.locator("tbody tr", has=panel.page.get_by_role("button", name=variant, exact=True))


def names(panel: Locator) -> list[str]:
    """Variants in the order of the lines that are shown."""
    return panel.locator("tbody .clp-name").all_inner_texts()


def curves(panel: Locator) -> list[str]:
    """Variants whose curves are drawn."""
    drawn = "found => found.filter(g => g.querySelector('.clp-mean').getAttribute('d')).map(g => g.dataset.name)"
    return panel.locator(".clp-curve").evaluate_all(drawn)


def run_cell(page: Page, source: str) -> None:
    """Run one cell again, found by its source; the one behind it is selected afterwards."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    place = next(i for i, cell in enumerate(cells) if source in cell.source)
    page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Enter")


def panel_of(page: Page) -> Locator:
    return page.locator(".jp-OutputArea-output", has=page.locator(".clp-table")).first


@pytest.mark.pocket
def test_a_bench_in_training_is_in_the_readers_hands(shown: Callable, page: Page, lab: str, tmp_path: Path) -> None:
    panel = shown("bench.start(variants", ".clp-name", ".clp-table")
    run_cell(page, "runs = await live")  # from here on only the panel can act
    expect(row(panel, "random")).to_contain_text("of 12")
    press(panel, "Pause")
    says(panel, "paused")
    stood = share(panel)
    page.wait_for_timeout(1500)
    assert share(panel) == stood < 1
    page.screenshot(path=tmp_path / "paused.png")

    # One fold holds the null band; a click on the head of a column sorts by it, and the third undoes that.
    fold = panel.get_by_role("button", name="random orders of the null band")
    count = int(re.search(r"\d+", fold.inner_text())[0])
    shown_at_first = names(panel)
    assert shown_at_first[:2] == ["random", "easy first, level"] and len(shown_at_first) == 17
    fold.click()
    expect(panel.locator("tbody .clp-name")).to_have_count(17 + count)
    fold.click()
    expect(panel.locator("tbody .clp-name")).to_have_count(17)
    panel.get_by_role("button", name="variant", exact=True).click()
    assert names(panel) == sorted(shown_at_first, key=lambda name: (name.lower(), name))
    panel.get_by_role("button", name="variant", exact=True).click()
    panel.get_by_role("button", name="variant", exact=True).click()
    assert names(panel) == shown_at_first

    choose(panel, "hard first, level", "Stop hard first, level")
    choose(panel, "easy first, level", "Change easy first, level")
    panel.get_by_label("method", exact=True).select_option("hard_to_easy")
    press(panel, "Change easy first, level")
    choose(panel, "baby steps, level", "Fork baby steps, level")
    press(panel, "Fork baby steps, level")
    fork = "baby steps, level > hard_to_easy"
    expect(row(panel, fork)).to_be_visible()
    expect(panel.locator(".clp-line", has_text="changed by hand at step")).to_be_visible()
    expect(panel.locator(".clp-line", has_text="stopped by hand at step")).to_be_visible()
    expect(panel.locator(".clp-line", has_text="forked by hand from baby steps, level at step")).to_be_visible()
    page.screenshot(path=tmp_path / "steered.png")

    press(panel, "Resume")
    expect(panel.locator(".clp-words")).not_to_contain_text("paused")
    page.wait_for_function(
        "([bar, stood]) => parseFloat(bar.style.width) / 100 > stood",
        arg=[panel.locator(".clp-fill").element_handle(), stood],
    )
    expect(panel.locator(".clp-sign")).not_to_have_count(0)
    press(panel, "easy first, loss")
    expect(panel.locator(".clp-curve")).to_have_count(1)
    assert curves(panel) == ["easy first, loss"]
    press(panel, "show all")
    expect(panel.locator(".clp-curve")).to_have_count(17 + count + 1)
    choose(panel, "easy first, loss", "What it is doing")
    expect(panel.get_by_text("What easy first, loss is doing")).to_be_visible()
    expect(panel.get_by_role("columnheader", name="prompt")).to_be_visible()
    page.screenshot(path=tmp_path / "doing.png")

    # The tab is closed and opened while it trains: without running a cell the panel shows the present.
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    before = share(panel)
    page.goto("about:blank")
    page.goto(lab.replace("?reset&", "?"))
    opened = panel_of(page)
    expect(opened.locator(".clp-line", has_text="changed by hand at step")).to_be_visible()
    assert share(opened) >= before
    expect(opened.locator(".clp-curve .clp-mean[d^=M]").first).to_be_attached()
    expect(opened.locator(".clp-note")).to_be_hidden()
    page.screenshot(path=tmp_path / "reopened.png")

    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")  # the kernel's Interrupt
    says(opened, "stopped; start it again and it goes on from here")

    run_cell(page, "bench.start(variants")
    again = panel_of(page)
    expect(row(again, fork)).to_be_visible()
    page.screenshot(path=tmp_path / "again.png")
    assert share(again) >= stood
    expect(again.locator(".clp-words")).to_contain_text("finished", timeout=4 * PATIENCE)  # all of the training
    run_cell(page, "runs = await live")
    expect(page.locator(".jp-OutputArea-output", has_text="Runs(").last).to_be_visible()
    press(again, "Save for a paper")
    with page.expect_download() as download:
        again.get_by_role("link", name="training.pdf", exact=True).click()
    (text,) = [p.extract_text() for p in PdfReader(download.value.path()).pages]
    assert "optimiser steps" in text and "hard first, level" in text
    page.screenshot(path=tmp_path / "finished.png")
