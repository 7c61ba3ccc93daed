"""One paper or classic a file, grouped by what it varies; CATALOG lists them all, written or planned.

cl.methods.easy_to_hard                        # the function, its file imported when first asked for
[e.function for e in cl.methods.CATALOG if e.status == "held"]
"""

from __future__ import annotations

from curriculab.methods.check import Check, CheckBench, load_checks
from curriculab.methods.controls import controls
from curriculab.methods.registry import Entry, catalog, checkable, entries, method_of, random_controls

__all__ = ["CATALOG", "CONTROLS", "Check", "CheckBench", "Entry", "catalog", "checkable", "controls", "load_checks"]


def __getattr__(name: str) -> object:
    if name == "CATALOG":
        return entries()
    return random_controls() if name == "CONTROLS" else method_of(name)


def __dir__() -> list[str]:
    return sorted([*__all__, *(entry.function for entry in entries() if entry.path.exists())])
