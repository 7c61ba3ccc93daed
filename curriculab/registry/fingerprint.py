"""What decides a run: methods by their code and knobs, the modules that they use, versions of libraries.

Nothing is listed by hand: from a few roots (the method, the training loop, the objective, the measures that made its
columns) the imports are followed in the files, see `curriculab.registry.imports`.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath
from types import ModuleType

import numpy as np
import pandas as pd

import curriculab
from curriculab.registry.digests import digest_of_table
from curriculab.registry.imports import ImportGraph, Source, Use, read_source, text_digest

HASHED_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "numpy", "pandas")  # their versions decide numbers

GRAPH = ImportGraph({"curriculab": Path(__file__).parents[1]})


def describe(value: object, seen: tuple = ()) -> object:
    """A method, or a knob, by everything that decides what it does: code, defaults, and values it reaches."""
    if isinstance(value, partial):
        found = describe(value.func, seen)
        inner = found if isinstance(found, dict) else {"type": found}
        knobs = {str(i): v for i, v in enumerate(value.args)} | value.keywords
        return {**inner, "knobs": {**inner.get("knobs", {}), **{k: describe(v, seen) for k, v in knobs.items()}}}
    if not isinstance(value, type) and callable(getattr(value, "digest", None)):
        return _named_by_itself(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        values = {f.name: describe(getattr(value, f.name), seen) for f in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **_modules_or_source(type(value)), **values}
    if inspect.isfunction(value):
        return _function(value, seen)
    if inspect.ismethod(value):
        return {**_function(value.__func__, seen), "of": describe(value.__self__, seen)}
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [describe(v, seen) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Mapping):
        return {str(k): describe(v, seen) for k, v in value.items()}
    if isinstance(value, pd.DataFrame | pd.Series):
        return digest_of_table(pd.DataFrame(value))
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if inspect.isclass(value) and (_is_notebook(value) or not _stands_alone(value.__module__)):
        return {"type": value.__qualname__, **_modules_or_source(value)}
    if inspect.ismodule(value) or inspect.isclass(value) or inspect.isbuiltin(value):
        return str(getattr(value, "__qualname__", value.__name__))
    raise ValueError(f"a knob is a {type(value).__name__}; knobs are plain values, frozen dataclasses or methods")


def _named_by_itself(value: object) -> object:
    """What has a `digest()`: a model by that alone, what is defined elsewhere by its code as well."""
    kind = type(value)
    if kind.__module__.split(".")[0] == "curriculab":
        return value.digest()
    return {"type": kind.__qualname__, **_modules_or_source(kind), "digest": value.digest()}


def _function(function: Callable, seen: tuple) -> dict[str, object]:
    """A function by the modules it uses; one from a notebook by its own text and the values it reaches, too."""
    name = f"{function.__module__}.{function.__qualname__}"
    if function.__code__ in seen:
        return {"function": name, "knobs": {}}
    seen = (*seen, function.__code__)
    found = {"function": name, "knobs": {}, **_modules_or_source(function)}
    reached = inspect.getclosurevars(function)
    values = {**reached.nonlocals, **(reached.globals if _is_notebook(function) else {})}
    values |= {"defaults": function.__defaults__, "keywords": function.__kwdefaults__}
    return found | {"reached": {k: describe(v, seen) for k, v in values.items() if v is not None}}


def _is_notebook(thing: object) -> bool:
    """Was a function or class defined in a notebook or in a script that is run, not in a module that can be followed?

    A module in a folder without `__init__.py` cannot be followed either: there the text and what it reaches count.
    """
    module = inspect.getmodule(thing)
    if module is None or not getattr(module, "__file__", None) or module.__name__ == "__main__":
        return True
    return _graph(module.__name__).locate(module.__name__) is None


def _modules_or_source(thing: Callable | type) -> dict[str, object]:
    if not _is_notebook(thing):
        return {"modules": modules(thing)}
    text = _text(thing)
    used: dict[str, str] = {}
    for module, names in _notebook_uses(thing) if inspect.isfunction(thing) else ():
        if not _stands_alone(module):
            used |= _graph(module).closure([(module, names)])
    return {"source": text_digest(text), **({"modules": dict(sorted(used.items()))} if used else {})}


def _text(thing: Callable | type) -> str:
    """The text that a function or class of a notebook was written as; without one its compiled code."""
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        code = getattr(thing, "__code__", None)
        if code is None:
            return repr(sorted(vars(thing)))
        return repr((code.co_code, [c for c in code.co_consts if not inspect.iscode(c)], code.co_names))


def _notebook_uses(function: Callable) -> Iterator[Use]:
    """What a function of a notebook takes from curriculab through modules: `cl.methods.sec` in its text."""
    source = _notebook_source(function)
    yield from source.uses if source else ()


def _notebook_source(function: Callable) -> Source | None:
    reached = inspect.getclosurevars(function)
    known = {**reached.globals, **reached.nonlocals}
    homes = {name: (value.__name__, ()) for name, value in known.items() if isinstance(value, ModuleType)}
    try:
        return read_source(_text(function), known=homes)
    except SyntaxError:
        return None


# -- modules ------------------------------------------------------------------------------------------------------
def modules(*roots: object) -> dict[str, str]:
    """Digest of every module that the roots use, by name.

    Parameters
    ----------
    *roots : str, function, class or module
        Where to begin: names of modules, or what stands in them.

    Returns
    -------
    dict of str to str
        Names of modules in alphabetical order, each with the digest (16 hex digits) of its syntax tree without
        docstrings. A function of another package brings in the modules of that package that it uses, too; libraries
        that know nothing of curriculab count with the one file.
    """
    names = [root if isinstance(root, str) else getattr(root, "__module__", None) or root.__name__ for root in roots]
    found: dict[str, str] = {}
    for name in names:
        graph = _graph(name)
        found |= {name: graph.source(name).digest} if _stands_alone(name) else graph.closure([name])
    return dict(sorted(found.items()))


def _stands_alone(name: str) -> bool:
    """Is this a module of a library that knows nothing of curriculab? Then its imports are not followed."""
    graph, top = _graph(name), name.split(".")[0]
    if (
        top in GRAPH.homes
        or top not in graph.homes
        or graph.homes[top].parent not in _libraries()
        or graph.locate(name) is None
    ):
        return False
    return all(module.split(".")[0] != "curriculab" for module, _ in graph.source(name).uses)


def _libraries() -> set[Path]:
    return {Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")}


def _graph(name: str) -> ImportGraph:
    """The graph that a module is followed in: curriculab, its own package, and outside libraries what lies beside it.

    It depends on where the module stands and on nothing that was followed before.
    """
    top = name.split(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if top in GRAPH.homes or file is None or not file.endswith(".py"):
        return GRAPH
    path = Path(file)
    home = path.parent if path.name == "__init__.py" else path
    homes = {top: home}
    if home.parent not in _libraries():
        beside = (*home.parent.glob("*.py"), *(p.parent for p in home.parent.glob("*/__init__.py")))
        homes = {p.stem: p for p in beside} | homes
    return GRAPH.extended(homes)


def texts(value: object) -> set[str]:
    """Every short text in a method's own code and knobs: among them the names of the columns that it reads."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        return {str(k) for k in value}.union(*map(texts, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*map(texts, value))
    if isinstance(value, partial):
        return texts(value.func) | texts(value.args) | texts(value.keywords)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return texts([getattr(value, f.name) for f in dataclasses.fields(value)])
    if inspect.isfunction(value):
        source = _notebook_source(value) if _is_notebook(value) else _graph(value.__module__).source(value.__module__)
        return set(source.texts if source else ()) | texts(value.__defaults__) | texts(value.__kwdefaults__)
    return set()


def versions() -> dict[str, str]:
    """Versions of curriculab and of the libraries that decide numbers."""
    return {"curriculab": curriculab.__version__, **{p: importlib.metadata.version(p) for p in HASHED_PACKAGES}}


def git() -> str:
    """Commit of the code, with `+` where it was changed; empty outside a checkout."""
    where = Path(__file__).parent
    try:
        command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
        said = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()
