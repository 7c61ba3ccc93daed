"""Names: of a method, through what wraps it, and other names of arguments (TRL's is shown, the former is accepted)."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Generator
from operator import attrgetter
from typing import Any, TypeVar

from curriculab.registry.warning import warn

Made = TypeVar("Made", bound=Callable[..., Any])


def also_named(**names: str) -> Callable[[Made], Made]:
    """Decorate a function or a class so that it takes arguments by other names too: ``@also_named(old="new")``.

    The settings of a dataclass are read by the other names too.

    Raises
    ------
    TypeError
        When the function is called with both names of one argument.

    Examples
    --------
    >>> @also_named(rollouts="num_generations")
    ... def answers(*, num_generations=8):
    ...     return num_generations
    >>> answers(rollouts=4), answers(num_generations=2), answers()
    (4, 2, 8)
    """

    def decorate(made: Made) -> Made:
        plain = made.__init__ if inspect.isclass(made) else made

        @functools.wraps(plain)
        def taking(*args: Any, **given: Any) -> Any:
            for other in given.keys() & names.keys():
                name = names[other]
                if name in given:
                    raise TypeError(f"{made.__name__}({name}=, {other}=): both mean the same; give {name}")
                given[name] = given.pop(other)
            return plain(*args, **given)

        if not inspect.isclass(made):
            return taking
        made.__init__ = taking
        if dataclasses.is_dataclass(made):
            for other, name in names.items():
                setattr(made, other, property(attrgetter(name), doc=f"Another name of `{name}`."))
        return made

    return decorate


def no_longer(**why: str) -> Callable[[Made], Made]:
    """Decorate a function whose arguments of these names are gone: one that is given is left out, with a warning.

    Examples
    --------
    >>> from curriculab.registry.names import no_longer
    >>> @no_longer(seed="it draws nothing")
    ... def mean(values):
    ...     return sum(values) / len(values)
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     mean([1, 2], seed=3), str(told[0].message)
    (1.5, 'mean(seed=3): seed is no longer used: it draws nothing; leave it out')
    """

    def decorate(made: Made) -> Made:
        @functools.wraps(made)
        def taking(*args: Any, **given: Any) -> Any:
            for name in given.keys() & why.keys():
                warn(
                    f"{made.__name__}({name}={given.pop(name)!r}): {name} is no longer used: {why[name]}; leave it out"
                )
            return made(*args, **given)

        return taking

    return decorate


def method_name(method: Callable[..., Generator]) -> str:
    """Name of the function behind a method, looked up through functools.partial.

    >>> cl.protocol.method_name(cl.methods.easy_to_hard)
    'easy_to_hard'
    """
    while hasattr(method, "func"):
        method = method.func
    return getattr(method, "__name__", type(method).__name__)
