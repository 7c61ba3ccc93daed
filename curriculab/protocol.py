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
from typing import Protocol

import numpy as np
import pandas as pd

Rows = pd.DataFrame
Method = Callable[..., Generator]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text behind the prompt; the column `turns` holds a tuple of these.

    The model's own words come with the tokens and log-probabilities (nats) they were sampled with and are never
    tokenised again. The log-probabilities count only where they were sampled, `behind` that text and by that role:
    a piece that was moved elsewhere is trained as if it had been sampled there.
    """

    text: str
    learn: bool = False  # does Train take its gradient here?
    turn: bool = False  # a message of the other side; else raw text within the model's own turn
    end: bool = False  # does the end-of-text token belong to it?
    tokens: tuple[int, ...] | None = field(default=None, compare=False, repr=False)
    logprobs: tuple[float, ...] | None = field(default=None, compare=False, repr=False)
    temperature: float = field(default=1.0, compare=False, repr=False)  # that the tokens were sampled at
    behind: str = field(default="", compare=False, repr=False)  # digest of the role and of all tokens before the piece
    sample: int | None = field(default=None, compare=False, repr=False)  # which answer of the run this is


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Write: continue every row `n` times (one number, or one per row) behind its prompt and its `turns`.

    Reply: one line per answer, indexed by the row's id, the columns of the row kept, and `turns` (one Piece longer),
    `text`, `ended` ("eos", "length" or the stop string), `length` (tokens), `logprob` (nats), `entropy` (nats a token),
    `group` (which asked row it belongs to, unique in the run), `correct` (NaN without an answer), `reward`.
    """

    rows: Rows
    n: int | Sequence[int] = 1
    role: str = "learner"
    temperature: float | Sequence[float] | None = None  # one, or one per row; None: the bench's, as is the next
    max_new_tokens: int | None = None
    stop: tuple[str, ...] = ()
    purpose: str = "answer"  # names the ledger line, and the simulated learner's writer


@dataclass(frozen=True, eq=False, slots=True)
class Score:
    """Read: forward passes over rows as they stand; nothing is written or learned.

    `measure`: "nll" (mean nats a learned token), "entropy", "angle", "embedding", which share one forward when asked
    for together as a tuple; or "options" (one log-probability per option), "grad_norm". Rows without `turns` are read
    with their own solution, else answer. Reply: the same index and one column per measure; `per="token"` gives arrays
    along the learned tokens for "nll" and "entropy".
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
    first, `run.rollouts` times. Answers that a method sampled, filtered, weighted or replaced are trained as they are
    handed in; an `advantage` that an earlier step left goes before a new `reward`: drop it. `Grpo(updates=k)` takes k
    steps; the reply is that of the first. Reply: the rows trained with `loss` (mean nats a token; and `advantage`), as
    they were before the step. `note` names figures to be recorded beside it.
    """

    rows: Rows
    objective: object = None  # a name or a setting; None: the bench's first; a name: the bench's setting of it
    role: str = "learner"
    note: Mapping[str, float] = field(default_factory=dict)
    purpose: str = "train"


@dataclass(frozen=True, eq=False, slots=True)
class Copy:
    """Remember: make adapter `to` a copy of `source` with its optimiser state, or a weighted sum of several without.

    Copy("learner", to="best") is a snapshot, Copy("best", to="learner") goes back, Copy("init", to="learner") starts
    afresh, Copy({"ema": .999, "learner": .001}, to="ema") averages. "init" and "base" always exist and never change.
    """

    source: str | Mapping[str, float]
    to: str


@dataclass(frozen=True, eq=False, slots=True)
class Use:
    """How this variant is tested from now on: name -> solver, a generator function of test rows.

    A solver may Sample and Score and returns one line per answer with `text`; the bench verifies. Rows come to it
    without answers unless `gold=True`, which every table then says.
    """

    solvers: Mapping[str, Callable[[Rows], Generator]]
    gold: bool = False


Request = Sample | Score | Train | Copy | Use


class Run:
    """What a method may know about its own run, read only.

    rng: the only source of chance a method may use; progress: share of the budget spent, in [0, 1];
    step: optimiser steps taken; batch: rows a step; rollouts: answers a row.
    """

    __slots__ = ("_batch", "_progress", "_rng", "_rollouts", "_step")

    def __init__(self, seed: int, *, batch: int, rollouts: int = 8) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence([seed, 0x6D6574686F64]))  # "method": apart from others
        self._progress, self._step, self._batch, self._rollouts = 0.0, 0, batch, rollouts

    rng = property(lambda self: self._rng)
    progress = property(lambda self: self._progress)
    step = property(lambda self: self._step)
    batch = property(lambda self: self._batch)
    rollouts = property(lambda self: self._rollouts)


def method_name(method: Callable[..., Generator]) -> str:
    """Name of the function behind a method, looked up through functools.partial."""
    while hasattr(method, "func"):
        method = method.func
    return getattr(method, "__name__", type(method).__name__)


TRAVELS = (
    "prompt",
    "answer",
    "options",
    "solution",
    "turns",
    "weight",
    "advantage",
    "reward",
    "group",
    "prefer",
    "token_weight",
    "kl_weight",
    "task",
    "topic",
    "level",
    "metadata",
    "parents",
)


def digest(request: Request) -> str:
    """What identifies a request in the log (16 hex digits): kind, settings, ids, all columns that decide a reply."""
    h = hashlib.blake2b(type(request).__name__.encode(), digest_size=8)
    if isinstance(request, Use):
        h.update(repr((sorted(request.solvers), request.gold)).encode())
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
        for column in TRAVELS:
            if column in request.rows:
                h.update(column.encode())
                h.update(_bytes(request.rows[column]))
    return h.hexdigest()


def _bytes(values: pd.Series | pd.Index) -> bytes:
    if values.dtype.kind in "fiub":
        return np.ascontiguousarray(values.to_numpy()).tobytes()
    if values.name == "turns":  # what repr and equality of pieces leave out decides replies too
        fields = Piece.__dataclass_fields__
        said = [v if isinstance(v, tuple) else () for v in values.tolist()]
        return repr([[tuple(getattr(p, f) for f in fields) for p in pieces] for pieces in said]).encode()
    return "\x1f".join(repr(v.tolist()) if isinstance(v, np.ndarray) else str(v) for v in values.tolist()).encode()


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

    def answer(self, kind: type, tickets: Sequence) -> list[Answer | Exception]:
        """One Answer per ticket, in their order; an exception closes that ticket's job only."""
