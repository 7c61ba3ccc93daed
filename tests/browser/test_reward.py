"""`07_reward` in JupyterLab, in a real browser: a reward's knobs are turned by keyboard, and its lengths redrawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07_reward.ipynb"

expect.set_options(timeout=60_000)  # the machine may be busy


@pytest.mark.pocket
def test_a_budget_is_turned_and_the_drawing_follows(shown: Callable, page: Page, tmp_path: Path) -> None:
    output = shown("Picker(", ".scatterlayer path")
    said = output.locator("textarea").first
    expect(output.get_by_label("train_long_think_short", exact=True)).to_be_checked()
    before = output.locator(".scatterlayer").first.inner_html()
    output.get_by_role("slider").filter(visible=True).first.press("ArrowRight")
    page.wait_for_function("text => text.value.includes('start=97')", arg=said.element_handle())
    page.wait_for_function(
        "([layer, before]) => layer.innerHTML !== before",
        arg=[output.locator(".scatterlayer").first.element_handle(), before],
    )
    output.get_by_label("vl_cogito", exact=True).press("Space")
    page.wait_for_function("text => text.value.includes('vl_cogito')", arg=said.element_handle())
    page.screenshot(path=tmp_path / "reward.png")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
