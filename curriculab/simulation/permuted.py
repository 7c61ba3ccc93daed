"""Permuted feedback: the method sees permuted columns of its replies, the student learns from the true ones."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import wraps

import numpy as np

from curriculab.protocol import Method, Rows, Run, as_list, relay


def with_permuted_feedback(method: Method, columns: Sequence[str]) -> Method:
    """Wrap a method so that `columns` of every reply are permuted among its lines.

    What it trains on keeps the true values, but for what the method itself made of the permuted ones.
    """
    if not columns:
        return method

    @wraps(method)
    def permuted(pool: Rows, run: Run, **knobs: object) -> Generator:
        rng = np.random.default_rng(0)

        def through(requested: object) -> Generator:
            if isinstance(requested, list):
                replies = yield [_restored(request) for request in requested]
                return [_permuted(reply, columns, rng) for reply in replies]
            reply = yield _restored(requested)
            return _permuted(reply, columns, rng)

        return relay(method(pool, run, **knobs), through)

    return permuted


def _permuted(reply: Rows | None, columns: Sequence[str], rng: np.random.Generator) -> Rows | None:
    """A reply whose columns are permuted, all in the same way; beside them stand the true values and those shown."""
    shown = [c for c in columns if reply is not None and c in reply]
    if not shown:
        return reply
    order = rng.permutation(len(reply))
    permuted = {c: reply[c].to_numpy()[order] for c in shown}
    hidden = {f"true {c}": reply[c].to_numpy() for c in shown} | {f"shown {c}": permuted[c] for c in shown}
    return reply.assign(**permuted, **hidden)


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
