"""The examples in docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WITHOUT_A_MODEL = ("bench", "figures", "paper", "runs", "simulation", "statistics", "widgets")


def modules_with_examples() -> list[str]:
    """Names of modules whose docstrings hold examples, in packages whose examples need no model."""
    found = []
    for package in WITHOUT_A_MODEL:
        for path in sorted((ROOT / "curriculab" / package).rglob("*.py")):
            if ">>> " in path.read_text():
                found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_what_they_say(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0


def test_simulation_and_widgets_have_examples() -> None:
    packages = {name.split(".")[1] for name in modules_with_examples()}
    assert {"simulation", "widgets", "bench"} <= packages


def test_a_wrong_example_is_found() -> None:
    (example,) = doctest.DocTestFinder().find(_wrong)
    result = doctest.DocTestRunner(verbose=False).run(example, out=lambda text: None)
    assert result.failed == 1


def _wrong() -> None:
    """Print something else.

    >>> 1 + 1
    3
    """
