"""Two configurations recorded under one name are told apart: by what differs, or by when they were trained.

mine with warm=0.3 on Monday, with warm=0.6 on Tuesday      -> "mine, warm=0.3", "mine, warm=0.6"
"mine, reversed", the control of each                       -> "mine, warm=0.3, reversed", "mine, warm=0.6, reversed"
random order of both days, trained by the same settings     -> "random"
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from curriculab.registry.digests import digest_of

NAMED = "named"  # of a spec: the name that a run was recorded under, where it now has a longer one
TOLD = 3  # differences that a name holds; more are told by the date
OWN = ("method", "columns", "measures", "steered", "seed")  # of what decides a run, that in which one bench's differ
SETTINGS = {  # of what decides a run, plain values by the names that they are given under
    "batch_size": "batch_size",
    "rollouts": "num_generations",
    "temperature": "temperature",
    "max_new_tokens": "max_completion_length",
}
FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")  # of the time that tells runs apart
Words = dict[str, object]  # by what differs, such as "warm": its value


class Recorded(Protocol):
    """What is read of a record: what decided it, and its variant and seed."""

    spec: Mapping[str, object]

    @property
    def key(self) -> tuple[str, int]: ...


Record = TypeVar("Record", bound=Recorded)


def named(record: Record) -> str:
    """The name that a run was recorded under.

    Examples
    --------
    >>> from curriculab.runs.configurations import named
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> named(cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4).records[0])
    'random_order'
    """
    return str(record.spec.get(NAMED, record.key[0]))


def apart(records: Sequence[Record]) -> tuple[tuple[Record, ...], str]:
    """The same runs, under names that no two configurations share, and a line that says so; "" where none did.

    Parameters
    ----------
    records : sequence of Record
        Recorded ones are told apart by what decides them; others have nothing to be told apart by.

    Examples
    --------
    >>> from curriculab.runs.configurations import apart
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4)
    >>> [record.key for record in apart(runs.records)[0]], apart(runs.records)[1]
    ([('random_order', 0)], '')
    """
    if not _collide(records):
        return tuple(records), ""
    records = as_recorded(records)
    names, said = [record.key[0] for record in records], []
    for family, places in _families(records).items():
        keys = [configuration_of(records[place]) for place in places]
        if len(set(keys)) > 1:
            words = _words([records[place] for place in places], keys)
            for place, own in zip(places, words, strict=True):
                names[place] = f"{family}, {own}{names[place].removeprefix(family)}"
            said.append(f"{family!r} stands for {_counted(words)}")
    rest = _rest_apart(records, names)
    again = dict.fromkeys(name for name, new in zip(names, rest, strict=True) if name != new)
    said += [f"{name!r} was trained several times with one seed" for name in again]
    return tuple(_renamed(record, name) for record, name in zip(records, rest, strict=True)), "; ".join(said)


def _families(records: Sequence[Record]) -> dict[str, list[int]]:
    """By variant, the places of its runs and of those of its controls."""
    parents, found = parents_of(records), {}
    for place, record in enumerate(records):
        found.setdefault(parents.get(record.key[0], record.key[0]), []).append(place)
    return found


def _collide(records: Sequence[Record]) -> bool:
    """Has a variant, with its controls, two configurations, or a seed twice?"""
    known = [record for record in records if record.spec.get("decides")]
    whole = {(record.key, _whole(record)) for record in known}
    if len(whole) > len({key for key, _ in whole}):
        return True
    found: dict[str, set[str]] = {}
    for family, places in _families(known).items():
        found[family] = {configuration_of(known[place]) for place in places}
    return any(len(keys) > 1 for keys in found.values())


def _whole(record: Record) -> str:
    """A digest of all that decides a run."""
    return digest_of(record.spec.get("decides") or {})


def as_recorded(records: Sequence[Record]) -> tuple[Record, ...]:
    """The same runs under the names that they were recorded under."""
    return tuple(record if NAMED not in record.spec else _renamed(record, named(record)) for record in records)


def bench_of(record: Record) -> str:
    """A digest of what the runs of one bench share: model, rows, objective, budget and code."""
    decides = dict(record.spec.get("decides", {}))
    return digest_of({k: v for k, v in decides.items() if k not in OWN})


def configuration_of(record: Record) -> str:
    """A digest of all that decides a run but its seed and what was done by hand; of a control, that of its variant."""
    decides = record.spec.get("decides")
    if not decides:
        return ""
    # A control reads other columns than its variant; their values are in the digest of the rows.
    return digest_of({**{k: v for k, v in decides.items() if k not in OWN}, "method": _method(record)})


def _renamed(record: Record, name: str) -> Record:
    spec = {**record.spec, "variant": name, NAMED: named(record)}
    if name == spec[NAMED]:
        spec.pop(NAMED)
    return replace(record, spec=spec)


def parents_of(records: Sequence[Record]) -> dict[str, str]:
    """By name of a control, that of the variant it was made of."""
    own = sorted({r.key[0] for r in records if not r.spec.get("control")}, key=len)
    controls = {r.key[0] for r in records if r.spec.get("control")}
    return {name: variant for variant in own for name in controls if name.startswith(f"{variant}, ")}


# -- what decides a run -------------------------------------------------------------------------------------------
def _method(record: Record) -> object:
    """What the method of a run is; of a reversed or shuffled control, that of its variant."""
    found = record.spec.get("decides", {}).get("method")
    while record.spec.get("control") and isinstance(found, Mapping):
        inner = found.get("knobs", {}).get("method")
        if not isinstance(inner, Mapping):
            break
        found = inner
    return found


def _parts(record: Record) -> Iterator[tuple[str, object]]:
    """What decides a run, by the names a reader knows, the method's first."""
    decides, method = record.spec.get("decides", {}), _method(record)
    if isinstance(method, Mapping):
        yield "", _function(method)
        yield from knobs_of_described(method).items()
    for column, about in dict(decides.get("columns", {})).items():
        yield f"{column} by", _called(about.get("measure"), about.get("knobs", {}))
    for name, fields in decides.get("objectives", ()):
        yield "objective", name
        yield from dict(fields).items()
    yield from (decides.get("budget") or {}).items()
    yield from ((name, decides.get(key)) for key, name in SETTINGS.items())
    yield "model", f"{record.spec.get('model', '')} in {record.spec.get('bits', '?')} bits"
    for rows, what in {"train": "training rows", "test": "test rows"}.items():
        yield what, dict(record.spec.get("bench", {}).get(rows, {})).get("rows")


def knobs_of_described(method: Mapping) -> Words:
    """Knobs of a method as `registry.fingerprint.describe` writes it, defaults below what was given."""
    defaults = dict(method.get("reached", {}).get("keywords") or {})
    return {**defaults, **dict(method.get("knobs", {}))}


def _function(method: Mapping) -> str:
    return str(method.get("function", method.get("method", ""))).rpartition(".")[2]


def _called(name: object, knobs: Mapping) -> str:
    inner = ", ".join(f"{k}={in_words(v)}" for k, v in knobs.items() if v is not None)
    return f"{name}({inner})" if inner else str(name)


def in_words(value: object) -> str:
    """A described value as a reader would write it: `competence(until=0.5)`, `[1, 2]`, `loss`."""
    if isinstance(value, Mapping) and ("function" in value or "method" in value):
        return _called(_function(value), value.get("knobs", {}))
    if isinstance(value, Mapping) and "type" in value:
        fields = {k: v for k, v in value.items() if k not in ("type", "modules", "source", "reached", "knobs")}
        return _called(str(value["type"]).rpartition(".")[2], fields)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k}: {in_words(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_words, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


# -- names --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Told:
    """A configuration in words: what of it differs from the others, and when it was first trained."""

    words: tuple[str, ...]
    began: float


def _words(records: Sequence[Record], keys: Sequence[str]) -> list[str]:
    """Of each run, what tells its configuration from the others of its family."""
    of = {key: dict(_parts(record)) for record, key in zip(records, keys, strict=True)}
    began: dict[str, float] = {}
    for record, key in zip(records, keys, strict=True):
        began[key] = min(_began(record), began.get(key, math.inf))
    names = dict.fromkeys(name for parts in of.values() for name in parts)
    differing = [name for name in names if _differ(name, of.values())][:TOLD]
    told = {}
    for key, parts in of.items():
        told[key] = _Told(tuple(_part(name, parts.get(name)) for name in differing), began[key])
    for form in ("", *FORMS):
        found = {key: _label(one, form) for key, one in told.items()}
        if len(set(found.values())) == len(found) and all(found.values()):
            break
    else:
        found = {key: f"{label}, {key[:8]}".removeprefix(", ") for key, label in found.items()}
    return [found[key] for key in keys]


def _differ(name: str, configurations: Iterable[Mapping[str, object]]) -> bool:
    return len({in_words(parts.get(name)) for parts in configurations}) > 1


def _label(told: _Told, form: str) -> str:
    date = [f"of {time.strftime(form, time.localtime(told.began))}"] if form else []
    return ", ".join([*told.words, *date])


def _part(name: str, value: object) -> str:
    if not name:
        return in_words(value)
    if name in ("objective", "model") or " " in name:
        return f"{name} {in_words(value)}"
    return f"{name}={in_words(value)}"


def _began(record: Record) -> float:
    return float(record.spec.get("began", record.spec.get("finished", 0)))


def _counted(words: Sequence[str]) -> str:
    each = list(dict.fromkeys(words))
    return f"{len(each)} configurations ({'; '.join(each)})"


def _rest_apart(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """Where one name still has a seed twice: what was changed by hand, or trained by other code, by its time."""
    found, of = list(names), {}
    for record, name in zip(records, names, strict=True):
        of.setdefault((name, record.key[1]), set()).add(_whole(record))
    twice = {name for (name, _), runs in of.items() if len(runs) > 1}
    for place, (record, name) in enumerate(zip(records, names, strict=True)):
        if name in twice:
            steered = "changed by hand" if record.spec.get("decides", {}).get("steered") else "of"
            found[place] = f"{name}, {steered} {time.strftime(FORMS[-1], time.localtime(_began(record)))}"
    return found
