"""curriculab run spec.json: train a bench without a notebook."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence

from curriculab.bench.foreground import finish
from curriculab.bench.progress import in_words
from curriculab.bench.run_set import RunSet
from curriculab.bench.spec import read_spec
from curriculab.statistics import compare


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="curriculab run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec", help="spec.json of a run, or a file of bench.write")
    parser.add_argument("--store", help="the folder of runs (default: where the spec lies)")
    given = parser.parse_args(arguments)
    try:
        chosen = read_spec(given.spec, given.store)
        print(f"{len(chosen.todo)} runs to train, {len(chosen.whole) - len(chosen.todo)} recorded: {chosen.design}")
        return _train(chosen)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(error, file=sys.stderr)
        return 130


def _train(chosen: RunSet) -> int:
    """Train, with a line about every tenth of the way, and at the end the verdict."""
    last, began = -1, time.monotonic()

    def show(progress: float, jobs: object, phase: str, left: float) -> None:
        nonlocal last
        if int(10 * progress) > last:
            last = int(10 * progress)
            more = f", about {in_words(left)} left" if math.isfinite(left) and progress < 1.0 else ""
            print(f"{progress:4.0%} after {time.monotonic() - began:.0f} s{more}", flush=True)

    runs = finish(chosen, show)
    print(runs.accuracy().groupby(["variant", "step"], sort=False).accuracy.mean().unstack("step").round(3).to_string())
    if len(runs.variants) > 1 and len(runs.seeds) > 1:
        print(compare(runs).verdict)
    return 0
