"""`04_schedules` in JupyterLab, in a real browser: moving a slider, by keyboard and by mouse, changes the drawing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04_schedules.ipynb"
# What is to be seen: the bars' outlines and the map's picture.
DRAWN = """plot => [...plot.querySelectorAll('.bars .point path')].map(p => p.getAttribute('d')).concat(
    [...plot.querySelectorAll('.heatmaplayer image')].map(i => i.getAttribute('xlink:href')))"""
CLIPPED = "labels => labels.filter(l => l.scrollWidth > l.clientWidth + 1).map(l => l.textContent)"


def drawing_after(output: Locator, before: list[str]) -> list[str]:
    """What is drawn as soon as it is something else than `before`."""
    plot = output.locator(".js-plotly-plot").first
    for _ in range(360):
        if (drawn := plot.evaluate(DRAWN)) != before:
            return drawn
        output.page.wait_for_timeout(250)
    raise AssertionError("the drawing did not change")


def test_a_slider_changes_the_drawing(shown: Callable[[str, str], Locator], page: Page, tmp_path: Path) -> None:
    output = shown("Schedules(", ".bars .point path")
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
