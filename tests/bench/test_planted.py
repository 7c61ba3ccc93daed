"""Planted errors: their texts, and what a method asks for."""

from __future__ import annotations

import pytest

from curriculab.bench.planted import Planted, files_of_tests, requests


def test_the_old_text_of_an_error_stands_exactly_once():
    assert Planted("m", "e", "it", "a", "b").in_text("xax") == "xbx"
    for old, new, said in (("a", "b", "stands 0 times in the module"), ("x", "b", "stands 2 times in the module")):
        message = f"the old text of m/e {said}; it has to stand there once: {old!r}"
        with pytest.raises(ValueError, match=f"^{message}$"):
            Planted("m", "e", "it", old, new).in_text("x x")
    with pytest.raises(ValueError, match="is the same as its new text"):
        Planted("m", "e", "it", "a", "a").in_text("a")


def test_requests_are_those_of_sixty_steps_and_one_more():
    assert requests("easy_to_hard", {}) == 61  # the last one is not answered: the budget is spent
    assert requests("superloss", {}) == 121  # a forward before each step, and one that no step follows
    assert requests("edco", {}) == 71  # measured at the start, after each tenth, and after the last step once more
    assert requests("edco", {"every": 10}) == 67  # measured 7 times, the last after the last step
    with pytest.raises(RuntimeError, match="the run failed: .*by='nothing' is no column"):
        requests("easy_to_hard", {"by": "nothing"})


def test_the_tests_of_an_error_are_those_of_its_method_and_of_the_module_it_stands_in():
    own = Planted("sec", "e", "it", "a", "b")
    assert files_of_tests(own) == ["tests/methods/online/test_sec.py"]
    elsewhere = Planted("competence", "e", "it", "a", "b", module="curriculab.methods.pacing")
    assert files_of_tests(elsewhere) == ["tests/methods/order/test_competence.py", "tests/methods/test_pacing.py"]
