"""The examples in docstrings run and print what they say, for a reader who has `cl`, `np` and `pd`.

Public names without an example are listed in `examples_missing.json`; the list may only shrink. The example of a class
is one for what it uses of that class: properties it reads, methods it calls or, of a protocol, defines. A method that
does what a base class asks for has that method's; plain values of the subpackages (dataclasses without methods) have
one where any other example makes them.
"""

from __future__ import annotations

import ast
import dataclasses
import doctest
import functools
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import curriculab as cl

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NAMESPACE = {"cl": cl, "np": np, "pd": pd, "__name__": "examples"}
MISSING = json.loads((ROOT / "tests" / "examples_missing.json").read_text())


@pytest.fixture(autouse=True)
def registries_as_before() -> Iterator[None]:
    """An example may register a unit; no other test of this process sees it."""
    registries = (cl.difficulty.registry.MEASURES, cl.data.SOURCES, cl.rewards.VERIFIERS)
    before = [dict(registry._registered) for registry in registries]
    yield
    for registry, registered in zip(registries, before, strict=True):
        registry._registered.clear()
        registry._registered.update(registered)


def names_of(module: ModuleType) -> list[str]:
    """What `__all__` lists, or what a module without one defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return sorted(name for name in own if not name.startswith("_"))


def listed(module: ModuleType, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Public names of a module and of the public modules in it, with what they name."""
    for name in sorted(names_of(module), key=lambda name: inspect.ismodule(getattr(module, name))):
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from listed(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def methods_of(kind: type) -> Iterator[tuple[str, object]]:
    """Public methods and properties that a class defines itself."""
    for name, value in vars(kind).items():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if inspect.isfunction(function) and not name.startswith("_"):
            yield name, function


def public() -> dict[str, object]:
    """Functions, classes and methods by the first of their public names."""
    found: dict[str, object] = {}
    seen: set[int] = set()
    for name, value in listed(cl):
        own = getattr(value, "__module__", None) or ""
        if not callable(value) or not own.startswith("curriculab") or id(value) in seen:
            continue
        seen.add(id(value))
        found[name] = value
        if inspect.isclass(value):
            found |= {f"{name}.{method}": function for method, function in methods_of(value)}
    return found


def examples_of(name: str, value: object) -> doctest.DocTest:
    text = value.__doc__ or ""
    return doctest.DocTestParser().get_doctest(text, dict(NAMESPACE), name, None, 0)


def failures(test: doctest.DocTest) -> str:
    """What differs from what the examples say; nothing where they hold."""
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.append)
    return "".join(said)


PUBLIC = public()
EXAMPLES = {name: test for name, value in PUBLIC.items() if (test := examples_of(name, value)).examples}


def parameter(name: str):
    source = "".join(example.source for example in EXAMPLES[name].examples)
    marks = [pytest.mark.pocket, pytest.mark.slow] if "load_model" in source or "pocket" in source else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [parameter(name) for name in EXAMPLES])
def test_the_example_of_a_public_name_prints_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert failures(EXAMPLES[name]) == ""


def modules_with_examples() -> list[str]:
    paths = sorted((ROOT / "curriculab").rglob("*.py"))
    with_examples = [path.relative_to(ROOT) for path in paths if ">>> " in path.read_text()]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in with_examples]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of_other_names_print_what_they_say(name: str) -> None:
    """Names that are not public have what their module has at hand."""
    module = importlib.import_module(name)
    known = {examples_of(public_name, value).docstring for public_name, value in PUBLIC.items()}
    for test in doctest.DocTestFinder().find(module, extraglobs=NAMESPACE | {"__name__": name}):
        if test.examples and test.docstring not in known:
            assert failures(test) == ""


def without_example() -> set[str]:
    shown = {name for name in PUBLIC if shown_by_its_class(name) or shown_by_a_base(name) or made_by_another(name)}
    return set(PUBLIC) - set(EXAMPLES) - shown


def made_by_another(name: str) -> bool:
    """Is this a plain value of a subpackage that the example of another name makes?"""
    value, (_, _, own) = PUBLIC[name], name.rpartition(".")
    return name != own and _is_plain_value(value) and any(own in names_in(test) for test in EXAMPLES.values())


def _is_plain_value(value: object) -> bool:
    """A dataclass whose public methods are properties at most."""
    if not dataclasses.is_dataclass(value):
        return False
    return all(isinstance(vars(value)[method], property) for method, _ in methods_of(value))


def shown_by_its_class(name: str) -> bool:
    """Does the example of a class read this property of it, or call or define this method?"""
    owner, _, member = name.rpartition(".")
    kind = PUBLIC.get(owner)
    if not inspect.isclass(kind):
        return False
    used = names_in if isinstance(vars(kind)[member], property | functools.cached_property) else methods_in
    if owner in EXAMPLES:
        return member in used(EXAMPLES[owner])
    return made_by_another(owner) and any({kind.__name__, member} <= used(test) for test in EXAMPLES.values())


def shown_by_a_base(name: str) -> bool:
    """Is this a method of a base class too, and is there an example of it?"""
    owner, _, member = name.rpartition(".")
    bases = PUBLIC[owner].__mro__[1:] if inspect.isclass(PUBLIC.get(owner)) else ()
    return any(examples_of(name, vars(base)[member]).examples for base in bases if member in vars(base))


@functools.cache
def names_in(test: doctest.DocTest) -> set[str]:
    """Attributes that the examples use."""
    return {node.attr for node in _nodes(test) if isinstance(node, ast.Attribute)}


@functools.cache
def methods_in(test: doctest.DocTest) -> set[str]:
    """Attributes that the examples call, and functions that they define."""
    defined = {node.name for node in _nodes(test) if isinstance(node, ast.FunctionDef)}
    called = [node.func for node in _nodes(test) if isinstance(node, ast.Call)]
    return defined | {function.attr for function in called if isinstance(function, ast.Attribute)}


def _nodes(test: doctest.DocTest) -> Iterator[ast.AST]:
    for example in test.examples:
        yield from ast.walk(ast.parse(example.source))


def test_new_public_names_have_an_example() -> None:
    new = sorted(without_example() - set(MISSING))
    assert new == [], "write an example that runs; examples_missing.json only shrinks"


def test_the_list_of_names_without_an_example_only_shrinks() -> None:
    gone = sorted(set(MISSING) - without_example())
    assert gone == [], "strike these from examples_missing.json: they have an example now, or are gone"
    assert sorted(set(MISSING)) == MISSING


def test_a_wrong_example_is_found() -> None:
    assert "Expected:\n    3\nGot:\n    2\n" in failures(examples_of("wrong", _wrong))
    assert failures(examples_of("right", _right)) == ""


def test_what_the_example_of_a_class_uses_needs_no_example_of_its_own() -> None:
    assert names_in(examples_of("right", _right)) >= {"Budget", "steps", "tolist"}
    assert methods_in(examples_of("right", _right)) == {"Budget", "int64", "Series", "tolist"}
    assert shown_by_its_class("Bench.train") and shown_by_its_class("Bench.run")
    assert shown_by_its_class("Run.progress") and shown_by_its_class("protocol.Backend.answer")
    assert not shown_by_its_class("Budget.axis") and not shown_by_its_class("data.find")


def test_a_method_is_shown_by_that_of_a_base() -> None:
    assert shown_by_a_base("Grpo.loss") and shown_by_a_base("Sft.simulated_gain")
    assert not shown_by_a_base("Grpo.advantages") and not shown_by_a_base("Bench.run")


def test_only_plain_values_of_subpackages_are_shown_by_other_names() -> None:
    assert _is_plain_value(cl.protocol.Answer) and made_by_another("protocol.Answer")
    assert not made_by_another("Budget"), "names at the top have an example of their own"
    assert not _is_plain_value(cl.runs.Store) and not _is_plain_value(cl.protocol.advance)


def _wrong() -> None:
    """Print something else.

    >>> 1 + 1
    3
    """


def _right() -> None:
    """Use each name of the namespace, an ellipsis and other white space.

    >>> cl.Budget(steps=1).steps, int(np.int64(2)), pd.Series([3]).tolist(), list(range(30))
    (1,   2,
     [3], [0, 1, ..., 29])
    """


def test_methods_and_functions_of_packages_are_among_the_public_names() -> None:
    assert {"compare", "Bench.run", "engine.Model.memory", "statistics.holm", "paper.tables.comparison"} <= set(PUBLIC)
    assert "statistics.compare" not in PUBLIC  # it is `cl.compare`
