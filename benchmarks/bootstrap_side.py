"""One side of `bootstrap_vs_rliable`, in a process of its own: prints its values, intervals and seconds as JSON.

    python -P benchmarks/bootstrap_side.py ours 50000      # rliable: with the Python of an environment that has it

Scores are 6 algorithms x 5 runs x 12 tasks; of each algorithm median, interquartile mean, mean and optimality gap with
95% percentile intervals. What is timed is that call, not the imports.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # values, low, high: (algorithms, 4)


def scores() -> np.ndarray:
    """Tasks of unlike level, algorithms a little apart, runs that vary; a few above the target of 1."""
    rng = np.random.default_rng(0)
    level = np.linspace(0.2, 0.9, 12) + np.linspace(-0.05, 0.05, 6)[:, None]
    return level[:, None, :] + rng.normal(0, 0.08, (6, 5, 12))


def ours(resamples: int) -> Callable[[], Found]:
    from curriculab.statistics import iqm, mean, median, optimality_gap, stratified_bootstrap

    x = scores()

    def four(s: np.ndarray) -> np.ndarray:
        return np.stack([median(s), iqm(s), mean(s), optimality_gap(s)], axis=-1)

    def call() -> Found:
        e = stratified_bootstrap(x, four, resamples=resamples, widen=False)
        return e.value, e.low, e.high

    return call


def rliable(resamples: int) -> Callable[[], Found]:
    from rliable import library, metrics

    x = {f"algorithm {i}": s for i, s in enumerate(scores())}

    def four(s: np.ndarray) -> np.ndarray:
        functions = metrics.aggregate_median, metrics.aggregate_iqm, metrics.aggregate_mean
        return np.array([*(f(s) for f in functions), metrics.aggregate_optimality_gap(s)])

    def call() -> Found:
        np.random.seed(0)  # it draws from the global generator
        values, ends = library.get_interval_estimates(x, four, reps=resamples)
        low, high = np.stack([ends[name] for name in x], axis=1)
        return np.stack([values[name] for name in x]), low, high

    return call


def main(side: str, resamples: int) -> None:
    call = {"ours": ours, "rliable": rliable}[side](resamples)
    wall, cpu = time.perf_counter(), time.process_time()
    value, low, high = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = {"value": value.tolist(), "low": low.tolist(), "high": high.tolist()}
    print(json.dumps({"wall": wall, "cpu": cpu, **found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
