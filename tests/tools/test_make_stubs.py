"""The stub that editors read says what the registry of measures says."""

from __future__ import annotations

import ast

from tools.make_stubs import PATH, stub


def statements(text: str) -> list[str]:
    """Statements of a stub, whatever their order and layout, which are the formatter's."""
    return sorted(ast.unparse(node) for node in ast.parse(text).body)


def test_the_stub_is_that_of_the_measures_as_they_are() -> None:
    assert statements(PATH.read_text(encoding="utf-8")) == statements(stub())
