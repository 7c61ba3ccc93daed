"""Permuted feedback: the method sees permuted columns, the student learns from the true ones."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import wraps

import numpy as np

from curriculab.protocol import Method, Rows, Run


def deceived(method: Method, columns: Sequence[str]) -> Method:
    """The same method, told lies: `columns` of every reply are dealt out anew among its lines. What it trains on keeps
    the truth, but for what the method itself made of the lies."""
    if not columns:
        return method

    @wraps(method)
    def liar(pool: Rows, run: Run, **knobs: object) -> Generator:
        rng, made, reply = np.random.default_rng(0), method(pool, run, **knobs), None
        while True:
            try:
                asked = made.send(reply)
            except StopIteration as stop:
                return stop.value
            got = yield [_truthful(r) for r in asked] if isinstance(asked, list) else _truthful(asked)
            reply = [_lies(r, columns, rng) for r in got] if isinstance(got, list) else _lies(got, columns, rng)

    return liar


def _lies(reply: Rows | None, columns: Sequence[str], rng: np.random.Generator) -> Rows | None:
    """A reply whose columns are permuted, all in the same way; beside them stand the truth and what was told."""
    told = [c for c in columns if reply is not None and c in reply]
    if not told:
        return reply
    order = rng.permutation(len(reply))
    lies = {c: reply[c].to_numpy()[order] for c in told}
    hidden = {f"true {c}": reply[c].to_numpy() for c in told} | {f"told {c}": lies[c] for c in told}
    return reply.assign(**lies, **hidden)


def _truthful(request: object) -> object:
    """A request whose rows hold the truth again wherever the method left what it was told."""
    rows = getattr(request, "rows", None)
    if rows is None or not any(str(c).startswith("true ") for c in rows):
        return request
    back = {}
    for c in (str(c).removeprefix("true ") for c in rows if str(c).startswith("true ")):
        if c in rows:
            told = rows[f"told {c}"].to_numpy(), rows[c].to_numpy()
            back[c] = np.where(told[0] == told[1], rows[f"true {c}"].to_numpy(), told[1])
    rows = rows.assign(**back).drop(columns=[c for c in rows if str(c).startswith(("true ", "told "))])
    return replace(request, rows=rows)


def watched(method: Method, seen: list) -> Method:
    """The same method; what it asks for is put into `seen`, for checks that look at the rows it trains."""

    @wraps(method)
    def watching(pool: Rows, run: Run, **knobs: object) -> Generator:
        made, reply = method(pool, run, **knobs), None
        while True:
            try:
                asked = made.send(reply)
            except StopIteration as stop:
                return stop.value
            seen.extend(asked if isinstance(asked, list) else [asked])
            reply = yield asked

    return watching
