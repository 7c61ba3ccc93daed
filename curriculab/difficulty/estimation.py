"""Measures that ask a model, written once: as a generator of requests.

    def answer_loss(pool, *, role="learner"):
        out = yield Score(pool, "nll", role=role)
        return out["nll"]                                  # a Series; or two: the score and its standard error

A method asks for it with `yield from`, and pays (several.asked). As a plain function, `answer_loss(pool, model)`, the
same generator is answered by the model directly, and what it cost is told (several.survey). Measures that are asked
together share what they ask alike: one forward for the loss and the entropy, eight answers for the pass rate and for
self-consistency. A measure's noise is keyed by (seed, its own turn, place), so it is the same alone and together.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.difficulty import cache as cached
from curriculab.difficulty.validation import aligned, checked
from curriculab.protocol import Answer, Ask, Backend, Request, Returned, Score, advance, digest, validate_request

if TYPE_CHECKING:
    from curriculab.engine.adapter import Adapter
    from curriculab.engine.backend import ModelBackend
    from curriculab.engine.model import Model


SHARE = ("nll", "entropy", "angle", "embedding")  # of Score: one forward serves them all


TOKENS = ("nll", "entropy")  # an array a row where any measure asks per="token"


ROLES = ("role", "roles", "teacher", "judge")  # knobs that name who is asked


LEDGER = ("request", "purpose", "measures", "rows", "tokens", "rollouts", "generated", "seconds")


COSTS = ("tokens", "rollouts", "generated", "seconds")


Found = tuple[pd.Series, pd.Series | None]  # score and standard error, on the pool's index


Cache = str | Path | bool | None


def asks(generator: Callable[..., Generator]) -> Callable[..., pd.Series | tuple[pd.Series, pd.Series]]:
    """A plain function `name(pool, model, *, knobs)` out of a generator of requests; `.requests` is that generator.

    adapter: of the model, or the folder of a saved one (None: the bare base); seed: of what is sampled or drawn;
    uncertainty=True: the score and its standard error; cache: see several.survey.
    """

    @functools.wraps(generator)
    def measure(
        pool: pd.DataFrame,
        model: Model | None = None,
        *,
        adapter: Adapter | str | Path | None = None,
        seed: int = 0,
        uncertainty: bool = False,
        cache: Cache = None,
        **knobs: object,
    ) -> pd.Series | tuple[pd.Series, pd.Series]:
        name = generator.__name__
        found, _ = answered({name: (measure, knobs)}, pool, model, adapter=adapter, seed=seed, cache=cache)
        return pick(name, found[name], uncertainty)

    signature = inspect.signature(measure, follow_wrapped=False)
    knobs = [p for p in inspect.signature(generator).parameters.values() if p.kind is p.KEYWORD_ONLY]
    given = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    own = [p for p in given[2:] if p.name not in {k.name for k in knobs}]
    measure.__signature__ = signature.replace(parameters=[*given[:2], *knobs, *own])
    measure.requests = generator
    return measure


def pick(name: str, found: Found, uncertainty: bool) -> pd.Series | tuple[pd.Series, pd.Series]:
    """The score, or the score and its standard error; refused where there is none."""
    score, error = found
    if uncertainty and error is None:
        raise ValueError(f"{name}: has no uncertainty, with these settings it is no estimate from several values")
    return (score, error) if uncertainty else score


@dataclass
class Shared:
    """A request, and the measures it answers: name, place in what that measure asked, and its own request."""

    request: Request
    owners: list[tuple[str, int, Request]]


class Together:
    """Generators of measures driven side by side: `waiting()` says what to ask, `tell(replies)` goes on."""

    def __init__(self, generators: Mapping[str, Generator]) -> None:
        self.generators, self.found = dict(generators), {}
        self.turn = dict.fromkeys(generators, 0)
        self._asked: dict[str, object] = {}
        for name in generators:
            self._go_on(name, None)

    def _go_on(self, name: str, reply: object) -> None:
        self._asked.pop(name, None)
        asked = advance(self.generators[name], reply)
        if isinstance(asked, Returned):
            self.found[name] = asked.value
        else:
            self._asked[name] = asked
            self.turn[name] += 1

    def waiting(self) -> list[Shared]:
        """What all of them ask for now, like requests once."""
        shared: dict[object, Shared] = {}
        for name, asked in self._asked.items():
            for place, request in enumerate(asked if isinstance(asked, list) else [asked]):
                key = _same(request, self.turn[name], place)
                entry = shared.setdefault(key, Shared(request, []))
                entry.owners.append((name, place, request))
                entry.request = _join([r for _, _, r in entry.owners], [n for n, _, _ in entry.owners])
        self._now = list(shared.values())
        return self._now

    def tell(self, replies: Sequence[pd.DataFrame]) -> None:
        """Hand the replies to those who asked, in the order of `waiting()`."""
        parts: dict[str, dict[int, pd.DataFrame]] = {}
        for shared, reply in zip(self._now, replies, strict=True):
            for name, place, own in shared.owners:
                parts.setdefault(name, {})[place] = _part(reply, own, shared.request)
        for name, mine in parts.items():
            many = isinstance(self._asked[name], list)
            self._go_on(name, [mine[i] for i in range(len(mine))] if many else mine[0])


def _same(request: Request, turn: int, place: int) -> object:
    """Equal for requests that one request answers."""
    if isinstance(request, Score) and set(_measures(request)) <= set(SHARE):
        return digest(replace(request, measure=SHARE, per="row", purpose=""))
    plain = digest(replace(request, purpose=""))
    return plain if isinstance(request, Score) else (plain, turn, place)  # answers of another turn have other noise


def _join(requests: list[Request], names: list[str]) -> Request:
    """One request for several; a Score's purpose, a column of the ledger, names the measures it serves."""
    first = requests[0]
    if not isinstance(first, Score):
        return first
    measures = tuple(dict.fromkeys(m for r in requests for m in _measures(r)))
    per = "token" if any(r.per == "token" for r in requests) else "row"
    purpose = ", ".join(dict.fromkeys(names))
    return replace(first, measure=measures if len(measures) > 1 else measures[0], per=per, purpose=purpose)


def _measures(request: Score) -> tuple[str, ...]:
    return (request.measure,) if isinstance(request.measure, str) else tuple(request.measure)


def _part(reply: pd.DataFrame, own: Request, asked: Request) -> pd.DataFrame:
    """A reply as the measure's own request would have had it."""
    if isinstance(own, Score) and own.per != asked.per:
        means = {m: reply[m].map(lambda v: float(v.mean())) for m in _measures(own) if m in TOKENS}
        return reply.assign(**means)
    return reply


def yielded(generators: Mapping[str, Generator]) -> Generator:
    """The same as a generator of requests for a method; returns what each measure found."""
    together = Together(generators)
    while shared := together.waiting():
        together.tell((yield [s.request for s in shared]))
    return together.found


def drive(generators: Mapping[str, Generator], backend: Backend, seed: int = 0) -> tuple[dict, pd.DataFrame]:
    """Answer measures by a backend: what each found, and a ledger with one line a request (LEDGER)."""
    together, lines = Together(generators), []
    while shared := together.waiting():
        replies = []
        for one in shared:
            validate_request(one.request)
            name, place, _ = one.owners[0]
            turn = together.turn[name]
            began = time.perf_counter()
            (answer,) = backend.answer([Ask(("difficulty", seed), turn, place, (seed, turn, place), one.request)])
            names = ", ".join(dict.fromkeys(n for n, _, _ in one.owners))
            if isinstance(answer, Exception):
                raise _named(answer, names)
            lines.append(_line(one.request, names, answer, time.perf_counter() - began))
            replies.append(answer.reply)
        together.tell(replies)
    return together.found, pd.DataFrame(lines, columns=LEDGER)


def _named(error: Exception, names: str) -> Exception:
    return ValueError(f"{names}: {error}") if type(error) is ValueError else error


def _line(request: Request, names: str, answer: Answer, seconds: float) -> tuple:
    return (
        type(request).__name__,
        request.purpose,
        names,
        len(request.rows),
        answer.tokens,
        answer.rollouts,
        answer.generated,
        seconds,
    )


def answered(
    wanted: Mapping[str, tuple[Callable, Mapping[str, object]]],
    pool: pd.DataFrame,
    model: Model | None,
    *,
    adapter: Adapter | str | Path | None,
    seed: int,
    cache: Cache,
) -> tuple[dict[str, Found], pd.DataFrame]:
    """Score and error of every measure by a model, and the ledger; what the cache knows is not asked again."""
    cast = Cast(model, adapter)
    knobs = {name: cast.settle(measure, given, seed) for name, (measure, given) in wanted.items()}
    keys, found, ledgers = {}, {}, []
    for name in wanted:
        keys[name] = cached.key(name, pool, knobs[name], cast.digests(knobs[name]), seed) if cache is not False else ""
        known = cached.load(cache, name, keys[name], pool) if cache is not False else None
        if known is not None:
            found[name], ledger = known
            ledgers.append(ledger.assign(measures=name))
    todo = {name: measure.requests(pool, **knobs[name]) for name, (measure, _) in wanted.items() if name not in found}
    if todo:
        raw, ledger = drive(todo, cast.learner(pool, wanted, seed), seed)
        for name in todo:
            score, error = raw[name] if isinstance(raw[name], tuple) else (raw[name], None)
            found[name] = (checked(score, name, pool), None if error is None else aligned(error, f"se_{name}", pool))
            if cache is not False:
                cached.save(cache, name, keys[name], found[name], costs(ledger, [name]).loc[name])
        ledgers.append(ledger)
    for name in wanted.keys() - todo.keys():
        checked(found[name][0], name, pool)  # a constant is told again
    table = pd.concat(ledgers, ignore_index=True) if ledgers else pd.DataFrame(columns=LEDGER)
    return {name: found[name] for name in wanted}, table[list(LEDGER)]


def costs(ledger: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """What each measure cost: tokens, rollouts, generated (tokens), seconds; a request that serves several is divided
    evenly among them."""
    table = pd.DataFrame(0.0, index=pd.Index(names, name="measure"), columns=list(COSTS))
    for line in ledger.to_dict("records"):
        owners = line["measures"].split(", ")
        for name in set(owners) & set(names):
            table.loc[name] += np.array([line[c] for c in COSTS], float) / len(owners)
    return table


class Cast:
    """Who is asked: the model with an adapter, and other models or adapters that knobs name."""

    def __init__(self, model: Model | None, adapter: Adapter | str | Path | None) -> None:
        self.model, self.others, self.adapters = model, {}, {}
        if adapter is not None:
            if model is None:
                raise ValueError("an adapter is of a model; give the model too")
            if isinstance(adapter, str | Path):
                from curriculab.engine.adapter import Adapter

                adapter = Adapter.load(model.layout, adapter, model.device)
            self.adapters["learner"] = adapter

    def settle(self, measure: Callable, given: Mapping[str, object], seed: int) -> dict[str, object]:
        """All knobs of a measure as they will be used: roles by name, the base where no adapter was given."""
        name, known = measure.__name__, inspect.signature(measure.requests).parameters
        for knob in given:
            if knob not in known or knob == "pool":
                options = ", ".join(k for k in known if k != "pool") or "none"
                raise ValueError(f"{name} has no knob {knob!r}; it has {options}")
        knobs = {k: p.default for k, p in known.items() if k != "pool"} | dict(given)
        if "seed" in knobs:
            knobs["seed"] = seed
        for knob in knobs.keys() & set(ROLES):
            value = knobs[knob]
            many = isinstance(value, list | tuple)
            roles = tuple(self._role(name, knob, v) for v in (value if many else [value]))
            knobs[knob] = roles if many else roles[0]
        return knobs

    def _role(self, name: str, knob: str, value: object) -> str:
        if value is None:
            raise ValueError(f"{name}: nobody to ask; give {knob}=, a model or an adapter of the model")
        if isinstance(value, str):
            if value == "learner" and "learner" not in self.adapters:
                return "base"
            if value not in ("learner", "base", "init", *self.others, *self.adapters):
                raise ValueError(f"{name}: {knob}={value!r} is a role of methods; give the model or adapter itself")
            return value
        if value is self.model:
            return "base"
        home = self.others if hasattr(value, "tokenizer") else self.adapters
        known = next((role for role, one in home.items() if one is value), None)
        if known is None:
            known = f"{knob} {len(self.others) + len(self.adapters)}"
            home[known] = value
        return known

    def digests(self, knobs: Mapping[str, object]) -> dict[str, str]:
        """What decides the numbers of everybody a measure asks, by role."""
        if self.model is None:
            return {}
        roles = [r for k in ROLES if k in knobs for r in (knobs[k] if isinstance(knobs[k], tuple) else [knobs[k]])]
        return {"model": self.model.digest()} | {role: self._digest(role) for role in roles}

    def _digest(self, role: str) -> str:
        if role in self.others:
            return self.others[role].digest()
        if role in self.adapters:
            weights = self.adapters[role].weights.detach().cpu().numpy()
            return hashlib.blake2b(weights.tobytes(), digest_size=8).hexdigest()
        return role

    def learner(self, pool: pd.DataFrame, wanted: Mapping[str, tuple[Callable, object]], seed: int) -> Backend:
        if self.model is None:
            return _Nobody()
        from curriculab.engine.backend import ModelBackend
        from curriculab.objectives.sft import Sft

        learner: ModelBackend = ModelBackend(self.model, {"sft": Sft()}, self.others)
        learner.adapters["difficulty", seed] = dict(self.adapters)
        if any("max_new_tokens" in inspect.signature(m.requests).parameters for m, _ in wanted.values()):
            learner.max_new_tokens = longest(pool, self.model) or learner.max_new_tokens
        return learner


def longest(pool: pd.DataFrame, model: Model) -> int | None:
    """Tokens of the longest text to learn in the pool, its end included: room for an answer, as on a bench."""
    from curriculab.data.rendering import learned_text

    known = pool[pool["answer"].map(lambda a: isinstance(a, str)).to_numpy(bool)] if "answer" in pool else pool[:0]
    return 1 + max(len(model.tokens(t)) for t in learned_text(known)) if len(known) else None


class _Nobody:
    """Stands where no model was given: measures from what was observed need none, all others say so."""

    def answer(self, asks: Sequence[Ask]) -> list[Exception]:
        return [ValueError("reads the rows with a model; give one, such as cl.load_model()") for _ in asks]
