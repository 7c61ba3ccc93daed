"""Memory of an idle kernel before a bench, after it and after ten more, in a process of its own: a line of JSON, and
what the bench says of its memory.

    python -m tests.engine.idle_memory

Bytes resident in this process and its children (verifiers' processes, copies that train), as the system counts them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from functools import partial
from pathlib import Path

import curriculab as cl


def family(process: int) -> list[int]:
    """A process with all below it."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        children = (task / "children").read_text().split()
        for child in children:
            found += family(int(child))
    return found


def resident() -> int:
    """Bytes that this process and those below it hold."""
    gc.collect()
    total = 0
    for process in family(os.getpid()):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    return total * 1024


def run(model, train, test, seeds: int, told: bool = False) -> None:
    """Three variants, a step of more tokens than one forward takes, on two processes, with answers before and after."""
    steps = seeds
    how = dict(batch_size=8, evaluate_every=steps, store=None, valid=None, processes=2)
    bench = cl.Bench(model, train, test, budget=cl.Budget(steps=steps), **how)
    variants = {"random": cl.methods.random_order, "easy first": partial(cl.methods.easy_to_hard, by="level")}
    runs = bench.run(variants, seeds=seeds, controls=["reverse"], progress=told)
    assert not runs.failed


def main() -> None:
    model = cl.load_model("pocket", bits=4)
    pool = cl.load_pool("ladder", n=1200, seed=0)
    train, test = cl.split(pool, test=36, by="level", seed=0)
    found = {"before": resident()}
    run(model, train, test, 2, told=True)
    found["after"] = resident()
    for _ in range(10):
        run(model, train, test.head(3), 1)
    found["ten more"] = resident()
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # nothing to take down


if __name__ == "__main__":
    main()
