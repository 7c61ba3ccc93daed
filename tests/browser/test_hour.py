"""A reader's first hour with data and a method of their own, in one JupyterLab: every station says what it should.

The stations of the series' own notebooks have tests of their own beside this file (upload, sliders, panel, explorer).
Set CURRICULAB_SCREENSHOTS to a folder to keep the pictures of the stations.
"""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

PATIENCE = 150_000  # ms; the machine may be busy

expect.set_options(timeout=PATIENCE)

TABLE = """import curriculab as cl

mine = cl.load_pool("shelves.csv", level_order=["leicht", "mittel", "schwer"],
                    columns={"prompt": "Frage", "answer": "Antwort", "level": "Stufe"})
mine.head(3)"""
CHATS = """chats = cl.load_pool("chats.jsonl")
chats[["prompt", "answer"]].head(3)"""
METHOD = """from curriculab.protocol import Train

def longest_questions_last(pool, run, *, column="{column}"):
    order = pool.index[pool[column].argsort(kind="stable")]
    at = 0
    while True:
        rows = [order[(at + i) % len(order)] for i in range(run.batch)]
        at += run.batch
        yield Train(pool.loc[rows])"""
BENCH = """model = cl.load_model("pocket", bits=4)
mine["length"] = cl.difficulty.prompt_length(mine)
train, test = cl.split(mine, test=12, by="level", seed=0)
bench = cl.Bench(model, train, test, budget=cl.Budget(steps=4), valid=None)
variants = {"random": cl.methods.random_order, "mine": longest_questions_last}
live = bench.start(variants, seeds=2)"""
AWAITED = "runs = await live\nruns"
ANSWER = """result = cl.compare(runs, to="random")
print(result)
cl.figures.learning_curves(runs)"""
PAPER = """files = cl.tables.comparison(result).write("paper/mine", kind="tabular", width=3.25)
print(*[path.name for path in files])
print(open("paper/mine.tex").read())"""
NEXT_DAY = """import curriculab as cl
again = cl.load_runs("runs")
print(cl.compare(again, to="random"))"""

CELLS = (TABLE, CHATS, METHOD.format(column="lenght"), BENCH, METHOD.format(column="length"), BENCH, AWAITED, ANSWER)
NOTEBOOK_CELLS = (*CELLS, PAPER, NEXT_DAY)


@pytest.fixture(autouse=True)
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in NOTEBOOK_CELLS])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "mine").mkdir()
    nbformat.write(made, tmp_path / "mine" / "mine.ipynb")
    monkeypatch.setitem(globals(), "NOTEBOOK", tmp_path / "mine" / "mine.ipynb")


def write_files(folder: Path) -> None:
    """A table as a spreadsheet of Europe writes it, and chats as trainers take them."""
    rng, words = random.Random(3), ("leicht", "mittel", "schwer")
    lines = ["Frage;Antwort;Stufe"]
    for i in range(240):
        most = 10 ** (1 + i % 3)
        a, b = rng.randrange(most), rng.randrange(most)
        lines.append(f"Regal {i}: {a} und {b} Bücher. Wie viele?;{a + b};{words[i % 3]}")
    (folder / "shelves.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    chats = []
    for i in range(30):
        turns = [("system", "Answer briefly."), ("user", f"{i} + {i}?"), ("assistant", str(2 * i))]
        chats.append(json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}))
    (folder / "chats.jsonl").write_text("\n".join(chats) + "\n")


class Reader:
    """Who runs one cell after the other and looks at what it says."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder, self.number = page, folder, 0

    def cell(self, place: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(place)

    def run(self, place: int) -> Locator:
        """Run a cell and wait until it is done; its outputs."""
        cell = self.cell(place)
        prompt = cell.locator(".jp-InputPrompt")
        for _ in range(2 * PATIENCE // 1000):
            if re.search(r"\d", number := prompt.inner_text()):
                break
            if (
                "*" not in number
            ):  # not running: what JupyterLab does while it starts takes a key away, or the cell back
                cell.locator(".jp-InputArea-editor").click()
                self.page.keyboard.press("Escape")
                self.page.keyboard.press("Shift+Enter")
            self.page.wait_for_timeout(1000)
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"))
        return cell.locator(".jp-OutputArea")

    def photograph(self, name: str) -> None:
        self.number += 1
        self.page.screenshot(path=self.folder / f"{self.number:02d}_{name}.png")


def serious(page: Page, within: str) -> list[str]:
    """What axe-core finds there that keeps somebody from using it."""
    found = Axe().run(page, context=within).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]


@pytest.mark.hour
@pytest.mark.pocket
def test_own_data_an_own_method_with_a_bug_a_table_for_a_paper_and_the_next_day(
    lab: str, page: Page, tmp_path: Path
) -> None:
    write_files(tmp_path / "work")
    kept = Path(os.environ.get("CURRICULAB_SCREENSHOTS", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    page.goto(lab)
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=PATIENCE)
    reader = Reader(page, kept)

    table = reader.run(0)
    expect(table.locator("tbody tr")).to_have_count(3)
    expect(table).to_contain_text("Regal 0")
    chats = reader.run(1)
    expect(chats).to_contain_text("0 + 0?")
    reader.photograph("data")

    reader.run(2)  # the method, with a column that is not there
    refused = reader.run(3)
    expect(refused).to_contain_text("lenght")
    expect(refused).to_contain_text("longest_questions_last")
    expect(refused.locator(".clp-table")).to_have_count(0)  # nothing trained
    reader.photograph("bug")

    reader.run(4)
    panel = reader.run(5)
    expect(panel.locator(".clp-table")).to_be_visible()
    expect(panel.locator("tbody .clp-name")).to_have_text(["random", "mine"])
    runs = reader.run(6)
    expect(runs).to_contain_text("2 variants")
    expect(panel.locator(".clp-words")).to_contain_text("finished")
    panel.scroll_into_view_if_needed()
    assert serious(page, ".curriculab") == []
    reader.photograph("panel")

    answer = reader.run(7)
    expect(answer).to_contain_text("mine")
    verdict = answer.locator("pre").first.inner_text()
    assert re.match(r"(From two seeds only: (yes|no)|Yes|No|Not decided)[.:]", verdict), verdict
    expect(answer.locator(".js-plotly-plot .legendtext").first).to_be_attached()
    reader.photograph("answer")
    paper = reader.run(8)
    expect(paper).to_contain_text(r"\begin{tabular}")
    assert (tmp_path / "work" / "paper" / "mine.csv").exists()
    reader.photograph("paper")

    # The next day: another kernel finds the runs and says the same of them.
    page.locator(".jp-Notebook .jp-CodeCell").nth(8).click()
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    page.keyboard.press("0")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=PATIENCE)
    again = reader.run(9)
    told = again.locator("pre").first.inner_text()
    assert sorted(told.splitlines()) == sorted(verdict.splitlines())  # stored runs come by name
    reader.photograph("next_day")
