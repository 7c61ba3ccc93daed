"""An error of one's own method shows one's own lines, in a file and in a cell, and none of the package's."""

from __future__ import annotations

import linecache
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.own_lines import last_line, own_lines

POOL = cl.load_pool("ladder", n=12, seed=0)


def inner(pool: pd.DataFrame) -> pd.DataFrame:
    return pool[pool.levl > 1]


def mistyped(pool: pd.DataFrame, run: cl.Run):
    yield cl.Train(pool.head(4))
    yield cl.Train(inner(pool))


def ragged(pool: pd.DataFrame, run: cl.Run):
    yield cl.Train(pool.head(4))
    yield cl.Train(pool.head(4).assign(weight=-1.0))


def failed(method: object) -> cl.Runs:
    with pytest.warns(UserWarning, match=r"failed in seed 0"):
        return cl.simulate(method, POOL, steps=3, batch_size=4)


def line_of(text: str) -> int:
    source = open(__file__, encoding="utf-8").read().splitlines()
    return source.index(f"    {text}") + 1


def test_the_lines_that_led_there_are_told_and_no_other():
    (record,) = failed(mistyped).records
    lines = record.spec["traceback"].splitlines()
    assert [line.split(" of ")[0] for line in lines[:4:2]] == [
        f"line {line_of('yield cl.Train(inner(pool))')}",
        f"line {line_of('return pool[pool.levl > 1]')}",
    ]
    assert lines[0].endswith("tests/bench/test_own_lines.py, in mistyped")
    assert lines[1::2][:2] == ["    yield cl.Train(inner(pool))", "    return pool[pool.levl > 1]"]
    assert lines[-1] == "AttributeError: 'DataFrame' object has no attribute 'levl'" and len(lines) == 5


def test_a_request_that_is_refused_names_the_line_that_asked():
    (record,) = failed(ragged).records
    first, second, *_ = record.spec["traceback"].splitlines()
    assert first.startswith(f"line {line_of(second.strip())} of ") and second.strip().endswith("weight=-1.0))")


def test_the_warning_shows_them_and_the_runs_keep_them():
    with pytest.warns(UserWarning) as seen:
        runs = cl.simulate({"mine": mistyped}, POOL, steps=3, batch_size=4, seed=[0, 1])
    (message,) = [str(warning.message) for warning in seen]
    first, *lines = message.splitlines()
    assert first == "'mine' failed in all 2 seeds: AttributeError: 'DataFrame' object has no attribute 'levl'"
    assert "    return pool[pool.levl > 1]" in lines
    assert "\n" not in runs.failed["mine", 0] and runs.tracebacks["mine", 1].endswith("no attribute 'levl'")


def test_a_cell_is_named_by_its_number(monkeypatch: pytest.MonkeyPatch):
    file = "/tmp/ipykernel_7/12345.py"
    text = "def mine(pool):\n    return pool.levl\n"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=lambda name: ("Cell", "In[3]")))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    namespace: dict = {"__name__": "__main__"}
    exec(compile(text, file, "exec"), namespace)
    with pytest.raises(AttributeError) as error:
        namespace["mine"](POOL)
    assert "line 2 of cell In[3], in mine\n    return pool.levl\n" in own_lines(error.value)


def test_a_method_of_the_package_has_no_own_lines():
    with pytest.warns(UserWarning):
        runs = cl.simulate({"weights": cl.methods.random_order}, POOL.assign(weight=-1.0), steps=2, batch_size=4)
    assert "traceback" not in runs.records[0].spec and runs.tracebacks == {}


def test_the_innermost_line_is_told_in_one():
    told = "line 4 of a.py, in mine\n    inner(pool)\nline 9 of a.py, in inner\n    pool.levl\nKeyError: 'levl'"
    assert last_line(told) == "line 9 of a.py, in inner: pool.levl" and last_line("") == ""
