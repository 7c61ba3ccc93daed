"""Open sets by name: methods, measures, objectives, sources and verifiers, each imported when it is asked for.

MEASURES = Registry("measure", "curriculab.difficulty")   # the package's own files, and those of other packages
MEASURES["answer_loss"]                                   # its file is imported now, not before
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from curriculab.registry.warning import warn

Thing = TypeVar("Thing")


# Where the registry of each kind stands: upper packages, which this one does not import before it is asked to.
PLACES = {
    "method": "curriculab.methods.registry:METHODS",
    "objective": "curriculab.objectives.registry:OBJECTIVES",
}
JUDGE = "curriculab.rewards.verification:verify_rows"  # what judges answers; data, which needs it, stands below


def registry_of(kind: str) -> Registry:
    """The registry of a kind, "method" or "objective", imported now."""
    module, _, name = PLACES[kind].partition(":")
    return getattr(importlib.import_module(module), name)


def judge() -> Callable[..., Any]:
    """`verify_rows` of curriculab.rewards, imported now: (rows, texts) -> worth of each text, (rows,)."""
    module, _, name = JUDGE.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Unit:
    """One entry of a registry: where it stands and what it says about itself, known before its file is imported."""

    name: str
    module: str
    attribute: str
    about: Mapping[str, object] = field(default_factory=dict)  # keyword arguments of its decorator
    distribution: str = ""  # the installed package whose entry point offers it; empty for curriculab's own


class Registry:
    """Named units of one kind: a package's own, those registered by the decorator, and entry points of other packages.

    Parameters
    ----------
    kind : str
        What one unit is, in the singular: "method", "measure", "objective", "source", "verifier". It stands in error
        messages, it is the decorator's name that files are searched for, and "curriculab.<kind>s" is the group of
        entry points.
    package : str, optional
        Package whose files hold the own units, such as "curriculab.difficulty". They are found in the text of the
        files, nothing is imported: every function or class at the top of a file that is decorated with
        ``@<kind>``, ``@<kind>(...)`` or the same as an attribute (``@registry.<kind>``). The unit's name is the first
        argument of the decorator where it is a text, else the name of the function or class.
    find : callable, optional
        Own units of the package in another way: a function from the package's name to `Unit`s.
    error : type, optional
        Class of the error for an unknown name (default ValueError).

    Notes
    -----
    Order: own units as files are sorted and lines follow, then those registered from elsewhere as they came, then
    entry points by name. Entry points are read when a name is not found otherwise or when all names are asked for, and
    one is imported when it is looked up. An own unit is never replaced by an entry point of the same name (a warning
    says so).

    A name that ends in ":" stands for all names that begin with it: "gym:" answers for "gym:basic_arithmetic".

    Another package offers a unit in its pyproject.toml::

        [project.entry-points."curriculab.measures"]
        vowels = "my_package.vowels:vowels"

    Examples
    --------
    >>> shapes = Registry("shape")
    >>> shape = shapes.register  # what other files import and write above a function or class
    >>> @shape("ring", corners=0)
    ... def make_ring():
    ...     return "o"
    >>> shapes["ring"]()
    'o'
    >>> shapes.unit("ring").about["corners"], list(shapes), "ring" in shapes
    (0, ['ring'], True)
    >>> shapes["rign"]
    Traceback (most recent call last):
    ValueError: no shape 'rign'; did you mean 'ring'? there are: ring
    """

    def __init__(
        self,
        kind: str,
        package: str | None = None,
        *,
        find: Callable[[str], Iterable[Unit]] | None = None,
        error: type[Exception] = ValueError,
    ) -> None:
        self.kind, self.package, self._error = kind, package, error
        self.group = f"curriculab.{kind}s"
        self._find = find or (lambda name: decorated_units(name, kind))
        self._registered: dict[str, tuple[Unit, Any]] = {}

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {self.package!r})"

    def register(self, name: str | Thing | None = None, /, **about: object) -> Any:
        """Decorate a function or class to enter it: ``@register``, ``@register("name")``, ``@register(needs="model")``.

        The decorated thing is returned as it is. `about` are plain values (written out, not computed) that
        `unit(name).about` gives, for own units without importing the file.

        Examples
        --------
        >>> @cl.data.source("riddles")
        ... def riddles(name):
        ...     return pd.DataFrame({"prompt": ["Keys, but no lock?"], "answer": ["a piano"]}, index=["riddles/1"])
        >>> cl.load_pool("riddles")["answer"].tolist()
        ['a piano']
        """
        if name is None or isinstance(name, str):
            return lambda thing: self._enter(name or thing.__name__, thing, about)
        return self._enter(name.__name__, name, about)

    def __getitem__(self, name: str) -> Any:
        """The unit called `name`, imported now; an unknown name raises one line with the closest name."""
        unit = self.unit(name)
        if unit.name in self._registered:
            return self._registered[unit.name][1]
        try:
            return attrgetter(unit.attribute)(importlib.import_module(unit.module))
        except (ImportError, AttributeError) as problem:
            if not unit.distribution:
                raise
            whose = f"the {self.kind} {name!r} of the package {unit.distribution} ({unit.module}:{unit.attribute})"
            raise ImportError(f"{whose} cannot be imported: {problem}; update or uninstall that package") from problem

    def unit(self, name: str) -> Unit:
        """Where the unit called `name` stands and what it says about itself; nothing is imported.

        Of an entry point the name and place are known; its `about` once it was looked up.
        """
        for names in (self._known, self._offered):
            units = names()
            if found := units.get(name) or units.get(_prefix(name, units)):
                return found
        raise self._error(self._unknown(name))

    def units(self) -> dict[str, Unit]:
        """All units by name, in a stable order; nothing is imported."""
        known, offered = self._known(), self._offered()
        for name in offered.keys() & self._own.keys():
            warn(
                f"the package {offered[name].distribution} offers a {self.kind} {name!r}, a name that curriculab has "
                "itself: it is left out; ask its authors for another name"
            )
        first = {name: unit for name, unit in known.items() if name in self._own or name not in offered}
        return {**first, **{name: known.get(name, unit) for name, unit in offered.items() if name not in first}}

    def __iter__(self) -> Iterator[str]:
        return iter(self.units())

    def __len__(self) -> int:
        return len(self.units())

    def __contains__(self, name: object) -> bool:
        return any(name in names() or _prefix(name, names()) in names() for names in (self._known, self._offered))

    def refresh(self) -> None:
        """Look for files and entry points again, after a package was installed into this running Python."""
        for name in ("_own", "_entry_points"):
            self.__dict__.pop(name, None)
        importlib.invalidate_caches()

    def _enter(self, name: str, thing: Thing, about: Mapping[str, object]) -> Thing:
        unit = Unit(name, getattr(thing, "__module__", ""), getattr(thing, "__qualname__", name), dict(about))
        inside = self.package is not None and f"{unit.module}.".startswith(f"{self.package}.")
        taken: Unit | None = None
        if name in self._registered:
            taken, _ = self._registered[name]
        elif not inside:
            taken = self._own.get(name)
        if taken and (taken.module, taken.attribute) != (unit.module, unit.attribute):
            where = f"{taken.module}:{taken.attribute}"
            raise ValueError(f"there is a {self.kind} {name!r} already ({where}); register this one by another name")
        self._registered[name] = unit, thing
        return thing

    def _known(self) -> dict[str, Unit]:
        """Own units and those registered by the decorator."""
        return {**self._own, **{name: unit for name, (unit, _) in self._registered.items() if name not in self._own}}

    @cached_property
    def _own(self) -> dict[str, Unit]:
        return {unit.name: unit for unit in self._find(self.package)} if self.package else {}

    def _offered(self) -> dict[str, Unit]:
        """Units of other packages by name, in the order of names; none of them imported."""
        return self._entry_points

    @cached_property
    def _entry_points(self) -> dict[str, Unit]:
        found: dict[str, Unit] = {}
        points = importlib.metadata.entry_points(group=self.group)
        for point in sorted(points, key=lambda p: (p.name, p.value)):
            distribution = point.dist.name if point.dist else point.module
            found.setdefault(point.name, Unit(point.name, point.module, point.attr, {}, distribution))
        return found

    def _unknown(self, name: object) -> str:
        names = list(self.units())
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"no {self.kind} {name!r}; {hint}there are: {', '.join(names) or 'none yet'}"


def decorated_units(package: str, decorator: str) -> Iterator[Unit]:
    """Functions and classes at the top of a package's files that carry a decorator, read from the files' text.

    Parameters
    ----------
    package : str
        Name of an importable package; it is located, not imported.
    decorator : str
        Name of the decorator, such as "measure".

    Yields
    ------
    Unit
        In the order of paths, then of lines.
    """
    for module, path in modules_of(package):
        text = path.read_text(encoding="utf-8")
        if f"@{decorator}" not in text and f".{decorator}" not in text:
            continue  # parsing takes about 1 ms a file
        for node in ast.parse(text, str(path)).body:
            for mark in getattr(node, "decorator_list", ()):
                call = mark.func if isinstance(mark, ast.Call) else mark
                if decorator == (call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", None)):
                    yield _unit(node, mark, module)


def modules_of(package: str) -> list[tuple[str, Path]]:
    """Modules of a package, those of its subpackages included, as (name, file) in the order of paths."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"no package {package!r} to search for units; check its name")
    home = Path(spec.submodule_search_locations[0])
    found = []
    for path in sorted(home.rglob("*.py")):
        parts = path.relative_to(home).with_suffix("").parts
        found.append((".".join((package, *(p for p in parts if p != "__init__"))), path))
    return found


def _unit(node: ast.FunctionDef | ast.ClassDef, mark: ast.expr, module: str) -> Unit:
    """A unit as its decorator in the text says; arguments that are computed raise one line."""
    name, about = node.name, {}
    if isinstance(mark, ast.Call):
        try:
            name = ast.literal_eval(mark.args[0]) if mark.args else name
            about = {k.arg: ast.literal_eval(k.value) for k in mark.keywords}
        except ValueError:
            raise ValueError(
                f"{module}:{node.name} (line {mark.lineno}): the arguments of its decorator are computed; write them "
                "out as plain values, so that they can be read without importing the file"
            ) from None
    return Unit(name, module, node.name, about)


def _prefix(name: object, units: Iterable[str]) -> str | None:
    """The longest name ending in ":" that `name` begins with."""
    fitting = [unit for unit in units if unit.endswith(":") and str(name).startswith(unit)]
    return max(fitting, key=len, default=None)
