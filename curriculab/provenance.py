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
from curriculab.models import Model
from curriculab.runs import digest_of_table

DECIDES = (
    "adapters",
    "bench",
    "draws",
    "drive",
    "generation",
    "journal",
    "learner",
    "loop",
    "models",
    "objectives",
    "pool",
    "requests",
    "rewards",
)
MATTERS = ("torch", "transformers", "peft", "bitsandbytes", "numpy", "pandas")  # versions that decide numbers


# -- what decides -----------------------------------------------------------------------------------------------------
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
                found[name] = methods.file_digest(Path(sys.modules[name].__file__))
    return dict(sorted(found.items()))


@functools.cache
def code() -> str:
    """Digest of the package's files that decide numbers."""
    home = Path(__file__).parent
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


# -- what can be made again -------------------------------------------------------------------------------------------
def written(value: object) -> object:
    """A method, a knob or a setting as JSON that `made` turns back into it; what cannot be made again says so."""
    if isinstance(value, partial):
        inner = written(value.func)
        knobs = {k: written(v) for k, v in value.keywords.items()}
        return {**inner, "knobs": {**inner.get("knobs", {}), **knobs}} if not value.args else _lost(value)
    if inspect.isfunction(value):
        name = value.__name__
        known = getattr(methods, name, None) if name in dir(methods) else None
        return {"method": name, "knobs": {}} if known is value else _lost(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and _ours(type(value)):
        fields = {f.name: written(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"setting": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, list | tuple):
        return {"list" if isinstance(value, list) else "tuple": [written(v) for v in value]}
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        return {"mapping": {k: written(v) for k, v in value.items()}}
    return _lost(value)


def made(found: object) -> object:
    """What `written` wrote: a method with its knobs, a setting, a plain value; only curriculab's own are called."""
    if not isinstance(found, Mapping):
        return found
    if "method" in found:
        method = getattr(methods, found["method"]) if found["method"] in dir(methods) else None
        if not inspect.isgeneratorfunction(method):
            raise ValueError(f"no method {found['method']!r}; python -m curriculab.methods lists them")
        knobs = {k: made(v) for k, v in found.get("knobs", {}).items()}
        return partial(method, **knobs) if knobs else method
    if "setting" in found:
        return _setting(found["setting"])(**{k: made(v) for k, v in found["fields"].items()})
    for kind, make in (("list", list), ("tuple", tuple)):
        if kind in found:
            return make(made(v) for v in found[kind])
    if "mapping" in found:
        return {k: made(v) for k, v in found["mapping"].items()}
    raise ValueError(
        f"{found.get('lost', found)!r} was written in a notebook or script and cannot be made again from a file; run "
        "it where it is defined"
    )


def _lost(value: object) -> dict[str, str]:
    return {"lost": str(getattr(value, "__qualname__", None) or type(value).__qualname__)}


def _ours(kind: type) -> bool:
    return kind.__module__.split(".")[0] == "curriculab" and "." not in kind.__qualname__


def _setting(name: str) -> type:
    module, _, kind = name.partition(":")
    found = getattr(importlib.import_module(module), kind, None) if module.startswith("curriculab.") else None
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and _ours(found)):
        raise ValueError(f"{name!r} is no setting of curriculab")
    return found
