"""Permuted feedback: the method sees permuted columns of its replies, the student learns from the true ones."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import wraps

import numpy as np

from curriculab.protocol import Method, Rows, Run, as_list, relay

SAID = ("text", "turns")  # what a reply says rather than what it is worth: nothing is put back in its place


def with_permuted_feedback(method: Method, columns: Sequence[str]) -> Method:
    """Wrap a method so that `columns` of every reply are permuted among its lines.

    "hint:text" permutes a column only in replies to requests of the purpose, or of the role, "hint": every line gets
    that of another row, and where a reply is of one row alone, that of the reply before; other replies stay true. What
    the method trains on keeps the true values, but for what the method itself made of the permuted ones; texts that
    were dealt to other rows stay there.
    """
    if not columns:
        return method

    @wraps(method)
    def permuted(pool: Rows, run: Run, **knobs: object) -> Generator:
        rng, before = np.random.default_rng(0), {}

        def told(request: object, reply: Rows | None) -> Rows | None:
            reply = _permuted(reply, [c for c in columns if ":" not in c], rng)
            kinds = dict.fromkeys((getattr(request, "purpose", ""), getattr(request, "role", "")))
            for kind in kinds:
                own = [c.partition(":")[2] for c in columns if ":" in c and c.partition(":")[0] == kind]
                reply = _dealt(reply, own, rng, before.setdefault(kind, []))
            return reply

        def through(requested: object) -> Generator:
            if isinstance(requested, list):
                replies = yield [_restored(request) for request in requested]
                return [told(request, reply) for request, reply in zip(requested, replies, strict=True)]
            reply = yield _restored(requested)
            return told(requested, reply)

        return relay(method(pool, run, **knobs), through)

    return permuted


def _permuted(reply: Rows | None, columns: Sequence[str], rng: np.random.Generator) -> Rows | None:
    """A reply whose columns are permuted, all in the same way; beside them stand the true values and those shown."""
    shown = [c for c in columns if reply is not None and c in reply]
    return _shown(reply, reply[shown].iloc[rng.permutation(len(reply))], shown) if shown else reply


def _dealt(reply: Rows | None, columns: Sequence[str], rng: np.random.Generator, before: list[Rows]) -> Rows | None:
    """A reply each of whose lines shows the columns of another row's; before: the last reply of one row alone."""
    shown = [c for c in columns if reply is not None and c in reply]
    if not shown:
        return reply
    rows, of = np.unique(reply.index.to_numpy(), return_inverse=True)
    if len(rows) == 1:
        source = before[0] if before else reply
        before[:] = [reply]
        return _shown(reply, source.iloc[np.arange(len(reply)) % len(source)], shown)
    order, lines = rng.permutation(len(rows)), np.split(np.argsort(of, kind="stable"), np.cumsum(np.bincount(of))[:-1])
    source = np.empty(len(reply), int)
    for mine, other in zip(order, np.roll(order, 1), strict=True):
        source[lines[mine]] = np.resize(lines[other], len(lines[mine]))
    return _shown(reply, reply[shown].iloc[source], shown)


def _shown(reply: Rows, source: Rows, columns: Sequence[str]) -> Rows:
    """The reply with the source's columns; beside them, but for texts, the true values and those shown."""
    lied = {c: source[c].to_numpy() for c in columns}
    hidden = {f"true {c}": reply[c].to_numpy() for c in columns if c not in SAID}
    return reply.assign(**lied, **hidden, **{f"shown {c}": lied[c] for c in columns if c not in SAID})


def _restored(request: object) -> object:
    """Put the true values back into a request's rows wherever the method left those that it was shown."""
    rows = getattr(request, "rows", None)
    if rows is None or not any(str(c).startswith("true ") for c in rows):
        return request
    back = {}
    for c in (str(c).removeprefix("true ") for c in rows if str(c).startswith("true ")):
        if c in rows:
            shown = rows[f"shown {c}"].to_numpy(), rows[c].to_numpy()
            back[c] = np.where(shown[0] == shown[1], rows[f"true {c}"].to_numpy(), shown[1])
    rows = rows.assign(**back).drop(columns=[c for c in rows if str(c).startswith(("true ", "shown "))])
    return replace(request, rows=rows)


def watched(method: Method, seen: list) -> Method:
    """Wrap a method so that each of its requests is appended to `seen`, for checks of the rows that it trains."""

    @wraps(method)
    def watching(pool: Rows, run: Run, **knobs: object) -> Generator:
        def through(requested: object) -> Generator:
            seen.extend(as_list(requested))
            return (yield requested)

        return relay(method(pool, run, **knobs), through)

    return watching
