"""What a bench would take, before anything trains: steps, tokens, minutes, bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from curriculab.bench.budget import Budget
from curriculab.bench.design import Design
from curriculab.bench.divided import processes_of
from curriculab.bench.recording import record
from curriculab.bench.scheduler import Scheduler, closing_backend
from curriculab.bench.simulate import simulate
from curriculab.bench.starting import refuse_bad_starts
from curriculab.data.files import data_path
from curriculab.engine.prediction import predict
from curriculab.engine.texts import Text
from curriculab.engine.waves import Prompt
from curriculab.methods.order.random_order import random_order
from curriculab.methods.registry import random_controls
from curriculab.protocol import Method, Script, method_name
from curriculab.registry.progress import working
from curriculab.registry.warning import warn
from curriculab.runs import Record
from curriculab.simulation.student import Student
from curriculab.statistics.pooled import pool
from curriculab.statistics.power import seeds_needed

SIMULATED_STEPS = 50  # that show what a method asks for
TIMED_TESTS = 64  # test rows that the speed of tests is measured on
RUN_BYTES = 40_000  # of a run's tables at least
STEP_BYTES = 80  # of the tables for each row trained


def plan(design: Design, variants: Mapping[str, Method], seeds: Sequence[int]) -> pd.DataFrame:
    """What training these variants would take, a line a variant; minutes and bytes are those of all its seeds to do."""
    refuse_bad_starts(variants, lambda variant, method: design.open_job(variant, method, seeds[0]))
    with working("planning"):
        return _planned(design, variants, seeds)


def _planned(design: Design, variants: Mapping[str, Method], seeds: Sequence[int]) -> pd.DataFrame:
    speed = measured_speed(design)
    test_tokens = float(design.model.lengths(design.test).sum()) * len(design.shares)
    if (validation := design.validation) is not None:
        each = [float(design.model.lengths(rows).sum()) for rows in (validation.rows, design.test)]
        test_tokens = each[0] * len({*design.shares, *validation.test_at}) + each[1] * len(validation.test_at)
    lines, memory = {}, predicted_memory(design, len(variants) * len(seeds))
    at_once = processes_of(design, [(name, seed) for name in variants for seed in seeds])
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
            "minutes": float(f"{seconds / 60 * todo / at_once:.2g}"),
            "bytes": todo * (4 * design.model.layout.size + RUN_BYTES + STEP_BYTES * steps * design.batch_size),
            **memory,
        }
    return pd.DataFrame.from_dict(lines, orient="index")


def with_seeds_needed(
    table: pd.DataFrame,
    design: Design,
    variants: Mapping[str, Method],
    null: Sequence[str],
    seeds: Sequence[int],
    claims: Iterable[Method],
    *,
    effect: float | None = None,
    sd: float | None = None,
    spread: str = "own",
) -> pd.DataFrame:
    """A plan with the seeds that find a difference of `effect` in four of five benches; as it is without an effect.

    Columns, on every line the same: `effect`, `seeds_needed`, by the test that `compare(..., spread=spread)` makes of
    `claims`, random order aside; `sd_difference`, the spread that this is reckoned with, and `sd_source`, whose it is.

    null: names of the null-band orders among the variants, which are replicates of random order. sd: of the seeds'
    differences to it; None: by the runs of this bench that are recorded already, else that of data/reference.
    """
    if effect is None:
        return table
    orders, source = len(null) + 1, "as given"
    if sd is None:
        run, source = _spread_of_a_run(design, variants, null, seeds)
        sd = run * math.sqrt(1 + 1 / orders)
    m = sum(method_name(method) not in random_controls() for method in claims)
    needed = seeds_needed(effect, sd, m=max(m, 1), spread=spread, orders=orders)
    return table.assign(effect=effect, seeds_needed=needed, sd_difference=sd, sd_source=source)


def _spread_of_a_run(
    design: Design, variants: Mapping[str, Method], null: Sequence[str], seeds: Sequence[int]
) -> tuple[float, str]:
    """Standard deviation of one run's accuracy, less what its seed does to all variants, and where that is from."""
    accuracy = {}
    for name, method in variants.items():
        found = [design.store.load(name, design.digest(method, seed)) for seed in seeds] if design.store else []
        shares = [_last_accuracy(record) for record in found if record is not None]
        if len(shares) == len(seeds) and not np.isnan(shares).any():
            accuracy[name] = shares
    if len(accuracy) > 1 and len(seeds) > 1:
        names = ["random" if name in null else name for name in accuracy]
        found = pool(np.array([*accuracy.values()]).T, names, "random")
        if found.variance > 0:
            return float(np.sqrt(found.variance)), f"{len(accuracy)} variants x {len(seeds)} seeds of this bench"
    table = pd.read_csv(data_path("reference") / "online_table.csv")
    differences = math.sqrt((table.sd_difference**2).mean())
    return differences / math.sqrt(2), "assumed: as in data/reference/online, pocket model, 240 test rows"


def _last_accuracy(record: Record) -> float:
    items = record.tables.get("items", ())
    return float(items.loc[items["step"] == items["step"].max(), "correct"].mean()) if len(items) else math.nan


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
    # A student stands in for each other model: what it writes is as long as the learner's answers.
    others = {r: one if isinstance(one, Script) else Student() for r, one in design.reference_models.items()}
    seen = simulate(
        method,
        design.train,
        steps=simulated,
        batch_size=design.batch_size,
        objective=design.objective,
        rollouts=design.rollouts,
        reference_models=others,
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
    """Bytes that all runs of a bench take side by side, by part, as columns of a plan."""
    return {f"memory_{name}": size for name, size in memory_parts(design, runs).items()}


def memory_parts(design: Design, runs: int, tested: int | None = None) -> dict[str, int]:
    """Bytes that runs take side by side, by part: of a step with the longest rows, and of answers; empty where another
    backend answers. tested: how many of the runs write answers to test rows at once (None: all)."""
    if design.make_backend is not None:
        return {}
    tested = runs if tested is None else tested
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
    return predict(model, train=[texts] * runs, write=asked * tested, limits=design.limits).parts()


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
