"""A method's knobs against the types it declares, before anything trains.

check_knobs(partial(competence, until="half"))
ValueError: competence(until='half'); until is a number, such as 0.5
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence

import numpy as np

LARGEST = 1e6  # no knob means more than this, and a loop of so many turns still ends


def check_knobs(method: Callable[..., object]) -> None:
    """Refuse, in one line, a knob that a method of curriculab does not have, or whose value is of another type."""
    knobs: dict[str, object] = {}
    while isinstance(method, functools.partial):
        knobs = {**method.keywords, **knobs}
        method = method.func
    if not getattr(method, "__module__", "").startswith("curriculab.") or not inspect.isfunction(method):
        return
    name, hints = method.__name__, typing.get_type_hints(method)
    parameters = inspect.signature(method).parameters
    known = {k: p for k, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for knob, value in knobs.items():
        if knob not in known and passes_on:
            continue
        if knob not in known:
            near = difflib.get_close_matches(knob, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"{name} has no knob {knob!r}; {hint}it has {', '.join(known) or 'none'}")
        default = known[knob].default
        if value is not default and not fits(value, hints.get(knob, object)):
            such = f", such as {default!r}" if default is not inspect.Parameter.empty else ""
            raise ValueError(f"{name}({knob}={_short(value)}); {knob} is {_said(hints[knob])}{such}")


def fits(value: object, kind: object) -> bool:
    """Is a value of an annotated type? Numbers are finite and of a size that means something."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        settings = all(dataclasses.is_dataclass(k) for k in inside)  # a pacing: methods know themselves what it may be
        return settings or any(fits(value, k) for k in inside)
    if kind in (int, float):
        whole = int | np.integer
        number = isinstance(value, whole if kind is int else whole | float | np.floating)
        return number and not isinstance(value, bool) and math.isfinite(value) and abs(value) <= LARGEST
    if kind is bool:
        return isinstance(value, bool | np.bool_)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(fits(v, inside[0]) for v in value)  # how many: the method's
    if origin is Sequence:
        listed = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
        return listed and all(fits(v, inside[0]) for v in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(fits(k, inside[0]) and fits(v, inside[1]) for k, v in value.items())
    if origin is Callable or getattr(kind, "_is_protocol", False):
        return callable(value)
    return not isinstance(kind, type) or isinstance(value, kind)


WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", type(None): "None"}


def _said(kind: object) -> str:
    """A type in words: "a text or None"."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_said, inside))
    if origin is tuple:
        many = "texts" if inside[0] is str else "numbers"
        return f"a tuple of {many}" if inside[-1] is Ellipsis else f"a tuple of {len(inside)} {many}"
    if origin is Sequence:
        return "a list of texts" if inside[0] is str else "a list of pairs"
    if origin is Mapping:
        return "a dictionary"
    if origin is Callable:
        return "a method"
    return WORDS.get(kind) or f"a {getattr(kind, '__name__', str(kind))}"


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:50]}..."
