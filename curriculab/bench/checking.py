"""The catalogue, one line a method; and the checks.

curriculab methods                number, name, group, status of every method
curriculab methods show NAME      what it is: paper, changes, equation, knobs, and what its check found
curriculab methods check NAME     try one method's claim (or all), record it; exit 0 only where none was refuted;
                                  --tier pocket: what the simulated student assumes, tried on the pocket model
curriculab methods mutants NAME   plant errors into one method (or all): which of them its check or a test sees

Status: held or refuted on a simulated student; mechanism, where only what the method decides is claimed, since the
student plants the effect; not testable at this size, where the claimed effect, or its distance from the one that was
found, is below what the check can detect; stale, where code that the check runs has changed since; untried; planned.
"""

from __future__ import annotations

import argparse
import inspect
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from curriculab import __version__
from curriculab.bench import mutants
from curriculab.bench.check_bench import SimulatedCheckBench
from curriculab.bench.pocket_bench import PocketBench
from curriculab.bench.pocket_claims import CLAIMS
from curriculab.methods.check import RESULTS, TIERS, Check, checks_path, claim_digest, load_checks, result_of
from curriculab.methods.registry import CATALOG, Entry, checkable, random_controls
from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import modules
from curriculab.registry.knobs import Knob, knobs_of
from curriculab.registry.writing import write_whole

SECONDS = 10  # of CPU that a check and its twin may take together; longer ones are listed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="curriculab methods", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser("check", help="try a method's claim and record what came out")
    check.add_argument("name", help="a method of the catalogue, or all")
    tiers = "what the claims are tried on: a simulated student (default), or the pocket model"
    check.add_argument("--tier", choices=("simulated", "pocket"), default="simulated", help=tiers)
    seeds = "such as 10,11,12: tried with these and not recorded (default: those that are recorded)"
    check.add_argument("--seeds", type=_numbers, help=seeds)
    shown = commands.add_parser("show", help="print a method's paper, equation and knobs")
    shown.add_argument("name", help="a method of the catalogue")
    planted = commands.add_parser("mutants", help="plant errors, and say whether the check or a test sees them")
    planted.add_argument("name", nargs="?", default="all", help="a method of the catalogue, or all")
    planted.add_argument("--jobs", type=int, default=1, help="processes beside each other")
    planted.add_argument("--one", action="store_true", help="one error a method, tried with what saw it the last time")
    which = "all errors, those for which code or tests changed since they were tried (default), or those never tried"
    planted.add_argument("--which", choices=("all", "changed", "new"), default="changed", help=which)
    given = parser.parse_args(arguments)
    if given.command == "mutants":
        return mutants.run(given)
    if given.command is None:
        print("\n".join(line(entry) for entry in CATALOG))
        return 0
    if given.command == "show":
        entry = next((e for e in CATALOG if e.function == given.name and e.path.exists()), None)
        print(card(entry) if entry else f"no method {given.name!r} is written", file=None if entry else sys.stderr)
        return 0 if entry else 2
    try:
        entries = asked(given.name)
        if given.tier == "pocket":
            entries = with_claims_on_the_pocket_model(given.name, entries)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    run = partial(run_check, seeds=given.seeds) if given.tier == "simulated" else run_on_the_pocket_model
    checks = [run(entry) for entry in entries]
    if len(checks) > 1:
        recorded = given.tier == "simulated" and given.seeds is None
        names = [entry.function for entry in entries] if recorded else []
        print("\n".join(summary(checks, names)))
    return int(any(check.result == "refuted" for check in checks))


def summary(checks: Sequence[Check], names: Sequence[str]) -> list[str]:
    """How many claims came to what, and which checks took longer than SECONDS."""
    results = [check.result for check in checks]
    lines = [f"{results.count(one)} of {len(checks)} {one}" for one in RESULTS if one in results]
    slow = [name for name in names if sum(load_checks()[name]["seconds"].values()) > SECONDS]
    return lines + ([f"longer than {SECONDS} s with the twin: {', '.join(slow)}"] if slow else [])


def line(entry: Entry) -> str:
    """Number (or -), name, group and status of one method."""
    number = "-" if entry.number is None else entry.number
    return f"{number!s:>2}  {entry.function:<24}{entry.group:<11}{entry.status}{basis(entry)}"


def basis(entry: Entry) -> str:
    """What the status of a method rests on, in brackets: where it was tried, and at which knobs."""
    record = entry.recorded
    if record is None:
        return ""
    knobs = ", ".join(f"{name}={value}" for name, value in record.get("knobs", {}).items())
    models = record.get("models", ())
    current = model_digest(entry.file_module) if models else ""
    results = [result_of(one) if one["digest"] == current else "stale" for one in models]
    counts = [f"{results.count(one)} {one}" for one in (*RESULTS, "stale") if one in results]
    tiers = " and ".join(dict.fromkeys(one["tier"] for one in models))
    return f" (simulated, {knobs or 'default knobs'}{f'; {tiers}: ' if models else ''}{', '.join(counts)})"


def card(entry: Entry) -> str:
    """A written method on one page: header, equation, knobs with their defaults, and its recorded check."""
    method = entry.method
    knobs = [p for p in inspect.signature(method).parameters.values() if p.kind is p.KEYWORD_ONLY]
    lines = [inspect.getdoc(sys.modules[method.__module__]), "", inspect.getdoc(method), ""]
    described = knobs_of(method)
    for knob in knobs:
        lines += [f"  {knob.name} = {knob.default!r}", *_about(described.get(knob.name))]
    record = entry.recorded
    if record:
        lines += ["", f"Status   {entry.status}{basis(entry)}"]
        for one in (record, *record.get("also", ()), *record.get("models", ())):
            lines += told(one)
    return "\n".join(lines)


def told(record: Mapping[str, object]) -> list[str]:
    """A recorded claim as lines: what came of it and where, its figures, and what would have refuted it."""
    figures = ", ".join(f"{name} {value:.4g}" for name, value in record["measured"].items())
    knobs = ", ".join(f"{name}={value}" for name, value in record.get("knobs", {}).items())
    where = f"{record.get('tier', TIERS[0])}, {knobs or 'default knobs'}"
    lines = [
        f"Check    {result_of(record)} ({where}), {record['date']}: {record['claim']}",
        f"         {figures}",
        f"         refuted by {record['refuted_by']}",
    ]
    if "detectable" in record:
        found = f", found {record['gain']:.4g}" if "gain" in record else ""
        lines.append(
            f"         claimed {record['threshold']:.4g}{found}; detectable from {record['detectable']:.4g} on"
        )
    return lines


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


def _numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    return tuple(int(number) for number in text.split(","))


def run_check(entry: Entry, seeds: tuple[int, ...] | None = None) -> Check:
    """Try one method's claims and their twin with a permuted signal; print them, and record them.

    seeds: tried with these, and not recorded.
    """
    how = {} if seeds is None else {"seeds": seeds}
    check, seconds = _timed(entry, SimulatedCheckBench(**how))
    twin, twin_seconds = _timed(entry, SimulatedCheckBench(broken=True, **how))
    took = {"check": round(seconds, 2), "twin": round(twin_seconds, 2)}
    for one in (check, *check.also):
        print("\n".join(outcome(entry, one, f"{seconds:.1f} s, twin {twin_seconds:.1f} s")), flush=True)
    if twin.held:
        print(f"  TWIN HELD   {entry.function} passes with a permuted signal, so its check shows nothing")
    if seeds is None:
        save_check(entry, check, twin={"held": bool(twin.held), "measured": rounded(twin)}, seconds=took)
    return check


def outcome(entry: Entry, check: Check, took: str) -> list[str]:
    """What came of a claim, as lines."""
    figures = ", ".join(f"{name} {value:.4g}" for name, value in check.measured.items())
    knobs = ", ".join(f"{name}={value}" for name, value in check.knobs.items())
    shown = check.result.upper() if check.result == "refuted" else check.result
    lines = [
        f"{entry.function}: {shown} at {knobs or 'default knobs'} in {took}",
        f"  claim       {check.claim}",
        f"  refuted by  {check.refuted_by}",
        f"  measured    {figures}",
    ]
    if check.detectable is not None:
        found = "" if check.gain is None else f", found {check.gain:.4g}"
        lines.append(f"  claimed     {check.threshold:.4g}{found}, detectable from {check.detectable:.4g} on")
    return lines


def with_claims_on_the_pocket_model(name: str, entries: Sequence[Entry]) -> list[Entry]:
    """Those of the entries whose claims are tried on the pocket model too."""
    found = [entry for entry in entries if entry.function in CLAIMS]
    if not found:
        raise ValueError(f"{name} has no claim on the pocket model; those of {', '.join(CLAIMS)} have one")
    untried = [entry.function for entry in found if entry.recorded is None]
    if untried:
        raise ValueError(f"try {untried[0]} on the simulated student first: curriculab methods check {untried[0]}")
    return found


def run_on_the_pocket_model(entry: Entry) -> Check:
    """Try one method's claim on the pocket model; print it and record it beside that on the simulated student."""
    began = time.process_time()
    check = CLAIMS[entry.function](PocketBench())
    seconds = time.process_time() - began
    print("\n".join(outcome(entry, check, f"{seconds:.0f} s on the pocket model")), flush=True)
    new = as_record(check, entry.file_module) | {"seconds": {"check": round(seconds, 2)}}
    new["digest"] = model_digest(entry.file_module)
    records = load_checks()
    others = [one for one in records[entry.function].get("models", ()) if one["tier"] != check.tier]
    records[entry.function]["models"] = [*others, new]
    write_checks(records)
    return check


def model_digest(module: str) -> str:
    """Digest of all that a claim on a model depends on: the modules of the method and of its claim (16 hex digits)."""
    return digest_of(modules(module, "curriculab.bench.pocket_claims"))


def _timed(entry: Entry, bench: SimulatedCheckBench) -> tuple[Check, float]:
    """A check's result, and the CPU seconds it took."""
    began = time.process_time()
    return entry.check(bench), time.process_time() - began


def save_check(entry: Entry, check: Check, **more: object) -> None:
    """Put one result into data/checks.json, whole, by rename; what was recorded on models stays."""
    records = load_checks()
    models = records.get(entry.function, {}).get("models")
    new = as_record(check, entry.file_module) | more
    if check.also:
        new["also"] = [as_record(one, entry.file_module) for one in check.also]
    records[entry.function] = new | ({"models": models} if models else {})
    write_checks(records)


def write_checks(records: Mapping[str, dict]) -> None:
    """All recorded checks into data/checks.json, whole, by rename."""
    text = json.dumps(dict(sorted(records.items())), indent=1, ensure_ascii=False) + "\n"
    write_whole(checks_path(), text.encode())


def as_record(check: Check, module: str) -> dict[str, object]:
    """A check as data/checks.json keeps it; module: where the method stands."""
    size = {name: getattr(check, name) for name in ("detectable", "threshold", "gain")}
    return {
        "claim": check.claim,
        "refuted_by": check.refuted_by,
        "measured": rounded(check),
        "held": bool(check.held),
        "result": check.result,
        "tier": check.tier,
        "knobs": {name: str(value) for name, value in check.knobs.items()},
        **{name: round(float(value), 6) for name, value in size.items() if value is not None},
        "seeds": list(check.seeds),
        "date": date.today().isoformat(),
        "versions": {
            "curriculab": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
        "digest": claim_digest(module),
    }


def rounded(check: Check) -> dict[str, float]:
    """A check's figures as they are kept."""
    return {name: round(float(value), 6) for name, value in check.measured.items()}
