"""Which rows a schedule would draw, at the pace of a slider: the exposure of `simulate`, and nothing else.

    preview = Preview(pool, batch_size=8)                  # what is the same for all schedules is prepared once
    preview("A", cl.methods.baby_steps, steps=200).exposure   # the same table as simulate's, in a third of the time

Supervised only: what samples its answers is simulated whole. Nothing is charged, tested or logged on the way, and texts
are Python's own: taking eight rows out of Arrow's takes longer than learning from them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import wraps

import numpy as np
import pandas as pd

from curriculab.loop import Answer, Budget, Job, Method, Ticket, default_ceiling, open_job
from curriculab.requests import OBJECTIVES, Rows, Run, Train, Use
from curriculab.runs import COLUMNS, Record, Runs
from curriculab.simulation import SimulatedLearner, Student, row_bytes


class Dropped(Exception):
    """Nobody waits for this any more."""


class Preview:
    """Draws one schedule after another from one pool, each for a student that begins anew."""

    def __init__(self, pool: Rows, *, batch_size: int, seed: int = 0, student: Student | None = None) -> None:
        self.pool, self.batch_size, self.seed = plain(pool), batch_size, seed
        self._settings = OBJECTIVES["sft"]()
        self._learner = SimulatedLearner(student or Student(), self.pool, objective=lambda request: self._settings)
        self._lengths = row_bytes(self.pool)
        self._read, self._learned = self._learner.lengths(self.pool)

    def __call__(self, variant: str, method: Method, *, steps: int, listens: bool = True) -> Runs:
        """The exposure of `steps` steps; why it ended before, where it did, is told by `failed`.

        listens=False: the method draws alike whatever it hears, so it hears None and nobody learns, which takes a
        third of the time. One that does not just train rows of the pool as they are is drawn in the other way.
        """
        work = default_ceiling(self._lengths, Budget(steps=steps), self.batch_size)
        if not listens and (deaf := self._deaf(self._open(variant, method), steps, work)):
            return Runs((deaf,))
        job = self._open(variant, method)
        self._drive(job, Budget(steps=steps, work=work))
        return Runs((_record(job),))

    def _open(self, variant: str, method: Method) -> Job:
        return open_job(
            variant, method, self.pool, seed=self.seed, batch=self.batch_size, rollouts=1,
            objective=lambda request: self._settings,
        )  # fmt: skip

    def _deaf(self, job: Job, steps: int, work: int) -> Record | None:
        """The record of a method that was told nothing; None where that is not what simulating it would give."""
        for step in range(1, steps + 1):
            tickets = job.advance()
            if not job.open or len(tickets) != 1:
                return None
            request = tickets[0].request
            if not isinstance(request, Train) or "turns" in request.rows:
                return None
            rows = request.rows
            weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
            job.exposure.append((step, rows.index.to_numpy(), None, weight))
            job.run._step, job.run._progress = step, step / steps
        at = self.pool.index.get_indexer(np.concatenate([ids for _, ids, _, _ in job.exposure]))
        ends = np.cumsum([len(ids) for _, ids, _, _ in job.exposure])
        spent = np.cumsum(self._read[at])[ends - 1] / work
        if at.min() < 0 or (spent > np.arange(1, steps + 1) / steps).any():  # work decides how far it is
            return None
        learned = np.split(self._learned[at], ends[:-1])
        job.exposure = [(s, ids, n, w) for (s, ids, _, w), n in zip(job.exposure, learned, strict=True)]
        job.close("budget spent")
        return _record(job)

    def _drive(self, job: Job, budget: Budget) -> None:
        tickets = job.advance()
        while job.open:
            left = budget.steps - job.run.step
            if not left or sum(isinstance(t.request, Train) for t in tickets) > left or job.spent.work >= budget.work:
                return job.close("budget spent")
            kinds = dict.fromkeys(type(t.request) for t in tickets)  # of a list, like requests go together
            for ticket in [t for kind in kinds for t in tickets if type(t.request) is kind]:
                self._answer(job, ticket, budget)
            tickets = job.advance(job.whole_reply()) if job.open else []
        return None

    def _answer(self, job: Job, ticket: Ticket, budget: Budget) -> None:
        request = ticket.request
        (answer,) = [Answer(None)] if isinstance(request, Use) else self._learner.answer(type(request), [ticket])
        if isinstance(answer, Exception):
            return job.close(f"failed: {type(answer).__name__}: {answer}")
        job.accept(ticket, answer.reply)
        spent = job.spent
        spent.work += max(answer.tokens, 1)
        if isinstance(request, Train):
            spent.steps += 1
            job.run._step += 1
            rows = answer.reply
            weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
            job.exposure.append((job.run.step, rows.index.to_numpy(), answer.learned, weight))
        job.run._progress = min(1.0, max(budget.shares(spent).values()))
        return None


def _record(job: Job) -> Record:
    steps, ids, tokens, weights = zip(*job.exposure, strict=True) if job.exposure else ((), (), (), ())
    exposure = pd.DataFrame({
        "step": np.repeat(steps, [len(i) for i in ids]).astype(int), "id": _joined(ids, object),
        "tokens": _joined(tokens, int), "weight": _joined(weights, float),
    })  # fmt: skip
    tables = {name: pd.DataFrame() for name in COLUMNS} | {"exposure": exposure}
    spec = {"variant": job.variant, "seed": job.seed, "simulated": True, "ended": job.ended, "steps": job.run.step}
    return Record(spec, tables)


def _joined(parts: tuple, kind: type) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, kind)


def plain(pool: Rows) -> Rows:
    """The pool with its texts, ids and names of columns as Python's own strings: the same values, taken faster."""
    texts = {c: object for c in pool if isinstance(pool[c].dtype, pd.StringDtype)}
    pool = pool.astype(texts).copy()
    pool.index, pool.columns = pool.index.astype(object), pool.columns.astype(object)
    return pool


def droppable(variants: Mapping[str, Method], unwanted: Callable[[], bool]) -> dict[str, Method]:
    """The same methods; each fails at its next request once it is unwanted, so that a computation can be called off."""
    return {name: _droppable(method, unwanted) for name, method in variants.items()}


def _droppable(method: Method, unwanted: Callable[[], bool]) -> Method:
    @wraps(method)
    def made(pool: Rows, run: Run) -> Generator:
        inner, reply = method(pool, run), None
        while not unwanted():
            try:
                asked = inner.send(reply)
            except StopIteration as stop:
                return stop.value
            reply = yield asked
        raise Dropped("called off")

    return made
