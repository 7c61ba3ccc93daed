"""`import curriculab` costs pandas and little more."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "scipy", "plotly", "ipywidgets", "reasoning_gym", "kaleido")
ROOMS = (
    "data, difficulty, protocol, objectives, rewards, environments, methods, registry, simulation, runs, statistics, "
    "figures, tables, report, widgets"
)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_nothing_heavy_is_imported():
    found = run(f"import sys, curriculab; print([m for m in {HEAVY} if m in sys.modules])")
    assert found == "[]"


@pytest.mark.slow
def test_the_light_rooms_need_no_torch():
    code = f"import sys; from curriculab import {ROOMS}; print('torch' in sys.modules, 'scipy' in sys.modules)"
    assert run(code) == "False False"


@pytest.mark.slow
def test_import_adds_at_most_a_tenth_of_a_second_to_pandas():
    time = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    took = {name: [] for name in ("pandas", "pandas, curriculab")}
    for _ in range(10):  # interleaved, best of ten: the machine may be busy
        for name, times in took.items():
            times.append(float(run(time.format(name))))
    assert min(took["pandas, curriculab"]) - min(took["pandas"]) <= 0.1


def test_an_unknown_name_says_what_there_is():
    import pytest

    import curriculab

    with pytest.raises(AttributeError, match="curriculab has no 'Bnech'; it has .*Bench.*load_pool"):
        curriculab.Bnech  # noqa: B018


@pytest.mark.slow
def test_every_module_is_imported_where_windows_and_macos_lack_modules():
    code = """
import importlib, pkgutil, sys
sys.modules.update(fcntl=None, resource=None)
import curriculab
names = [m.name for m in pkgutil.walk_packages(curriculab.__path__, "curriculab.") if not m.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    assert int(run(code)) >= 100
