"""`04_schedules` in JupyterLab, in a real browser: sliders by keyboard and mouse, how fast, the line to copy."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04_schedules.ipynb"
# What is to be seen: the bars' outlines and the map's picture.
DRAWN = """plot => [...plot.querySelectorAll('.bars .point path')].map(p => p.getAttribute('d')).concat(
    [...plot.querySelectorAll('.heatmaplayer image')].map(i => i.getAttribute('xlink:href')))"""
CLIPPED = "labels => labels.filter(l => l.scrollWidth > l.clientWidth + 1).map(l => l.textContent)"
FITTED = "plot => Math.abs(plot._fullLayout.width - plot.parentElement.clientWidth) <= 2"
# Milliseconds from the key to the first other picture, looked at in every frame.
WATCHED = """plot => { const drawn = DRAWN, before = JSON.stringify(drawn(plot)); window.took = null;
    document.addEventListener("keydown", () => { const began = performance.now(); const look = () => {
        if (JSON.stringify(drawn(plot)) !== before) window.took = performance.now() - began;
        else requestAnimationFrame(look); }; requestAnimationFrame(look); }, { once: true, capture: true }); }"""
WATCHED = WATCHED.replace("DRAWN", DRAWN)
REACHED = "() => document.activeElement.getAttribute('role') || document.activeElement.tagName"
# Is the line around what has the focus one that can be seen?
FOCUSED = """() => { const s = getComputedStyle(document.activeElement);
    return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1; }"""


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
    page.wait_for_function(FITTED, arg=output.locator(".js-plotly-plot").first.element_handle())
    first = output.locator(".js-plotly-plot").first.evaluate(DRAWN)
    said = output.locator("textarea")
    assert "buckets=5" in said.input_value()
    assert output.locator(".widget-label").evaluate_all(CLIPPED) == []

    buckets = output.get_by_role("slider").first
    buckets.focus()
    page.keyboard.press("ArrowLeft")
    second = drawing_after(output, first)
    expect(said).to_have_value(re.compile("buckets=4"))

    box = buckets.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    drawing_after(output, second)
    assert "buckets=4" not in said.input_value()

    page.screenshot(path=tmp_path / "panel.png")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0


def test_on_screen_within_half_a_second(
    shown: Callable[[str, str], Locator], page: Page, slowness: Callable[[], float]
) -> None:
    """Median over ten presses of a key, from the key to the changed picture; predictions begin and are dropped.

    On two quiet cores: half a second.
    """
    output = shown("Schedules(", ".bars .point path")
    plot, took = output.locator(".js-plotly-plot").first, []
    page.wait_for_function(FITTED, arg=plot.element_handle())
    output.get_by_role("slider").nth(1).focus()  # `until` of competence
    for press in range(10):
        plot.evaluate(WATCHED)
        page.keyboard.press("ArrowRight" if press % 2 else "ArrowLeft")
        page.wait_for_function("() => window.took !== null")
        took.append(page.evaluate("() => window.took") / slowness())
        page.wait_for_timeout(200)
    print(f"\nms from the key to the picture: {sorted(round(t) for t in took)}")
    assert statistics.median(took) < 500


def test_both_sides_by_keyboard_the_prediction_and_the_line(shown: Callable[[str, str], Locator], page: Page) -> None:
    output = shown("Schedules(", ".bars .point path")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(output).to_contain_text("Accuracy that a simulated learner predicts", timeout=60_000)
    curves = output.locator(".js-plotly-plot").nth(1)
    expect(curves.locator(".legendtext")).to_have_text(["A: baby_steps by level", "B: competence by level", "random"])

    reached = []  # Tab goes through the left side, then the right, then the steps
    output.locator("select").first.focus()
    for _ in range(11):
        reached.append(page.evaluate(REACHED))
        assert page.evaluate(FOCUSED)
        page.keyboard.press("Tab")
    reached = [what for what in reached if what in ("SELECT", "slider")]  # a slider's number can be typed into, too
    assert reached == ["SELECT", "SELECT", "slider", "SELECT", "SELECT", "SELECT", "slider", "slider"]

    output.locator("select").nth(2).select_option("hard_to_easy")  # the method of the right side
    expect(output.locator(".annotation-text")).to_have_text(["A: baby_steps by level", "B: hard_to_easy by level"])
    expect(curves.locator(".legendtext")).to_have_text(
        ["A: baby_steps by level", "B: hard_to_easy by level", "random"], timeout=60_000
    )
    output.get_by_role("button", name="Copy the Python").click()
    expect(output.get_by_role("button", name="copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == output.locator("textarea").input_value()
    assert '"B: hard_to_easy by level": partial(cl.methods.hard_to_easy, by="level", span="budget")' in copied


def test_it_fills_both_widths(shown: Callable[[str, str], Locator], page: Page) -> None:
    output = shown("Schedules(", ".bars .point path")
    expect(output.locator(".legendtext")).to_have_count(3, timeout=60_000)
    for width in (1280, 1920):
        page.set_viewport_size({"width": width, "height": 1300})
        for plot in output.locator(".js-plotly-plot").all():
            page.wait_for_function(FITTED, arg=plot.element_handle())
        assert output.locator(".widget-label").evaluate_all(CLIPPED) == []
        assert output.evaluate("o => o.scrollWidth <= o.clientWidth + 1")
