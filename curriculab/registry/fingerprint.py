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
from pathlib import Path
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
        inner = describe(value.func, seen)
        knobs = {str(i): v for i, v in enumerate(value.args)} | value.keywords
        return {**inner, "knobs": {**inner["knobs"], **{k: describe(v, seen) for k, v in knobs.items()}}}
    if not isinstance(value, type) and callable(getattr(value, "digest", None)):
        return value.digest()  # a model
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        values = {f.name: describe(getattr(value, f.name), seen) for f in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **_modules_or_source(type(value)), **values}
    if inspect.isfunction(value):
        return _function(value, seen)
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [describe(v, seen) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Mapping):
        return {str(k): describe(v, seen) for k, v in value.items()}
    if isinstance(value, pd.DataFrame | pd.Series):
        return digest_of_table(pd.DataFrame(value))
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if inspect.isclass(value) and _is_notebook(value):
        return {"type": value.__qualname__, **_modules_or_source(value)}
    if inspect.ismodule(value) or inspect.isclass(value) or inspect.isbuiltin(value):
        return str(getattr(value, "__qualname__", value.__name__))
    raise ValueError(f"a knob is a {type(value).__name__}; knobs are plain values, frozen dataclasses or methods")


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
    _follow(module.__name__)
    return GRAPH.locate(module.__name__) is None


def _modules_or_source(thing: Callable | type) -> dict[str, object]:
    if not _is_notebook(thing):
        return {"modules": modules(thing)}
    text = _text(thing)
    used = GRAPH.closure(_notebook_uses(thing)) if inspect.isfunction(thing) else {}
    return {"source": text_digest(text), **({"modules": used} if used else {})}


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
    for name in names:
        _follow(name)
    found: dict[str, str] = {}
    for name in names:
        alone = GRAPH.locate(name) is not None and _in_library(name) and not _knows_curriculab(name)
        found |= {name: GRAPH.source(name).digest} if alone else GRAPH.closure([name])
    return dict(sorted(found.items()))


def _in_library(name: str) -> bool:
    libraries = {Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")}
    return GRAPH.homes[name.split(".")[0]].parent in libraries


def _knows_curriculab(name: str) -> bool:
    return any(module.split(".")[0] == "curriculab" for module, _ in GRAPH.source(name).uses)


def _follow(name: str) -> None:
    """Make the graph follow the package of a module; where it is part of no library, what lies beside it as well."""
    top = name.split(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if top in GRAPH.homes or file is None or not file.endswith(".py"):
        return
    path = Path(file)
    home = path.parent if path.name == "__init__.py" else path
    GRAPH.add(top, home)
    if not _in_library(top):
        for beside in (*home.parent.glob("*.py"), *(p.parent for p in home.parent.glob("*/__init__.py"))):
            GRAPH.add(beside.stem, beside)


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
        source = _notebook_source(value) if _is_notebook(value) else GRAPH.source(value.__module__)
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
