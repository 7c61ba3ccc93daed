"""Two processes on one store at the same time, for tests/bench/test_locking.py: `python -m tests.together FOLDER`.

The first line of a worker is what it has to say; workers are forked, as in tests/soak.py.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import curriculab as cl
from curriculab import methods
from curriculab.bench.locking import Taken
from tests.conftest import _save_tiny
from tests.soak import differences, forked

SAME = {"random": methods.random_order, "easy": methods.easy_to_hard}
OVERLAPPING = {"easy": methods.easy_to_hard, "hard": methods.hard_to_easy}


def bench(home: Path, store: Path) -> cl.Bench:
    train, test = cl.split(cl.load_pool("ladder", levels=[1, 2], n=120, seed=0), test=8, by="level", seed=0)
    model = cl.load_model(str(home / "tiny"), bits=32)
    return cl.Bench(
        model,
        train,
        test,
        budget=cl.Budget(steps=6),
        batch_size=4,
        evaluate_every=3,
        max_new_tokens=4,
        store=store,
        valid=None,
    )


def trains(home: Path, store: Path, variants: dict, wait: float = 0.02) -> Callable[[int], None]:
    """Work of a worker: it trains slowly, so that the other meets it, and says how it ended."""

    def work(pipe: int) -> None:
        asked = bench(home, store).ask(variants, seeds=1)
        try:
            runs = asked.runs(asked.train(lambda drive: time.sleep(wait)))
            said = {"ended": sorted(r.key[0] for r in runs.records), "failed": len(runs.failed)}
        except Taken as error:
            said = {"taken": str(error), "me": os.getpid()}
        os.write(pipe, json.dumps(said).encode())

    return work


def side_by_side(*works: Callable[[int], None]) -> list[dict]:
    said = []
    for number, pipe in [forked(work) for work in works]:
        with os.fdopen(pipe) as file:
            said.append({"pid": number, **json.loads(file.read() or "{}")})
        said[-1]["status"] = os.waitpid(number, 0)[1]
    return said


def main(folder: str) -> None:
    home = Path(folder)
    number, _ = forked(lambda pipe: _save_tiny(home / "tiny", "llama"))
    os.waitpid(number, 0)
    found = {
        "same": side_by_side(*[trains(home, home / "same", SAME)] * 2),
        "overlapping": side_by_side(*[trains(home, home / "overlapping", v) for v in (SAME, OVERLAPPING)]),
    }

    def compare(pipe: int) -> None:
        alone = bench(home, home / "alone").run({**SAME, **OVERLAPPING}, seeds=1, progress=False)
        stores = {name: cl.load_runs(home / name) for name in found}
        os.write(pipe, json.dumps({k: differences(r, alone) for k, r in stores.items()}).encode())

    (found["differences"],) = side_by_side(compare)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
