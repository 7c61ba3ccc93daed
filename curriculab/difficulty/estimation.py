"""Measures that ask a model: their requests answered together, once where they are alike, and what they cost.

Measures are generators of requests (measures/, registry.py). Asked together they share what they ask alike: one forward
for the loss and the entropy, eight answers for the pass rate and for self-consistency. A measure's noise is keyed by
(seed, its own turn, place), so it is the same alone and together.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.difficulty import cache as cached
from curriculab.difficulty.roles import OWNER, LanguageModel, ModelRoles, longest_answer
from curriculab.difficulty.validation import aligned, checked
from curriculab.protocol import (
    Answer,
    Ask,
    Backend,
    Request,
    Returned,
    Score,
    advance,
    as_list,
    digest,
    validate_request,
)
from curriculab.registry.columns import remember
from curriculab.registry.progress import working

SHARED = ("nll", "entropy", "angle", "angle_across", "embedding")  # measures of Score that one forward serves
PER_TOKEN = ("nll", "entropy")  # an array a row where any measure asks per="token"
LEDGER = ("request", "purpose", "measures", "rows", "tokens", "rollouts", "generated", "seconds")
COSTS = ("tokens", "rollouts", "generated", "seconds")

Found = tuple[pd.Series, pd.Series | None]  # score and standard error, on the pool's index
Cache = str | Path | bool | None


def choose(name: str, found: Found, uncertainty: bool) -> pd.Series | tuple[pd.Series, pd.Series]:
    """The score, or the score and its standard error; refused where there is none."""
    score, error = found
    if uncertainty and error is None:
        raise ValueError(f"{name}: has no uncertainty, with these settings it is no estimate from several values")
    return (score, error) if uncertainty else score


@dataclass
class SharedRequest:
    """A request, and the measures it serves: name, place in what that measure asked, and its own request."""

    request: Request
    owners: list[tuple[str, int, Request]]

    @property
    def names(self) -> str:
        """The measures' names, each once."""
        return ", ".join(dict.fromkeys(name for name, _, _ in self.owners))


class BatchedMeasures:
    """Generators of measures that run side by side: `pending()` are their requests, `deliver(replies)` goes on.

    found: what the measures that are done returned; turn: how often each has asked.
    """

    def __init__(self, generators: Mapping[str, Generator]) -> None:
        self.generators, self.found = dict(generators), {}
        self.turn = dict.fromkeys(generators, 0)
        self._open: dict[str, list[Request]] = {}
        self._single: set[str] = set()
        self._shared: list[SharedRequest] = []
        for name in generators:
            self._advance(name, None)

    def _advance(self, name: str, reply: object) -> None:
        """Hand a measure its reply; keep what it asks next, or what it found."""
        self._open.pop(name, None)
        step = advance(self.generators[name], reply)
        if isinstance(step, Returned):
            self.found[name] = step.value
            return
        self._open[name] = as_list(step)
        self._single.discard(name)
        if not isinstance(step, list):
            self._single.add(name)
        self.turn[name] += 1

    def pending(self) -> list[SharedRequest]:
        """What all of them ask for now, like requests once."""
        shared: dict[object, SharedRequest] = {}
        for name, requests in self._open.items():
            for place, request in enumerate(requests):
                entry = shared.setdefault(_key(request, self.turn[name], place), SharedRequest(request, []))
                entry.owners.append((name, place, request))
        for entry in shared.values():
            entry.request = _joined(entry)
        self._shared = list(shared.values())
        return self._shared

    def deliver(self, replies: Sequence[pd.DataFrame]) -> None:
        """Hand the replies to the measures that asked, in the order of `pending()`."""
        parts: dict[str, dict[int, pd.DataFrame]] = {}
        for shared, reply in zip(self._shared, replies, strict=True):
            for name, place, own in shared.owners:
                parts.setdefault(name, {})[place] = _part(reply, own, shared.request)
        for name, mine in parts.items():
            ordered = [mine[place] for place in range(len(mine))]
            self._advance(name, ordered[0] if name in self._single else ordered)


def _key(request: Request, turn: int, place: int) -> object:
    """Equal for requests that one request answers."""
    if isinstance(request, Score) and set(_measures(request)) <= set(SHARED):
        return digest(replace(request, measure=SHARED, per="row", purpose=""))
    plain = digest(replace(request, purpose=""))
    return plain if isinstance(request, Score) else (plain, turn, place)  # answers of another turn have other noise


def _joined(shared: SharedRequest) -> Request:
    """One request for several; a Score's purpose, a column of the ledger, names the measures it serves."""
    requests = [own for _, _, own in shared.owners]
    first = requests[0]
    if not isinstance(first, Score):
        return first
    measures = tuple(dict.fromkeys(m for r in requests for m in _measures(r)))
    per = "token" if any(r.per == "token" for r in requests) else "row"
    return replace(first, measure=measures if len(measures) > 1 else measures[0], per=per, purpose=shared.names)


def _measures(request: Score) -> tuple[str, ...]:
    return (request.measure,) if isinstance(request.measure, str) else tuple(request.measure)


def _part(reply: pd.DataFrame, own: Request, joined: Request) -> pd.DataFrame:
    """A reply as the measure's own request would have had it."""
    if isinstance(own, Score) and own.per != joined.per:
        means = {m: reply[m].map(lambda v: float(v.mean())) for m in _measures(own) if m in PER_TOKEN}
        return reply.assign(**means)
    return reply


def request_together(generators: Mapping[str, Generator]) -> Generator:
    """Several measures as one generator of requests for a method; returns what each measure found."""
    batch = BatchedMeasures(generators)
    while shared := batch.pending():
        batch.deliver((yield [s.request for s in shared]))
    return batch.found


def answer_measures(
    generators: Mapping[str, Generator], backend: Backend, seed: int = 0
) -> tuple[dict[str, object], pd.DataFrame]:
    """Answer measures by a backend: what each found, and a ledger with one line a request (LEDGER)."""
    batch, lines = BatchedMeasures(generators), []
    while shared := batch.pending():
        replies = []
        for one in shared:
            validate_request(one.request)
            name, place, _ = one.owners[0]
            turn = batch.turn[name]
            began = time.perf_counter()
            (answer,) = backend.answer([Ask((OWNER, seed), turn, place, (seed, turn, place), one.request)])
            if isinstance(answer, Exception):
                raise _named(answer, one.names)
            lines.append(_line(one, answer, time.perf_counter() - began))
            replies.append(answer.reply)
        batch.deliver(replies)
    return batch.found, pd.DataFrame(lines, columns=LEDGER)


def _named(error: Exception, names: str) -> Exception:
    return ValueError(f"{names}: {error}") if type(error) is ValueError else error


def _line(one: SharedRequest, answer: Answer, seconds: float) -> tuple:
    request = one.request
    counts = (len(request.rows), answer.tokens, answer.rollouts, answer.generated)
    return (type(request).__name__, request.purpose, one.names, *counts, seconds)


def estimate(
    wanted: Mapping[str, tuple[Callable, Mapping[str, object]]],
    pool: pd.DataFrame,
    model: LanguageModel | None,
    *,
    adapter: object | str | Path | None,
    seed: int,
    cache: Cache,
) -> tuple[dict[str, Found], pd.DataFrame]:
    """Score and error of every measure by a model, and the ledger; what the cache knows is not asked again.

    wanted: name -> the measure and its knobs.
    """
    roles = ModelRoles(model, adapter)
    knobs = {name: roles.settle(measure, given, seed) for name, (measure, given) in wanted.items()}
    keys, found, ledgers = _recalled(roles, wanted, knobs, pool, seed, cache)
    todo = {name: measure.requests(pool, **knobs[name]) for name, (measure, _) in wanted.items() if name not in found}
    for name in wanted.keys() - todo.keys():
        checked(found[name][0], name, pool)  # a constant is told again
    if todo:
        room = longest_answer(pool, model) if model is not None and _any_writes(wanted) else None
        with working(f"measuring {', '.join(todo)}"):
            raw, ledger = answer_measures(todo, roles.backend(seed, room), seed)
        for name in todo:
            found[name] = as_found(raw[name], name, pool)
            if cache is not False:
                cached.save(cache, name, keys[name], found[name], costs(ledger, [name]).loc[name])
        ledgers.append(ledger)
    for name, (measure, _) in wanted.items():
        who, engine = roles.digests(knobs[name]), getattr(model, "backend_class", None)
        remember(found[name][0], measure.requests, knobs[name], model=who, engine=engine)
    table = pd.concat(ledgers, ignore_index=True) if ledgers else pd.DataFrame(columns=LEDGER)
    return {name: found[name] for name in wanted}, table[list(LEDGER)]


def _recalled(
    roles: ModelRoles,
    wanted: Mapping[str, tuple[Callable, object]],
    knobs: Mapping[str, Mapping[str, object]],
    pool: pd.DataFrame,
    seed: int,
    cache: Cache,
) -> tuple[dict[str, str], dict[str, Found], list[pd.DataFrame]]:
    """Of every measure its key in the cache; of those that are in it what was found, and the ledger's lines."""
    keys, found, ledgers = {}, {}, []
    if cache is False:
        return keys, found, ledgers
    for name, settled in knobs.items():
        code = roles.modules(wanted[name][0])
        keys[name] = cached.key(name, pool, settled, roles.digests(settled), seed, code)
        known = cached.load(cache, name, keys[name], pool)
        if known is not None:
            found[name], ledger = known
            ledgers.append(ledger.assign(measures=name))
    return keys, found, ledgers


def _any_writes(wanted: Mapping[str, tuple[Callable, object]]) -> bool:
    """Whether a measure lets the model write, and so takes a limit of tokens."""
    return any("max_new_tokens" in inspect.signature(measure.requests).parameters for measure, _ in wanted.values())


def as_found(value: object, name: str, pool: pd.DataFrame) -> Found:
    """What a measure's generator returned as a checked score and its standard error, or None, on the pool's index."""
    score, error = value if isinstance(value, tuple) else (value, None)
    return checked(score, name, pool), None if error is None else aligned(error, f"se_{name}", pool)


def costs(ledger: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """What each measure cost: tokens, rollouts, generated (tokens), seconds.

    The cost of a request that serves several is divided evenly among them.
    """
    table = pd.DataFrame(0.0, index=pd.Index(names, name="measure"), columns=list(COSTS))
    for line in ledger.to_dict("records"):
        owners = line["measures"].split(", ")
        for name in set(owners) & set(names):
            table.loc[name] += np.array([line[c] for c in COSTS], float) / len(owners)
    return table
