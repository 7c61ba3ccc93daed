"""The catalogue: what it holds, and methods found by name."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import curriculab
from curriculab import methods
from curriculab.methods import CATALOG
from curriculab.methods.registry import STATUS


def entry_of(name):
    return next(entry for entry in CATALOG if entry.function == name)


def test_the_catalogue_holds_all_systems_and_the_classics():
    numbers = [entry.number for entry in CATALOG if entry.number is not None]
    assert sorted(set(numbers)) == list(range(1, 59)) and numbers.count(8) == 2
    functions = [entry.function for entry in CATALOG]
    assert len(functions) == len(set(functions)) == 59 + 8 + 5 + 5
    groups = {"order", "online", "reward", "generated", "feedback", "context", "analysis"}
    assert {entry.group for entry in CATALOG} == groups
    table = methods.catalog()
    told = ["number", "title", "authors", "year", "group", "function", "status"]
    assert list(table) == [*told, "tier", "default_knobs"]
    assert set(table.status) <= set(STATUS)


def test_methods_are_found_by_name():
    assert curriculab.methods.easy_to_hard.__name__ == "easy_to_hard"
    assert "easy_to_hard" in dir(methods)
    for planned in [entry for entry in CATALOG if not entry.path.exists()]:
        assert planned.function not in dir(methods)
        message = f"the method {planned.function!r} ({planned.title}) is planned and not written yet"
        with pytest.raises(AttributeError, match=f"^{re.escape(message)}$"):
            getattr(methods, planned.function)
    with pytest.raises(AttributeError, match="^curriculab.methods has no 'easiest'; it has random_order, easy_to_h"):
        methods.easiest  # noqa: B018


def test_entries_are_plain_values():
    assert replace(entry_of("sec"), year=None).year is None
