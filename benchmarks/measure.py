"""Clocks: contestants run in turns; wall time decides, CPU time of the process stands beside it as a check."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

VERSIONS = ("curriculab", "torch", "transformers", "peft", "trl", "bitsandbytes", "numpy", "pandas")


@dataclass
class Clock:
    """Seconds of every turn of one contestant, by the wall and by the process's CPU time."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def time(self, run: Callable[[], object]) -> object:
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        return result


Contestant = Callable[[Clock], None]  # prepares itself, then lets the clock time what counts


def in_turns(contestants: Mapping[str, Contestant], repeats: int, *, once: tuple[str, ...] = ()) -> dict[str, Clock]:
    """Run every contestant `repeats` times (those in `once` a single time), one after the other."""
    clocks = {name: Clock() for name in contestants}
    for turn in range(repeats):
        for name, run in contestants.items():
            if turn == 0 or name not in once:
                run(clocks[name])
    return clocks


def figure(name: str, ours: Clock, peer: Clock, *, work: float, unit: str, note: str) -> dict[str, object]:
    """One line of bench.json: both speeds (`work` over the median turn, in `unit`), how many times ours is better."""
    mine, other = work / statistics.median(ours.wall), work / statistics.median(peer.wall)
    cpu = statistics.median(peer.cpu) / statistics.median(ours.cpu)
    turns = f"median of {len(ours.wall)} turns" + (
        f", peer {len(peer.wall)}" if len(peer.wall) != len(ours.wall) else ""
    )
    return {
        "name": name,
        "ours": rounded(mine),
        "peer": rounded(other),
        "unit": unit,
        "ratio": round(mine / other, 3),
        "note": f"{note}; {turns}; by CPU time {cpu:.2f}",
    }


def single(name: str, ours: float, *, unit: str, note: str) -> dict[str, object]:
    """A line for what nothing else does: no peer, no ratio."""
    return {"name": name, "ours": rounded(ours), "peer": None, "unit": unit, "ratio": None, "note": note}


def rounded(x: float) -> float:
    """One decimal of hundreds and more, three of less."""
    return round(x, 1 if x >= 100 else 3)


def missing(name: str, *, unit: str, note: str) -> dict[str, object]:
    """A line for a comparison that could not be made."""
    return {"name": name, "ours": None, "peer": None, "unit": unit, "ratio": None, "note": note}


def machine() -> str:
    """What figures depend on: versions, threads, processor, load."""
    found = []
    for name in VERSIONS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} missing")
    return (
        f"{', '.join(found)}\nPython {platform.python_version()}, {torch.get_num_threads()} torch thread(s), "
        f"{os.cpu_count()} x {processor()}, load average {load()}"
    )


def load() -> str:
    return " ".join(f"{x:.2f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
