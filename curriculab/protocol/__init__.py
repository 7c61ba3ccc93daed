"""What a method may ask for: Sample writes, Score reads, Train learns, Copy remembers, Use says how it is tested.

Everything that travels is a table: rows of the pool, or rows answered (one line per answer). A request is yielded
alone, or several as a list; a list is answered together and its reply is a list. One concrete exchange:

    out = yield Sample(pool.loc[["ladder/add/3/00417"]], n=4)     # four lines, all with that id, `text` and `correct`
    out = yield Train(out[out.correct > 0])                       # the same lines, with the `loss` before the step
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from curriculab.protocol.clock import Clock, Phase, Run
from curriculab.protocol.script import Script
from curriculab.registry.names import also_named, method_name

__all__ = [
    "ANSWERS",
    "Answer",
    "Ask",
    "Backend",
    "Clock",
    "Copy",
    "Method",
    "Owner",
    "Phase",
    "Piece",
    "RemoteBackend",
    "Request",
    "Returned",
    "Rows",
    "Run",
    "Sample",
    "Score",
    "Script",
    "Train",
    "Use",
    "advance",
    "as_list",
    "digest",
    "method_name",
    "relay",
    "validate_request",
]


def __dir__() -> list[str]:
    return __all__


Rows = pd.DataFrame
Method = Callable[..., Generator]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text behind the prompt; the column `turns` holds a tuple of these.

    The model's own words come with the tokens and log-probabilities (nats) they were sampled with and are never
    tokenised again. The log-probabilities count only where they were sampled: behind that text, and by that role:
    a piece that was moved elsewhere is trained as if it had been sampled there.

    >>> cl.Piece("7", learn=True, end=True)
    Piece(text='7', learn=True, turn=False, end=True)
    """

    text: str
    learn: bool = False  # does Train take its gradient here?
    turn: bool = False  # a message of the other side; else raw text within the model's own turn
    end: bool = False  # does the end-of-text token belong to it?
    tokens: tuple[int, ...] | None = field(default=None, compare=False, repr=False)
    logprobs: tuple[float, ...] | None = field(default=None, compare=False, repr=False)
    temperature: float = field(default=1.0, compare=False, repr=False)  # that the tokens were sampled at
    context_hash: str = field(default="", compare=False, repr=False)  # of the role and of all tokens before the piece
    sample: int | None = field(default=None, compare=False, repr=False)  # which answer of the run this is
    sampled_by: int | None = field(default=None, compare=False, repr=False)  # fingerprint of the adapter's weights


@also_named(max_new_tokens="max_completion_length")
@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Write: continue every row `n` times (one number, or one per row) behind its prompt and its `turns`.

    Reply: one line per answer, indexed by the row's id, the columns of the row kept, and `turns` (one Piece longer),
    `text`, `ended` ("eos", "length" or the stop string), `length` (tokens), `logprob` (nats), `entropy` (nats a token),
    `group` (which asked row it belongs to, unique in the run), `correct` (NaN without an answer), `reward`.

    >>> cl.Sample(cl.load_pool("ladder", n=2, seed=0), n=[4, 8], max_new_tokens=16).max_completion_length
    16
    """

    rows: Rows
    n: int | Sequence[int] = 1
    role: str = "learner"
    temperature: float | Sequence[float] | None = None  # one, or one per row; None: the bench's, as is the next
    max_completion_length: int | None = None  # tokens; `max_new_tokens` is accepted too
    stop: tuple[str, ...] = ()
    purpose: str = "answer"  # names the ledger line, and the simulated learner's writer


@dataclass(frozen=True, eq=False, slots=True)
class Score:
    """Read: forward passes over rows as they stand; nothing is written or learned.

    `measure`: "nll" (mean nats a learned token), "entropy", "angle", "angle_across" (of rows with `turns`),
    "embedding", which share one forward when asked for together as a tuple; or "options" (one log-probability per
    option), "grad_norm". Rows without `turns` are read with their own solution, else answer. Reply: the same index and
    one column per measure; `per="token"` gives arrays along the learned tokens for "nll" and "entropy".

    >>> cl.Score(cl.load_pool("ladder", n=2, seed=0), ("nll", "entropy"), role="base").per
    'row'
    """

    rows: Rows
    measure: str | tuple[str, ...]
    role: str = "learner"
    per: str = "row"
    purpose: str = "score"


@dataclass(frozen=True, eq=False, slots=True)
class Train:
    """Learn: one optimiser step of `role` on the learned pieces of these rows.

    Rows that nobody has answered: under Sft their own solution (else answer) is learned; under Grpo they are sampled
    first, `run.num_generations` times. Answers that a method sampled, filtered, weighted or replaced are trained as
    they are handed in; an `advantage` that an earlier step left goes before a new `reward`: drop it.
    `Grpo(num_iterations=k)` takes k steps; the reply is that of the first. Reply: the rows trained with `loss` (mean
    nats a token; and `advantage`), as they were before the step. `note` names figures to be recorded beside it.

    >>> def in_order(pool, run):
    ...     yield cl.Train(pool.head(run.batch), note={"first": 0})
    >>> len(cl.simulate(in_order, cl.load_pool("ladder", n=8, seed=0), steps=1, batch_size=4).exposure)
    4
    """

    rows: Rows
    objective: object = None  # a name or a setting; None: the bench's first; a name: the bench's setting of it
    role: str = "learner"
    note: Mapping[str, float] = field(default_factory=dict)
    purpose: str = "train"


@dataclass(frozen=True, eq=False, slots=True)
class Copy:
    """Remember: make adapter `to` a copy of `source` with its optimiser state, or a weighted sum of several without.

    Copy("learner", to="best") is a snapshot, Copy("best", to="learner") goes back, Copy("init", to="learner") afresh,
    Copy({"ema": .999, "learner": .001}, to="ema") averages, Copy(None, to="best") forgets; "init" and "base" stay.

    >>> cl.Copy("learner", to="best")
    Copy(source='learner', to='best')
    """

    source: str | Mapping[str, float] | None
    to: str


@also_named(gold="with_answers")
@dataclass(frozen=True, eq=False, slots=True)
class Use:
    """How this variant is tested from now on: name -> solver, a generator function of test rows.

    A solver may Sample and Score, and returns every row with all that the learner wrote to its prompt as `text` (""
    where it leaves a row); the mean over a row's answers counts, or the one that `reduce` chooses: "majority", "best"
    (by a column `score`), or a function of a row's answers. Rows come with prompt, options, level, topic and task;
    `columns` names more, `with_answers=True` (or `gold`; or solvers' names) adds answers, `roles` who else may speak.

    >>> list(cl.Use({"hot": lambda rows: (yield cl.Sample(rows, temperature=1.0))}).solvers)
    ['hot']
    """

    solvers: Mapping[str, Callable[[Rows], Generator]]
    with_answers: bool | tuple[str, ...] = False
    reduce: str | Callable[[Rows], str] | None = None
    roles: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


Request = Sample | Score | Train | Copy | Use


HASHED_COLUMNS = (
    "prompt", "answer", "options", "solution", "turns", "weight", "advantage", "reward", "group", "prefer",
    "token_weight", "kl_weight", "old_logprobs", "task", "topic", "level", "metadata", "parents",
)  # fmt: skip


def digest(request: Request) -> str:
    """What identifies a request in the log (16 hex digits): kind, settings, ids, all columns that decide a reply.

    >>> cl.protocol.digest(cl.Copy("learner", to="best"))
    '4fdd6f210441c7c0'
    """
    h = hashlib.blake2b(type(request).__name__.encode(), digest_size=8)
    if isinstance(request, Use):
        own = (request.reduce, request.roles, request.columns)
        how = [getattr(one, "__name__", one) for one in own if one]  # nothing where it says nothing, as it was before
        h.update(repr((sorted(request.solvers), request.with_answers, *how)).encode())
    elif isinstance(request, Copy):
        h.update(repr((request.source, request.to)).encode())
    else:
        for name in request.__slots__:
            value = getattr(request, name)
            if name in ("n", "temperature"):
                value = np.asarray(value).tolist()
            if name not in ("rows", "note"):
                h.update(repr(value).encode())
        h.update(_bytes(request.rows.index))
        for column in HASHED_COLUMNS:
            if column in request.rows:
                h.update(column.encode())
                h.update(_bytes(request.rows[column]))
    return h.hexdigest()


def _bytes(values: pd.Series | pd.Index) -> bytes:
    if values.dtype.kind in "fiub":
        return np.ascontiguousarray(values.to_numpy()).tobytes()
    if values.name == "turns":  # what repr and equality of pieces leave out decides replies too
        fields = attrgetter(*Piece.__dataclass_fields__)
        said = []
        for pieces in values.tolist():
            said.append([fields(piece) for piece in pieces] if isinstance(pieces, tuple) else [])
        return repr(said).encode()
    return "\x1f".join(repr(v.tolist()) if isinstance(v, np.ndarray) else str(v) for v in values.tolist()).encode()


# -- what no backend can answer ----------------------------------------------------------------------------------------
ANSWERS = 1_000_000  # that one request may ask for: all of a large pool many times, yet it fits into memory


def validate_request(request: object) -> None:
    """Refuse what no backend can answer: a ValueError of one line.

    >>> cl.protocol.validate_request(cl.Sample(pd.DataFrame({"prompt": []})))
    Traceback (most recent call last):
    ValueError: Sample of 0 rows; ask only when there are rows, or return to end the run
    """
    if not isinstance(request, Request):
        raise ValueError(
            f"yielded {type(request).__name__}; a method yields Sample, Score, Train, Copy, Use or a list of them"
        )
    if isinstance(request, Copy | Use):
        return
    kind, rows = type(request).__name__, request.rows
    if not isinstance(rows, pd.DataFrame):
        raise ValueError(f"{kind} of a {type(rows).__name__}; its rows are a DataFrame, such as pool.loc[ids]")
    if not len(rows):
        raise ValueError(f"{kind} of 0 rows; ask only when there are rows, or return to end the run")
    if "prompt" not in rows:
        raise ValueError(f"{kind} of rows without a column 'prompt'; they have {list(rows.columns)}")
    if isinstance(request, Sample):
        _validate_sample(request)
    if isinstance(request, Score) and (request.per not in ("row", "token") or not request.measure):
        asked = f"Score(measure={request.measure!r}, per={request.per!r})"
        raise ValueError(f"{asked}; name a measure, per 'row' or 'token'")
    if isinstance(request, Train) and "weight" in rows:
        _validate_weights(rows)


def _validate_weights(rows: Rows) -> None:
    weights = np.asarray(rows["weight"], float)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        value, row = rows["weight"].iloc[bad[0]], rows.index[bad[0]]
        raise ValueError(f"Train with weight {value} for row {row!r}; weights are finite and at least 0")


def _validate_sample(request: Sample) -> None:
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


# -- driving a generator of requests -----------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False, slots=True)
class Returned:
    """What `advance` gives when a generator has ended; value: what it returned."""

    value: object


def advance(generator: Generator, reply: object = None) -> object:
    """Send a reply into a generator; what it asks for next, or `Returned`.

    The one place where a generator of requests is driven: jobs, measures, previews and wrappers of methods call it.

    >>> generator = (asked for asked in ["a question"])
    >>> cl.protocol.advance(generator), cl.protocol.advance(generator) == cl.protocol.Returned(None)
    ('a question', False)
    """
    try:
        return generator.send(reply)
    except StopIteration as stop:
        return Returned(stop.value)


def relay(generator: Generator, through: Callable[[object], Generator]) -> Generator:
    """The same generator with something in between: `through(asked)` yields what is asked instead, returns the reply.

    >>> def noted(asked):
    ...     seen.append(asked)
    ...     return (yield asked)
    >>> seen = []
    >>> list(cl.protocol.relay((asked for asked in "ab"), noted)), seen
    (['a', 'b'], ['a', 'b'])
    """
    reply = None
    while not isinstance(asked := advance(generator, reply), Returned):
        reply = yield from through(asked)
    return asked.value


def as_list(asked: object) -> list:
    """What was asked for together, as a list.

    >>> cl.protocol.as_list("one"), cl.protocol.as_list(["one", "two"])
    (['one'], ['one', 'two'])
    """
    return asked if isinstance(asked, list) else [asked]


# -- what travels between a scheduler and a backend --------------------------------------------------------------------
Owner = tuple[str, int]  # variant, seed


@dataclass(frozen=True, eq=False, slots=True)
class Ask:
    """One request on its way to a backend: a plain value that can be pickled.

    owner: variant and seed whose adapters are meant; turn, place: the request is number `place` of what the generator
    asked for in its turn number `turn`; stream: key of the request's random numbers, the same for equal questions of
    two variants of one seed; evaluation: number of the test that asks, 0 for the method itself; rate_factor: what a
    Train's learning rate is multiplied by at this point of the budget.
    """

    owner: Owner
    turn: int
    place: int
    stream: tuple[int, ...]
    request: Request
    evaluation: int = 0
    rate_factor: float = 1.0

    @property
    def first_number(self) -> int:
        """Number of the first answer to this request within its run: from counts alone, so a replay finds the same."""
        return (self.turn << 40) + (self.place << 20)


@dataclass(frozen=True, eq=False)
class Answer:
    """A backend's reply to one Ask, and what it cost.

    tokens: of all that went through the model; trained: of trained rows, where the base read them too (None: all);
    learned, read: of each row asked, (rows,); rollouts: answers, generated: their tokens; figures: for the record.
    """

    reply: Rows | None
    tokens: int = 0
    rollouts: int = 0
    generated: int = 0
    learned: np.ndarray | None = None
    trained: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    read: np.ndarray | None = None


class Backend(Protocol):
    """What answers requests: a model with adapters, a simulated student, or one of them in another process.

    >>> backend = cl.simulation.SimulatedLearner(cl.simulation.Student(), cl.load_pool("ladder", n=8, seed=0))
    >>> one, other, here = ("random", 0), ("fork", 0), cl.protocol.Path()
    >>> backend.start([one]), backend.fork(one, other), backend.save(here), backend.load(here), backend.limit(512)
    (None, None, None, None, None)
    >>> ask = cl.protocol.Ask(one, turn=1, place=0, stream=(0, 1, 0), request=cl.Copy("learner", to="best"))
    >>> backend.answer([ask])[0].tokens, ask.first_number == 2**40, backend.export(one, here), backend.drain_halvings()
    (0, True, None, [])
    """

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per Ask, in their order; all asks of a call are of one kind.

        An exception in place of an answer ends the run of that owner only.
        """

    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew: whatever they learned before is forgotten."""

    def save(self, folder: Path) -> None:
        """Write what all owners have learned, with their optimiser states, into a folder that exists."""

    def load(self, folder: Path) -> None:
        """Take what `save` wrote in place of all owners."""

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin where `parent` is now, or was in the checkpoint `folder`."""

    def export(self, owner: Owner, folder: Path) -> None:
        """Write the learner's adapter so that other programs can load it."""

    def limit(self, tokens: int) -> None:
        """Put at most so many tokens into one forward from now on."""

    def drain_halvings(self) -> list[int]:
        """The limits that running out of memory set since this was last asked, oldest first."""


class RemoteBackend(Backend, Protocol):
    """A backend that is elsewhere: work can be handed over now and fetched later.

    >>> class Elsewhere(cl.protocol.RemoteBackend):
    ...     submit, close = lambda self, asks: len(asks), lambda self: None
    ...     collect = lambda self, number: [cl.protocol.Answer(None, tokens=12)] * number
    >>> backend = Elsewhere()
    >>> backend.collect(backend.submit(["an ask"]))[0].tokens, backend.close()
    (12, None)
    """

    def submit(self, asks: Sequence[Ask]) -> int:
        """Hand over the asks of one call; a number to fetch their answers by."""

    def collect(self, number: int) -> list[Answer | Exception]:
        """Wait for the answers to what was submitted under a number."""

    def close(self) -> None:
        """Let go of what is elsewhere; called when a training session ends."""
