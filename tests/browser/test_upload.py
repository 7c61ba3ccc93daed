"""`02_data` in JupyterLab, in a real browser: a file given to the upload field is shown, and a menu changes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, expect

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
    field.wait_for(timeout=3 * PATIENCE)  # a model is loaded before
    output = page.locator(".jp-OutputArea-output", has=field).first
    expect(output).to_contain_text("mine.csv, 3 rows", timeout=PATIENCE)

    rows = "".join(f"{i} + 1,{i + 1},{i},<b>{'bold' * 30}</b>\n" for i in range(10_000))  # more than one piece
    (tmp_path / "sums v2.csv").write_text("question,result,size,note\n" + rows)
    field.set_input_files(tmp_path / "sums v2.csv")
    expect(output).to_contain_text("sums v2.csv, 10,000 rows, 4 columns", timeout=PATIENCE)
    expect(output.locator(".curriculab-upload [role=status]")).to_have_text(re.compile(r"^sums v2.csv, [\d,]+ kB$"))
    expect(output).to_contain_text("tokens a row: median")
    expect(output).to_contain_text("<b>bold")
    output.get_by_label("level (how hard)").select_option("size")
    expect(output).to_contain_text("'level': 'size'", timeout=PATIENCE)

    (tmp_path / "quiz.csv").write_text("Frage;Antwort;Stufe\nWie viel?;1,5;leicht\nWarum?;;schwer\n")
    field.set_input_files(tmp_path / "quiz.csv")
    expect(output).to_contain_text("quiz.csv, 2 rows, 3 columns", timeout=PATIENCE)
    expect(output).to_contain_text("does not fit")
    expect(output.get_by_role("cell", name="Wie viel?")).to_be_visible()  # the rows are there though nothing fits yet
    output.get_by_label("prompt (the question)").select_option("Frage")
    output.get_by_label("answer (what is right)").select_option("Antwort")
    expect(output).to_contain_text("quiz.csv, line 3, column 'answer': found nothing", timeout=PATIENCE)
    output.get_by_label("level (how hard)").select_option("Stufe")
    expect(output.get_by_label("levels, easiest first")).to_have_value("leicht, schwer", timeout=PATIENCE)
    offered = output.get_by_label("answer (what is right)").locator("option").all_inner_texts()
    assert offered == ["(none)", "Frage", "Antwort", "Stufe"]
    pictures(page, output, tmp_path, "rows")

    (tmp_path / "bad.csv").write_text("question,result\n1 + 1\n")
    field.set_input_files(tmp_path / "bad.csv")
    expect(output).to_contain_text("bad.csv, line 2: found 1 cell ('1 + 1'), expected 2", timeout=PATIENCE)
    expect(output.locator("pre")).to_have_text("1: question,result\n2: 1 + 1")
    chat = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"messages": chat}) + "\n")
    field.set_input_files(tmp_path / "chat.jsonl")
    expect(output).to_contain_text("messages: the last message", timeout=PATIENCE)
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0


def pictures(page: Page, output: Locator, folder: Path, name: str) -> None:
    """What a reader sees, in the light theme and in the dark one; letters stand out from what is behind them."""
    for theme in ("Light", "Dark"):
        page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^JupyterLab {theme}$")).click()
        expect(page.locator("body")).to_have_attribute(
            "data-jp-theme-light", str(theme == "Light").lower(), timeout=PATIENCE
        )
        output.scroll_into_view_if_needed()
        output.screenshot(path=folder / f"upload-{name}-{theme.lower()}.png")
        for part in (".curriculab-upload label", ".curriculab-upload [role=status]", "td", "select", "p"):
            assert contrast(output.locator(part).first) >= 4.5, f"{part} in the {theme} theme"  # WCAG 2.2, 1.4.3


def contrast(element: Locator) -> float:
    """The ratio of luminances of an element's letters and of the nearest background that is drawn (WCAG 2.2)."""
    letters, behind = element.evaluate(
        """(element) => {
            let place = element;
            const see = () => getComputedStyle(place).backgroundColor;
            while (place.parentElement && /rgba\\(.*, 0\\)|transparent/.test(see())) place = place.parentElement;
            return [getComputedStyle(element).color, see()];
        }"""
    )
    bright, dark = sorted((luminance(letters), luminance(behind)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
