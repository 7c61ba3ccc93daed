"""Methods of reinforcement, once on a real instruct model: `python -m benchmarks.reinforced curr_reft`.

SmolLM2-135M trains 20 steps on real prompts, the method beside its control, from the same adapter and on the same seed;
what each step paid and what the test rows came to is kept in data/reinforced/. One seed of twenty steps says that it
runs, what it costs and whether its groups have a signal. It says nothing of whether the method helps.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd

STEPS, BATCH, ANSWERS, LONGEST, TESTS = 20, 2, 4, 48, 12
KEPT = ("variant", "step", "progress", "rows", "reward", "signal", "tokens", "generated", "seconds")


@dataclass(frozen=True)
class Trial:
    """What a method is tried on, and against what."""

    data: str  # what cl.load_pool takes
    levels: tuple[int, ...]
    control: Mapping[str, object]  # knobs of the method that take away what it claims
    knobs: Mapping[str, object] = field(default_factory=dict)
    objective: Mapping[str, object] = field(default_factory=dict)  # settings of cl.Grpo


TRIALS: Mapping[str, Trial] = {
    "curr_reft": Trial("word_problems", (1,), control={"stages": ("open",)}),
    "light_if": Trial(
        "rules",
        (1, 2, 3, 4),
        control={"dense": False},
        knobs={"probes": 2},
        objective={"entropy": 1.0, "entropy_by": "covariance"},
    ),
}


def settings(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reinforced", description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=TRIALS)
    parser.add_argument("--model", default="smollm2", help="what cl.load_model takes (default smollm2)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"optimiser steps (default {STEPS})")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"rows a step (default {BATCH})")
    parser.add_argument("--answers", type=int, default=ANSWERS, help=f"answers a row (default {ANSWERS})")
    parser.add_argument("--longest", type=int, default=LONGEST, help=f"tokens of an answer (default {LONGEST})")
    parser.add_argument("--rows", type=int, default=60, help="rows to train on (default 60)")
    parser.add_argument("--tests", type=int, default=TESTS, help=f"test rows (default {TESTS})")
    parser.add_argument("--to", type=Path, default=Path("data/reinforced"), help="where results go")
    return parser.parse_args(given)


def train(asked: argparse.Namespace) -> object:
    """The method and its control, one seed: the runs."""
    import curriculab as cl

    trial = TRIALS[asked.method]
    method = getattr(cl.methods, asked.method)
    rows, tests = cl.split(cl.load_pool(trial.data, levels=list(trial.levels)), test=asked.tests, seed=0)
    bench = cl.Bench(
        cl.load_model(asked.model, bits=32, device="cpu"),
        rows.sample(asked.rows, random_state=0),
        tests,
        budget=cl.Budget(steps=asked.steps),
        objective=cl.Grpo(**trial.objective),
        batch_size=asked.batch,
        num_generations=asked.answers,
        max_new_tokens=asked.longest,
        valid=None,
    )
    variants = {
        asked.method: partial(method, **trial.knobs),
        "control": partial(method, **trial.knobs, **trial.control),
    }
    return bench.run(variants, seeds=1, progress=True)


def record(asked: argparse.Namespace, runs: object) -> Mapping[str, object]:
    """What ran, a line a step, and the test rows before and after: plain values."""
    import curriculab as cl

    if runs.failed:
        raise SystemExit(f"failed: {runs.failed}")
    notes = [name for name in ("stage", "met", "all_met", "answer_entropy", "yes", "kept") if name in runs.metrics]
    steps = runs.metrics[[*KEPT, *notes]].round(5)
    tests = runs.items.groupby(["variant", "share"]).correct.mean().round(4).unstack("share")
    return {
        "method": asked.method,
        "model": asked.model,
        "control": dict(TRIALS[asked.method].control),
        "knobs": dict(TRIALS[asked.method].knobs),
        "objective": dict(TRIALS[asked.method].objective),
        "steps": asked.steps,
        "batch": asked.batch,
        "answers": asked.answers,
        "longest": asked.longest,
        "tests": {str(v): {str(share): x for share, x in line.items()} for v, line in tests.iterrows()},
        "signal": runs.metrics.groupby("variant").signal.mean().round(4).to_dict(),
        "minutes": round(float(runs.metrics["seconds"].max()) / 60, 1),
        "curriculab": cl.__version__,
        "date": date.today().isoformat(),
        "by_step": json.loads(steps.to_json(orient="records")),
    }


def main(given: Sequence[str] | None = None) -> int:
    """Train one method and its control; what came of it into a folder."""
    asked = settings(given)
    about = record(asked, train(asked))
    asked.to.mkdir(parents=True, exist_ok=True)
    (asked.to / f"{asked.method}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(pd.DataFrame(about["tests"]).T.to_string(), about["signal"], sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
