"""Draw and update of every method that listens, and of random order, on pools of 10 thousand and 1 million rows.

What is timed is a method's own work in one optimiser step: from the reply to a Train until its next Train is asked,
summed over all it asks in between (answers, readings), without the time that others take to answer. Replies are made
up: groups of answers whose pass rates are spread over [0, 1], as tables of the shape that a model's replies have.
Nothing here has a peer, so `peer` and `ratio` are null; lower is better.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.measure import single
from curriculab import methods
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Clock, Piece, Request, Run, Sample, Score, Train

SIZES = {"10k": 10_000, "1m": 1_000_000}
BATCH, ROLLOUTS = 64, 8
TOPICS, LEVELS = 8, 10
EMBEDDING = 192  # numbers, as of the pocket model
LEAN = {"adcl": {"probe": 1}, "sari": {"probe": 1}}  # they probe a whole pool: one answer a row from BIG rows on
BIG = 100_000
Rows = pd.DataFrame


def run(
    *,
    steps: int = 1000,
    sizes: Mapping[str, int] = SIZES,
    names: Sequence[str] | None = None,
    repeats: int = 1,  # the steps are the repeats
    say: Callable[[str], None] = print,
) -> Iterator[dict[str, object]]:
    """The figures of this family, one by one."""
    for size, rows in sizes.items():
        say(f"draws: {rows} rows, {steps} steps of {BATCH} rows x {ROLLOUTS} answers")
        pool = big_pool(rows)
        for name in names or listening():
            knobs = LEAN.get(name, {}) if rows >= BIG else {}
            own = pool.set_axis(pd.Index(pool.index.array, name="id"))  # nobody has looked anything up in it yet
            set_up, taken = drive(getattr(methods, name), own, steps, **knobs)
            ms = np.array(taken) * 1e3
            note = f"set-up {set_up * 1e3:.0f} ms; median of {len(ms)} steps, one in twenty above "
            note += f"{np.quantile(ms, 0.95):.2f} ms, slowest {ms.max():.0f} ms"
            note += "".join(f"; {k}={v}" for k, v in knobs.items())
            yield single(f"draw_{size}_{name}", float(np.median(ms)), unit="ms", note=note)


def listening() -> list[str]:
    """The module names of what is timed."""
    return ["random_order", *(e.function for e in methods.CATALOG if e.group == "online" and e.path.exists())]


def big_pool(rows: int) -> Rows:
    """A pool of arithmetic in topics and levels."""
    at, rng = np.arange(rows), np.random.default_rng(0)
    topic, level = rng.integers(TOPICS, size=rows), rng.integers(1, LEVELS + 1, size=rows)
    columns = {
        "prompt": [f"add {i} and {t}" for i, t in zip(at.tolist(), topic.tolist(), strict=True)],
        "answer": [str(i) for i in (at + topic).tolist()],
        "topic": pd.array([f"topic {t}" for t in range(TOPICS)], dtype="str").take(topic),
        "level": level,
    }
    return pd.DataFrame(columns, index=pd.Index([f"row/{i:07d}" for i in at.tolist()], name="id"))


def drive(
    method: Callable[..., Generator], pool: Rows, steps: int, *, batch: int = BATCH, **knobs: object
) -> tuple[float, list[float]]:
    """Seconds until a method asks its first Train, and of its own work in each of `steps` steps after that."""
    clock, replies = Clock(), Replies()
    run = Run(0, batch=batch, rollouts=ROLLOUTS, clock=clock)
    spent, taken, made, reply = 0.0, [], method(pool, run, **knobs), None
    while len(taken) <= steps:
        began = time.perf_counter()
        asked = made.send(reply)
        spent += time.perf_counter() - began
        many = asked if isinstance(asked, list) else [asked]
        answers = [replies(request, run) for request in many]
        reply = answers if isinstance(asked, list) else answers[0]
        if trained := sum(isinstance(request, Train) for request in many):
            clock.step += trained
            clock.spent = clock.progress = min(1.0, clock.step / (steps + 2))
            taken.append(spent)
            spent = 0.0
    made.close()
    return taken[0], taken[1:]


class Replies:
    """Made-up replies of the shape that a model's have."""

    def __init__(self) -> None:
        self.rng, self.groups = np.random.default_rng(1), 0

    def __call__(self, request: Request, run: Run) -> Rows | None:
        if isinstance(request, Sample):
            return self.answered(request.rows, request.n)
        if isinstance(request, Score):
            return self.read(request)
        if isinstance(request, Train):
            return self.trained(request, run)
        return None

    def answered(self, rows: Rows, n: int | Sequence[int]) -> Rows:
        """One line per answer; the pass rate of each group is any number in [0, 1]."""
        counts = np.broadcast_to(np.asarray(n, int), len(rows))
        lines = rows.take(np.repeat(np.arange(len(rows)), counts))
        right = (self.rng.random(len(lines)) < np.repeat(self.rng.random(len(rows)), counts)).astype(float)
        group = self.groups + np.repeat(np.arange(len(rows)), counts)
        self.groups += len(rows)
        turns = np.empty(len(lines), object)
        turns[:] = [(Piece("42", learn=True, end=True),)] * len(lines)
        return lines.assign(
            turns=turns,
            text="42",
            ended="eos",
            length=3,
            logprob=-2.0,
            entropy=0.5,
            group=lines["group"] if "group" in lines else group,
            correct=right,
            reward=right,
        )

    def trained(self, request: Train, run: Run) -> Rows:
        if request.objective == "sft":
            return request.rows.assign(loss=1.0)
        out = request.rows if "turns" in request.rows else self.answered(request.rows, run.rollouts)
        return out.assign(loss=1.0, advantage=Grpo().advantages(out))

    def read(self, request: Score) -> Rows:
        n = len(request.rows)
        measures = [request.measure] if isinstance(request.measure, str) else request.measure
        shapes = {measure: (n, EMBEDDING) if measure == "embedding" else n for measure in measures}
        values = {measure: list(self.rng.random(shape)) for measure, shape in shapes.items()}
        return pd.DataFrame(values, index=request.rows.index)
