"""A warning names the line that called the package, through all of its functions and wrappers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import curriculab as cl
from curriculab.registry.warning import warn

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
    repeats = lambda: cl.Bench(tiny_model, train, twin, **kept, valid=None)  # noqa: E731
    assert place_of(repeats, "1 test row repeats a training row word for word") == line_of(repeats)
    monkeypatch.setattr(tiny_model.base.config, "learning_rates", {})
    fast = lambda: cl.Bench(tiny_model, train, test, objective=cl.Sft(lr=0.5), **kept, valid=None)  # noqa: E731
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


def test_in_a_notebook_a_long_line_is_broken_between_words(monkeypatch: pytest.MonkeyPatch):
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    message = "the variant 'easy first' " + "needs more rows than there are " * 6
    with pytest.warns(UserWarning) as seen:
        warn(message)
    lines = str(seen[0].message).splitlines()
    assert max(map(len, lines)) <= 88 and len(lines) > 1
    assert " ".join(" ".join(lines).split()) == " ".join(message.split())
    shell.kernel = None
    with pytest.warns(UserWarning) as seen:
        warn(message)
    assert str(seen[0].message) == message
