"""`06_online` in JupyterLab, in a real browser: methods are ticked and turned by keyboard, and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06_online.ipynb"
CLIPPED = "labels => labels.filter(l => l.scrollWidth > l.clientWidth + 1).map(l => l.textContent)"
CHOSEN = ["random", "sec", "adarft", "difficulty_filter", "pcl"]


expect.set_options(timeout=30_000)  # the machine may be busy


def titles(output: Locator) -> list[str]:
    return output.locator(".annotation-text").all_text_contents()


def ticked(output: Locator, name: str) -> Locator:
    return output.get_by_label(name, exact=True)


@pytest.mark.pocket
def test_methods_are_ticked_and_turned_by_keyboard(shown: Callable, page: Page, tmp_path: Path) -> None:
    output = shown("Picker(", ".scatterlayer path")
    assert titles(output) == CHOSEN
    said = output.locator("textarea")
    assert output.locator(".widget-label:visible").evaluate_all(CLIPPED) == []

    for name in CHOSEN[2:]:
        ticked(output, name).press("Space")
    expect(output.locator(".annotation-text")).to_have_text(["random", "sec"])
    assert output.get_by_role("slider").filter(visible=True).count() == 2  # tau and alpha of sec

    ticked(output, "dump").press("Space")
    expect(output.locator(".annotation-text")).to_have_text(["random", "sec", "dump"])
    output.get_by_role("slider").filter(visible=True).first.press("ArrowRight")
    page.wait_for_function("text => text.value.includes('tau=0.45')", arg=said.element_handle())
    assert '"dump": partial(cl.methods.dump, arms="topic"' in said.input_value()

    ticked(output, "random").press("Space")
    expect(output.locator(".annotation-text")).to_have_text(["sec", "dump"])
    ticked(output, "sec").press("Space")
    expect(output.locator(".annotation-text")).to_have_text(["dump"])
    ticked(output, "dump").press("Space")
    expect(output.get_by_role("alert")).to_contain_text("no method is chosen: tick at least one box")
    assert titles(output) == ["dump"]

    page.screenshot(path=tmp_path / "picker.png")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
