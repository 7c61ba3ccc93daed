"""What a method's knobs say of themselves, and a check of values against it before anything trains.

def sec(pool, run, *, tau: Annotated[float, Knob(0.05, 2.0, "temperature of the draw", step=0.05)] = 0.4): ...

knobs_of(sec)["tau"].help    # 'temperature of the draw'
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
from dataclasses import dataclass

import numpy as np

LARGEST = 1e6  # no knob means more than this, and a loop of so many turns still ends


@dataclass(frozen=True)
class Knob:
    """What a knob does, which values it may have, and what a widget offers for it: a slider, a menu or nothing.

    Parameters
    ----------
    low, high : float, optional
        Range of a slider; values outside it are allowed in Python. Both or neither.
    help : str
        What the knob does, in plain words.
    step : float, optional
        Step of the slider.
    choices : tuple, optional
        Values of a menu, instead of a slider.
    least, above, most, below : float, optional
        Bounds that a value must keep: at least, more than, at most, less than.

    Raises
    ------
    ValueError
        Where there is half a range, or a slider and a menu at once, or a slider reaches beyond the bounds.

    Examples
    --------
    >>> Knob(0.05, 2.0, "temperature of the draw", step=0.05).help
    'temperature of the draw'
    """

    low: float | None = None
    high: float | None = None
    help: str = ""
    _: dataclasses.KW_ONLY
    step: float | None = None
    choices: tuple[object, ...] = ()
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"Knob(low={self.low}, high={self.high}) has half a range; give both ends or neither")
        if self.low is None:
            return
        if self.choices:
            raise ValueError(f"Knob({self.low}, {self.high}, choices=...) is a slider and a menu; give one of them")
        if not self.low < self.high:
            raise ValueError(f"Knob(low={self.low}, high={self.high}) has no range; give low below high")
        for end in (self.low, self.high):
            if not self.allows(end):
                raise ValueError(f"Knob({self.low}, {self.high}) reaches {end}, which is not {self.bounds}")

    @property
    def bounds(self) -> str:
        """The bounds in words: "more than 0 and at most 1"; empty without bounds."""
        ends = {"at least": self.least, "more than": self.above, "at most": self.most, "less than": self.below}
        return " and ".join(f"{words} {end:g}" for words, end in ends.items() if end is not None)

    def allows(self, value: float) -> bool:
        """Does a number keep the bounds?"""
        if self.least is not None and not value >= self.least:  # refuses NaN as well, as do the next three
            return False
        if self.above is not None and not value > self.above:
            return False
        if self.most is not None and not value <= self.most:
            return False
        return self.below is None or value < self.below


def knobs_of(method: Callable[..., object]) -> dict[str, Knob]:
    """Knobs that a method describes in its signature, in its order.

    Parameters
    ----------
    method : callable
        A method, or a partial of one.

    Returns
    -------
    dict of str to Knob
        Knobs whose annotation carries a `Knob`, with or without a slider or a menu.
    """
    while isinstance(method, functools.partial):
        method = method.func
    found = {}
    for name, hint in typing.get_type_hints(method, include_extras=True).items():
        for about in getattr(hint, "__metadata__", ()):
            if isinstance(about, Knob):
                found[name] = about
    return found


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
            raise ValueError(f"{name}({knob}={_short(value)}); {knob} is {type_in_words(hints[knob])}{such}")
    check_bounds(method, knobs)


def check_bounds(method: Callable[..., object], values: Mapping[str, object]) -> None:
    """Refuse, in one line, a number outside the bounds of its knob: the first statement of a method with bounds.

    Parameters
    ----------
    method : callable
        The method, whose signature states the bounds.
    values : mapping of str to object
        Values by name; those that are no numbers or belong to no knob are passed over.

    Raises
    ------
    ValueError
        Where a number lies outside.

    Examples
    --------
    >>> check_bounds(cl.methods.sec, {"tau": 0.4, "alpha": 2.0})
    Traceback (most recent call last):
    ValueError: sec(alpha=2.0); give alpha more than 0 and at most 1
    """
    for knob, about in knobs_of(method).items():
        value = values.get(knob)
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if number and not about.allows(value):
            optional = "None" in type_in_words(typing.get_type_hints(method)[knob])
            such = f"{about.bounds}, or None" if optional else about.bounds
            raise ValueError(f"{method.__name__}({knob}={_short(value)}); give {knob} {such}")


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


def type_in_words(kind: object) -> str:
    """A type in words: "a text or None"."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(type_in_words, inside))
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
