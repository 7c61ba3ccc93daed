"""The catalogue, one line a method; and the checks.

curriculab methods                number, name, group, status of every method
curriculab methods show NAME      what it is: paper, changes, equation, knobs, and what its check found
curriculab methods check NAME     try one method's claim (or all), record it; exit 0 only where it held
"""

from __future__ import annotations

import argparse
import inspect
import json
import platform
import sys
import time
from datetime import date

import numpy as np
import pandas as pd

from curriculab import __version__
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.methods.check import Check, checks_path, claim_digest, load_checks
from curriculab.methods.registry import CATALOG, Entry, checkable, random_controls
from curriculab.registry.knobs import Knob, knobs_of
from curriculab.registry.writing import write_whole


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="curriculab methods", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser("check", help="try a method's claim and record what came out")
    check.add_argument("name", help="a method of the catalogue, or all")
    shown = commands.add_parser("show", help="print a method's paper, equation and knobs")
    shown.add_argument("name", help="a method of the catalogue")
    given = parser.parse_args(arguments)
    if given.command is None:
        print("\n".join(line(entry) for entry in CATALOG))
        return 0
    if given.command == "show":
        entry = next((e for e in CATALOG if e.function == given.name and e.path.exists()), None)
        print(card(entry) if entry else f"no method {given.name!r} is written", file=None if entry else sys.stderr)
        return 0 if entry else 2
    try:
        entries = asked(given.name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    held = [run_check(entry) for entry in entries]
    if len(held) > 1:
        print(f"{sum(held)} of {len(held)} held")
    return 0 if all(held) else 1


def line(entry: Entry) -> str:
    """Number (or -), name, group and status of one method."""
    number = "-" if entry.number is None else entry.number
    return f"{number!s:>2}  {entry.function:<24}{entry.group:<11}{entry.status}"


def card(entry: Entry) -> str:
    """A written method on one page: header, equation, knobs with their defaults, and its recorded check."""
    method = entry.method
    knobs = [p for p in inspect.signature(method).parameters.values() if p.kind is p.KEYWORD_ONLY]
    lines = [inspect.getdoc(sys.modules[method.__module__]), "", inspect.getdoc(method), ""]
    described = knobs_of(method)
    for knob in knobs:
        lines += [f"  {knob.name} = {knob.default!r}", *_about(described.get(knob.name))]
    record = load_checks().get(entry.function)
    if record:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in record["measured"].items())
        lines += [
            "",
            f"Check    {entry.status}, {record['date']}: {record['claim']}",
            f"         {figures}",
            f"         refuted by {record['refuted_by']}",
        ]
    return "\n".join(lines)


def _about(knob: Knob | None) -> list[str]:
    """The help of a knob, and which values it takes, as lines below its default."""
    if knob is None:
        return []
    reach = [knob.bounds] if knob.bounds else []
    if knob.choices:
        reach.append(f"one of {', '.join(map(repr, knob.choices))}")
    elif knob.low is not None:
        reach.append(f"slider from {knob.low:g} to {knob.high:g}")
    return [f"      {line}" for line in (knob.help, "; ".join(reach)) if line]


def asked(name: str) -> list[Entry]:
    """The entries a name stands for; one clear line where there is nothing to check."""
    if name == "all":
        return checkable()
    entry = next((e for e in CATALOG if e.function == name), None)
    if entry is None:
        raise ValueError(f"no method {name!r}; give all, or one of {', '.join(e.function for e in checkable())}")
    if name in random_controls():
        raise ValueError(f"{name} is a random control and claims nothing, so there is nothing to check")
    if entry not in checkable():
        raise ValueError(f"{name} ({entry.title}) is planned and not written yet, so there is nothing to check")
    return [entry]


def run_check(entry: Entry) -> bool:
    """Try one claim, print it and record it."""
    began = time.perf_counter()
    check = entry.check(SimulatedCheckBench())
    figures = ", ".join(f"{name} {value:.4g}" for name, value in check.measured.items())
    print(f"{entry.function}: {'held' if check.held else 'REFUTED'} in {time.perf_counter() - began:.1f} s")
    print(f"  claim       {check.claim}\n  refuted by  {check.refuted_by}\n  measured    {figures}", flush=True)
    save_check(entry, check)
    return check.held


def save_check(entry: Entry, check: Check) -> None:
    """Put one result into data/checks.json, whole, by rename."""
    records = load_checks()
    records[entry.function] = {
        "claim": check.claim,
        "refuted_by": check.refuted_by,
        "measured": {name: round(float(value), 6) for name, value in check.measured.items()},
        "held": bool(check.held),
        "seeds": list(check.seeds),
        "date": date.today().isoformat(),
        "versions": {
            "curriculab": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
        "digest": claim_digest(entry.file_module),
    }
    text = json.dumps(dict(sorted(records.items())), indent=1, ensure_ascii=False) + "\n"
    write_whole(checks_path(), text.encode())
