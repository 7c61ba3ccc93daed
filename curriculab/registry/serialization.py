"""Methods, knobs and settings as JSON, and back.

written(partial(sec, tau=0.2))     # {"method": "sec", "knobs": {"tau": 0.2}}
written(Sft(learning_rate=1e-3))   # {"objective": "sft", "fields": {"learning_rate": 0.001, ...}}

Methods and objectives are named as their registries name them, so that files of the package may move.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import inspect
from collections.abc import Mapping
from functools import partial

import numpy as np

from curriculab.registry.registry import registry_of


def written(value: object) -> object:
    """A method, a knob or a setting as JSON that `made` turns back into it; what cannot be made again says so."""
    if isinstance(value, partial):
        inner = written(value.func)
        knobs = {k: written(v) for k, v in value.keywords.items()}
        return {**inner, "knobs": {**inner.get("knobs", {}), **knobs}} if not value.args else _lost(value)
    if inspect.isfunction(value):
        methods, name = registry_of("method"), value.__name__
        known = methods[name] if name in methods else None
        return {"method": name, "knobs": {}} if known is value else _lost(value)
    if _is_objective(value):
        return {"objective": value.name, "fields": _fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and _ours(type(value)):
        return {"setting": f"{type(value).__module__}:{type(value).__qualname__}", "fields": _fields(value)}
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
    """What `written` wrote: a method with its knobs, a setting, a plain value.

    Only registered methods and objectives, and curriculab's own settings, are called.
    """
    if not isinstance(found, Mapping):
        return found
    if "method" in found:
        methods = registry_of("method")
        method = methods[found["method"]] if found["method"] in methods else None
        if not inspect.isgeneratorfunction(method):
            raise ValueError(f"no method {found['method']!r}; curriculab methods lists them")
        knobs = {k: made(v) for k, v in found.get("knobs", {}).items()}
        return partial(method, **knobs) if knobs else method
    if "objective" in found:
        return registry_of("objective")[found["objective"]](**{k: made(v) for k, v in found["fields"].items()})
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


def _fields(value: object) -> dict[str, object]:
    return {f.name: written(getattr(value, f.name)) for f in dataclasses.fields(value)}


def _is_objective(value: object) -> bool:
    """Are these the settings of a registered objective?"""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    name, objectives = getattr(type(value), "name", None), registry_of("objective")
    return isinstance(name, str) and name in objectives and objectives[name] is type(value)


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
