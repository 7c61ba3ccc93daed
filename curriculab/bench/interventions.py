"""Interventions: a variant is stopped, swapped or forked while it trains."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curriculab.bench.job import Steer
from curriculab.engine.footprint import in_bytes
from curriculab.engine.limits import KvCacheBytes
from curriculab.protocol import Method, Rows, method_name
from curriculab.registry.fingerprint import describe
from curriculab.registry.serialization import made, written
from curriculab.registry.warning import warn
from curriculab.runs import digest_of


@dataclass(frozen=True)
class Event:
    """An intervention between two calls of a bench.

    call: after which call; what: "pause", "resume", "stop", "swap", "fork" or "halved"; variant: whom it concerns;
    to: the method that takes over; turns: after which turn, and how many tests, of each seed; of, since: a fork's
    parent, and the call it branches off at.
    """

    call: int
    what: str
    variant: str = ""
    to: Method | None = None
    turns: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    of: str = ""
    since: int = 0
    step: int = 0  # that the variant had reached, for figures
    why: str = ""
    tokens: int = 0  # in one forward, once halved
    kv_cache_bytes: int = 0  # of answers written at once, where that was halved instead

    @property
    def limit(self) -> int:
        """What a backend is told to halve again."""
        return KvCacheBytes(self.kv_cache_bytes) if self.kv_cache_bytes else self.tokens

    def as_json(self) -> dict[str, object]:
        plain = {k: v for k, v in vars(self).items() if k not in ("to", "turns")}
        turns = {str(k): v for k, v in self.turns.items()}
        return {**plain, "turns": turns, "to": None if self.to is None else _told(self.to)}

    @classmethod
    def of_json(cls, found: Mapping) -> Event:
        turns = {int(k): (int(turn), int(tests)) for k, (turn, tests) in found["turns"].items()}
        return cls(**{**found, "turns": turns, "to": None if found["to"] is None else _method(found["to"])})


def halved(call: int, limit: int) -> Event:
    """The device ran out of memory in this call; limit: what one forward, or the cache of answers, has held since."""
    if isinstance(limit, KvCacheBytes):
        why = f"out of memory while sampling: from here on {in_bytes(limit)} of keys and values at once"
        return Event(call, "halved", why=why, kv_cache_bytes=int(limit))
    return Event(call, "halved", why=f"out of memory: from here on {limit} tokens in one forward", tokens=limit)


_own: dict[str, Method] = {}  # methods of this process that no file can name, by the digest of what they are


def _told(method: Method) -> object:
    """A method as JSON; one of a notebook by a digest, that this process knows it by."""
    found = written(method)
    try:
        made(found)
        return found
    except ValueError:
        key = digest_of({"method": describe(method)})
        _own[key] = method
        return {"own": key, "method": found}


def _method(found: object) -> Method:
    if isinstance(found, Mapping) and "own" in found:
        return _own.get(str(found["own"])) or made(found["method"])
    return made(found)


def refuse_what_cannot_take_over(to: Method) -> None:
    """One line now, instead of a variant that ends when its turn comes."""
    if not callable(to):
        raise ValueError(f"{to!r} is no method; give one such as cl.methods.easy_to_hard, or a partial of one")
    try:
        inspect.signature(to).bind(None, None)
    except TypeError as error:
        raise ValueError(f"{method_name(to)} cannot take over: {error}") from None
    describe(to)


def steers(events: Sequence[Event], key: Key) -> list[Steer]:
    """What the events mean for one run: whom it was made of, then every method that took over, in order."""
    variant, seed = key
    found: list[Steer] = []
    for place, e in enumerate(events):
        if e.variant != variant or seed not in e.turns:
            continue
        if e.what == "fork":
            before = [s for s in events[:place] if s.call <= e.since]
            found = [s for s in steers(before, (e.of, seed)) if (s.turn, s.evaluated) <= tuple(e.turns[seed])]
        if e.what in ("fork", "swap", "stop"):
            found.append(Steer(e.to, *e.turns[seed]))
    return found


def tell_of_test_rows(event: Event, valid: Rows | None) -> None:
    """Warn, where there are no validation rows, that a run was changed by hand with its test accuracies in view."""
    if valid is None and event.what in ("stop", "swap", "fork"):
        warn(
            "steered beside accuracies of the test rows, which the claim is then about; give the bench rows to steer "
            "by, train, valid, test = cl.split(pool, valid=...), Bench(model, train, test, valid=valid)"
        )


def parent_variant(events: Sequence[Event], variant: str) -> str:
    """The variant that a fork, or a fork of a fork, began as."""
    parents = {e.variant: e.of for e in events if e.what == "fork"}
    while variant in parents:
        variant = parents[variant]
    return variant


def sources(events: Sequence[Event], key: Key) -> dict[Key, float]:
    """Under whose names a run's answers stand in the journal, and until which call."""
    variant, seed = key
    forks = {e.variant: e for e in events if e.what == "fork"}
    found, until = {key: math.inf}, math.inf
    while variant in forks:
        until = min(until, forks[variant].since)
        variant = forks[variant].of
        found[variant, seed] = until
    return found


Key = tuple[str, int]  # variant, seed
