"""One paper or classic a file, grouped by what it varies; CATALOG lists them all, written or planned.

cl.methods.easy_to_hard                        # the function, its file imported when first asked for
[e.function for e in cl.methods.CATALOG if e.status == "held"]

A written method says everything about itself at the head of its file, in lines `Title`, `Authors`, `Year`, `Number`,
`Needs`, `Role`, `Adapts` and `Trains`; they are read without importing it. Systems that are not written yet stand
in planned.csv. Methods of other packages come by entry points of the group curriculab.methods.
"""

from __future__ import annotations

import ast
import csv
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import pandas as pd

from curriculab.methods.check import RESULTS, TIERS, Check, CheckBench, claim_digest, load_checks, result_of
from curriculab.protocol import Method
from curriculab.registry.registry import Registry, Unit, modules_of

STATUS = ("planned", "untried", "stale", *RESULTS)
HEAD = ("Title", "Authors", "Year", "Number", "Needs", "Role", "Adapts", "Trains")
HOME = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue.

    Parameters
    ----------
    number : int or None
        Of a published system; None for classics and controls.
    title, authors : str
        Of the paper; authors "" where not known.
    year : int or None
        Of the paper.
    group, function : str
        Folder of the method's file, and its name.
    needs : mapping of str to tuple of str
        What a bench must have, such as {"objective": ("grpo",), "columns": ("level",)}.
    role : str
        "control" for what stands beside curricula.
    adapts : bool
        False where it draws alike whatever the learner does (`Adapts   no`).
    trains : bool
        False where it only asks and says how it is tested, and takes no step (`Trains   no`).
    module : str
        Where the method stands, "" for curriculab's own.
    claims : bool
        False where its file has no `check`.

    Examples
    --------
    >>> entry = next(e for e in cl.methods.CATALOG if e.function == "easy_to_hard")
    >>> entry.path.name, entry.method is cl.methods.easy_to_hard, entry.check.__name__, entry.status == "planned"
    ('easy_to_hard.py', True, 'check', False)
    """

    number: int | None
    title: str
    authors: str
    year: int | None
    group: str
    function: str
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    role: str = ""
    adapts: bool = True
    trains: bool = True
    module: str = ""
    claims: bool = True

    @property
    def path(self) -> Path:
        """The method's file; it is not there while the method is planned."""
        if not self.module:
            return HOME / self.group / f"{self.function}.py"
        spec = importlib.util.find_spec(self.module)
        return Path(spec.origin if spec and spec.origin else "")

    @property
    def file_module(self) -> str:
        """The module that the method stands in.

        Examples
        --------
        >>> import curriculab as cl
        >>> next(e for e in cl.methods.CATALOG if e.function == "sec").file_module
        'curriculab.methods.online.sec'
        """
        return self.module or f"curriculab.methods.{self.group}.{self.function}"

    @property
    def method(self) -> Method:
        """The function, its file imported now."""
        return method_of(self.function)

    @property
    def check(self) -> Callable[[CheckBench], Check] | None:
        """The method's check, None where it has none."""
        return getattr(_module(self), "check", None)

    @property
    def recorded(self) -> dict[str, object] | None:
        """What `curriculab methods check` recorded of its claims, None where it never ran.

        Examples
        --------
        >>> entry = next(e for e in cl.methods.CATALOG if e.function == "easy_to_hard")
        >>> entry.recorded is None or "claim" in entry.recorded
        True
        """
        return load_checks().get(self.function)

    @property
    def status(self) -> str:
        """Planned (no file yet), untried (never checked), stale (code that it runs changed since), or what came out.

        That is, on the simulated student: held or refuted; mechanism, where the claim is of what the method decides;
        or not testable at this size.
        """
        if not self.path.exists():
            return "planned"
        record = self.recorded
        if record is None:
            return "untried"
        if record["digest"] != claim_digest(self.file_module):
            return "stale"
        return result_of(record)

    @property
    def tier(self) -> str:
        """What its claims were tried on, such as "simulated, pocket"; "" where none is recorded.

        Examples
        --------
        >>> entry = next(e for e in cl.methods.CATALOG if e.function == "easy_to_hard")
        >>> entry.tier in ("", "simulated", "simulated, pocket")
        True
        """
        record = self.recorded
        if record is None:
            return ""
        found = {one.get("tier", TIERS[0]) for one in (record, *record.get("models", ()))}
        return ", ".join(tier for tier in TIERS if tier in found)

    @property
    def default_knobs(self) -> bool | None:
        """Whether the status is of the method's default knobs; None where nothing is recorded.

        Examples
        --------
        >>> entry = next(e for e in cl.methods.CATALOG if e.function == "easy_to_hard")
        >>> entry.default_knobs in (None, True, False)
        True
        """
        return None if self.recorded is None else not self.recorded.get("knobs")


def read_head(text: str) -> dict[str, str]:
    """The lines `Title`, `Authors`, ... at the head of a method's file, by name; text: its docstring."""
    lines = [line.partition(" ") for line in text.splitlines()]
    return {"": text.partition("\n")[0], **{word: rest.strip() for word, _, rest in lines if word in HEAD}}


def _entry(function: str, group: str, path: Path, module: str = "") -> Entry:
    """A written method as its file tells it, which is read but not imported."""
    file = ast.parse(path.read_text(encoding="utf-8"), str(path))
    head = read_head(ast.get_docstring(file) or "")
    title = head.get("Title") or head[""]
    return Entry(
        number=_number(head, "Number", path),
        title=title,
        authors=head.get("Authors", ""),
        year=_number(head, "Year", path),
        group=group,
        function=function,
        needs=_needs(head),
        role=head.get("Role", ""),
        adapts=head.get("Adapts") != "no",
        trains=head.get("Trains") != "no",
        module=module,
        claims=any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in file.body),
    )


def _needs(head: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    needs = {}
    for part in filter(None, (part.strip() for part in head.get("Needs", "").split(";"))):
        what, _, names = part.partition(" ")
        needs[what] = tuple(name.strip() for name in names.split(","))
    return needs


def declared_needs(method: Method) -> dict[str, tuple[str, ...]]:
    """What the file of a method declares as `Needs`; nothing for one that was written in a notebook.

    Examples
    --------
    >>> from curriculab.methods.registry import declared_needs
    >>> declared_needs(cl.methods.sari)
    {'objective': ('grpo',)}
    """
    while hasattr(method, "func"):
        method = method.func
    module = sys.modules.get(getattr(method, "__module__", ""))
    return _needs(read_head(inspect.getdoc(module) or "")) if module is not None else {}


def _number(head: Mapping[str, str], name: str, path: Path) -> int | None:
    text = head.get(name)
    if text and not text.isdigit():
        raise ValueError(f"{path.name}: {name} {text!r} at its head is no whole number; write one, or leave it out")
    return int(text) if text else None


def _files(package: str) -> Iterator[Unit]:
    """Own methods: a file of a group's folder holds the method of its name."""
    for module, path in modules_of(package):
        if path.parent.parent == HOME and path.stem != "__init__":
            yield Unit(path.stem, module, path.stem, {"group": path.parent.name})


METHODS = Registry("method", "curriculab.methods", find=_files)


@cache
def entries() -> tuple[Entry, ...]:
    """All methods: random order, classics as groups and years follow, numbered systems, those of other packages."""
    own = [unit for unit in METHODS.units().values() if not unit.distribution and "group" in unit.about]
    found = [_entry(unit.name, unit.about["group"], HOME / unit.about["group"] / f"{unit.name}.py") for unit in own]
    found = sorted([*found, *_planned()], key=_place)
    others = [unit for unit in METHODS.units().values() if unit.distribution]
    return (*found, *(_foreign(unit) for unit in others))


def _planned() -> list[Entry]:
    with (HOME / "planned.csv").open(encoding="utf-8", newline="") as lines:
        return [
            Entry(
                int(line["number"]) if line["number"] else None,
                line["title"],
                line["authors"],
                int(line["year"]) if line["year"] else None,
                line["group"],
                line["function"],
            )
            for line in csv.DictReader(lines)
        ]


def _place(entry: Entry) -> tuple:
    online = entry.group != "order" and entry.number is None
    return entry.function != "random_order", entry.number or 0, online, entry.year or 9999, entry.function


def _foreign(unit: Unit) -> Entry:
    """A method of another package; its file is read, not imported."""
    spec = importlib.util.find_spec(unit.module)
    if spec is None or not spec.origin:
        return Entry(None, unit.name, "", None, unit.distribution, unit.name, module=unit.module)
    return _entry(unit.name, unit.distribution, Path(spec.origin), unit.module)


def __getattr__(name: str) -> object:
    if name == "CATALOG":  # made when first asked for: the heads of all files are read
        return entries()
    if name == "CONTROLS":
        return random_controls()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def method_of(name: str) -> Method:
    """A method by its name; its file is imported when it is first asked for."""
    if name in METHODS:
        return METHODS[name]
    planned = {entry.function: entry for entry in _planned()}
    if name in planned:
        raise AttributeError(f"the method {name!r} ({planned[name].title}) is planned and not written yet")
    written = ", ".join(e.function for e in entries() if e.path.exists())
    raise AttributeError(f"curriculab.methods has no {name!r}; it has {written}")


def _module(entry: Entry) -> ModuleType:
    return importlib.import_module(entry.file_module)


def random_controls() -> tuple[str, ...]:
    """Controls that are random by intent: they claim nothing, so that their files have no check."""
    return tuple(entry.function for entry in entries() if entry.role == "control" and not entry.claims)


def checkable() -> list[Entry]:
    """Methods that are written and claim something: all but the random controls.

    Examples
    --------
    >>> names = [entry.function for entry in cl.methods.checkable()]
    >>> "easy_to_hard" in names, "random_order" in names
    (True, False)
    """
    return [entry for entry in entries() if entry.path.exists() and entry.function not in random_controls()]


def catalog() -> pd.DataFrame:
    """CATALOG as a table: number, title, authors, year, group, function, status, tier, default_knobs.

    `status` is of the claim on the simulated student, at the method's default knobs where `default_knobs` is true;
    `tier` names all that claims of the method were tried on.

    Examples
    --------
    >>> cl.methods.catalog().set_index("function").loc["easy_to_hard", "group"]
    'order'
    """
    columns = ("number", "title", "authors", "year", "group", "function", "status", "tier", "default_knobs")
    table = pd.DataFrame([attrgetter(*columns)(entry) for entry in entries()], columns=columns)
    return table.astype({"number": "Int64", "year": "Int64", "default_knobs": "boolean"})
