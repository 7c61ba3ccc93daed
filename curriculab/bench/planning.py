"""What a bench would take, before anything trains: steps, tokens, minutes, bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from curriculab.bench.budget import Budget
from curriculab.bench.design import Design
from curriculab.bench.recording import record
from curriculab.bench.scheduler import Scheduler, closing_backend
from curriculab.bench.simulate import simulate
from curriculab.engine.prediction import predict
from curriculab.engine.texts import Text
from curriculab.engine.waves import Prompt
from curriculab.methods.order.random_order import random_order
from curriculab.protocol import Method
from curriculab.registry.warning import warn

SIMULATED_STEPS = 50  # that show what a method asks for
TIMED_TESTS = 64  # test rows that the speed of tests is measured on
RUN_BYTES = 40_000  # of a run's tables at least
STEP_BYTES = 80  # of the tables for each row trained


def plan(design: Design, variants: Mapping[str, Method], seeds: Sequence[int]) -> pd.DataFrame:
    """What training these variants would take, a line a variant; minutes and bytes are those of all its seeds to do."""
    speed = measured_speed(design)
    test_tokens = float(design.model.lengths(design.test).sum()) * len(design.shares)
    lines, memory = {}, predicted_memory(design, len(variants) * len(seeds))
    for name, method in variants.items():
        steps, tokens = requested(design, method)
        recorded = sum(bool(design.store and design.store.load(name, design.digest(method, seed))) for seed in seeds)
        todo = len(seeds) - recorded
        seconds = sum(n / speed[kind] for kind, n in tokens.items()) + test_tokens / speed["test"]
        lines[name] = {
            "learning_rate": design.objective.learning_rate,
            "steps": steps,
            **{f"{kind}_tokens": n if math.isnan(n) else int(n) for kind, n in tokens.items()},
            "test_tokens": int(test_tokens),
            "seeds": len(seeds),
            "recorded": recorded,
            "minutes": float(f"{seconds / 60 * todo:.2g}"),
            "bytes": todo * (4 * design.model.layout.size + RUN_BYTES + STEP_BYTES * steps * design.batch_size),
            **memory,
        }
    return pd.DataFrame.from_dict(lines, orient="index")


def requested(design: Design, method: Method) -> tuple[int, dict[str, float]]:
    """Steps of one run, and tokens it trains, samples and scores, by simulating its first steps."""
    axis, total = design.budget.axis()
    each = {
        "steps": 1,
        "tokens": design.batch_size * design.tokens_per_row,
        "rollouts": design.batch_size * design.rollouts,
    }
    steps = max(1, math.ceil(total / each[axis]))
    simulated = min(steps, SIMULATED_STEPS)
    seen = simulate(
        method,
        design.train,
        steps=simulated,
        batch_size=design.batch_size,
        objective=design.objective,
        rollouts=design.rollouts,
    )
    if seen.failed:
        why = "; ".join(seen.failed.values())
        warn(f"what it asks for is not known, the simulated learner says: {why}")
        known = steps * design.batch_size * design.tokens_per_row
        return steps, {"train": known, "sample": math.nan, "score": math.nan}
    spent = seen.ledger.groupby("request").tokens.sum()
    # The simulated student counts bytes, the model tokens.
    unit = len(seen.exposure) * design.tokens_per_row / max(1.0, float(spent.get("Train", 0)))
    grow = steps / simulated
    return steps, {kind.lower(): float(spent.get(kind, 0)) * unit * grow for kind in ("Train", "Sample", "Score")}


def predicted_memory(design: Design, runs: int) -> dict[str, int]:
    """Bytes that all runs of a bench take side by side, by part: of a step with the longest rows, and of its answers;
    empty where another backend answers."""
    if design.make_backend is not None:
        return {}
    model, limit = design.model, design.max_new_tokens
    lengths = model.lengths(design.train).sort_values(ascending=False)
    rows = design.train.loc[lengths.index[: design.batch_size]]
    texts, prompts = model.encode(rows), [*design.test.iterrows()]
    answers = design.rollouts if design.objective.needs_samples else 0
    if answers:
        texts = [_with_answer(text, limit) for text in texts for _ in range(answers)]
    asked = [Prompt(model.prompt(row.prompt, row.get("options")), None, 1, 1.0, limit, (), ()) for _, row in prompts]
    if answers:
        own = [text.tokens[:-limit] for text in texts[::answers]]
        asked += [Prompt(tokens, None, answers, 1.0, limit, (), ()) for tokens in own]
    found = predict(model, train=[texts] * runs, write=asked * runs, limits=design.limits)
    return {f"memory_{name}": size for name, size in found.parts().items()}


def _with_answer(text: Text, limit: int) -> Text:
    """The prompt of a row and an answer of as many tokens as it may have, all of them learned."""
    prompt = text.tokens[: int(np.argmax(text.learned))]
    tokens = np.concatenate([prompt, np.zeros(limit, prompt.dtype)])
    return Text(tokens, np.arange(len(tokens)) >= len(prompt))


def measured_speed(design: Design) -> dict[str, float]:
    """Tokens a second of training, sampling, scoring and tests, seen on three steps in random order.

    The adapter that learns in them is thrown away.
    """
    rows, tests = design.train.iloc[: 3 * design.batch_size], design.test.iloc[:TIMED_TESTS]
    job = design.open_job("plan", random_order, 0, pool=rows)
    limit = design.max_new_tokens
    with closing_backend(design.backend()) as backend:
        backend.start([(job.variant, job.seed)])
        Scheduler(backend, Budget(steps=3), tests, (1.0,), max_completion_length=limit).drive([job])
    if job.failed:
        raise ValueError(f"the speed cannot be measured: {job.ended.removeprefix('failed: ')}")
    ledger = record(job, tests, {}).tables["ledger"].assign(kind=lambda t: t.request.str.lower())
    ledger.loc[ledger.test, "kind"] = "test"
    warm = ledger[(ledger.step > 1) | ((ledger.step == 1) & (ledger.kind == "sample"))]
    sums = warm.groupby("kind")[["tokens", "seconds"]].sum()
    speed = (sums.tokens / sums.seconds).to_dict()
    return {"score": 3 * speed["train"], "sample": speed["test"], **speed}  # a forward is a third of a step
