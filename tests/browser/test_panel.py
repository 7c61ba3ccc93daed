"""The training panel of 30 variants and 10 seeds in JupyterLab: looked at, sorted, steered by keys, left by its kernel.

Nothing trains: the points are made up, so that what takes time here is the panel.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

PATIENCE = 150_000  # ms; the machine may be busy

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=PATIENCE)
SHOWN = f"""import asyncio, sys
sys.path.insert(0, {str(ROOT)!r})
from curriculab.widgets.panel import Panel
from tests.widgets.made import Imagined, by_hand
live = Imagined(30, 10, 40)
live.go_on(0)
panel = Panel(live)
panel"""
PLAYED = """from curriculab.bench.kernel import answering_controls
for number in range(1, 25):
    live.go_on(number)
    await asyncio.sleep(0.25)
print("played")
with answering_controls():  # as `await live` waits: the cell runs on, and the panel answers
    while live.status != "interrupted":
        await asyncio.sleep(0.05)"""
LONGEST_FRAME = """() => new Promise((done) => {
    let [longest, last, began] = [0, performance.now(), performance.now()];
    const next = () => {
        const now = performance.now();
        [longest, last] = [Math.max(longest, now - last), now];
        now - began < 3000 ? requestAnimationFrame(next) : done(longest);
    };
    requestAnimationFrame(next);
})"""


@pytest.fixture(autouse=True)
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that shows the panel, and one cell that goes on."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SHOWN, PLAYED)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, tmp_path / "panel.ipynb")
    monkeypatch.setitem(globals(), "NOTEBOOK", tmp_path / "panel.ipynb")


def serious(page: Page) -> list[str]:
    """What axe-core finds in the panel that keeps somebody from using it."""
    found = Axe().run(page, context=".curriculab").response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]


def loss_of(panel: Locator) -> list[float]:
    texts = panel.locator("tbody tr:has(.clp-name) td:nth-of-type(3) > span:first-child").all_inner_texts()
    return [float(text) for text in texts]


def test_thirty_variants_are_looked_at_sorted_and_steered_by_keys(
    shown: Callable, page: Page, lab: str, tmp_path: Path, slowness: Callable[[], float]
) -> None:
    panel = shown("Panel(live)", ".clp-name", ".clp-table")
    page.keyboard.press("Shift+Enter")
    expect(panel.locator("tbody .clp-name")).to_have_count(11)  # controls and null orders are folded
    # In three seconds, while the kernel sends 300 runs four times a second, it never stands still for long.
    assert page.evaluate(LONGEST_FRAME) < 400 * slowness()
    expect(page.get_by_text("played", exact=True)).to_be_visible()
    expect(panel.locator("tbody tr").first).to_contain_text("24 of 40")

    # Sorted by a column: by loss from high to low, then from low to high.
    head = panel.get_by_role("button", name="loss", exact=True)
    head.click()
    assert loss_of(panel) == sorted(loss_of(panel), reverse=True)
    expect(panel.get_by_role("columnheader", name="loss")).to_have_attribute("aria-sort", "descending")
    head.click()
    assert loss_of(panel) == sorted(loss_of(panel))

    # The row under the pointer is the curve that stands out, and the curve under the pointer its row.
    panel.get_by_role("button", name="curriculum 3, level", exact=True).hover()
    expect(panel.locator(".clp-curve.clp-lit")).to_have_attribute("data-name", "curriculum 3, level")
    panel.get_by_role("button", name="curriculum 3, level", exact=True).click()
    expect(panel.locator(".clp-curve")).to_have_count(1)
    point = panel.locator(".clp-curve circle").last.bounding_box()
    page.mouse.move(point["x"] + 2, point["y"] + 2)
    expect(panel.locator(".clp-tip")).to_contain_text(re.compile(r"curriculum 3, level: 0\.\d+ at 20"))
    expect(panel.locator("tbody tr.clp-lit")).to_contain_text("curriculum 3, level")
    panel.get_by_role("button", name="show all").click()
    expect(panel.locator(".clp-curve")).to_have_count(30)

    # By keys alone: the menu of a row is opened, walked through and closed; stopping it shows at once.
    more = panel.get_by_role("button", name="actions for curriculum 5, level", exact=True)
    more.focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("menuitem").first).to_be_focused()
    page.screenshot(path=tmp_path / "menu.png")
    page.keyboard.press("Escape")
    expect(panel.get_by_role("menu")).to_have_count(0)
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(panel.get_by_role("menuitem", name="Stop curriculum 5, level")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.locator(".clp-line", has_text="asked to stop; after the current call")).to_be_visible()
    panel.get_by_role("button", name="Pause", exact=True).click()
    expect(panel.locator(".clp-words")).to_contain_text("paused")

    assert serious(page) == []
    panel.get_by_role("button", name="14 controls and 5 random orders of the null band").click()
    expect(panel.locator("tbody .clp-name")).to_have_count(30)
    more.click()
    page.screenshot(path=tmp_path / "unfolded.png")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.wait_for_function("document.body.dataset.jpThemeName === 'JupyterLab Dark'")
    page.wait_for_timeout(1000)
    page.screenshot(path=tmp_path / "dark.png")
    assert serious(page) == []

    # Opened anew while a cell runs it shows the present: the kernel is asked.
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    page.goto("about:blank")
    page.goto(lab.replace("?reset&", "?"))
    expect(panel.locator(".clp-words")).to_contain_text("paused")
    expect(panel.locator(".clp-line", has_text="asked to stop; after the current call")).to_be_visible()
    expect(panel.locator(".clp-curve .clp-mean[d^=M]")).to_have_count(30)
    page.screenshot(path=tmp_path / "reopened.png")

    # Without a kernel it says of when it is.
    expect(panel.locator(".clp-note")).to_be_hidden()
    page.evaluate(
        "fetch('/api/kernels').then(r => r.json()).then(all => Promise.all(all.map(kernel =>"
        " fetch(`/api/kernels/${kernel.id}`, {method: 'DELETE', headers: {'X-XSRFToken':"
        " document.cookie.match(/_xsrf=([^;]+)/)?.[1] ?? ''}}))))"
    )
    expect(panel.locator(".clp-note")).to_be_visible()
    expect(panel.locator(".clp-note")).to_contain_text("A snapshot of")
    page.screenshot(path=tmp_path / "snapshot.png")
