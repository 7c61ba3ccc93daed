"""Runs on disk: what there is, one from near, away with some, or out into other programs.

curriculab runs                              every run: variant, seed, steps, accuracy at the end, size, date
curriculab runs show ID                      one of them: what it was, how its tests went, its tables
curriculab runs prune --damaged              what would be removed, and how large it is; --yes removes it
curriculab runs export --format csv --to out   all tables (csv, parquet) or curves (tensorboard)

ID is the name of a folder in the store, its digest, or the beginning of either. --store: runs, unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from curriculab.runs.retention import FORMATS, Entry, entries, export, find, remove, spared
from curriculab.runs.schema import COLUMNS, Runs
from curriculab.runs.store import load_record

WHOLE = ("finished", "failed")


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    root = Path(given.store)
    commands = {None: listing, "list": listing, "show": show, "prune": prune, "export": take_out}
    try:
        return commands[given.command](root, entries(root), given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; free some space, or check the rights to it", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument("--store", default="runs", help="the folder of runs (default: runs)")
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("ids", nargs="*", metavar="ID", help="a folder's name, its digest, or the beginning of either")
    which.add_argument("--variant", action="append", default=[], help="runs of this variant; may be repeated")
    parser = argparse.ArgumentParser(
        prog="curriculab runs",
        description=__doc__,
        parents=[store],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="every run", parents=[_quiet(store)])
    shown = commands.add_parser("show", help="one run from near", parents=[_quiet(store)])
    shown.add_argument("id", metavar="ID", help="a folder's name, its digest, or the beginning of either")
    pruned = commands.add_parser("prune", help="remove some", parents=[_quiet(store), which])
    pruned.add_argument("--older-than", metavar="AGE", help="such as 30d, 12h or 2w: only what is older")
    pruned.add_argument("--unfinished", action="store_true", help="benches that were cut off, and what writing left")
    pruned.add_argument("--damaged", action="store_true", help="runs that cannot be read")
    pruned.add_argument("--failed", action="store_true", help="runs that ended before their budget was spent")
    pruned.add_argument("--yes", action="store_true", help="remove it; without this it is only listed")
    out = commands.add_parser("export", help="all tables, or curves", parents=[_quiet(store), which])
    out.add_argument("--format", default="csv", choices=FORMATS)
    out.add_argument("--to", default="exported", help="the folder to write into (default: exported)")
    return parser


def _quiet(store: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The same option behind the command, which changes nothing unless it is given there."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--store", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


# -- commands ---------------------------------------------------------------------------------------------------------
def listing(root: Path, found: list[Entry], given: argparse.Namespace) -> int:
    print(table(found) if found else f"{root} holds no runs")
    print(f"\n{total(found)} in {root}") if found else None
    return 0


def show(root: Path, found: list[Entry], given: argparse.Namespace) -> int:
    entry = find(found, given.id)
    print(f"{table([entry])}\n")
    if entry.state not in WHOLE:
        for path in sorted(p for p in entry.path.rglob("*") if p.is_file() and not p.is_symlink()):
            print(f"  {bytes_of(path.stat().st_size):>9}  {path.relative_to(entry.path)}")
        return 0
    record = load_record(entry.path)
    settings = {k: v for k, v in record.spec.items() if k not in ("variant", "seed", "decides", "events", "traceback")}
    print("\n".join(f"  {k:<10} {short(v)}" for k, v in settings.items()))
    for part, value in dict(record.spec.get("decides", {})).items():
        print(f"  decides    {part} = {short(value)}")
    runs = Runs((record,))
    if record.key in runs.tracebacks:
        print("\n" + "\n".join(f"  {printable(line)}" for line in runs.tracebacks[record.key].splitlines()))
    if len(runs.accuracy()):
        print("\n" + runs.accuracy()[["step", "solver", "accuracy", "n"]].to_string(index=False))
    rows = ", ".join(f"{name} {len(getattr(runs, name)):,}" for name in COLUMNS)
    print(f"\nlines: {rows}; {len(record.events)} events" + ("; adapter/" if record.adapter else ""))
    return 0


def prune(root: Path, found: list[Entry], given: argparse.Namespace) -> int:
    chosen = picked(found, given)
    kept = [(entry, why) for entry in chosen if (why := spared(entry))]
    going = [entry for entry in chosen if not spared(entry)]
    for entry, why in kept:
        print(f"{entry.id} stays: {why}")
    if not going:
        print("nothing to remove")
        return 0
    print(table(going))
    if not given.yes:
        print(f"\nwould remove {total(going)} from {root}; say --yes to do it")
        return 0
    print(f"\nremoved {total(going)}: {bytes_of(remove(root, going))} are free")
    return 0


def take_out(root: Path, found: list[Entry], given: argparse.Namespace) -> int:
    chosen = _named(found, given)
    chosen = [e for e in chosen if e.state == "finished"]
    if not chosen:
        raise ValueError(f"{root} holds no finished run of that name; curriculab runs lists what there is")
    runs = Runs(tuple(load_record(e.path) for e in chosen))
    for path in export(runs, Path(given.to), given.format):
        size = sum(p.stat().st_size for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())
        print(f"{bytes_of(size):>9}  {path}")
    return 0


# -- which ------------------------------------------------------------------------------------------------------------
def picked(found: list[Entry], given: argparse.Namespace) -> list[Entry]:
    """What a prune is about: named entries, or all of the states asked for, of a variant, older than an age."""
    filters = (given.ids, given.variant, given.older_than, given.unfinished, given.damaged, given.failed)
    if not any(filters):
        raise ValueError(
            "prune removes nothing by itself: name runs, or say --variant, --older-than, --unfinished, "
            "--damaged or --failed"
        )
    states = {"unfinished": ("unfinished", "leftover", "running"), "damaged": ("damaged",), "failed": ("failed",)}
    wanted = [state for option, meant in states.items() if getattr(given, option) for state in meant]
    chosen = _named(found, given)
    if wanted or not given.ids:
        chosen = [e for e in chosen if e.state in (wanted or WHOLE)]
    if given.older_than:
        chosen = [e for e in chosen if time.time() - e.date > age(given.older_than)]
    return chosen


def _named(found: list[Entry], given: argparse.Namespace) -> list[Entry]:
    known = {e.variant for e in found}
    if missing := [v for v in given.variant if v not in known]:
        has = ", ".join(sorted(v for v in known if v is not None)) or "none"
        raise ValueError(f"no run of the variant {missing[0]!r} in the store; it has {has}")
    chosen = [find(found, name) for name in dict.fromkeys(given.ids)] if given.ids else found
    return [e for e in chosen if not given.variant or e.variant in given.variant]


def age(text: str) -> float:
    """Seconds of "30d", "12h", "2w"; a bare number is days."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw]?)", text.strip())
    if found is None:
        raise ValueError(f"--older-than {text}: expected a number of hours, days or weeks, such as 12h, 30d or 2w")
    return float(found[1]) * {"h": 3600, "d": 86400, "": 86400, "w": 7 * 86400}[found[2]]


# -- lines of text ----------------------------------------------------------------------------------------------------
def table(found: Sequence[Entry]) -> str:
    head = ("variant", "seed", "steps", "accuracy", "size", "date", "state", "id")
    columns = []
    for name, *cells in zip(head, *map(_cells, found), strict=True):
        width = 0 if name == head[-1] else max(map(len, (name, *cells)))
        align = ">" if name in ("seed", "steps", "accuracy", "size") else "<"
        columns.append([f"{cell:{align}{width}}" for cell in (name, *cells)])
    rows = ["  ".join(line) for line in zip(*columns, strict=True)]
    why = [f"    {entry.id}: {printable(entry.why)}" for entry in found if entry.why]
    return "\n".join(row.rstrip() for row in [*rows, *why])


def _cells(entry: Entry) -> tuple[str, ...]:
    steps = f"{entry.steps:.0f}" if entry.steps == entry.steps else "-"
    accuracy = f"{entry.accuracy:.3f}" if entry.accuracy == entry.accuracy else "-"
    date = datetime.fromtimestamp(entry.date).strftime("%Y-%m-%d %H:%M")
    seed = "-" if entry.seed is None else str(entry.seed)
    size = bytes_of(entry.size)
    return printable(entry.variant or "-"), seed, steps, accuracy, size, date, entry.state, printable(entry.id)


def printable(text: str) -> str:
    """Text from a file without what would steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def total(found: Sequence[Entry]) -> str:
    runs = sum(entry.state in WHOLE for entry in found)
    old = sum(entry.state == "other format" for entry in found)
    others = len(found) - runs - old
    parts = [f"{runs} run{'s' * (runs != 1)}"] * bool(runs)
    parts += [f"{old} that this version cannot read"] * bool(old)
    parts += [f"{others} unfinished or damaged"] * bool(others)
    return f"{' and '.join(parts)}, {bytes_of(sum(e.size for e in found))}"


def bytes_of(size: int) -> str:
    """1234567 -> "1.2 MB"."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def short(value: object) -> str:
    text = printable(value if isinstance(value, str) else json.dumps(value, default=str))
    return text if len(text) <= 100 else f"{text[:90]}... ({len(text)} characters)"
