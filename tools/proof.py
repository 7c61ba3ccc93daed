"""What takes too long for the tests, each with its date: `make proof`, to data/benchmarks/proof.json and docs/proof.md.

    python -m tools.proof              all parts, some hours on two cores
    python -m tools.proof hostile      one part, or several by their names

A part that was stopped is begun again; what is done stands in the record. A refuted claim is a result and ends nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from curriculab.registry.writing import write_whole
from curriculab.rewards.corpus import judge_pairs, load_pairs

ROOT = Path(__file__).parents[1]
RECORD, PAGE = ROOT / "data" / "benchmarks" / "proof.json", ROOT / "docs" / "proof.md"
CORPUS = ROOT / "tests" / "rewards" / "corpus"
BUSY = 6  # processes that do nothing but use the processor
SAID = 12  # last lines of a part that are kept


@dataclass(frozen=True)
class Part:
    """One thing that is shown: what, and by which modules with which arguments, in this order."""

    what: str
    calls: tuple[tuple[str, ...], ...]
    refutes: bool = False  # does it end with 1 where a claim was refuted?

    @property
    def commands(self) -> list[list[str]]:
        return [[sys.executable, "-m", *call] for call in self.calls]


CHECK = ("curriculab.methods", "check", "all")
PARTS: Mapping[str, Part] = {
    "checks": Part("all claims on the simulated student, recorded", (CHECK,), refutes=True),
    "seeds": Part(
        "the same with other seeds", ((*CHECK, "--seeds", "10,11,12"), (*CHECK, "--seeds", "20,21,22")), refutes=True
    ),
    "pocket": Part("claims on the pocket model, recorded", ((*CHECK, "--tier", "pocket"),), refutes=True),
    "real": Part("a bench of SmolLM2-135M", (("benchmarks.real",),)),
    "mutants": Part("all planted errors", (("curriculab.methods", "mutants", "all", "--which", "all"),)),
    "coverage": Part(
        "errors of intervals and of verdicts, simulated", (("benchmarks.coverage",), ("benchmarks.verdicts",))
    ),
    "hostile": Part("100,000 hostile texts", (("tools.fuzz_verifiers", "--n", "100000"),)),
    "busy": Part(f"the corpus beside {BUSY} busy processes", (("tools.proof", "--corpus"),)),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.proof", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--corpus", action="store_true", help="judge the corpus, quiet and beside busy processes")
    given = parser.parse_args(argv)
    if given.corpus:
        return corpus_beside_busy_processes()
    unknown = [name for name in given.parts if name not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    done = [prove(name) for name in given.parts or PARTS]
    return int(not all(done))


def prove(name: str) -> bool:
    """Run one part and record it; whether it came to its end without a failure."""
    part = PARTS[name]
    print(f"{name}: {part.what}", flush=True)
    began, lines, codes = time.time(), [], []
    for command, (module, *_) in zip(part.commands, part.calls, strict=True):
        if find_spec(module) is None:
            lines, codes = [*lines, f"there is no {module} yet"], [*codes, 2]
            continue
        code, said = run(command)
        lines, codes = [*lines, *said], [*codes, code]
    done = max(codes) <= int(part.refutes)
    shown = [" ".join(("python -m", *call)) for call in part.calls]
    record(name, {
        "what": part.what,
        "commands": shown,
        "date": date.today().isoformat(),
        "seconds": round(time.time() - began),
        "done": done,
        "said": lines[-SAID:],
    })  # fmt: skip
    return done


def run(command: Sequence[str]) -> tuple[int, list[str]]:
    """Exit status and lines of a command, which are printed as they come."""
    lines = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            print(f"  {line}", end="", flush=True)
            lines.append(line.rstrip())
    return process.returncode, lines[-SAID:]


def record(name: str, found: Mapping[str, object]) -> None:
    """Put one part into the record and write its page anew."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    known[name] = dict(found)
    ordered = {part: known[part] for part in PARTS if part in known}
    write_whole(RECORD, (json.dumps(ordered, indent=1, ensure_ascii=False) + "\n").encode())
    write_whole(PAGE, page(ordered).encode())


def page(records: Mapping[str, Mapping[str, object]]) -> str:
    """The page: a line a part, with its date."""
    lines = [
        "# What takes too long for the tests",
        "",
        "`make proof` runs it, `python -m tools.proof NAME` a part of it. Recorded in `data/benchmarks/proof.json`; a",
        "refuted claim is a result, and stands in `curriculab methods`.",
        "",
        "| part | what | date | minutes | came to |",
        "|---|---|---|---|---|",
    ]
    for name, part in PARTS.items():
        found = records.get(name)
        if found is None:
            lines.append(f"| {name} | {part.what} | not run yet | | |")
            continue
        last = next((line.strip() for line in reversed(found["said"]) if line.strip()), "")
        came = ("done: " if found["done"] else "**not done**: ") + last.replace("|", "/")[:160]
        lines.append(f"| {name} | {part.what} | {found['date']} | {found['seconds'] / 60:.0f} | {came} |")
    return "\n".join(lines) + "\n"


def corpus_beside_busy_processes() -> int:
    """Judge all pairs of the corpus twice, quiet and beside busy processes: 0 where no verdict differs."""
    pairs = [pair for file in sorted(CORPUS.glob("*.jsonl")) for pair in load_pairs(file)]
    quiet = judge_pairs(pairs)["accepted"]
    busy = [multiprocessing.get_context("spawn").Process(target=_busy, daemon=True) for _ in range(BUSY)]
    for process in busy:
        process.start()
    try:
        beside = judge_pairs(pairs)["accepted"]
    finally:
        for process in busy:
            process.kill()
    differs = int((quiet.to_numpy() != beside.to_numpy()).sum())
    print(f"{len(pairs):,} pairs, {differs} verdicts differ beside {BUSY} busy processes")
    return int(differs > 0)


def _busy() -> None:
    while True:
        pass


if __name__ == "__main__":
    sys.exit(main())
