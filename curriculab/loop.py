"""The one loop that answers requests: whatever waits is a ticket, and like tickets are answered in one call.

A learner (the simulated one, or the bench's model) gets all waiting tickets of one kind, from every variant and seed,
and gives one Answer each. The loop charges, records, logs, tests on time and closes what fails; it knows no torch.
"""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd

from curriculab.journal import Journal, Key, Past
from curriculab.knobs import check_knobs
from curriculab.requests import (
    Copy,
    Grpo,
    Objective,
    Request,
    Rows,
    Run,
    Sample,
    Score,
    Train,
    Use,
    digest,
    method_name,
)
from curriculab.rewards import verify_rows
from curriculab.runs import COLUMNS, SIGNAL, SO_FAR, Record

Method = Callable[..., Generator]
OUTCOME = ("reward", "length", "signal")  # what metrics say of a step's answers
READ = 16  # answers of a batch that are kept to be read
IDLE = 1000  # turns in a row that may cost nothing, so that endless copying ends
ANSWERS = 1_000_000  # that one request may ask for: all of a large pool many times, yet it fits into memory
EXAM_WORK = 200  # times the characters, and longest answers, of its rows an exam may take: votes and searches do
LISTS = list | tuple | set | np.ndarray
EXAM = 1_000_003  # separates the noise of tests from that of training; any fixed number does


@dataclass(frozen=True)
class Budget:
    """When a variant is done: the first axis spent ends it, and `run.progress` is the largest share spent.

    steps: optimiser steps; tokens: tokens trained on; rollouts: answers sampled;
    work: tokens trained, sampled and scored together, a ceiling against endless probing
    (None: ten times what random order needs).
    """

    steps: int | None = None
    tokens: int | None = None
    rollouts: int | None = None
    work: int | None = None

    def __post_init__(self) -> None:
        given = {k: v for k, v in vars(self).items() if v is not None}
        if not given.keys() - {"work"}:
            raise ValueError("an empty budget never ends; give Budget(steps=), Budget(tokens=) or Budget(rollouts=)")
        for name, value in given.items():
            if not value > 0:
                raise ValueError(f"Budget({name}={value}) is spent before it starts; give a number above 0")

    def shares(self, spent: Spent) -> dict[str, float]:
        """Share of each axis spent, each >= 0; the largest is the progress."""
        return {k: getattr(spent, k) / v for k, v in vars(self).items() if v is not None}

    def axis(self) -> tuple[str, int]:
        """The axis that evaluations are counted on: the first one given."""
        return next((k, v) for k, v in vars(self).items() if v is not None)


def default_ceiling(lengths: Sequence[int] | np.ndarray, budget: Budget, batch: int, rollouts: int = 0) -> int:
    """Ten times the tokens that random order sends through the model until `budget` is spent.

    lengths: tokens of each row of the pool, (rows,); rollouts: answers a row, 0 where nothing is sampled.
    """
    row = float(np.mean(lengths))
    each = {"steps": batch * max(rollouts, 1) * row, "tokens": 1.0, "rollouts": row}
    needs = [each[axis] * total for axis, total in vars(budget).items() if axis in each and total is not None]
    return max(1, round(10 * min(needs) * (2 if rollouts else 1)))  # answers are written, then trained


@dataclass
class Spent:
    """What one variant has used so far, tests apart."""

    steps: int = 0
    tokens: int = 0
    rollouts: int = 0
    generated: int = 0
    work: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Answer:
    """A learner's reply to one ticket, and what it cost.

    tokens: tokens that went through the model; learned: (rows,) learned tokens of each trained row; trained: tokens of
    the trained rows, where the base read them too (None: all); rollouts: answers written, generated: their tokens.
    """

    reply: Rows | None
    tokens: int = 0
    rollouts: int = 0
    generated: int = 0
    learned: np.ndarray | None = None
    trained: int | None = None


class Learner(Protocol):
    """Whoever answers: a dictionary of adapters per owner behind one or more models, or a simulation."""

    def answer(self, kind: type, tickets: Sequence[Ticket]) -> list[Answer | Exception]:
        """One Answer per ticket, in their order; an exception closes that ticket's job only."""


@dataclass(frozen=True, eq=False)
class Steer:
    """An intervention: another method takes over (None: the variant stops) after this turn, exam and step of its own.

    It waits until answers that were asked for are trained, so that nothing that was paid for is lost.
    """

    to: Method | None
    turn: int = 0
    sat: int = 0
    step: int = 0


@dataclass(eq=False)
class Ticket:
    """One request that waits, at its place in what its job asked for."""

    job: Job
    place: int
    request: Request

    @property
    def key(self) -> Key:
        """Where a journal keeps the answer, among its variant's."""
        return self.job.exam, self.job.turn, self.place

    @property
    def order(self) -> tuple[int, int, int]:
        """Its place among all that waits: by variant and seed as they were given, then as asked."""
        return self.job.home.number, self.job.exam, self.place

    @property
    def stream(self) -> tuple[int, ...]:
        """Key of this request's noise: the same for equal questions of two variants of one seed."""
        return (*self.job.stream, self.job.turn, self.place)


@dataclass(eq=False)
class Job:
    """One generator being driven: a method, or (with an `owner`) a solver at one of its tests."""

    variant: str
    seed: int
    generator: Generator
    run: Run
    stream: tuple[int, ...]
    owner: Job | None = None
    objective: Callable[[Train], Objective] | None = None  # what answer_first asks; None: requests go out as they are
    steering: list[Steer] = field(default_factory=list)
    pool: Rows | None = None
    past: dict[Key, Past] = field(default_factory=dict)  # answers to replay, those of its exams too
    exam: int = 0  # number among the exams of its owner, from 1 on

    def __post_init__(self) -> None:
        self.turn, self.asked, self.replies, self.open, self.ended = 0, None, {}, True, ""
        self.steering, self.past = list(self.steering), dict(self.past)  # both are used up
        self.last: tuple[str, Rows] | None = None  # what was answered last, to look at
        self.born, self.idle = set(), 0  # ids it made itself; turns without anything but Copy and Use
        self.number, self.sat = 0, 0  # place among the jobs of its loop; exams sat
        self.spent, self.events = Spent(), []
        self.metrics, self.exposure, self.items, self.ledger, self.rollouts = [], [], [], [], []
        self.groups: dict[object, dict[str, object]] = {}  # of answers, by their number in the column `group`
        self.samples: dict[int, object] = {}  # the group of each answer, by its number
        self.solvers, self.gold, self.due, self.exams, self.held, self.result = None, False, [], [], None, None
        self.share, self.solver = 0.0, "direct"

    @property
    def home(self) -> Job:
        """The variant this job belongs to: itself, or the one it tests."""
        return self.owner or self

    def advance(self, reply: object = None) -> list[Ticket]:
        """Send the reply in and turn what comes out into tickets; a failure closes this job only."""
        try:
            asked = self.generator.send(reply)
            many = asked if isinstance(asked, list) else [asked]
            if not many:
                raise ValueError("yielded an empty list; yield at least one request, or return to end the run")
            for request in many:
                check_request(request, exam=self.owner is not None)
                if isinstance(request, Train) and self.pool is not None:
                    self.born |= check_origin(request.rows, self.pool.index, self.born)
            self.idle = self.idle + 1 if all(isinstance(request, Copy | Use) for request in many) else 0
            if self.idle > IDLE:
                raise ValueError(f"asked {IDLE:,} times in a row for nothing but Copy and Use; sample, score or train")
        except StopIteration as stop:
            self.close("returned")
            self.result = stop.value
            return []
        except Exception as error:
            self.close(f"failed: {type(error).__name__}: {error}")
            return []
        self.turn += 1
        self.asked, self.replies = asked, {}
        return [Ticket(self, place, request) for place, request in enumerate(many)]

    @property
    def sampled(self) -> bool:
        """Was the last thing it asked for answers, and nothing but answers?"""
        many = self.asked if isinstance(self.asked, list) else [self.asked]
        return all(isinstance(request, Sample) for request in many)

    def steer(self) -> Steer | None:
        """The first intervention, when it is due: a stop at once, a swap when no answers wait to be trained."""
        first = self.steering[0] if self.steering else None
        here = self.turn, self.sat, self.run.step
        due = first is not None and all(a >= b for a, b in zip(here, (first.turn, first.sat, first.step), strict=True))
        return first if due and (first.to is None or not self.sampled) else None

    def accept(self, ticket: Ticket, reply: object) -> bool:
        """Keep one reply; true when all that was asked together is there."""
        self.replies[ticket.place] = reply
        return len(self.replies) == (len(self.asked) if isinstance(self.asked, list) else 1)

    def whole_reply(self) -> object:
        ordered = [self.replies[i] for i in range(len(self.replies))]
        return ordered if isinstance(self.asked, list) else ordered[0]

    def close(self, why: str) -> None:
        self.generator.close()
        self.open, self.ended = False, self.ended or why

    def event(self, what: str, **more: object) -> None:
        self.events.append({"event": what, "step": self.run.step, "turn": self.turn, **more})


def check_request(request: object, *, exam: bool) -> None:
    """Refuse what no learner can answer, in one line."""
    if not isinstance(request, Request):
        raise ValueError(
            f"yielded {type(request).__name__}; a method yields Sample, Score, Train, Copy, Use or a list of them"
        )
    if exam and not isinstance(request, Sample | Score):
        raise ValueError(f"a solver yielded {type(request).__name__}; a test may only Sample and Score")
    if isinstance(request, Copy | Use):
        return
    rows = request.rows
    if not isinstance(rows, pd.DataFrame):
        raise ValueError(
            f"{type(request).__name__} of a {type(rows).__name__}; its rows are a DataFrame, such as pool.loc[ids]"
        )
    if not len(rows):
        raise ValueError(f"{type(request).__name__} of 0 rows; ask only when there are rows, or return to end the run")
    if "prompt" not in rows:
        raise ValueError(f"{type(request).__name__} of rows without a column 'prompt'; they have {list(rows.columns)}")
    if isinstance(request, Sample):
        check_sample(request)
    if isinstance(request, Score) and (request.per not in ("row", "token") or not request.measure):
        asked = f"Score(measure={request.measure!r}, per={request.per!r})"
        raise ValueError(f"{asked}; name a measure, per 'row' or 'token'")
    if isinstance(request, Train):
        check_note(request.note)
    if isinstance(request, Train) and "weight" in rows:
        weights = np.asarray(rows["weight"], float)
        bad = rows.index[~(np.isfinite(weights) & (weights >= 0))]
        if len(bad):
            value = rows["weight"].loc[bad[0]]
            value = value.iloc[0] if isinstance(value, pd.Series) else value
            raise ValueError(f"Train with weight {value} for row {bad[0]!r}; weights are finite and at least 0")


def check_origin(rows: Rows, pool: pd.Index, born: set[str]) -> set[str]:
    """Ids that are new; such rows say what they were made from."""
    new = [i for i in dict.fromkeys(rows.index[pool.get_indexer(rows.index) < 0]) if i not in born]
    parents = dict(zip(rows.index, rows["parents"], strict=True)) if new and "parents" in rows else {}
    for i in new:
        named = parents.get(i)
        named = [named] if isinstance(named, str) else list(named) if isinstance(named, LISTS) else []
        if not named:
            raise ValueError(
                f"Train of row {i!r}, which is not in the pool, without `parents`; rows of your own bring a column "
                "`parents` with the ids that each was made from"
            )
        unknown = [p for p in named if p not in pool and p not in born]
        if unknown:
            raise ValueError(f"the parent {unknown[0]!r} of row {i!r} is neither in the pool nor a row trained before")
    return set(new)


def check_sample(request: Sample) -> None:
    """How many answers, how hot, and what stops them: one value, or one per row."""
    for name, value, least in (("n", request.n, 1), ("temperature", request.temperature, 0)):
        if value is None:
            continue
        each = np.asarray(value, float)
        if each.ndim > 1 or (each.ndim == 1 and len(each) != len(request.rows)):
            what = f"Sample with {each.size} values of {name} for {len(request.rows)} rows"
            raise ValueError(f"{what}; give one, or one a row")
        bad = each[~(np.isfinite(each) & (each >= least))]
        if bad.size:
            raise ValueError(f"Sample with {name}={bad.flat[0]:g}; give at least {least}")
    answers = int(np.broadcast_to(request.n, len(request.rows)).sum())
    if answers > ANSWERS:
        raise ValueError(f"Sample of {answers:,} answers at once; ask for at most {ANSWERS:,}, and again for more")
    if isinstance(request.stop, str) or not all(isinstance(s, str) and s for s in request.stop):
        raise ValueError(f"Sample with stop={request.stop!r}; give a tuple of texts, such as ('\\n',)")


def check_note(note: Mapping[str, float]) -> None:
    """A note is recorded beside the step: numbers, under names that the record does not use itself."""
    for name, value in note.items():
        if name in (*COLUMNS["metrics"], *OUTCOME):
            raise ValueError(f"a note called {name!r}; the record has a column of that name, choose another")
        if not isinstance(value, int | float | np.number):
            raise ValueError(f"the note {name!r} is {value!r}; a note is a number")


def answer_first(generator: Generator, objective: Callable[[Train], Objective], run: Run) -> Generator:
    """Under an objective that learns from answers, Train of unanswered rows is a Sample and then a Train; with several
    updates a batch it is so many Trains, and the reply is the first one's."""
    reply = None
    while True:
        try:
            asked = generator.send(reply)
        except StopIteration as stop:
            return stop.value
        many = asked if isinstance(asked, list) else [asked]
        settings = [objective(r) if isinstance(r, Train) and isinstance(r.rows, pd.DataFrame) else None for r in many]
        bare = [isinstance(s, Grpo) and "turns" not in r.rows for r, s in zip(many, settings, strict=True)]
        if any(bare):
            firsts = [Sample(r.rows, run.rollouts, role=r.role) for r, b in zip(many, bare, strict=True) if b]
            answered = iter((yield firsts))
            many = [replace(r, rows=next(answered)) if b else r for r, b in zip(many, bare, strict=True)]
            asked = many if isinstance(asked, list) else many[0]
        reply = yield asked
        for update in range(1, max((s.updates for s in settings if isinstance(s, Grpo)), default=1)):
            if run.progress < 1.0:
                yield [r for r, s in zip(many, settings, strict=True) if isinstance(s, Grpo) and s.updates > update]


def direct(rows: Rows) -> Generator:
    """The default test: the likeliest option where there are options, else one greedy answer."""
    if "options" not in rows:
        return (yield Sample(rows, temperature=0.0, purpose="test"))
    choice = rows.options.map(lambda o: isinstance(o, list | tuple | np.ndarray)).to_numpy(bool)
    parts = []
    if choice.any():
        parts.append((yield Score(rows[choice], "options", purpose="test")))
    if not choice.all():
        parts.append((yield Sample(rows[~choice], temperature=0.0, purpose="test")))
    return pd.concat(parts)


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


def _solving(solve: Callable[[Rows], Generator], rows: Rows, name: str) -> Generator:
    """A solver's generator; whatever is wrong with the solver comes up when it is advanced, inside its exam."""
    return (yield from _generator(solve(rows), name))


def _generator(made: object, name: str) -> Generator:
    if not isinstance(made, types.GeneratorType):
        raise ValueError(
            f"{name!r} is not a generator function (it returned {type(made).__name__}); a method yields requests"
        )
    return made


def open_job(
    variant: str,
    method: Method,
    pool: Rows,
    *,
    seed: int,
    batch: int,
    rollouts: int,
    objective: Callable[[Train], Objective],
    **more: object,
) -> Job:
    """A job for one variant and seed, with its own copy of the pool."""
    check_knobs(method)
    run = Run(seed, batch=batch, rollouts=rollouts)
    generator = answer_first(_generator(method(pool.copy(), run), variant), objective, run)
    return Job(variant, seed, generator, run, (seed,), pool=pool, objective=objective, **more)


def grade(answers: object, tests: Rows, *, solver: str = "direct") -> np.ndarray:
    """Share of a row's answers that the verifier accepts, (tests,); a row nobody answered counts 0."""
    if not isinstance(answers, pd.DataFrame) or "text" not in answers:
        raise ValueError(
            f"the solver {solver!r} returned {type(answers).__name__}; it returns answered rows with a column 'text'"
        )
    strangers = answers.index[~answers.index.isin(tests.index)]
    if len(strangers):
        raise ValueError(f"the solver {solver!r} answered {strangers[0]!r}, which is no test row; keep the rows' ids")
    right = verify_rows(tests.loc[answers.index], answers["text"].tolist())
    shares = pd.Series(right, index=answers.index, dtype=float).groupby(level=0).mean()
    return shares.reindex(tests.index, fill_value=0.0).to_numpy()


def record(job: Job, tests: Rows | None, spec: Mapping[str, object]) -> Record:
    """The tables of one finished job."""
    ledger = pd.DataFrame(job.ledger, columns=COLUMNS["ledger"][2:])
    metrics = pd.DataFrame(job.metrics, columns=None if job.metrics else COLUMNS["metrics"][2:])
    groups = pd.DataFrame(list(job.groups.values()), columns=COLUMNS["groups"][2:])
    tables = {
        "metrics": metrics,
        "exposure": _exposure(job),
        "items": _items(job, tests),
        "ledger": ledger,
        "groups": groups,
        "rollouts": _rollouts(job),
    }
    findings = job.result if isinstance(job.result, pd.DataFrame) else None
    whole = {**spec, "variant": job.variant, "seed": job.seed, "ended": job.ended, "steps": job.run.step}
    return Record(whole, tables, tuple(job.events), findings)


def _exposure(job: Job) -> pd.DataFrame:
    if not job.exposure:
        return pd.DataFrame(columns=COLUMNS["exposure"][2:])
    steps, ids, tokens, weights = zip(*job.exposure, strict=True)
    return pd.DataFrame(
        {
            "step": np.repeat(steps, [len(i) for i in ids]),
            "id": np.concatenate(ids),
            "tokens": np.concatenate(tokens),
            "weight": np.concatenate(weights),
        }
    )


def _to_read(job: Job, request: Sample, reply: Rows) -> dict[str, object]:
    """A few answers of a batch, evenly picked, as columns."""
    few = reply.iloc[:: max(1, -(-len(reply) // READ))]
    kept = ("level", "group", "prompt", "text", "reward", "length", "ended")
    taken = {c: few[c].to_numpy() for c in kept if c in few}
    return {"step": job.run.step, "purpose": request.purpose, "id": few.index.to_numpy(), **taken}


def _rollouts(job: Job) -> pd.DataFrame:
    parts = [pd.DataFrame(columns) for columns in job.rollouts]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return whole.reindex(columns=COLUMNS["rollouts"][2:])


def _items(job: Job, tests: Rows | None) -> pd.DataFrame:
    if not job.items:
        return pd.DataFrame(columns=COLUMNS["items"][2:])
    parts = []
    about = [c for c in ("level", "topic") if c in tests]
    for item in job.items:
        first = {c: item[c] for c in ("step", "progress", "share", "solver", "gold")}
        rows = {"id": tests.index.to_numpy(), "correct": item["correct"], **{c: tests[c].to_numpy() for c in about}}
        parts.append(pd.DataFrame({**first, **rows, **{c: item[c] for c in SO_FAR}}))
    return pd.concat(parts, ignore_index=True)


def _outcome(reply: Rows, answer: Answer) -> dict[str, float]:
    """What a step's answers came to: mean reward, learned tokens an answer, share of their groups with any signal."""
    if "advantage" not in reply:
        return {}
    signal = _pushes(reply, reply["group"].to_numpy() if "group" in reply else np.arange(len(reply)))
    found = {"length": float(np.mean(answer.learned)), "signal": float(np.mean([*signal.values()]))}
    return found | ({"reward": float(reply["reward"].to_numpy(float).mean())} if "reward" in reply else {})


def _pushes(reply: Rows, of: np.ndarray) -> dict[object, bool]:
    """Whether any answer of each group has an advantage other than 0."""
    found: dict[object, bool] = {}
    for group, push in zip(of.tolist(), np.abs(reply["advantage"].to_numpy(float)) > SIGNAL, strict=True):
        found[group] = found.get(group, False) or bool(push)
    return found


def _note_trained(job: Job, reply: Rows) -> None:
    """Which sampled answers a step trained, told by their pieces, wherever a method has put them."""
    if "turns" not in reply:
        return
    push = np.abs(reply["advantage"].to_numpy(float)) > SIGNAL if "advantage" in reply else np.ones(len(reply), bool)
    for turns, pushed in zip(reply["turns"].tolist(), push.tolist(), strict=True):
        for number in {p.sample for p in turns if p.learn} if isinstance(turns, tuple) else ():
            group = job.samples.get(number)
            if group is not None:
                line = job.groups[group]
                line["numbers"].add(number)
                line["trained"], line["signal"] = len(line["numbers"]), line["signal"] or pushed


def spread(reward: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Largest minus smallest reward of each group, (groups,); reward and its group's number of: (answers,)."""
    low, high = np.full(of.max(initial=-1) + 1, np.inf), np.full(of.max(initial=-1) + 1, -np.inf)
    np.minimum.at(low, of, reward)
    np.maximum.at(high, of, reward)
    return high - low


def _note_groups(job: Job, request: Sample, reply: Rows) -> None:
    """One line per group of answers: what it cost and what came of it; a conversation that goes on adds to its line."""
    if "reward" not in reply:
        return
    groups, of = np.unique(reply["group"].to_numpy(), return_inverse=True)
    reward, n = reply["reward"].to_numpy(float), np.bincount(of)
    first = np.unique(of, return_index=True)[1]
    means, wide = np.bincount(of, reward) / n, spread(reward, of)
    tokens = np.bincount(of, reply["length"].to_numpy(float))
    for k, group in enumerate(groups.tolist()):
        line = job.groups.setdefault(
            group,
            {
                "step": job.run.step,
                "purpose": request.purpose,
                "id": reply.index[first[k]],
                "group": group,
                "n": 0,
                "tokens": 0,
                "trained": 0,
                "signal": False,
                "numbers": set(),
            },
        )
        line["n"], line["tokens"] = line["n"] + int(n[k]), line["tokens"] + int(tokens[k])
        line["reward"], line["spread"] = means[k], wide[k]
    for turns, k in zip(reply["turns"].tolist(), of.tolist(), strict=True):
        job.samples[turns[-1].sample] = groups[k]
