"""A warning names the line that called the package, through all of its functions and wrappers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import curriculab as cl

ROOT = Path(__file__).parents[2]


def place_of(call: Callable[[], object], match: str) -> tuple[str, int]:
    """File and line that the warning names."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    (found,) = [w for w in seen if match in str(w.message)]
    return found.filename, found.lineno


def line_of(call: Callable[[], object]) -> tuple[str, int]:
    return __file__, call.__code__.co_firstlineno


def test_warnings_of_a_bench_name_the_line_that_makes_it(tiny_model, small_pools, monkeypatch) -> None:
    train, test = small_pools
    twin = pd.concat([test, train.head(1).rename(index=lambda name: f"{name}/again")])
    kept = dict(budget=cl.Budget(steps=2), batch_size=2, store=None, max_new_tokens=4)  # by its other name: a wrapper
    repeats = lambda: cl.Bench(tiny_model, train, twin, **kept)  # noqa: E731
    assert place_of(repeats, "repeat a training row word for word") == line_of(repeats)
    monkeypatch.setattr(tiny_model.base.config, "learning_rates", {})
    fast = lambda: cl.Bench(tiny_model, train, test, objective=cl.Sft(lr=0.5), **kept)  # noqa: E731
    assert place_of(fast, "times the usual") == line_of(fast)


def test_warnings_of_data_name_the_line_that_reads_it(tmp_path: Path) -> None:
    pd.DataFrame({"question": ["1+1", "2+2"], "answer": ["a", "b"]}).to_csv(tmp_path / "own.csv", index=False)
    columns = {"prompt": "question", "answer": "question"}
    read = lambda: cl.load_pool(tmp_path / "own.csv", columns=columns)  # noqa: E731
    assert place_of(read, "its own column 'answer' is replaced") == line_of(read)


def test_every_warning_of_the_package_goes_this_way() -> None:
    counted = [p for p in sorted((ROOT / "curriculab").rglob("*.py")) if "stacklevel=" in p.read_text()]
    assert [str(p.relative_to(ROOT / "curriculab")) for p in counted] == ["engine/backend.py"]  # amid a training


@pytest.mark.parametrize("name", ["test_warning.py"])
def test_a_frame_outside_the_package_is_taken(name: str) -> None:
    from curriculab.registry.warning import warn

    call = lambda: warn("here")  # noqa: E731
    assert place_of(call, "here") == line_of(call) and Path(line_of(call)[0]).name == name
