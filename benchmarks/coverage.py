"""How often intervals hold what they promise: `python -m benchmarks.coverage`, to data/benchmarks/coverage.json.

    {"interval": "estimate (default)", "data": "accuracy", "seeds": 5, "covered": 0.951, "none": 0.0}

Studies are drawn with a known truth: `normal` differences; `accuracy`, shares of 100 test rows right near the ceiling,
of two arms that share the seed's luck; `skewed`, exponential differences, which no method for few seeds can do justice.
Scores of runs x 6 tasks are normal, or shares of 50 rows from chance to ceiling; in a bench one run is tested on all
tasks and its luck is common to them. `covered` is of the studies that have an interval, `none` the share that has not;
95% was asked for, so with 2,000 studies figures are good to half a point. `again` are intervals that were drawn later
than the rest (`--only`). What a verdict makes of all variants together is `python -m benchmarks.verdicts`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from curriculab import statistics as st

SEEDS = (3, 5, 10)
TASKS, ROWS = 6, 50
MANY = 200_000  # runs that a truth is taken from
Ends = tuple[np.ndarray, np.ndarray]
Held = tuple[np.ndarray, np.ndarray, float]  # ends, and the truth


def main(given: Sequence[str] | None = None) -> Path:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description="Coverage of all intervals.")
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies a figure (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation (default 0)")
    parser.add_argument("--to", type=Path, default=Path("data/benchmarks/coverage.json"), help="where figures go")
    parser.add_argument(
        "--only", nargs="+", choices=INTERVALS, help="these intervals; what is recorded of others stays"
    )
    asked = parser.parse_args(given)
    whole = json.loads(asked.to.read_text()) if asked.to.is_file() else {}
    only = asked.only or [*INTERVALS]
    kept = [f for f in whole.get("figures", ()) if f["interval"] in INTERVALS and f["interval"] not in only]
    began, figures = time.time(), kept
    print(f"seed {asked.seed}, {asked.studies} studies a figure")
    for figure in run(studies=asked.studies, seed=asked.seed, only=only):
        figures.append(figure)
        print(
            f"{figure['interval']:44s} {figure['data']:10s} n={figure['seeds']:<3d} "
            f"{figure['covered']:6.1%}, none {figure['none']:.1%}",
            flush=True,
        )
    versions = {name: importlib.metadata.version(name) for name in ("curriculab", "numpy", "scipy")}
    made = {"date": date.today().isoformat(), "python": platform.python_version(), "versions": versions}
    figures.sort(key=lambda figure: [*INTERVALS].index(figure["interval"]))
    made |= {"seed": asked.seed, "studies": asked.studies, "asked": 0.95, "figures": figures}
    made |= {"verdicts": whole["verdicts"]} if "verdicts" in whole else {}
    if asked.only and "date" in whole:
        again = dict.fromkeys(only, made["date"])
        made |= {"date": whole["date"], "again": {**whole.get("again", {}), **again}}
    asked.to.parent.mkdir(parents=True, exist_ok=True)
    asked.to.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{asked.to}: {len(figures)} figures in {(time.time() - began) / 60:.1f} minutes")
    return asked.to


def run(
    *, studies: int = 2000, seed: int = 0, seeds: Sequence[int] = SEEDS, only: Sequence[str] | None = None
) -> Iterator[dict[str, object]]:
    """The figures one by one; `only` names intervals."""
    for name, (kinds, cover) in INTERVALS.items():
        for kind in kinds if only is None or name in only else ():
            for n in seeds if cover is not of_sequences else (1,):
                rng = np.random.default_rng([seed, n, *name.encode(), *kind.encode()])
                low, high, truth = cover(rng, kind, studies, n)
                has = np.isfinite(low) & np.isfinite(high)
                held = (low[has] <= truth) & (truth <= high[has])
                covered = float(held.mean()) if len(held) else float("nan")
                yield {
                    "interval": name,
                    "data": kind,
                    "seeds": n,
                    "covered": round(covered, 4),
                    "none": round(float(1 - has.mean()), 4),
                }


# -- studies with a known truth -------------------------------------------------------------------------------------
def differences(rng: np.random.Generator, kind: str, studies: int, n: int) -> np.ndarray:
    """Paired differences of two arms, `(studies, n)`."""
    if kind == "normal":
        return rng.normal(0.02, 0.03, (studies, n))
    if kind == "skewed":
        return rng.exponential(0.03, (studies, n))
    luck = rng.normal(0, 0.3, (studies, n))
    shares = [1 / (1 + np.exp(-(ability + luck + rng.normal(0, 0.2, (studies, n))))) for ability in (3.3, 2.9)]
    right, reference = (rng.binomial(100, share) / 100 for share in shares)
    return right - reference


def arms(rng: np.random.Generator, kind: str, studies: int, n: int, *, bench: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two arms, `(studies, n, TASKS)` each; bench: tasks and arms share the luck of a run's seed."""
    shape = (studies, n, TASKS)
    shared = rng.normal(size=(studies, n, 1)) if bench else np.zeros((1, 1, 1))
    found = []
    for step in (0.3, 0.0):
        luck = shared + 0.5 * rng.normal(size=(studies, n, 1)) if bench else rng.normal(size=shape)
        ability = np.linspace(-0.5, 3.0, TASKS) + step + 0.25 * luck
        if kind == "normal":
            found.append(0.2 * ability + rng.normal(0, 0.03, shape))
        else:
            found.append(rng.binomial(ROWS, 1 / (1 + np.exp(-ability))) / ROWS)
    return found[0], found[1]


def times(rng: np.random.Generator, studies: int, n: int, scale: float = 60.0) -> np.ndarray:
    """Steps to a threshold, seen at tests every 10 steps, `(studies, n)`; long ones lie beyond any horizon."""
    return np.ceil(scale * np.exp(rng.normal(0, 0.6, (studies, n))) / 10) * 10


def answers(rng: np.random.Generator, n: int, rows: int) -> np.ndarray:
    """Right minus right of two arms on rows of mixed difficulty, `(n, rows)`: seeds, rows, and both together vary."""
    hard = rng.normal(0, 1.5, rows)
    gain = 0.4 + rng.normal(0, 0.3, (n, 1)) + rng.normal(0, 0.3, rows)
    shares = [1 / (1 + np.exp(-(step - hard))) for step in (gain, np.zeros((n, rows)))]
    right, reference = (rng.random((n, rows)) < share for share in shares)
    return right.astype(float) - reference


@cache
def truth(of: str, kind: str, *, bench: bool = False) -> float:
    """What a number comes to with any number of runs."""
    rng = np.random.default_rng(1)
    if of == "difference":
        known = {"normal": 0.02, "skewed": 0.03}
        return known[kind] if kind in known else float(differences(rng, kind, 1, MANY * 20).mean())
    if of == "waiting":
        return float((times(rng, 1, MANY * 10) > 50).mean())
    if of == "restricted":
        ours, theirs = (np.minimum(times(rng, 1, MANY * 10, s), 100).mean() for s in (50, 60))
        return float(ours - theirs)
    if of == "rows":
        return float(np.mean([answers(rng, 1000, 1000).mean() for _ in range(20)]))
    first, second = arms(rng, kind, 1, MANY, bench=bench)
    if of == "improvement":  # of runs that share no seed: the rank of each among all of the other arm
        ranks = [
            np.searchsorted(np.sort(b), a + e).mean() / MANY
            for a, b in zip(first[0].T, second[0].T, strict=True)
            for e in (-1e-9, 1e-9)
        ]
        return float(np.mean(ranks))
    if of == "profile":
        return float((first > 0.6).mean())
    return float(getattr(st, of)(first[0]) - (getattr(st, of)(second[0]) if bench else 0))


# -- intervals ------------------------------------------------------------------------------------------------------
def each(interval: Callable[[np.ndarray, int], object], data: Sequence) -> Ends:
    """Ends of the intervals of many studies."""
    found = [interval(d, i) for i, d in enumerate(data)]
    return np.array([e.low for e in found]), np.array([e.high for e in found])


def of_differences(interval: Callable[[np.ndarray, int], object]) -> Callable:
    def cover(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
        return *each(interval, differences(rng, kind, studies, n)), truth("difference", kind)

    return cover


def of_scores(statistic: str, *, widen: bool) -> Callable:
    def cover(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
        scores, _ = arms(rng, kind, studies, n, bench=False)
        function = getattr(st, statistic)
        ends = each(lambda s, i: st.stratified_bootstrap(s, function, resamples=2000, seed=i, widen=widen), scores)
        return *ends, truth(statistic, kind)

    return cover


def of_benches(statistic: str, *, whole: bool) -> Callable:
    """Differences of a bench's aggregates: by jackknife, or by drawing whole runs of both arms at once."""

    def cover(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
        first, second = arms(rng, kind, studies, n, bench=True)
        function = getattr(st, statistic)

        def step(s: np.ndarray) -> np.ndarray:
            return function(s[..., :TASKS]) - function(s[..., TASKS:])

        data = np.concatenate([first, second], axis=-1)
        if whole:
            ends = each(lambda s, i: st.stratified_bootstrap(s, step, resamples=2000, seed=i, whole_runs=True), data)
        else:
            ends = each(lambda s, i: st.jackknife(s, step), data)
        return *ends, truth(statistic, kind, bench=True)

    return cover


def of_profiles(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    def above(x: np.ndarray) -> np.ndarray:
        return st.performance_profile(x, [0.6])[..., 0]

    scores, _ = arms(rng, kind, studies, n, bench=True)
    ends = each(lambda s, i: st.stratified_bootstrap(s, above, resamples=2000, seed=i, whole_runs=True), scores)
    return *ends, truth("profile", kind, bench=True)


def of_improvement(*, bench: bool) -> Callable:
    def cover(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
        data = np.stack(arms(rng, kind, studies, n, bench=bench), axis=2)  # (studies, n, 2, TASKS)
        if bench:
            ends = each(lambda s, i: st.jackknife(s, lambda x: st.probability_of_improvement(x[:, 0], x[:, 1])), data)
        else:
            ends = each(lambda s, i: st.improvement_bootstrap(s[:, 0], s[:, 1], resamples=2000, seed=i), data)
        return *ends, truth("improvement", kind, bench=bench)

    return cover


def of_restricted_means(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    ours, theirs = (np.minimum(times(rng, studies, n, scale), 100) for scale in (50, 60))
    return *each(lambda d, i: st.estimate(d), ours - theirs), truth("restricted", kind)


def of_waiting(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    """Kaplan and Meier's share that waits after 50 steps, where a third of the runs was last seen before."""
    low, high = np.full((2, studies), np.nan)
    for i, t in enumerate(times(rng, studies, n)):
        last = np.where(rng.random(n) < 1 / 3, rng.integers(1, 10, n) * 10, 1000)
        table = st.kaplan_meier(np.minimum(t, last), t <= last)
        before = table[table.time <= 50]
        if len(before):
            low[i], high[i] = before.low.iloc[-1], before.high.iloc[-1]
    return low, high, truth("waiting", kind)


def of_rows(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    data = [answers(rng, n, 100) for _ in range(studies)]
    return *each(lambda d, i: st.paired_bootstrap(d, resamples=2000, seed=i), data), truth("rows", kind)


def of_new_rows(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    found = st.crossed([answers(rng, n, 100) for _ in range(studies)])
    return found.low, found.high, truth("rows", kind)


def of_sequences(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    """Held at all of 1,000 looks, one after each row: right minus right, on `kind` of the rows not 0."""
    differ, rest = {"3% differ": 0.03, "30% differ": 0.3}[kind], 0.1
    step = rng.choice([-1.0, 0.0, 1.0], (studies, 1000), p=[differ * (0.5 - rest), 1 - differ, differ * (0.5 + rest)])
    low, high = st.confidence_sequence(step, grid=200)
    return low[:, -1], high[:, -1], 2 * rest * differ  # bounds never widen: the last tells of all looks


def of_looks(rng: np.random.Generator, kind: str, studies: int, n: int) -> Held:
    """Held at all of 1,000 evaluations of two arms without a difference, whose luck wanders from test to test."""
    level, luck, wrong = 1 - st.look_levels(1000), np.zeros((studies, n)), np.zeros(studies, bool)
    for at in level:
        luck = 0.9 * luck + rng.normal(0, 0.03, (studies, n))
        wrong |= st.paired_t(luck).p < at
    return np.where(wrong, 1.0, -1.0), np.full(studies, 2.0), 0.0


DATA, TWO = ("normal", "accuracy", "skewed"), ("normal", "accuracy")
INTERVALS: dict[str, tuple[tuple[str, ...], Callable]] = {
    "estimate (default)": (DATA, of_differences(lambda d, i: st.estimate(d))),
    "paired_t": (DATA, of_differences(lambda d, i: st.paired_t(d))),
    "bootstrap": (DATA, of_differences(lambda d, i: st.bootstrap(d, seed=i))),
    "iqm difference, jackknife": (TWO, of_benches("iqm", whole=False)),
    "iqm difference, whole runs drawn": (TWO, of_benches("iqm", whole=True)),
    "mean, stratified_bootstrap": (TWO, of_scores("mean", widen=True)),
    "mean, stratified_bootstrap(widen=False)": (TWO, of_scores("mean", widen=False)),
    "iqm, stratified_bootstrap": (TWO, of_scores("iqm", widen=True)),
    "iqm, stratified_bootstrap(widen=False)": (TWO, of_scores("iqm", widen=False)),
    "median, stratified_bootstrap": (TWO, of_scores("median", widen=True)),
    "performance_profile at one score": (TWO, of_profiles),
    "improvement, jackknife": (TWO, of_improvement(bench=True)),
    "improvement_bootstrap": (TWO, of_improvement(bench=False)),
    "to_threshold difference": (("times",), of_restricted_means),
    "kaplan_meier at one time": (("times",), of_waiting),
    "new rows, crossed": (("answers",), of_new_rows),
    "seeds_and_rows, paired_bootstrap": (("answers",), of_rows),
    "confidence_sequence at 1,000 looks": (("3% differ", "30% differ"), of_sequences),
    "looks at 1,000 evaluations": (("wandering",), of_looks),
}

if __name__ == "__main__":
    main()
