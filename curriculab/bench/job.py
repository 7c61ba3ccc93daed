"""One generator of requests being driven: a method, or a solver at one of its tests."""

from __future__ import annotations

import types
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import pandas as pd

from curriculab.bench.budget import Budget, Spent
from curriculab.bench.overlap import Found
from curriculab.bench.own_lines import last_line, own_lines
from curriculab.bench.phases import Progress
from curriculab.bench.provenance import Provenance
from curriculab.bench.replay import Key, Past
from curriculab.bench.roles import Histories, learner_steps
from curriculab.bench.row_costs import RowCosts
from curriculab.bench.validation import check_origin, check_request, check_speaker
from curriculab.methods.registry import declared_needs
from curriculab.objectives.objective import Objective
from curriculab.protocol import (
    Ask,
    Clock,
    Copy,
    Method,
    Request,
    Returned,
    Rows,
    Run,
    Sample,
    Train,
    Use,
    advance,
    as_list,
    method_name,
    relay,
)
from curriculab.registry.knobs import check_knobs

IDLE = 1000  # turns in a row that may cost nothing, so that endless copying ends


@dataclass(frozen=True, eq=False)
class Steer:
    """An intervention: another method takes over (None: the variant stops) after this turn, test and step of its own.

    It waits until answers that were asked for are trained, so that nothing that was paid for is lost.
    """

    to: Method | None
    turn: int = 0
    evaluated: int = 0
    step: int = 0


@dataclass(eq=False)
class Pending:
    """A request that waits for its answer, and the job that asked."""

    job: Job
    ask: Ask

    @property
    def request(self) -> Request:
        return self.ask.request

    @property
    def key(self) -> Key:
        """Where the replay log keeps the answer, among its variant's."""
        return self.ask.evaluation, self.ask.turn, self.ask.place

    @property
    def order(self) -> tuple[int, int, int]:
        """Its place among all that waits: by variant and seed as they were given, then as asked."""
        return self.job.root.number, self.ask.evaluation, self.ask.place


@dataclass(eq=False)
class Job:
    """One generator of requests: a method, or (with a `parent`) a solver at one of the tests of that method."""

    variant: str
    seed: int
    generator: Generator
    run: Run
    stream: tuple[int, ...]
    parent: Job | None = None
    clock: Clock = field(default_factory=Clock)  # what `run` shows; only a method's own job moves it
    objective: Callable[[Train], Objective] | None = None  # what answer_first asks; None: requests go out as they are
    steering: list[Steer] = field(default_factory=list)
    budget: Budget | None = None  # over which schedules of learning rates go; None: they stay as they are
    pool: Rows | None = None
    past: dict[Key, Past] = field(default_factory=dict)  # answers to replay, those of its tests too
    evaluation: int = 0  # number among the tests of its parent, from 1 on; 0: a method
    share: float = 0.0  # of a test: of the parent's progress
    solver: str = "direct"  # of a test: what answers its rows
    provenance: Provenance | None = None  # of a test: what was written in it
    row_costs: RowCosts | None = None  # of a test: what each row took
    must_train: bool = False  # does its file declare an objective?
    table: str = "items"  # of a test: where its results go
    asking: Generator | None = None  # the method itself, within what `generator` makes of its requests
    traceback: str = ""  # where it failed in its author's own lines

    def __post_init__(self) -> None:
        self.turn, self.asked, self.replies, self.open, self.ended = 0, None, {}, True, ""
        self.progress = Progress(self.clock)
        self.steering, self.past = list(self.steering), dict(self.past)  # both are used up
        self.last: tuple[str, Rows] | None = None  # what was answered last, to look at
        self.new_ids, self.idle_turns = set(), 0  # of rows it made itself; without anything but Copy and Use
        self.number, self.evaluated = 0, 0  # place among the scheduler's jobs; tests opened so far
        self.spent, self.events = Spent(), []
        self.metrics, self.exposure, self.items, self.ledger, self.rollouts = [], [], [], [], []
        self.validation: list[dict[str, object]] = []  # as items, of the rows that are read as training goes on
        self.groups: dict[object, dict[str, object]] = {}  # of answers, by their number in the column `group`
        self.overlap: list[Found] = []  # test rows that it trained
        self.trained_with: dict[tuple[str, str], dict[str, object]] = {}  # settings of its steps, by role and repr
        self.samples: dict[int, object] = {}  # the group of each answer, by its number
        self.histories = Histories()  # steps of roles of its own
        self.held: list[Pending] | None = None  # its requests that wait until a test is done
        self.use: Use | None = None  # how it is tested, where that is its own choice
        self.solved: dict[str, dict[str, object]] = {}  # by solver of its own, how that came to its answers
        self.due: list[float] = []
        self.evaluations: list[Job] = []  # open tests: the job stands still until they are done
        self.pending_reply: tuple[object] | None = None  # what it is told then
        self.result: object = None

    @property
    def root(self) -> Job:
        """The variant this job belongs to: itself, or the one it tests."""
        return self.parent or self

    def advance(self, reply: object = None) -> list[Pending]:
        """Send the reply in; the requests that come out, as pending ones. A failure closes this job only."""
        try:
            asked = advance(self.generator, reply)
            if isinstance(asked, Returned):
                self.close("returned")
                self.result = asked.value
                return []
            many = as_list(asked)
            if not many:
                raise ValueError("yielded an empty list; yield at least one request, or return to end the run")
            for request in many:
                check_request(request, evaluation=self.parent is not None)
                if self.parent is not None:
                    check_speaker(request, self.parent.use, self.solver)
                if isinstance(request, Train) and self.pool is not None:
                    self.new_ids |= check_origin(request.rows, self.pool.index, self.new_ids)
            self.idle_turns = self.idle_turns + 1 if all(isinstance(request, Copy | Use) for request in many) else 0
            if self.idle_turns > IDLE:
                raise ValueError(f"asked {IDLE:,} times in a row for nothing but Copy and Use; sample, score or train")
        except Exception as error:
            self.fail(error)
            return []
        self.turn += 1
        self.progress.ask(self.turn, many, self.spent)
        self.asked, self.replies = asked, {}
        try:
            return [Pending(self, self._ask(place, request)) for place, request in enumerate(many)]
        except ValueError as error:  # a schedule that does not go with the budget
            self.fail(error)
            return []

    def _ask(self, place: int, request: Request) -> Ask:
        """A request as it travels to the backend."""
        parent = self.root
        stream = (*self.stream, self.turn, place)
        factor = self._rate_factor(place, request)
        return Ask((parent.variant, parent.seed), self.turn, place, stream, request, self.evaluation, factor)

    def _rate_factor(self, place: int, request: Request) -> float:
        """Where the schedule of the learning rate stands, by what set-up left of the budget's first axis."""
        if self.budget is None or self.objective is None or not isinstance(request, Train):
            return 1.0
        axis, total = self.budget.axis()
        before = learner_steps(as_list(self.asked)[:place]) if axis == "steps" else 0
        used, left = self.progress.left(total, axis)
        return self.objective(request).rate_factor(getattr(self.spent, axis) - used + before, left, axis)

    @property
    def watched(self) -> list[dict[str, object]]:
        """The tests that are shown while it trains: of validation rows where there are any."""
        return self.validation or self.items

    @property
    def failed(self) -> bool:
        return self.ended.startswith("failed")

    @property
    def sampled(self) -> bool:
        """Was the last thing it asked for answers, and nothing but answers?"""
        return all(isinstance(request, Sample) for request in as_list(self.asked))

    def steer(self) -> Steer | None:
        """The first intervention, when it is due: a stop at once, a swap when no answers wait to be trained."""
        first = self.steering[0] if self.steering else None
        here = self.turn, self.evaluated, self.run.step
        if first is None:
            return None
        due = all(a >= b for a, b in zip(here, (first.turn, first.evaluated, first.step), strict=True))
        return first if due and (first.to is None or not self.sampled) else None

    def accept(self, place: int, reply: object) -> bool:
        """Keep one reply; true when all that was asked together is there."""
        self.replies[place] = reply
        return len(self.replies) == len(as_list(self.asked))

    def whole_reply(self) -> object:
        ordered = [self.replies[i] for i in range(len(self.replies))]
        return ordered if isinstance(self.asked, list) else ordered[0]

    def close(self, why: str, *, event: str = "") -> None:
        """End it; event: what is noted of it first."""
        if event:
            self.event(event)
        self.generator.close()
        self.open, self.ended = False, self.ended or why

    def fail(self, error: BaseException) -> None:
        """Close it with what went wrong, and with the lines of its author that led there."""
        self.traceback = own_lines(error, self.asking)
        self.close(f"failed: {type(error).__name__}: {error}")

    def fail_if_idle(self) -> None:
        """A run that came to its end without doing what its method is for is failed; one that was stopped is not."""
        if self.metrics or self.ended == "stopped" or self.failed:
            return
        if self.must_train:
            why = "measure less, drop fewer rows, or give a larger budget"
            self.ended = f"failed: nothing was trained ({self.ended}); {why}"
        elif self.turn and not self.spent.rollouts and self.use is None:  # who asks nothing is a control
            self.ended = f"failed: nothing was trained, nothing was sampled ({self.ended})"

    def event(self, what: str, **more: object) -> None:
        self.events.append({"event": what, "step": self.run.step, "turn": self.turn, **more})


def told_of(job: Job) -> str:
    """Why it ended, in a line; where its author's own line failed, with that line."""
    place = last_line(job.traceback) if job.failed else ""
    return f"{job.ended} ({place})" if place else job.ended


def answer_first(generator: Generator, objective: Callable[[Train], Objective], run: Run) -> Generator:
    """Under an objective that learns from answers, Train of unanswered rows is a Sample and then a Train; with several
    updates a batch it is so many Trains, and the reply is the first one's."""

    def through(asked: object) -> Generator:
        many = as_list(asked)
        settings = [objective(r) if isinstance(r, Train) and isinstance(r.rows, pd.DataFrame) else None for r in many]
        bare = [
            s is not None and s.needs_samples and "turns" not in r.rows for r, s in zip(many, settings, strict=True)
        ]
        if any(bare):
            firsts = [Sample(r.rows, run.rollouts, role=r.role) for r, b in zip(many, bare, strict=True) if b]
            answered = iter((yield firsts))
            many = [replace(r, rows=next(answered)) if b else r for r, b in zip(many, bare, strict=True)]
            asked = many if isinstance(asked, list) else many[0]
        reply = yield asked
        replies = reply if isinstance(asked, list) else [reply]
        further = [_carrying(r, s, t) for r, s, t in zip(many, settings, replies, strict=True)]
        for update in range(1, max((s.num_iterations for s in settings if s is not None), default=1)):
            if run.spent < 1.0:
                yield [r for r, s in zip(further, settings, strict=True) if s is not None and s.num_iterations > update]
        replies = [_as_asked(r, s, t) for r, s, t in zip(many, settings, replies, strict=True)]
        return replies if isinstance(asked, list) else replies[0]

    return relay(generator, through)


def _carrying(request: Request, setting: Objective | None, reply: Rows | None) -> Request:
    """A Train for the next update on the same rows, with what its objective carries over from the first."""
    carries = [] if setting is None or reply is None else [c for c in setting.carries if c in reply]
    return replace(request, rows=request.rows.assign(**{c: reply[c] for c in carries})) if carries else request


def _as_asked(request: Request, setting: Objective | None, reply: Rows | None) -> Rows | None:
    """The reply without what was carried over: handed in again with other rows it would be of another moment."""
    carried = [] if setting is None or reply is None else [c for c in setting.carries if c in reply]
    new = [c for c in carried if c not in request.rows]
    return reply.drop(columns=new) if new else reply


def take_over(job: Job, method: Method) -> list[Pending]:
    """Let another method take over, on the pool as it was given and with the adapters as they are."""
    job.steering.pop(0)
    job.generator.close()
    job.event("swap", to=method_name(method))
    try:
        check_knobs(method)
        job.asking = as_generator(method(job.pool.copy(), job.run), job.variant)
    except Exception as error:
        job.fail(error)
        return []
    job.generator = job.asking if job.objective is None else answer_first(job.asking, job.objective, job.run)
    return job.advance()


def as_generator(made: object, name: str) -> Generator:
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
    clock = Clock()
    run = Run(seed, batch=batch, rollouts=rollouts, clock=clock)
    asking = as_generator(method(pool.copy(), run), variant)
    generator = answer_first(asking, objective, run)
    must_train = "objective" in declared_needs(method)
    how = {"clock": clock, "asking": asking, "pool": pool, "objective": objective, "must_train": must_train, **more}
    return Job(variant, seed, generator, run, (seed,), **how)
