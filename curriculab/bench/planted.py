"""Planted errors: what a paper says, broken on purpose in a copy of a method that only one process sees.

Planted("sec", "sec3", "an arm is valued by the absolute advantage", "out.advantage.abs()", "out.advantage")

An error is an old and a new text, in a file tests/methods/planted/METHOD.json of a checkout; a wheel has none. A
process of its own imports the module with the new text in the place of the old one; no file is written. Then it counts
what the method asks for on a small bench and tries what can see the error until something does: the method's quick
tests, its check, its slow tests.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import CodeType

import numpy as np
import pandas as pd

from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.simulate import simulate
from curriculab.methods.check import Check
from curriculab.methods.registry import Entry, entries
from curriculab.simulation.permuted import watched

ROOT = Path(__file__).parents[2]
PLANTED = ROOT / "tests" / "methods" / "planted"
STEPS, BATCH, ROLLOUTS = 60, 4, 4  # of the bench that requests are counted on: more than the longest `every`, 50


@dataclass(frozen=True)
class Planted:
    """One error in the place of what a paper says.

    Parameters
    ----------
    method, id : str
        Whose error it is, and its name.
    breaks : str
        What the paper says that no longer holds.
    old, new : str
        Texts; the old one stands exactly once in the module.
    module : str
        Where they stand; "" for the method's own file.
    knobs : mapping of str to value
        Knobs under which requests are counted, where the defaults do not reach the error.
    fewer : str
        Why the method asks for less with it; "" where it has to ask for as much.
    check_read : bool
        Whether who wrote it had read the method's check before.
    survives : str
        Why nothing has to see it, such as "the same draws in another order"; "" where something has to.

    Examples
    --------
    >>> from curriculab.bench.planted import Planted
    >>> error = Planted("easy_to_hard", "turned", "the easiest first", "scores(pool, by)", "-scores(pool, by)")
    >>> error.in_text("yield from sorted_rows(pool, run, scores(pool, by), span)")
    'yield from sorted_rows(pool, run, -scores(pool, by), span)'
    """

    method: str
    id: str
    breaks: str
    old: str
    new: str
    module: str = ""
    knobs: Mapping[str, object] = field(default_factory=dict)
    fewer: str = ""
    check_read: bool = False
    survives: str = ""

    def in_text(self, text: str) -> str:
        """The text of a module with this error.

        Raises
        ------
        ValueError
            Where the old text does not stand in it exactly once, or is the new one.
        """
        found = text.count(self.old)
        if found != 1 or self.old == self.new:
            said = "is the same as its new text" if self.old == self.new else f"stands {found} times in the module"
            raise ValueError(
                f"the old text of {self.method}/{self.id} {said}; it has to stand there once: {self.old!r}"
            )
        return text.replace(self.old, self.new)


def errors_of(method: str) -> list[Planted]:
    """The planted errors of one method, [] where it has none.

    Examples
    --------
    >>> from curriculab.bench.planted import errors_of
    >>> errors_of("random_order")
    []
    """
    path = PLANTED / f"{method}.json"
    if not path.exists():
        return []
    return [Planted(method=method, **one) for one in json.loads(path.read_text(encoding="utf-8"))]


def module_of(error: Planted) -> str:
    return error.module or entry_of(error.method).file_module


def entry_of(method: str) -> Entry:
    """The catalogue's line of a method."""
    return next(entry for entry in entries() if entry.function == method)


# -- one error --------------------------------------------------------------------------------------------------------
class _Finder(MetaPathFinder):
    """Finds one module, with another text than its file has."""

    def __init__(self, module: str, path: str, text: str) -> None:
        self.module, self.path, self.text = module, path, text

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self.module:
            return None
        return spec_from_file_location(name, self.path, loader=_Loader(name, self.path, self.text))


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.text.encode(), self.path)  # no bytecode is read or written


def plant(error: Planted) -> None:
    """From now on this process imports the package anew, with the error. Only for a process that ends after it."""
    name = module_of(error)
    spec = find_spec(name)
    if spec is None or not spec.origin:
        raise ValueError(f"{error.method}/{error.id}: there is no module {name!r}")
    text = error.in_text(Path(spec.origin).read_text(encoding="utf-8"))
    if name in sys.modules:  # what imported it before goes with it; most methods are not imported yet
        for loaded in [n for n in sys.modules if n.split(".")[0] in ("curriculab", "tests")]:
            del sys.modules[loaded]
    sys.meta_path.insert(0, _Finder(name, spec.origin, text))


def counted_pool() -> pd.DataFrame:
    """48 rows that every method can be run on: topics x, y, z, levels 1 to 4, a loss, words of known classes."""
    rng = np.random.default_rng(5)
    level, topic = np.tile([1, 2, 3, 4], 12), np.repeat(["x", "y", "z"], 16)
    table = {"prompt": [f"the old cat sees {i} dogs" for i in range(48)], "answer": "7", "topic": topic, "level": level}
    pool = pd.DataFrame(table, index=pd.Index([f"row/{i:02d}" for i in range(48)], name="id"))
    return pool.assign(loss=level + rng.random(48)).iloc[rng.permutation(48)]


def requests(method: str, knobs: Mapping[str, object]) -> int:
    """How many requests a method makes in 60 steps on a small bench.

    Raises
    ------
    RuntimeError
        Where the run failed.
    """
    entry, seen = entry_of(method), []
    runs = simulate(
        partial(watched(entry.method, seen), **knobs),
        counted_pool(),
        steps=STEPS,
        batch_size=BATCH,
        num_generations=ROLLOUTS,
        objective="grpo" if entry.group in ("online", "reward") else "sft",
        name=method,
    )
    if runs.failed:
        raise RuntimeError(f"the run failed: {next(iter(runs.failed.values()))}")
    return len(seen)


def judge(error: Planted, before: int | None, held: Sequence[bool], tests: Sequence[str]) -> dict[str, object]:
    """Who sees an error that this process imports: {"by": "check", "test", "nobody" or "does not count", "what": ...}.

    before: requests without the error, None: they are not counted; held: which claims of the method's check held;
    tests: for pytest, in turn.
    """
    found: dict[str, object] = {}
    if before is not None:
        try:
            after = requests(error.method, error.knobs)
        except Exception as failure:
            return {"by": "does not count", "what": f"{type(failure).__name__}: {failure}"}
        found["requests"] = [before, after]
        if after < before and not error.fewer:
            return found | {"by": "does not count", "what": f"{after} requests instead of {before}"}
    if failed := _failed_test(tests, "not slow"):
        return found | {"by": "test", "what": failed}
    if refuted := _refuted(error.method, held):
        return found | {"by": "check", "what": refuted}
    if failed := _failed_test(tests, "slow"):
        return found | {"by": "test", "what": failed}
    return found | {"by": "nobody", "what": error.survives}


def claims(method: str) -> list[Check]:
    """The claim of a method's check, tried, and its further ones."""
    found = entry_of(method).check(SimulatedCheckBench())
    return [found, *found.also]


def _refuted(method: str, held: Sequence[bool]) -> str:
    """What was measured of the first claim that no longer holds, of those that held without the error, else ""."""
    if not any(held):
        return ""
    try:
        found = claims(method)
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"
    lost = [now for now, before in zip(found, held, strict=False) if before and not now.held]
    return ", ".join(f"{name} {value:.4g}" for name, value in lost[0].measured.items()) if lost else ""


def _failed_test(targets: Sequence[str], marks: str) -> str:
    """Name of the first test that fails, of those with these marks, else ""."""
    import pytest  # only a checkout has tests

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    failed: list[str] = []

    class First:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.append(report.nodeid)

        pytest_collectreport = pytest_runtest_logreport

    if not targets:
        return ""
    how = ["-qx", "-m", marks, "--assert=plain", "-p", "no:cacheprovider", "-p", "pytest_timeout"]  # pyproject sets it
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main([*targets, *how], [First()])
    if not failed and code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with {code!r} on {', '.join(targets)}")
    return failed[0] if failed else ""


def files_of_tests(error: Planted) -> list[str]:
    """The test files that have to see an error: the method's own, and that of the module it stands in.

    The contract of all methods is left out: it tries the check again, and says nothing of what a paper has.
    """
    entry = entry_of(error.method)
    own = f"tests/methods/{entry.group}/test_{entry.function}.py"
    folder, _, module = module_of(error).removeprefix("curriculab.").replace(".", "/").rpartition("/")
    paths = dict.fromkeys([own, f"tests/{folder}/test_{module}.py"])
    return [path for path in paths if (ROOT / path).exists()]
