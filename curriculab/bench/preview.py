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

from curriculab.bench.budget import Budget, default_ceiling
from curriculab.bench.job import Job, Pending, open_job
from curriculab.bench.recording import take_step
from curriculab.bench.roles import Step, learner_steps, trains_learner
from curriculab.objectives.sft import Sft
from curriculab.protocol import Answer, Copy, Method, Returned, Rows, Run, Train, Use, advance, relay
from curriculab.protocol.roles import LEARNER
from curriculab.runs import COLUMNS, Record, Runs
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.rows import row_bytes
from curriculab.simulation.student import Student


class Dropped(Exception):
    """Nobody waits for this any more."""


class Preview:
    """Draws one schedule after another from one pool, each for a student that begins anew.

    Parameters
    ----------
    pool : pd.DataFrame
        Rows to draw from, by id.
    batch_size : int
        Rows a step.
    seed : int
        Of the method and the student.
    student : Student, optional
        How the student learns. None: `Student()`.

    Examples
    --------
    >>> import curriculab as cl
    >>> from curriculab.simulation.pools import chain_pool
    >>> preview = Preview(chain_pool(skills=2, rows=8), batch_size=4)
    >>> runs = preview("easy first", cl.methods.easy_to_hard, steps=2)
    >>> [row.split("/")[1] for row in runs.exposure.id]  # skills: half of the steps for each
    ['1', '1', '1', '1', '2', '2', '2', '2']
    """

    def __init__(self, pool: Rows, *, batch_size: int, seed: int = 0, student: Student | None = None) -> None:
        self.pool, self.batch_size, self.seed = plain(pool), batch_size, seed
        self._settings = Sft()
        self._student = SimulatedLearner(student or Student(), self.pool, objective=lambda request: self._settings)
        self._lengths = row_bytes(self.pool)
        self._texts = [c for c in ("prompt", "answer", "solution") if c in pool]

    def __call__(self, variant: str, method: Method, *, steps: int, listens: bool = True) -> Runs:
        """The exposure of `steps` steps; why it ended before, where it did, is told by `failed`.

        listens=False: the method draws alike whatever it hears, so it hears None and nobody learns, which takes a
        third of the time. One that does not just train rows of the pool as they are is drawn in the other way.
        """
        ceiling = default_ceiling(self._lengths, Budget(steps=steps), self.batch_size)
        if not listens and (deaf := self._deaf(self._open(variant, method), steps, ceiling)):
            return Runs((deaf,))
        job = self._open(variant, method)
        self._student.start([(variant, self.seed)])
        self._drive(job, Budget(steps=steps, max_total_tokens=ceiling))
        return Runs((_record(job),))

    def _open(self, variant: str, method: Method) -> Job:
        return open_job(
            variant,
            method,
            self.pool,
            seed=self.seed,
            batch=self.batch_size,
            rollouts=1,
            objective=lambda request: self._settings,
        )

    def _deaf(self, job: Job, steps: int, ceiling: int) -> Record | None:
        """The record of a method that was told nothing; None where that is not what simulating it would give."""
        texts: dict[str, list] = {name: [] for name in self._texts}
        try:
            for step in range(1, steps + 1):
                request = advance(job.generator)
                if isinstance(request, Returned):
                    return None
                rows = request.rows
                if not trains_learner(request) or "turns" in rows or ("solution" in rows) != ("solution" in texts):
                    return None
                for name, column in texts.items():
                    column += rows[name].tolist()
                weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
                job.exposure.append((step, rows.index.to_numpy(), None, weight, request.role))
                job.clock.step = step
                job.clock.spent = job.clock.progress = step / steps
        except Exception:  # whatever is wrong with it, the other way says it
            return None
        return self._whole(job, pd.DataFrame(texts), ceiling)

    def _whole(self, job: Job, texts: pd.DataFrame, ceiling: int) -> Record | None:
        """The record of what was drawn deaf, if it drew rows of the pool and their length did not end it."""
        steps, ids, _, weights, _ = zip(*job.exposure, strict=True)
        each, weights = np.array([len(i) for i in ids]), np.concatenate(weights)
        known = self.pool.index.get_indexer(np.concatenate(ids)).min(initial=0) >= 0
        if not known or not each.all() or not (np.isfinite(weights) & (weights >= 0)).all():
            return None
        read, learned = self._student.lengths(texts)
        ends = np.cumsum(each)
        if (np.cumsum(read)[ends - 1] / ceiling > np.arange(1, len(steps) + 1) / len(steps)).any():
            return None
        parts = np.split(learned, ends[:-1])
        job.exposure = [(s, i, n, w, r) for (s, i, _, w, r), n in zip(job.exposure, parts, strict=True)]
        job.close("budget spent")
        return _record(job)

    def _drive(self, job: Job, budget: Budget) -> None:
        pending = job.advance()
        while job.open:
            left = budget.steps - job.run.step
            trains = learner_steps([p.request for p in pending])
            if not left or trains > left or job.spent.total_tokens >= budget.max_total_tokens:
                return job.close("budget spent")
            kinds = dict.fromkeys(type(p.request) for p in pending)  # of a list, like requests go together
            for kind in kinds:
                for one in pending:
                    if type(one.request) is kind:
                        self._answer(job, one, budget)
            pending = job.advance(job.whole_reply()) if job.open else []
        return None

    def _answer(self, job: Job, one: Pending, budget: Budget) -> None:
        request = one.request
        (answer,) = [Answer(None)] if isinstance(request, Use) else self._student.answer([one.ask])
        if isinstance(answer, Exception):
            return job.close(f"failed: {type(answer).__name__}: {answer}")
        job.accept(one.ask.place, answer.reply)
        spent = job.spent
        spent.total_tokens += max(answer.tokens, 1)
        if isinstance(request, Train):
            rows = answer.reply
            weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
            take_step(job, Step({}, rows.index.to_numpy(), answer.learned, weight, answer.tokens), request.role)
        if isinstance(request, Copy):
            for step in job.histories.copy(request):
                take_step(job, step, LEARNER)
        job.progress.book(request, answer, spent, budget)
        return None


def _record(job: Job) -> Record:
    steps, ids, tokens, weights, roles = zip(*job.exposure, strict=True) if job.exposure else ((),) * 5
    each = [len(i) for i in ids]
    exposure = pd.DataFrame(
        {
            "step": np.repeat(steps, each).astype(int),
            "id": _joined(ids, object),
            "tokens": _joined(tokens, int),
            "weight": _joined(weights, float),
            "role": np.repeat(np.array(roles, object), np.array(each, int)),
        }
    )
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
        def through(asked: object) -> Generator:
            if unwanted():
                raise Dropped("called off")
            return (yield asked)

        return relay(method(pool, run), through)

    return made
