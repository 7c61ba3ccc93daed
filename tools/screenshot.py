"""Make the README's pictures of the workbench: `python -m tools.screenshot`, into docs/images/.

    workbench.png    the notebook once the comparison is there
    training.webp    the panel while it trains, several times as fast as it was

A real JupyterLab is started on a small notebook (the README's first bench, shorter, in the background with its panel),
every cell is run in a headless Chromium, and the window is photographed while it trains and at the end. Some minutes.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from curriculab.figures import find_browser

ROOT = Path(__file__).parents[1]
FRAMES = 60  # of the animation, at most
PACE = 250  # ms that a frame is shown; the last one stays for LAST
LAST = 3000  # ms
PROMPT = 64  # pixels left of an output, where a number in brackets stands
PATIENCE = 1_800_000  # ms; training takes most of it, and the machine may be busy
WINDOW = {"width": 1500, "height": 1360}
COLOURS = 128  # of the PNG's palette: a third of the size, and no difference that the eye sees
PLACES = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)
CELLS = (
    """from functools import partial

import curriculab as cl

pool = cl.load_pool("ladder", n=2400, seed=0)
train, valid, test = cl.split(pool, test=120, valid=48, by="level", seed=0)
model = cl.load_model("pocket", bits=4)
train["loss"] = cl.difficulty.answer_loss(train, model)""",
    """budget = cl.Budget(steps=24)
bench = cl.Bench(model, train, test, valid=valid, budget=budget, evaluate_every=2, store=None)
variants = {
    "random": cl.methods.random_order,
    "easy first": partial(cl.methods.easy_to_hard, by="loss"),
    "hard first": partial(cl.methods.hard_to_easy, by="loss"),
}
live = bench.start(variants, seeds=3)""",
    """runs = await live
cl.compare(runs, to="random")""",
)


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """A JupyterLab that serves `folder` and keeps what it writes there; yields the address of `bench.ipynb`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, address = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    own = {name: str(folder / name.lower()) for name in PLACES}
    environment = {**os.environ, **own, "JUPYTER_TOKEN": token, "PYTHONPATH": str(ROOT)}
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder / 'work'}"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"{address}/api?token={token}")
        yield f"{address}/lab/tree/bench.ipynb?reset&token={token}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str) -> None:
    for _ in range(PATIENCE // 500):
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise SystemExit("JupyterLab did not answer; does `make lab` start it?")


def run_cells(page: Page, address: str) -> None:
    """Open the notebook and run its cells as a reader would; what they show is not waited for."""
    page.goto(address)
    first = page.locator(".jp-Notebook .jp-Cell").first
    first.click()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached")
    page.locator(".jp-SideBar .lm-mod-current").first.click()  # closes the list of files
    first.click()
    page.keyboard.press("Escape")
    # a library's notice of a kernel that this machine lacks; it is no part of the workbench
    page.add_style_tag(content='.jp-OutputArea-child:has([data-mime-type$="stderr"]) { display: none }')
    for _ in CELLS:
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(200)


def film(page: Page) -> list[Image.Image]:
    """Pictures of the panel until the comparison stands below it; equal ones are left out."""
    panel, comparison = (
        page.locator(".jp-Cell").nth(1),
        page.locator(".jp-Cell").nth(2).locator(".jp-RenderedHTMLCommon"),
    )
    panel.locator(".jp-OutputArea-output").first.wait_for(state="visible")
    shots, box, began, ended = [], None, time.monotonic(), False
    while not ended:
        if time.monotonic() - began > PATIENCE / 1000:
            raise SystemExit("the bench did not come to its end; the machine is busy: try again")
        ended = comparison.count() > 0
        panel.scroll_into_view_if_needed()
        box = panel.locator(".jp-OutputArea").first.bounding_box() or box
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        if not shots or shot.tobytes() != shots[-1].tobytes():
            shots.append(shot)
        page.wait_for_timeout(500)
    left, top = int(box["x"]), int(box["y"])
    edges = (left + PROMPT, top, int(left + box["width"]), min(int(top + box["height"]), shots[0].height))
    return [shot.crop(edges) for shot in shots]


def some(frames: list[Image.Image], most: int) -> list[Image.Image]:
    """At most so many of them, evenly, the first and the last among them."""
    if len(frames) <= most:
        return frames
    return [frames[round(i * (len(frames) - 1) / (most - 1))] for i in range(most)]


def save_film(frames: list[Image.Image], path: Path) -> None:
    frames = some(frames, FRAMES)
    times = [PACE] * (len(frames) - 1) + [LAST]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0, lossless=True, method=6)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshot", description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    still, moving = options.to / "workbench.png", options.to / "training.webp"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        (folder / "work").mkdir()
        quiet = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True)
        (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')  # else it asks the reader
        nbformat.write(notebook, folder / "work" / "bench.ipynb")
        with jupyterlab(folder) as address:
            browser = driver.chromium.launch(executable_path=str(find_browser()), args=["--no-sandbox"])
            page = browser.new_page(viewport=WINDOW)
            page.set_default_timeout(PATIENCE)
            try:
                run_cells(page, address)
                frames = film(page)
                page.wait_for_timeout(3000)  # the panel's last drawing
            finally:
                page.screenshot(path=still)
                browser.close()
    Image.open(still).convert("RGB").quantize(COLOURS).save(still, optimize=True)
    save_film(frames, moving)
    for path in (still, moving):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
