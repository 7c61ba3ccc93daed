"""What this machine has of what the workbench needs, and for each thing missing the one command that mends it.

cl.check()                        # in a notebook: a table
cl.check(model, variants=6)       # and what a bench of six variants with this model takes of memory
curriculab check        # in a terminal: a line each; exit 1 where something is missing

It never raises: what cannot be found out says why.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd

from curriculab.widgets.html import html_table

if TYPE_CHECKING:
    from curriculab.engine.model import Model

GIB = 2**30


STATES = ("ok", "missing", "optional", "unknown")


SHOWN = ("torch", "transformers", "peft", "bitsandbytes", "numpy", "pandas", "plotly")  # versions worth reading


LAB = ("jupyterlab", "ipywidgets", "jupyterlab-widgets", "anywidget")


EXTRAS = ("tensorboard", "trl", "reasoning-gym")


PATIENCE = 20  # seconds that another program may take to answer


FREE = 2 * GIB  # bytes of disk that a few benches with their adapters take


FONTS = {"Liberation Sans": "LiberationSans-Regular.ttf", "Arial": "arial.ttf", "Helvetica": "Helvetica.ttc"}


FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
)


@dataclass(frozen=True)
class Line:
    """One thing: what it is, what was found, how that is (one of STATES), and the command that mends it."""

    what: str
    found: str
    state: str = "ok"
    mend: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The same as HTML."""
        command = f"<code>{escape(self.mend)}</code>" if self.mend else ""
        return escape(self.what), escape(self.found), self.state, command

    def __str__(self) -> str:
        return f"{self.state:<8}  {self.what:<14}  {self.found}" + (f"  ->  {self.mend}" if self.mend else "")


@dataclass(frozen=True)
class Report:
    """What `check` found; `table` is a DataFrame, `missing` what has to be mended."""

    lines: tuple[Line, ...]

    @property
    def table(self) -> pd.DataFrame:
        return pd.DataFrame([vars(line) for line in self.lines]).set_index("what")

    @property
    def missing(self) -> list[str]:
        return [line.what for line in self.lines if line.state == "missing"]

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = [line.cells for line in self.lines]
        return html_table(("", "found", "", "mended by"), rows, heads=left, cells=left)


def check(
    model: Model | None = None,
    *,
    variants: int = 6,
    batch_size: int = 8,
    tokens: int = 256,
    answers: int = 0,
    max_completion_length: int = 128,
    **limits: object,
) -> Report:
    """Check what this machine has: Python, packages, GPU and memory, bitsandbytes, browser, font, JupyterLab, disk.

    With a model, the memory that a bench takes with it stands first, predicted from shapes alone.

    Parameters
    ----------
    model : Model, optional
        What `load_model` returned.
    variants, batch_size, tokens, answers, max_completion_length : int
        With a model: variants and seeds side by side, rows a step of each, tokens of a row (half of them learned), and
        answers to each row, of at most so many tokens.
    **limits
        `gradient_checkpointing`, `max_tokens_per_forward` and `kv_cache_bytes`, as a bench takes them.

    Returns
    -------
    Report
        A line a thing: what was found, how that is ("ok", "optional", "missing", "unknown") and the command that mends
        it; printed as text, shown as a table in a notebook. `table` is a DataFrame, `missing` what has to be mended.

    Examples
    --------
    >>> cl.check().table.loc["Python", "state"]
    'ok'
    """
    probes = {
        "Python": python,
        "packages": packages,
        "extras": extras,
        "GPU": gpu,
        "memory": memory,
        "bitsandbytes": bitsandbytes,
        "browser": browser,
        "font": font,
        "JupyterLab": lab,
        "disk": disk,
    }
    if model is not None:
        how = (model, variants, batch_size, tokens, answers, max_completion_length, limits)
        probes = {"memory of the model": lambda: model_memory(*how), **probes}
    elif limits:
        raise ValueError(f"check({next(iter(limits))}=...) is of a model; give cl.check(model, ...)")
    return Report(tuple(line for what, probe in probes.items() for line in _found(what, probe)))


def _found(what: str, probe: Callable[[], list[Line]]) -> list[Line]:
    try:
        return probe()
    except Exception as error:  # a report on a broken machine must not break
        return [Line(what, f"cannot be told: {type(error).__name__}: {' '.join(str(error).split())[:120]}", "unknown")]


def python() -> list[Line]:
    good = sys.version_info >= (3, 11)
    mend = "" if good else "make PYTHON=python3.12 .venv"
    return [Line("Python", f"{platform.python_version()} ({sys.executable})", "ok" if good else "missing", mend)]


def packages() -> list[Line]:
    """One line for all that are there in their range, one for each that is not."""
    from packaging.requirements import Requirement

    listed = [Requirement(text) for text in importlib.metadata.requires("curriculab") or ()]
    needed = [r for r in listed if r.marker is None or r.marker.evaluate({"extra": ""})]
    lacking = [line for line in map(_package, needed) if line]
    versions = ", ".join(f"{name} {version}" for name in SHOWN if (version := version_of(name)))
    return [Line("packages", f"{len(needed) - len(lacking)} of {len(needed)} as needed: {versions}"), *lacking]


def _package(requirement: object) -> Line | None:
    version, wanted = version_of(requirement.name), f"{requirement.name}{requirement.specifier}"
    if version and requirement.specifier.contains(version, prereleases=True):
        return None
    found = f"{version}, needed is {requirement.specifier}" if version else f"none, needed is {requirement.specifier}"
    return Line(requirement.name, found, "missing", install(wanted))


def extras() -> list[Line]:
    there = {name: version for name in EXTRAS if (version := version_of(name))}
    absent = [name for name in EXTRAS if name not in there]
    found = ", ".join(f"{name} {version}" for name, version in there.items()) or "none"
    return [Line("extras", found, "optional" if absent else "ok", install(*absent) if absent else "")]


def version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def install(*wanted: str) -> str:
    """The command that installs packages into this very environment."""
    return shlex.join([sys.executable, "-m", "pip", "install", *wanted])


@dataclass(frozen=True)
class Shape:
    """What decides a model's memory: widths of its layers, its vocabulary, and whether the head is the embedding."""

    name: str
    layers: int
    hidden: int
    inner: int
    keys: int  # width of the key and value projections
    vocabulary: int
    tied: bool

    @property
    def linear(self) -> list[tuple[int, int]]:
        """(in, out) of every linear layer of all blocks, the head left out."""
        h = self.hidden
        block = [(h, h), (h, self.keys), (h, self.keys), (h, h), (h, self.inner), (h, self.inner), (self.inner, h)]
        return block * self.layers


# config.json of Qwen/Qwen2.5-0.5B, -1.5B and -7B
SHAPES = (
    Shape("0.5B", 24, 896, 4864, 128, 151_936, True),
    Shape("1.5B", 28, 1536, 8960, 256, 151_936, True),
    Shape("7B", 28, 3584, 18944, 512, 152_064, False),
)


def plan(shape: Shape, *, adapters: int = 6, rank: int = 16, tokens: int = 2048) -> dict[str, float]:
    """Bytes that a 4-bit base with LoRA on all linear layers takes, as `Model.memory` counts them.

    weights      0.516 a weight of a linear layer (NF4: 4 bits, and with double quantisation 8/64 + 32/(64 * 256) bits
                 for the scales; Dettmers et al. 2023), 2 a weight of embeddings and head
    adapters     16 a parameter (weights, gradient, Adam's two moments in float32), rank * (in + out) parameters a layer
    activations  tokens * (2 * sum(out + 2 in + 2 rank) + 3 * 4 * vocabulary): bfloat16, and float32 logits three times
    """
    weights = (4 + 8 / 64 + 32 / (64 * 256)) / 8 * sum(a * b for a, b in shape.linear)
    weights += 2 * shape.hidden * shape.vocabulary * (1 if shape.tied else 2)
    parameters = rank * sum(a + b for a, b in shape.linear)
    widths = sum(b + 2 * a + 2 * rank for a, b in shape.linear)
    activations = tokens * (2 * widths + 3 * 4 * shape.vocabulary)
    return {"weights": weights, "adapters": 16 * parameters * adapters, "activations": activations}


def gpu() -> list[Line]:
    """What the driver lists, and whether torch can use it."""
    listed = output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    if importlib.util.find_spec("torch") is None:
        return [Line("GPU", f"{listed or 'none listed'}; torch is missing", "missing", install("torch"))]
    import torch

    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return [Line("GPU", f"{', '.join(cards)}; torch {torch.__version__}")]
    if listed:
        first = listed.splitlines()[0]
        found = f"{first}, which torch {torch.__version__} does not use"
        return [Line("GPU", found, "missing", "rm -rf .venv && make .venv")]
    return [Line("GPU", f"none; the embedded model runs on the CPU (torch {torch.__version__})", "optional")]


def memory() -> list[Line]:
    """What models of three sizes would take, against what the GPU has free."""
    free = gpu_memory()
    lines = []
    for shape in SHAPES:
        parts = plan(shape)
        need = sum(parts.values())
        split = ", ".join(f"{name} {size / GIB:.1f}" for name, size in parts.items())
        verdict = "no GPU" if free is None else f"{'fits' if need <= free else 'does not fit'} in {free / GIB:.1f} free"
        found = f"{need / GIB:.1f} GiB for six variants and 2,048 tokens at once ({split}): {verdict}"
        fits = free is not None and need <= free
        lines.append(Line(f"{shape.name}, 4 bits", found, "ok" if fits else "optional"))
    return lines


def model_memory(
    model: Model,
    variants: int,
    batch_size: int,
    tokens: int,
    answers: int,
    max_completion_length: int,
    limits: Mapping[str, object],
) -> list[Line]:
    """What a bench with this model takes, part by part, against what its device has free."""
    import numpy as np

    from curriculab.engine.footprint import in_bytes
    from curriculab.engine.limits import MemoryLimits
    from curriculab.engine.memory import free_bytes
    from curriculab.engine.prediction import predict
    from curriculab.engine.texts import Text
    from curriculab.engine.waves import Prompt

    given, half = MemoryLimits(**limits), tokens // 2
    ids = np.zeros(tokens, dtype=np.int64)
    texts = [Text(ids, np.arange(tokens) >= half)] * batch_size
    asked = [
        Prompt(ids[:half], None, answers, 1.0, max_completion_length, (), ()) for _ in range(variants * batch_size)
    ]
    found = predict(model, train=[texts] * variants, write=asked if answers else (), limits=given)
    free = free_bytes(model.device) + found.weights if model.device.type == "cuda" else _free_memory(found.weights)
    fits = free is None or found.peak <= free
    verdict = "" if free is None else f": {'fits' if fits else 'does not fit'} in {in_bytes(free)} free"
    lines = [Line(f"{model.name}: {name}", in_bytes(size)) for name, size in found.parts().items() if size]
    whole = f"{variants} adapters x {batch_size} rows of {tokens} tokens, {answers} answers a row"
    peak = f"{in_bytes(found.peak)} at most{'' if found.exact else ', roughly'}, {whole}{verdict}"
    return [*lines[:-1], Line(f"{model.name}: peak", peak, "ok" if fits else "optional")]


def _free_memory(there: int) -> int | None:
    """Bytes that this machine can still give, with what the model has already; None where that cannot be told."""
    file = Path("/proc/meminfo")
    if not file.exists():
        return None
    line = next(x for x in file.read_text().splitlines() if x.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024 + there


def gpu_memory() -> int | None:
    """Bytes free on the first GPU that torch can use."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None


def bitsandbytes() -> list[Line]:
    """Which of its libraries 4-bit layers compute with."""
    version = version_of("bitsandbytes")
    if version is None:
        return [Line("bitsandbytes", "none: 4 and 8 bits need it", "missing", install("bitsandbytes"))]
    import torch

    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)  # warns of an optional kernel
    from bitsandbytes import cextension

    cuda = bool(getattr(cextension.lib, "compiled_with_cuda", False))
    broken = "ErrorHandler" in type(cextension.lib).__name__
    backend = "CUDA backend" if cuda else "CPU backend"
    found = f"{version}, {'no library loads' if broken else backend}"
    if broken or (torch.cuda.is_available() and not cuda):
        again = f"{sys.executable} -m pip install --upgrade --force-reinstall --no-deps bitsandbytes"
        return [Line("bitsandbytes", found, "missing", again)]
    return [Line("bitsandbytes", found)]


def browser() -> list[Line]:
    """The Chrome or Chromium that figures are exported with."""
    from curriculab.figures import find_browser

    path = find_browser()
    if path:
        return [Line("browser", f"{output(path, '--version') or 'Chromium'} ({path})")]
    return [Line("browser", "none: figures are HTML only, no PDF, SVG, PNG", "missing", get_browser())]


def get_browser() -> str:
    """Debian has Chromium as a package; Ubuntu's is a snap, which cannot be driven, so there a private copy."""
    system = platform.freedesktop_os_release().get("ID", "") if sys.platform == "linux" else ""
    return "sudo apt install chromium" if system == "debian" else f"{Path(sys.executable).parent}/plotly_get_chrome"


def font() -> list[Line]:
    """The family that figures are set in; Arial and Helvetica have the same widths, so figures keep their layout."""
    names = output("fc-list", ":", "family", "file") or "\n".join(map(str, _font_files()))
    there = [name for name, file in FONTS.items() if name in names or file.lower() in names.lower()]
    if there:
        return [Line("font", there[0] + ("" if there[0] == "Liberation Sans" else ", as wide as Liberation Sans"))]
    return [Line("font", f"none of {', '.join(FONTS)}", "missing", "sudo apt install fonts-liberation")]


def _font_files() -> list[Path]:
    found: list[Path] = []
    for place in FONT_FOLDERS:
        folder = Path(place).expanduser()
        if folder.is_dir():
            found += folder.rglob("*.tt?")
    return found


def lab() -> list[Line]:
    """JupyterLab with the extension that draws widgets, in this environment."""
    there = {name: version for name in LAB if (version := version_of(name))}
    absent = [name for name in LAB if name not in there]
    found = ", ".join(f"{name} {version}" for name, version in there.items()) or "none"
    if absent:
        return [Line("JupyterLab", found, "missing", install(*absent))]
    extension = Path(sys.prefix, "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager/package.json")
    if not extension.exists():
        again = f"{sys.executable} -m pip install --force-reinstall --no-deps jupyterlab-widgets"
        return [Line("JupyterLab", f"{found}; its widget extension is not in {sys.prefix}", "missing", again)]
    return [Line("JupyterLab", found)]


def disk() -> list[Line]:
    free = shutil.disk_usage(os.getcwd()).free
    good = free >= FREE
    mend = "" if good else f"{sys.executable} -m curriculab.runs prune --unfinished --damaged --failed"
    return [Line("disk", f"{free / GIB:.1f} GiB free in {os.getcwd()}", "ok" if good else "missing", mend)]


def output(*command: str) -> str:
    """Run a program and return its output; empty where it is not there, fails or takes too long."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The report on a terminal; 1 where something is missing."""
    argparse.ArgumentParser(prog="curriculab check", description=__doc__.splitlines()[0]).parse_args(arguments)
    report = check()
    print(report)
    return 1 if report.missing else 0


class _Callable(ModuleType):
    """`curriculab.check` names this file and the function in it: both are called the same way."""

    def __call__(self, *given: object, **how: object) -> Report:
        return check(*given, **how)


sys.modules[__name__].__class__ = _Callable
