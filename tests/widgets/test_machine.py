"""cl.check(): what is there, one command for what is not, and no exception whatever is broken."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import curriculab as cl
from curriculab.engine.footprint import in_bytes
from curriculab.widgets.machine import SHAPES, STATES, Line, Report, Shape, font, plan

module = sys.modules["curriculab.widgets.machine"]
THINGS = [
    "Python",
    "packages",
    "extras",
    "GPU",
    "0.5B, 4 bits",
    "1.5B, 4 bits",
    "7B, 4 bits",
    "bitsandbytes",
    "browser",
    "font",
    "JupyterLab",
    "disk",
]


def line(what: str) -> Line:
    return next(line for line in cl.check().lines if line.what == what)


def test_it_tells_every_thing_in_one_line():
    report = cl.check()
    assert [x.what for x in report.lines if x.what in THINGS] == THINGS
    assert all(x.state in STATES and x.found and "\n" not in str(x) for x in report.lines)
    assert str(report).splitlines() == [str(x) for x in report.lines]
    assert list(report.table.columns) == ["found", "state", "mend"]
    assert sys.version.split()[0] in line("Python").found
    assert f"torch {importlib.metadata.version('torch')}" in line("packages").found
    assert importlib.metadata.version("bitsandbytes") in line("bitsandbytes").found


@pytest.mark.slow
def test_a_terminal_gets_plain_lines_and_an_exit_code():
    ran = subprocess.run([sys.executable, "-m", "curriculab.cli", "check"], capture_output=True, text=True, timeout=120)
    assert ran.stderr == "" and ran.returncode == (1 if cl.check().missing else 0)
    assert re.match(r"ok +Python +3\.\d+", ran.stdout)
    assert len(ran.stdout.splitlines()) == len(cl.check().lines)


@pytest.mark.slow
def test_the_name_can_be_called_whatever_was_imported_first():
    for first in (
        "import curriculab.widgets.machine",
        "from curriculab.widgets.machine import check",
        "import curriculab.figures",
    ):
        code = f"{first}; import curriculab as cl; cl.check.__call__; print(callable(cl.check))"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


def test_importing_it_needs_no_torch():
    heavy = ("torch", "plotly", "ipywidgets")
    code = f"import sys, curriculab.widgets.machine\nprint([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_wholly_broken_machine_raises_nothing(monkeypatch):
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no\nway <b>")

    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "curriculab.figures", None)
    for name in ("version", "requires"):
        monkeypatch.setattr(importlib.metadata, name, broken)
    monkeypatch.setattr(module.shutil, "disk_usage", broken)
    report = module.check()
    assert line("disk") == Line("disk", "cannot be told: RuntimeError: no way <b>", "unknown")
    assert {x.what for x in report.lines} >= {"Python", "packages", "GPU", "browser", "disk"}
    assert "no way &lt;b&gt;" in report._repr_html_() and "<b>" not in report._repr_html_()


def test_each_missing_thing_has_one_command(monkeypatch, tmp_path):
    there = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("jupyterlab", "bitsandbytes", "kaleido", "tensorboard"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "3.0.0" if name == "pandas" else "1.9" if name == "numpy" else there(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr("curriculab.figures.find_browser", lambda: None)
    monkeypatch.setattr(module, "output", lambda *command: "")
    monkeypatch.setattr(module, "_font_files", lambda: [])
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Use", (), {"free": 10**9}))
    found = {x.what: x for x in module.check().lines}
    pip = [sys.executable, "-m", "pip", "install"]
    assert shlex.split(found["JupyterLab"].mend) == [*pip, "jupyterlab"]
    assert shlex.split(found["numpy"].mend) == [*pip, "numpy<3,>=2"] and found["numpy"].found.startswith("1.9, needed")
    assert shlex.split(found["kaleido"].mend)[:4] == pip and "pandas" not in found
    assert found["font"].mend == "sudo apt install fonts-liberation"
    assert found["browser"].mend in ("sudo apt install chromium", f"{Path(sys.executable).parent}/plotly_get_chrome")
    assert found["disk"].mend == f"{sys.executable} -m curriculab.runs prune --unfinished --damaged --failed"
    for x in found.values():
        assert bool(x.mend) == (x.state == "missing") or x.state == "optional", x
    assert "extras" not in Report(tuple(found.values())).missing


def test_fonts_of_the_same_widths_will_do(monkeypatch):
    monkeypatch.setattr(module, "output", lambda *command: "/x/arial.ttf: Arial\n")
    assert font() == [Line("font", "Arial, as wide as Liberation Sans")]
    monkeypatch.setattr(module, "output", lambda *command: "")
    monkeypatch.setattr(module, "_font_files", lambda: [Path("/x/LiberationSans-Regular.ttf")])
    assert font() == [Line("font", "Liberation Sans")]


# -- memory -----------------------------------------------------------------------------------------------------------
def test_the_plan_counts_as_the_model_does(tiny_folder):
    """A loaded 4-bit model of known shape: adapters and activations are the same numbers, weights up to the norms."""
    model = cl.load_model(str(tiny_folder), bits=4, r=16, device="cpu")
    shape = Shape("tiny", layers=2, hidden=64, inner=128, keys=32, vocabulary=320, tied=True)
    counted, ours = model.memory(batch_tokens=100) * 2**20, plan(shape, adapters=1, rank=16, tokens=100)
    assert ours["adapters"] == counted["adapter"]
    widths = sum(b + 2 * a + 2 * 16 for a, b in shape.linear)
    assert ours["activations"] == counted["activations"] - 100 * 2 * widths  # float32 on a CPU, bfloat16 in the plan
    linear = sum(a * b for a, b in shape.linear)
    assert linear == 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
    float32 = 4 * (320 * 64 + 5 * 64)  # the embedding and five norms, on a CPU
    assert counted["weights"] == pytest.approx(linear / 2 + float32)
    assert ours["weights"] == pytest.approx(linear * (0.5 + 0.015625 + 4 / (64 * 256)) + 2 * 320 * 64)


def test_the_plan_of_a_published_size():
    """Qwen2.5-0.5B has 0.49 billion parameters, 0.36 of them outside the embedding; 7B has 7.61 and 6.53 (its card)."""
    for shape, whole, inside in ((SHAPES[0], 0.49e9, 0.36e9), (SHAPES[1], 1.54e9, 1.31e9), (SHAPES[2], 7.61e9, 6.53e9)):
        linear = sum(a * b for a, b in shape.linear)
        head = shape.hidden * shape.vocabulary * (1 if shape.tied else 2)
        assert linear == pytest.approx(inside, rel=0.01)
        assert linear + head == pytest.approx(whole, rel=0.01)
    small, large = (plan(shape, adapters=n) for shape, n in ((SHAPES[0], 1), (SHAPES[0], 6)))
    assert large["adapters"] == 6 * small["adapters"] and large["weights"] == small["weights"]


def test_memory_is_held_against_what_the_gpu_has_free(monkeypatch):
    monkeypatch.setattr(module, "gpu_memory", lambda: 16 * 2**30)
    lines = module.memory()
    assert [x.state for x in lines] == ["ok", "ok", "optional"]
    assert lines[0].found.endswith(": fits in 16.0 free") and lines[2].found.endswith(": does not fit in 16.0 free")


@pytest.mark.slow
def test_with_a_model_the_memory_of_a_bench_stands_first(tiny_model):
    """Twice the variants have twice the adapters; a limit of the bench lowers what a step takes."""
    small = cl.check(tiny_model, variants=2, answers=4, max_completion_length=20)
    whats = [line.what.partition(": ")[2] for line in small.lines[:6]]
    assert whats == ["weights", "adapters", "activations", "logits", "cache", "peak"]
    assert small.lines[1].found == in_bytes(2 * 16 * tiny_model.layout.size)
    places = 2 * 8 * 4 * 192  # 128 tokens of a prompt and 20 of an answer, rounded up to 64
    assert small.lines[4].found == in_bytes(places * 2 * 2 * 32 * 4)
    assert "2 adapters x 8 rows of 256 tokens, 4 answers a row: fits in" in small.lines[5].found
    limited = cl.check(tiny_model, variants=2, gradient_checkpointing=True).table
    assert float(limited.found.iloc[2].split()[0]) < float(small.table.found.iloc[2].split()[0])
    with pytest.raises(ValueError, match=r"^check\(kv_cache_bytes=...\) is of a model; give cl.check\(model, ...\)$"):
        cl.check(kv_cache_bytes=5)
