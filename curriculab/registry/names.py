"""Other names of arguments: TRL's is the one that is shown, the one of before is accepted."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

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
