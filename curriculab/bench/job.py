"""One generator of requests being driven: a method, or a solver at one of its tests."""

from __future__ import annotations

import types
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import pandas as pd

from curriculab.bench.budget import Spent
from curriculab.bench.replay import Key, Past
from curriculab.bench.validation import check_origin, check_request
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.registry import Objective
from curriculab.protocol import Copy, Method, Request, Rows, Run, Sample, Train, Use
from curriculab.registry.knobs import check_knobs

IDLE = 1000  # turns in a row that may cost nothing, so that endless copying ends


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
