"""`02_data` in JupyterLab, in a real browser: a file given to the upload field is shown, and a menu changes it."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

PATIENCE = 90_000  # ms; the machine may be busy
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_data.ipynb"


def test_a_dropped_file_is_shown_with_its_mapping(lab: str, page: Page, tmp_path: Path) -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    place = next(i for i, cell in enumerate(cells) if "widgets.Upload(" in cell.source)
    page.goto(lab)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=PATIENCE)
    page.keyboard.press("Escape")
    for _ in range(place + 1):
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(100)
    field = page.locator(".curriculab-upload input")
    field.wait_for()
    output = page.locator(".jp-OutputArea-output", has=field).first
    expect(output).to_contain_text("mine.csv, 3 rows")

    rows = "".join(f"{i} + 1,{i + 1},{i},<b>{'bold' * 30}</b>\n" for i in range(10_000))  # more than one piece
    (tmp_path / "sums.csv").write_text("question,result,size,note\n" + rows)
    field.set_input_files(tmp_path / "sums.csv")
    expect(output).to_contain_text("sums.csv, 10,000 rows", timeout=PATIENCE)
    expect(output).to_contain_text("tokens a row: median")
    expect(output).to_contain_text("<b>bold")
    output.get_by_label("level").select_option("size")
    expect(output).to_contain_text("'level': 'size'", timeout=PATIENCE)
    field.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "upload.png")

    (tmp_path / "bad.csv").write_text("question,result\n1 + 1\n")
    field.set_input_files(tmp_path / "bad.csv")
    expect(output).to_contain_text("does not fit", timeout=PATIENCE)
    expect(output).to_contain_text("bad.csv, line 2: found 1 fields, expected 2 (question, result)")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
