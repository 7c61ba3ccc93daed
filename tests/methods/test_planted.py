"""Planted errors of all methods: each breaks something that a paper says, and is seen by the check or by a test."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from curriculab.bench.mutants import load_seen
from curriculab.bench.planted import PLANTED, errors_of, module_of
from curriculab.methods import checkable

ROOT = Path(__file__).parents[2]
NAMES = [entry.function for entry in checkable()]
ERRORS = [error for name in NAMES for error in errors_of(name)]


@pytest.mark.parametrize("name", NAMES)
def test_every_method_has_three_and_each_old_text_stands_once(name):
    errors = errors_of(name)
    assert len(errors) >= 3 and len({error.id for error in errors}) == len(errors)
    for error in errors:
        text = Path(find_spec(module_of(error)).origin).read_text(encoding="utf-8")
        compile(error.in_text(text), error.id, "exec")
        assert error.breaks


def test_errors_belong_to_methods_that_claim_something():
    assert {path.stem for path in PLANTED.glob("*.json")} == {*NAMES, "seen"}


def test_half_of_them_were_written_without_the_check():
    assert sum(error.check_read for error in ERRORS) <= len(ERRORS) / 2


def test_each_was_seen_by_the_check_or_by_a_test():
    """After a new error, or a change of a method: curriculab methods mutants NAME."""
    seen = load_seen()
    assert {f"{e.method}/{e.id}" for e in ERRORS} == set(seen)
    excused = {f"{e.method}/{e.id}" for e in ERRORS if e.survives}
    unseen = {key for key, found in seen.items() if found["by"] not in ("check", "test")}
    assert unseen - excused == set() and len(excused) <= len(ERRORS) / 20  # 95% are seen, of issue 14


@pytest.mark.slow
def test_one_error_a_method_is_seen_again():
    command = [sys.executable, "-m", "curriculab.methods", "mutants", "all", "--one"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert re.search(rf"^{len(NAMES)} planted errors: ", said.stdout, re.MULTILINE)
