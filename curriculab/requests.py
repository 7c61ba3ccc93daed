"""What a method may ask for: Sample writes, Score reads, Train learns, Copy remembers, Use says how it is tested.

Everything that travels is a table: rows of the pool, or rows answered (one line per answer). A request is yielded
alone, or several as a list; a list is answered together and its reply is a list. One concrete exchange:

    out = yield Sample(pool.loc[["ladder/add/3/00417"]], n=4)     # four lines, all with that id, `text` and `correct`
    out = yield Train(out[out.correct > 0])                       # the same lines, with the `loss` before the step
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

Rows = pd.DataFrame


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


LARGEST_LR = 10.0  # Adam moves each weight by about lr: above, float32 is soon at its end


def check_number(setting: object, name: str, least: float, most: float = math.inf) -> None:
    """Refuse a setting that is no finite number from `least` to `most`."""
    value = getattr(setting, name)
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not least <= value <= most:
        allowed = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{type(setting).__name__}({name}={value!r}); give a number {allowed}")


def check_optimiser(setting: object) -> None:
    check_number(setting, "lr", 0, LARGEST_LR)
    check_number(setting, "weight_decay", 0)
    check_number(setting, "clip", 0)


@dataclass(frozen=True)
class Sft:
    """Supervised fine-tuning: mean negative log-likelihood of the learned tokens.

    Reads `weight` (one per row, default 1) and `token_weight` (one array per row along the learned tokens).
    """

    lr: float = 1e-3  # gains most on the pocket model (its card); for 0.5B to 7B models 1e-4 to 2e-4 is usual
    weight_decay: float = 0.0
    clip: float = 1.0  # norm of the gradient of one adapter; TRL and transformers use the same default
    mean: str = "tokens"  # "rows": mean over rows of each row's mean, so that long answers count no more than short

    def __post_init__(self) -> None:
        check_optimiser(self)
        if self.mean not in ("tokens", "rows"):
            raise ValueError(f"Sft(mean={self.mean!r}); choose 'tokens' or 'rows'")


@dataclass(frozen=True)
class Grpo:
    """Policy gradient with advantages relative to a group of answers: GRPO and its kin.

    Loss of one token, with ratio = exp(logp - logp when sampled), A the advantage, d = logp of the base - logp:

        - min(ratio A, clip(ratio, 1 - low, 1 + high) A) + beta ratio (exp(d) - d - 1)

    Reads `advantage`, else `reward` within `group` (groups may be of any size); `weight` (one per answer, times the
    whole loss), `token_weight` (one array per answer), `kl_weight` (one per answer, times beta).

    | as in TRL    | setting |
    |--------------|---------|
    | grpo         | Grpo(mean="rows") |
    | bnpo, dapo   | Grpo(), dapo with high=0.28 |
    | dr_grpo      | Grpo(mean="constant", longest=max_new_tokens, scale="none") |
    | cispo        | Grpo(surrogate="cispo", high=5.0) |

    RLOO is Grpo(baseline="others", scale="none"), REINFORCE Grpo(baseline="none", scale="none").
    """

    lr: float = 3e-4  # of the pocket model; 1e-5 to 5e-5 is usual for LoRA on 0.5B to 7B models
    weight_decay: float = 0.0
    clip: float = 1.0  # norm of the gradient of one adapter; TRL and transformers use the same default
    baseline: str = "group"  # mean of the group; "others": of its other answers (RLOO); "none": 0
    scale: str = "group"  # divide by the group's standard deviation (n - 1); "batch": by that of all rewards; "none"
    epsilon: float = 1e-4  # added to the standard deviation; TRL's value
    low: float = 0.2  # Schulman et al. 2017
    high: float = 0.2  # DAPO (Yu et al. 2025): 0.28; cispo: the largest ratio, 5.0 (Khatri et al. 2025)
    surrogate: str = "clip"  # "cispo": - min(ratio, high) A logp, the ratio without gradient (MiniMax-M1, 2025)
    mean: str = "tokens"  # over all tokens; "rows": of each row's mean; "constant": sum / (rows longest), Dr. GRPO
    longest: int | None = None  # tokens, for mean="constant"
    beta: float = 0.0  # of the divergence from the base
    kl_ratio: bool = True  # as TRL, after DeepSeek-V3.2 (2025); False leaves `ratio` out of that term: Shao et al. 2024
    updates: int = 1  # optimiser steps on the same answers; each is charged as a step

    def __post_init__(self) -> None:
        check_optimiser(self)
        for name in ("epsilon", "low", "high", "beta"):
            check_number(self, name, 0)
        for name, allowed in GRPO_CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"Grpo({name}={getattr(self, name)!r}); choose {' or '.join(map(repr, allowed))}")
        if (self.mean == "constant") != (self.longest is not None):
            raise ValueError(f"Grpo(mean={self.mean!r}, longest={self.longest}); mean='constant' wants longest=tokens")
        if self.baseline == "none" and self.scale == "group":
            raise ValueError(
                "Grpo(baseline='none', scale='group') blows up where all rewards of a group are alike; choose scale="
                "'none' (REINFORCE) or 'batch'"
            )
        if not isinstance(self.updates, int) or self.updates < 1:
            raise ValueError(f"Grpo(updates={self.updates!r}); give at least 1 optimiser step an answered batch")

    def advantages(self, rows: Rows) -> np.ndarray:
        """One advantage per answer, (rows,): the column `advantage`, else made of `reward` within `group`.

        An answer without an advantage or a reward (NaN) is an error; a group of one answer has advantage 0, unless
        the baseline is "none".
        """
        column = "advantage" if "advantage" in rows else "reward"
        if column not in rows or (column == "reward" and "group" not in rows):
            raise ValueError(f"Grpo reads `advantage`, or `reward` and `group`; the rows have {list(rows.columns)}")
        value = rows[column].to_numpy(float)
        if bad := np.flatnonzero(~np.isfinite(value)).tolist():
            raise ValueError(
                f"the {column} of row {rows.index[bad[0]]!r} is {value[bad[0]]} ({len(bad)} of {len(rows)} answers); "
                "give every answer a number, or leave it out"
            )
        if column == "advantage":
            return value
        if bad := np.flatnonzero(rows["group"].isna()).tolist():
            lacking = f"{len(bad)} of {len(rows)} answers"
            raise ValueError(f"row {rows.index[bad[0]]!r} has no `group` ({lacking}); give it one")
        _, of, size = np.unique(rows["group"].to_numpy(), return_inverse=True, return_counts=True)
        off = value - (np.bincount(of, value) / size)[of]
        spread = np.sqrt(np.bincount(of, off**2) / np.maximum(size - 1, 1))[of]
        if self.scale == "batch":
            spread = np.full(len(value), value.std(ddof=1) if len(value) > 1 else 0.0)
        if self.baseline == "none":
            off = value
        elif self.baseline == "others":
            off = off * (size / np.maximum(size - 1, 1))[of]
        return off if self.scale == "none" else off / (spread + self.epsilon)


GRPO_CHOICES = {
    "baseline": ("group", "others", "none"),
    "scale": ("group", "batch", "none"),
    "surrogate": ("clip", "cispo"),
    "mean": ("tokens", "rows", "constant"),
}


@dataclass(frozen=True)
class Pair:
    """Preference pairs within `group`: `prefer` is +1 or -1."""

    lr: float = 3e-4
    weight_decay: float = 0.0
    clip: float = 1.0
    beta: float = 0.1  # Rafailov et al. 2023

    def __post_init__(self) -> None:
        check_optimiser(self)
        check_number(self, "beta", 0)


Objective = Sft | Grpo | Pair
OBJECTIVES: dict[str, type] = {"sft": Sft, "grpo": Grpo, "pair": Pair}


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
    objective: str | Objective | None = None  # None: the bench's first; a name: the bench's setting of it
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


@dataclass(frozen=True)
class Check:
    """One falsifiable claim about a method's mechanism, tried.

    claim: what the paper leads one to expect; refuted_by: what would have refuted it, threshold and source included;
    measured: the figures; held: whether they pass. `seeds` says which were used.
    """

    claim: str
    refuted_by: str
    measured: Mapping[str, float]
    held: bool
    seeds: tuple[int, ...] = (0, 1, 2)


# -- rows from rows -----------------------------------------------------------------------------------------------
ANSWERED = (
    "turns",
    "text",
    "ended",
    "length",
    "logprob",
    "entropy",
    "group",
    "correct",
    "reward",
    "advantage",
    "loss",
)


def say(rows: Rows, text: str | Sequence[str], *, end: bool = True) -> Rows:
    """Put words in the model's mouth, to be learned (or scored); `end` adds the end-of-text token."""
    return _append(rows, text, learn=True, end=end)


def tell(rows: Rows, text: str | Sequence[str]) -> Rows:
    """Add a message to the model: never learned."""
    return _append(rows, text, turn=True)


def splice(rows: Rows, text: str | Sequence[str]) -> Rows:
    """Add raw text within the model's own turn (a tool's result, a forced tag): never learned."""
    return _append(rows, text)


def ask(rows: Rows, prompts: str | Sequence[str], **columns: object) -> Rows:
    """Another question beside each row: same ids, nothing said yet, nothing to verify unless `answer=` is given."""
    bare = rows.drop(columns=[*ANSWERED, "options", "solution"], errors="ignore")
    return bare.assign(**{"prompt": _texts(rows, prompts), "answer": None, **columns})


def _append(rows: Rows, text: str | Sequence[str], **flags: bool) -> Rows:
    before = rows["turns"] if "turns" in rows else [()] * len(rows)
    turns = [(*said, Piece(t, **flags)) for said, t in zip(before, _texts(rows, text), strict=True)]
    return rows.assign(turns=pd.Series(turns, index=rows.index, dtype=object))


def _texts(rows: Rows, text: str | Sequence[str]) -> list[str]:
    if isinstance(text, str):
        return [text] * len(rows)
    if isinstance(text, pd.Series) and not text.index.equals(rows.index):
        raise ValueError(
            f"the texts belong to other rows: {list(text.index[:3])} beside {list(rows.index[:3])}; "
            "take them from the same table, or pass a plain list in the rows' order"
        )
    if len(text) != len(rows):
        raise ValueError(f"{len(text)} texts for {len(rows)} rows; give one per row, or one string for all")
    return list(text)


# -- what identifies a request --------------------------------------------------------------------------------------
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
