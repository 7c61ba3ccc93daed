"""The explorer of runs in JupyterLab, in a real browser: axis, filter, smoothing, answers that are shown as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

RUNS = """import curriculab as cl
pool = cl.load_pool("ladder", n=200, seed=0)
pool["prompt"] = "<img src=x onerror='window.hurt = 1'> " + pool.prompt
variants = {"random": cl.methods.random_order, "sec": cl.methods.sec}
runs = cl.simulate(variants, pool, steps=20, batch_size=4, rollouts=4, seed=range(3), objective="grpo",
                   tests=pool.iloc[:40], evaluate_every=5)
cl.widgets.Explorer(runs, pool)"""
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
NOTEBOOK = Path("explorer.ipynb")  # written by the fixture below


@pytest.fixture(autouse=True)
def notebook(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path_factory.mktemp("notebook") / NOTEBOOK.name
    nbformat.write(new_notebook(cells=[new_code_cell(RUNS)], metadata={"kernelspec": KERNEL}), path)
    monkeypatch.setitem(globals(), "NOTEBOOK", path)


def test_axis_filter_smoothing_and_answers(
    notebook: None, shown: Callable[[str, str], Locator], page: Page, tmp_path: Path
) -> None:
    output = shown("Explorer(", ".scatterlayer path")
    expect(output.locator(".legendtext")).to_have_text(["random", "sec"])
    expect(output.locator(".xtitle")).to_have_text("optimiser steps")

    output.get_by_label("against").select_option(label="generated tokens")
    expect(output.locator(".xtitle")).to_have_text("generated tokens")
    output.get_by_label("quantity").select_option(label="mean reward")
    expect(output.locator(".ytitle")).to_have_text("reward")
    output.get_by_role("slider").first.press("ArrowRight")
    expect(output.locator(".ytitle")).to_have_text("reward, mean of 3 points")
    expect(output.locator(".legendtext")).to_have_text(["random, mean of 3 points", "sec, mean of 3 points"])

    output.get_by_label("variants").select_option(label="sec")
    expect(output.locator(".legendtext")).to_have_text(["sec, mean of 3 points"])
    expect(output.locator("tbody tr").first).to_contain_text("sec")

    level = output.get_by_label("level")
    assert level.evaluate("menu => menu.selectedOptions[0].text").split() == ["all", "levels"]
    level.select_option(label="3")
    cells = output.locator("tbody tr td:nth-child(4)")
    expect(cells.first).to_have_text("3")
    assert set(cells.all_text_contents()) == {"3"}
    expect(output.locator("tbody td pre").nth(1)).to_contain_text("<img src=x onerror='window.hurt = 1'>")
    assert output.locator("tbody img").count() == 0 and page.evaluate("() => window.hurt") is None

    page.screenshot(path=tmp_path / "explorer.png")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
