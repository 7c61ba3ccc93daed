"""The one loop that answers requests: those of one kind, from every variant and seed, are answered in one call.

A backend (the simulated student, or the bench's model) gets all pending requests of one kind and gives one Answer each.
The scheduler charges, records, logs, tests on time and closes what fails; it knows no torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from curriculab.bench.budget import Budget
from curriculab.bench.evaluation import Evaluations, Validation
from curriculab.bench.job import Job, Pending, take_over
from curriculab.bench.phases import sampled_in
from curriculab.bench.recording import charge, charge_evaluation, ledger_line
from curriculab.bench.replay import ReplayLog
from curriculab.bench.roles import learner_steps
from curriculab.bench.timing import only_samples, paid_for
from curriculab.protocol import Answer, Backend, Rows, Train, Use, digest


@dataclass(eq=False)
class Scheduler:
    """Drives jobs until every budget is spent.

    tests, validation: rows everybody is tested on (None: no tests), at these shares of a variant's own budget, set-up
    included; watch: called with the scheduler before every call and at the end, to steer; log: of answers, for replay.
    """

    backend: Backend
    budget: Budget
    tests: Rows | None = None
    shares: Sequence[float] = (0.0, 1.0)
    watch: Callable[[Scheduler], None] | None = None
    log: ReplayLog | None = None
    max_completion_length: int = 0
    validation: Validation | None = None

    def __post_init__(self) -> None:
        self.jobs: list[Job] = []
        self.pending: list[Pending] = []
        self.started = False  # has the start been tested?
        self.call = 0  # how many were answered, replayed ones apart: names a moment between two calls
        self.calls: list[tuple[str, int]] = []  # (kind, requests) of each
        self.evaluations = Evaluations(self.tests, self.shares, self.max_completion_length, self.validation)

    @cached_property
    def ceiling(self) -> int:
        """Tokens that one test may take."""
        return self.evaluations.ceiling(self.budget.max_total_tokens)

    def drive(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Answer requests until all are done. The variant furthest behind decides which kind is answered next."""
        self.jobs = list(jobs)
        for number, job in enumerate(self.jobs):
            job.number, job.budget = number, self.budget
            job.due = self.evaluations.due()
        self._test_the_start()
        self.started = True
        self.pending = [p for job in self.jobs for p in self._after(job, job.advance())]
        self._answer_all()
        return self.jobs

    def add(self, job: Job) -> None:
        """Let another job join between two calls, with a past that begins with another's of its seed: a fork."""
        job.number, job.budget = len(self.jobs), self.budget
        self.jobs.append(job)
        job.due = self.evaluations.due()
        self.evaluations.take_start(job)
        self.pending += self._after(job, job.advance())
        self._replay()

    def _test_the_start(self) -> None:
        """All variants of a seed start equal: test that once, and let each record it."""
        if not self.evaluations.tests_the_start:
            return
        firsts = {job.seed: job for job in reversed(self.jobs)}
        for job in firsts.values():
            self.pending += self._evaluate(job, 0.0)
        self._answer_all()
        self.evaluations.keep_start(list(firsts.values()))
        for job in self.jobs:
            self.evaluations.take_start(job)

    # -- answering ----------------------------------------------------------------------------------------------------
    def _answer_all(self) -> None:
        """Answer what is pending and all that comes of it; like requests, in the order of their jobs, in one call."""
        while self._more():
            now = next_call(self.pending)
            kind = type(now[0].request)
            began = time.perf_counter()
            answers = [Answer(None) for _ in now] if kind is Use else self.backend.answer([p.ask for p in now])
            cost = _divided(time.perf_counter() - began, answers)
            self.call += 1
            self.calls.append((kind.__name__, len(now)))
            if self.log:
                digests = [digest(p.request) for p in now]
                self.log.note(self.call, kind.__name__, [p.ask for p in now], digests, answers, cost)
            self.pending = [p for p in self.pending if type(p.request) is not kind]
            for one, answer, seconds in zip(now, answers, cost, strict=True):
                self.pending += self._book(one, answer, seconds)

    def _more(self) -> bool:
        """Is anything pending, once the past was replayed and the watcher has had its say?"""
        self._replay()
        if self.watch:
            self.watch(self)
        return bool(self.pending)

    def _replay(self) -> None:
        """Answer what the past knows, and what comes of that, until something new is asked.

        Replaying brings a method to where it was, not its adapters: those come from a checkpoint of the same moment.
        """
        new, waiting = [], self.pending
        while waiting:
            one, *waiting = waiting
            known = one.job.root.past.pop(one.key, None)
            if known is None:
                new.append(one)
            else:
                waiting += self._book(one, known.answer(one.request, digest(one.request)), known.seconds)
        self.pending = sorted((p for p in new if p.job.open), key=lambda p: p.order)

    def _book(self, one: Pending, answer: Answer | Exception, seconds: float) -> list[Pending]:
        """Charge and hand over one answer; what the job asks next. A bad answer closes its job only."""
        job = one.job
        if not job.open:
            return []
        try:
            if isinstance(answer, Exception):
                raise answer
            self._charge(one, answer, seconds)
        except Exception as error:  # the backend's, or one of what the method wrote into the rows
            job.fail(error)
            return self._go_on(job, None)
        if job.parent is None and answer.reply is not None:
            job.last = type(one.request).__name__, answer.reply
        return self._go_on(job, job.whole_reply()) if job.accept(one.ask.place, answer.reply) else []

    def _charge(self, one: Pending, answer: Answer, seconds: float) -> None:
        """Book what a request cost, before the method sees the reply."""
        job, request = one.job, one.request
        if job.parent is not None:
            charge_evaluation(job, request, answer, self.ceiling)
            job.provenance.note(request, answer.reply)
        else:
            charge(job, request, answer, seconds, self.budget)
            self.evaluations.look_for_tests(job, request, answer.reply)
            if isinstance(request, Use):
                self._use(job, request)
            job.progress.book(request, answer, job.spent, self.budget)
        job.root.ledger.append(ledger_line(job, request, answer, seconds))

    def _use(self, job: Job, request: Use) -> None:
        job.use, job.solved = request, {}
        if job.run.step == 0 and self.tests is not None:
            job.due = sorted({0.0, *job.due})  # the shared start was tested without these solvers
            job.items, job.validation = [], []

    # -- tests --------------------------------------------------------------------------------------------------------
    def _evaluate(self, job: Job, share: float) -> list[Pending]:
        """Open the tests of one variant at one share; it stands still until they are done."""
        opened = self.evaluations.open(job, share)
        asked = [(evaluation, evaluation.advance()) for evaluation in opened]
        pending = []
        for evaluation, requests in asked:
            pending += requests if evaluation.open else self._finish_evaluation(evaluation)
        return pending

    def _finish_evaluation(self, evaluation: Job) -> list[Pending]:
        """Record a finished test; when it was the last that is open, its variant goes on."""
        job = evaluation.parent
        self.evaluations.finish(evaluation)
        if job.evaluations:
            return []
        if job.held is not None:
            held, job.held = job.held, None
            return self._after(job, held)
        if job.pending_reply is None:
            return []
        (reply,), job.pending_reply = job.pending_reply, None
        return self._go_on(job, reply)

    # -- what a job asks next -----------------------------------------------------------------------------------------
    def _go_on(self, job: Job, reply: object) -> list[Pending]:
        if job.parent is not None:
            asked = job.advance(reply) if job.open else []
            return asked if job.open else self._finish_evaluation(job)
        if job.failed:
            return []
        steer = job.steer()
        if steer and steer.to is None and job.open:
            job.close("stopped", event="stop")
        last = not job.open or job.run.spent >= 1.0
        if last and job.open and paid_for(job, self.budget):
            trains = job.advance(reply)
            if trains and all(isinstance(p.request, Train) and sampled_in(p.request.rows) for p in trains):
                return self._after(job, trains)
            job.close("returned")
        due = [s for s in job.due if s <= job.run.spent + 1e-9 or last]
        if due and (last or not job.sampled):  # answers are trained before what they taught is tested
            job.due = [s for s in job.due if s not in due]
            job.pending_reply = (reply,)
            return self._evaluate(job, due[-1])
        if last:
            self._finish(job, reply)
            return []
        asked = self._after(job, take_over(job, steer.to) if steer else job.advance(reply))
        if due and only_samples(job, asked):
            job.due, job.held = [s for s in job.due if s not in due], asked
            return self._evaluate(job, due[-1])
        return asked

    def _finish(self, job: Job, reply: object) -> None:
        """Hand over the last reply, so that a method can return its findings; what it asks instead is not answered."""
        if job.open:
            job.advance(reply)
        if job.run.spent >= 1.0:
            if job.failed:
                job.event("failed after its budget was spent", why=job.ended)
            job.ended = self.budget.why_spent(job.spent, job.run.rollouts)
        job.close("returned")
        job.fail_if_idle()

    def _after(self, job: Job, asked: list[Pending]) -> list[Pending]:
        """What a method asked for, unless it ended, or asks for more steps at once than its budget has left."""
        steps = learner_steps([p.request for p in asked])
        left = steps if self.budget.steps is None else self.budget.steps - job.spent.steps
        if job.open and steps > left:
            job.close(f"budget of steps: {left} were left of it, and a list asked for {steps}")
        return asked if job.open else self._go_on(job, None)


def next_call(pending: Sequence[Pending]) -> list[Pending]:
    """Of what is pending, all requests of the kind that the variant furthest behind waits for."""
    if not pending:
        return []
    kind = type(min(pending, key=lambda p: p.job.root.run.spent).request)
    return [p for p in pending if type(p.request) is kind]


@contextmanager
def closing_backend(backend: Backend) -> Iterator[Backend]:
    """Let go of a backend, and of the memory or process that it holds, however what is done with it ends."""
    try:
        yield backend
    finally:
        close_backend(backend)


def close_backend(backend: Backend) -> None:
    """End a backend: what it holds is let go of; a simulated one holds nothing."""
    if hasattr(backend, "close"):
        backend.close()


def _divided(seconds: float, answers: Sequence[Answer | Exception]) -> list[float]:
    """The seconds of a call divided among its answers by their tokens."""
    tokens = [a.tokens if isinstance(a, Answer) else 0 for a in answers]
    total = sum(tokens) or 1
    return [seconds * n / total for n in tokens]
