"""What decides a run, and how it is written down: methods by their source and knobs, versions, code.

A method that can be made again is written as {"method": "sec", "knobs": {"tau": 0.4}}.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from curriculab import __version__, methods
from curriculab.engine.model import Model
from curriculab.methods.check import file_digest
from curriculab.runs import digest_of_table

DECIDES = ("bench", "data", "engine", "environments", "objectives", "protocol", "registry", "rewards", "runs")


MATTERS = ("torch", "transformers", "peft", "bitsandbytes", "numpy", "pandas")  # versions that decide numbers


def describe(method: object, seen: tuple = ()) -> object:
    """A method, or a knob, by everything that decides what it does: source, defaults, and values it reaches."""
    if isinstance(method, partial):
        inner = describe(method.func, seen)
        knobs = {str(i): v for i, v in enumerate(method.args)} | method.keywords
        return {**inner, "knobs": {**inner["knobs"], **{k: describe(v, seen) for k, v in knobs.items()}}}
    if dataclasses.is_dataclass(method) and not isinstance(method, type | Model):
        values = {f.name: describe(getattr(method, f.name), seen) for f in dataclasses.fields(method)}
        return {"type": type(method).__qualname__, **values}
    if inspect.isfunction(method):
        return _function(method, seen)
    if isinstance(method, str | int | float | bool | None):
        return method
    if isinstance(method, list | tuple | set | frozenset):
        return [describe(v, seen) for v in (sorted(method) if isinstance(method, set | frozenset) else method)]
    if isinstance(method, Mapping):
        return {str(k): describe(v, seen) for k, v in method.items()}
    if isinstance(method, pd.DataFrame | pd.Series):
        return digest_of_table(pd.DataFrame(method))
    if isinstance(method, np.ndarray | np.generic):
        return method.tolist()
    if isinstance(method, Model):
        return method.digest()
    if inspect.ismodule(method) or inspect.isclass(method) or inspect.isbuiltin(method):
        return str(getattr(method, "__qualname__", method.__name__))
    raise ValueError(f"a knob is a {type(method).__name__}; knobs are plain values, frozen dataclasses or methods")


def _function(function: Callable, seen: tuple) -> dict[str, object]:
    """A function by the file it stands in; one from a notebook by its own text and the values it reaches."""
    name = f"{function.__module__}.{function.__qualname__}"
    if function.__code__ in seen:
        return {"function": name, "knobs": {}}
    module, seen = inspect.getmodule(function), (*seen, function.__code__)
    in_file = module is not None and getattr(module, "__file__", None) and module.__name__ != "__main__"
    try:
        text = inspect.getsource(module if in_file else function)
    except (OSError, TypeError):
        code = function.__code__
        text = repr((code.co_code, [c for c in code.co_consts if not inspect.iscode(c)], code.co_names))
    found = {"function": name, "source": hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), "knobs": {}}
    if in_file:
        found["beside"] = _beside(module)
    reached = inspect.getclosurevars(function)
    values = {**reached.nonlocals, **({} if in_file else reached.globals)}
    values |= {"defaults": function.__defaults__, "keywords": function.__kwdefaults__}
    return found | {"reached": {k: describe(v, seen) for k, v in values.items() if v is not None}}


@functools.cache
def _beside(module: ModuleType) -> dict[str, str]:
    """Digests of the method files that a method's file takes something from, through any number of them."""
    found, waiting = {}, [module]
    while waiting:
        for value in vars(waiting.pop()).values():
            name = getattr(value, "__module__", None) or ""
            if name.startswith(f"{methods.__name__}.") and name not in (module.__name__, *found):
                waiting.append(sys.modules[name])
                found[name] = file_digest(Path(sys.modules[name].__file__))
    return dict(sorted(found.items()))


@functools.cache
def code() -> str:
    """Digest of the package's files that decide numbers."""
    home = Path(__file__).parents[1]
    files = [f for name in DECIDES for f in sorted((home / name).glob("*.py")) or [home / f"{name}.py"]]
    return hashlib.blake2b(b"".join(f.read_bytes() for f in files), digest_size=8).hexdigest()


def versions() -> dict[str, str]:
    return {"curriculab": __version__, **{name: importlib.metadata.version(name) for name in MATTERS}}


def git() -> str:
    """Commit of the code, with `+` where it was changed; empty outside a checkout."""
    where = Path(__file__).parent
    try:
        command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
        said = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()
