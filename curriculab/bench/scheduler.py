"""The one loop that answers requests: whatever waits is a ticket, and like tickets are answered in one call.

A learner (the simulated one, or the bench's model) gets all waiting tickets of one kind, from every variant and seed,
and gives one Answer each. The loop charges, records, logs, tests on time and closes what fails; it knows no torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curriculab.bench.budget import Budget
from curriculab.bench.evaluation import EXAM, EXAM_WORK, _solving, direct, grade
from curriculab.bench.job import Job, Ticket, _generator, answer_first
from curriculab.bench.recording import _note_groups, _note_trained, _outcome, _to_read
from curriculab.bench.replay import Journal
from curriculab.protocol import (
    Answer,
    Learner,
    Method,
    Rows,
    Sample,
    Train,
    Use,
    digest,
    method_name,
)
from curriculab.registry.knobs import check_knobs


@dataclass(eq=False)
class Loop:
    """Drives jobs until every budget is spent.

    tests: the rows everybody is tested on (None: no tests); shares: at which shares of a variant's own progress;
    watch: called with the loop before every call and at the end: to draw progress, to pause, to steer;
    journal: where answers are kept, to be replayed as a job's `past`.
    """

    learner: Learner
    budget: Budget
    tests: Rows | None = None
    shares: Sequence[float] = (0.0, 1.0)
    watch: Callable[[Loop], None] | None = None
    journal: Journal | None = None

    def __post_init__(self) -> None:
        self.jobs: list[Job] = []
        self.tickets: list[Ticket] = []
        self.started = False  # has the start been tested?
        self.call = 0  # how many were answered, replayed ones apart: names a moment between two calls
        self.calls: list[tuple[str, int]] = []  # (kind, tickets) of each
        self._start: dict[int, tuple[list, list, int]] = {}  # by seed: items and ledger of the start's test, and exams
        self._bare = (
            None
            if self.tests is None
            else self.tests.drop(columns=[c for c in ("answer", "solution") if c in self.tests])
        )

    @cached_property
    def ceiling(self) -> int:
        """Tokens that one exam may take."""
        answer = getattr(self.learner, "max_new_tokens", 0)
        rows = self.tests[[c for c in ("prompt", "answer") if c in self.tests]]
        characters = sum(len(str(text)) for column in rows for text in rows[column])
        return max(self.budget.work or 0, EXAM_WORK * (characters + answer * len(rows)))

    def drive(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Answer requests until all are done. The variant furthest behind decides which kind is answered next."""
        self.jobs = list(jobs)
        for number, job in enumerate(self.jobs):
            job.number = number
        self._test_the_start()
        self.started = True
        self.tickets = [t for job in self.jobs for t in self._after(job, job.advance())]
        self._answer_all()
        return self.jobs

    def add(self, job: Job) -> None:
        """Another job joins between two calls, with a past that begins with another's of its seed: a fork."""
        job.number = len(self.jobs)
        self.jobs.append(job)
        job.due = sorted(self.shares) if self.tests is not None else []
        self._take_start(job)
        self.tickets += self._after(job, job.advance())
        self._recall()

    def _answer_all(self) -> None:
        """Answer what waits and all that comes of it; like requests, in the order of their jobs, in one call."""
        while self._next():
            kind = type(min(self.tickets, key=lambda t: t.job.home.run.progress).request)
            now = [t for t in self.tickets if type(t.request) is kind]
            began = time.perf_counter()
            answers = [Answer(None) for _ in now] if kind is Use else self.learner.answer(kind, now)
            seconds = time.perf_counter() - began
            total = sum(a.tokens for a in answers if isinstance(a, Answer)) or 1
            cost = [seconds * a.tokens / total if isinstance(a, Answer) else 0.0 for a in answers]
            self.call += 1
            self.calls.append((kind.__name__, len(now)))
            if self.journal:
                known = [(t, digest(t.request), a, s) for t, a, s in zip(now, answers, cost, strict=True)]
                self.journal.note(self.call, kind.__name__, known)
            self.tickets = [t for t in self.tickets if type(t.request) is not kind]
            for ticket, answer, spent in zip(now, answers, cost, strict=True):
                self.tickets += self._book(ticket, answer, spent)

    def _next(self) -> bool:
        """Is anything being asked, when the past was recalled and the watcher has had its say?"""
        self._recall()
        if self.watch:
            self.watch(self)
        return bool(self.tickets)

    def _recall(self) -> None:
        """Answer what the past knows, and what comes of that, until something new is asked.

        Replaying brings a method to where it was, not its adapters: those come from a checkpoint of the same moment.
        """
        new, waiting = [], self.tickets
        while waiting:
            ticket, *waiting = waiting
            known = ticket.job.home.past.pop(ticket.key, None)
            if known is None:
                new.append(ticket)
            else:
                waiting += self._book(ticket, known.answer(ticket.request, digest(ticket.request)), known.seconds)
        self.tickets = sorted((t for t in new if t.job.open), key=lambda t: t.order)

    def _book(self, ticket: Ticket, answer: Answer | Exception, seconds: float) -> list[Ticket]:
        """Charge and hand over one answer; what the job asks next. A bad answer closes its job only."""
        job = ticket.job
        if not job.open:
            return []
        try:
            if isinstance(answer, Exception):
                raise answer
            self._charge(ticket, answer, seconds)
        except Exception as error:  # the learner's, or one of what the method wrote into the rows
            job.close(f"failed: {type(error).__name__}: {error}")
            return self._go_on(job, None)
        if job.owner is None and answer.reply is not None:
            job.last = type(ticket.request).__name__, answer.reply
        return self._go_on(job, job.whole_reply()) if job.accept(ticket, answer.reply) else []

    # -- charging and recording -----------------------------------------------------------------------------------
    def _charge(self, ticket: Ticket, answer: Answer, seconds: float) -> None:
        """Book what a request cost, before the method sees the reply."""
        job, request, home = ticket.job, ticket.request, ticket.job.home
        rows = len(request.rows) if hasattr(request, "rows") else 0
        exam = job.owner is not None
        if exam:
            job.spent.work += max(answer.tokens, 1)
            if job.spent.work > self.ceiling:
                raise RuntimeError(f"the test took more than {self.ceiling:,} tokens; does its solver ever return?")
        else:
            spent, training = job.spent, isinstance(request, Train)
            spent.steps += training
            spent.tokens += (answer.tokens if answer.trained is None else answer.trained) * training
            spent.rollouts += answer.rollouts
            spent.generated += answer.generated
            spent.work += max(answer.tokens, 1)  # so that endless copying ends too
            spent.seconds += seconds
            if isinstance(request, Sample):
                _note_groups(job, request, answer.reply)
                job.rollouts.append(_to_read(job, request, answer.reply))
            if training:
                self._record_step(job, request, answer)
            elif isinstance(request, Use):
                self._use(job, request)
            job.run._progress = min(1.0, max(self.budget.shares(spent).values()))
        home.ledger.append(
            (
                home.run.step,
                type(request).__name__,
                getattr(request, "purpose", ""),
                getattr(request, "role", ""),
                rows,
                answer.tokens,
                answer.rollouts,
                answer.generated,
                seconds,
                exam,
            )
        )

    def _record_step(self, job: Job, request: Train, answer: Answer) -> None:
        job.run._step += 1
        step, reply = job.run.step, answer.reply
        weight = reply["weight"].to_numpy(float) if "weight" in reply else np.ones(len(reply))
        job.exposure.append((step, reply.index.to_numpy(), answer.learned, weight))
        progress = min(1.0, max(self.budget.shares(job.spent).values()))
        job.metrics.append(
            {
                "step": step,
                "progress": progress,
                "loss": float(np.mean(reply["loss"].to_numpy(float))),
                "rows": len(reply),
                "tokens": job.spent.tokens,
                "rollouts": job.spent.rollouts,
                "generated": job.spent.generated,
                "seconds": job.spent.seconds,
                **_outcome(reply, answer),
                **{str(k): float(v) for k, v in request.note.items()},
            }
        )
        _note_trained(job, reply)

    def _use(self, job: Job, request: Use) -> None:
        job.solvers, job.gold = dict(request.solvers), request.gold
        if job.run.step == 0 and self.tests is not None:
            job.due = sorted({0.0, *job.due})  # the shared start was tested without these solvers
            job.items = []

    # -- tests ------------------------------------------------------------------------------------------------------
    def _test_the_start(self) -> None:
        """All variants of a seed start equal: test that once, and let each record it."""
        for job in self.jobs:
            job.due = sorted(self.shares) if self.tests is not None else []
        if self.tests is None or 0.0 not in self.shares:
            return
        firsts = {job.seed: job for job in reversed(self.jobs)}
        for job in firsts.values():
            self.tickets += self._sit(job, 0.0)
        self._answer_all()
        self._start = {seed: (job.items, job.ledger, job.sat) for seed, job in firsts.items()}
        for job in self.jobs:
            self._take_start(job)

    def _take_start(self, job: Job) -> None:
        """The start's test as it was recorded for all of this seed."""
        if job.seed in self._start:
            job.due.remove(0.0)
            items, ledger, job.sat = self._start[job.seed]
            job.items, job.ledger = list(items), list(ledger)

    def _sit(self, job: Job, share: float) -> list[Ticket]:
        """Open the exams of one variant at one share; it stands still until they are done."""
        opened = []
        index = list(self.shares).index(share) if share in self.shares else 0
        for number, (name, solve) in enumerate((job.solvers or {"direct": direct}).items()):
            rows = self.tests.copy() if job.gold else self._bare.copy()
            stream = (job.seed, EXAM, index, number)
            exam = Job(f"{job.variant}@{share:g}/{name}", job.seed, _solving(solve, rows, name), job.run, stream, job)
            job.sat += 1
            exam.share, exam.solver, exam.exam = share, name, job.sat
            job.exams.append(exam)
            opened.append(exam)
        asked = [(exam, exam.advance()) for exam in opened]
        return [t for exam, tickets in asked for t in (tickets if exam.open else self._hand_in(exam))]

    def _hand_in(self, exam: Job) -> list[Ticket]:
        """Book a finished exam; when it was the last, its variant goes on. A test that fails ends its variant."""
        job = exam.owner
        job.exams.remove(exam)
        if not exam.ended.startswith("failed"):
            try:
                correct = grade(exam.result, self.tests, solver=exam.solver)
                job.items.append(
                    {
                        "step": job.run.step,
                        "progress": job.run.progress,
                        "share": exam.share,
                        "solver": exam.solver,
                        "gold": job.gold,
                        "correct": correct,
                        "tokens": job.spent.tokens,
                        "rollouts": job.spent.rollouts,
                        "generated": job.spent.generated,
                        "seconds": job.spent.seconds,
                    }
                )
            except Exception as error:
                exam.ended = f"failed: {type(error).__name__}: {error}"
        if exam.ended.startswith("failed"):
            if exam.share == 0.0 and not job.solvers:
                raise RuntimeError(f"the start of {job.variant!r} could not be tested: {exam.ended}")  # nobody's could
            job.event("test failed", solver=exam.solver, share=exam.share, why=exam.ended)
            job.close(f"{exam.ended} (solver {exam.solver!r})")
        if job.exams or job.held is None:
            return []
        (reply,), job.held = job.held, None
        return self._go_on(job, reply)

    # -- what a job waits for next ------------------------------------------------------------------------------------
    def _go_on(self, job: Job, reply: object) -> list[Ticket]:
        if job.owner is not None:
            asked = job.advance(reply) if job.open else []
            return asked if job.open else self._hand_in(job)
        if job.ended.startswith("failed"):
            return []
        steer = job.steer()
        if steer and steer.to is None and job.open:
            job.event("stop")
            job.close("stopped")
        last = not job.open or job.run.progress >= 1.0
        if last and job.open and self._paid_for(job):
            trains = job.advance(reply)
            if trains and all(isinstance(t.request, Train) for t in trains):
                return self._after(job, trains)
            job.close("returned")
        due = [s for s in job.due if s <= job.run.progress + 1e-9 or last]
        if due and (last or not job.sampled):  # answers are trained before what they taught is tested
            job.due = [s for s in job.due if s not in due]
            job.held = (reply,)
            return self._sit(job, due[-1])
        if last:
            self._finish(job, reply)
            return []
        return self._after(job, self._swap(job, steer.to) if steer else job.advance(reply))

    def _paid_for(self, job: Job) -> bool:
        """Have the last answers spent the budget of rollouts, and nothing else? Then their step is still taken."""
        shares = self.budget.shares(job.spent)
        return job.sampled and shares.pop("rollouts", 0.0) >= 1.0 and max(shares.values(), default=0.0) < 1.0

    def _finish(self, job: Job, reply: object) -> None:
        """Hand over the last reply, so that a method can return its findings; what it asks instead is not answered."""
        if job.open:
            job.advance(reply)
        if job.run.progress >= 1.0:
            if job.ended.startswith("failed"):
                job.event("failed after its budget was spent", why=job.ended)
            shares = self.budget.shares(job.spent)
            spent = max(shares, key=shares.get)
            job.ended = "ceiling on work" if spent == "work" else f"budget of {spent} spent"
        job.close("returned")

    def _after(self, job: Job, asked: list[Ticket]) -> list[Ticket]:
        """What a method asked for, unless it ended, or asks for more steps at once than its budget has left."""
        steps = sum(isinstance(t.request, Train) for t in asked)
        left = steps if self.budget.steps is None else self.budget.steps - job.spent.steps
        if job.open and steps > left:
            job.close(f"budget of steps: {left} were left of it, and a list asked for {steps}")
        return asked if job.open else self._go_on(job, None)

    def _swap(self, job: Job, method: Method) -> list[Ticket]:
        """Another method takes over, on the pool as it was given and with the adapters as they are."""
        job.steering.pop(0)
        job.generator.close()
        job.event("swap", to=method_name(method))
        try:
            check_knobs(method)
            made = _generator(method(job.pool.copy(), job.run), job.variant)
        except Exception as error:
            job.close(f"failed: {type(error).__name__}: {error}")
            return []
        job.generator = made if job.objective is None else answer_first(made, job.objective, job.run)
        return job.advance()
