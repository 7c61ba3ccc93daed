"""Controls beside variants: random order, reverse, shuffled scores, null band."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence

from curriculab.methods.registry import method_of, random_controls
from curriculab.protocol import Method, method_name

KINDS = ("random", "reverse", "shuffled", "null")


def controls(
    variants: Mapping[str, Method], which: bool | Sequence[str] = True, *, null: int | None = None
) -> tuple[dict[str, Method], tuple[str, ...]]:
    """Controls that belong beside these variants, and the names among them that are null-band orders.

    Parameters
    ----------
    variants : mapping of str to method
        Methods by the names that they are shown under.
    which : bool or sequence of str
        True for all, or some of "random" (where it is missing), "reverse" and "shuffled" (of each variant that orders
        by a score), "null".
    null : int, optional
        How many more random orders "null" stands for; None: one a variant, at least three.

    Returns
    -------
    added : dict of str to method
        The controls by name, without `variants`.
    null : tuple of str
        The names among them that are null-band orders.

    Raises
    ------
    ValueError
        For an unknown control, or where a variant has the name of one.

    Examples
    --------
    >>> added, null = cl.methods.controls({"easy first": cl.methods.easy_to_hard}, null=1)
    >>> list(added), null
    (['random', 'easy first, reversed', 'easy first, shuffled scores', 'null 1'], ('null 1',))
    """
    wanted = KINDS if which is True else tuple(which or ())
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        raise ValueError(f"controls={unknown[0]!r} is unknown; give True, or some of {', '.join(KINDS)}")
    chosen = {name: method for name, method in variants.items() if method_name(method) not in random_controls()}
    added: dict[str, Method] = {}
    if "random" in wanted and all(method_name(method) != "random_order" for method in variants.values()):
        added["random" if "random" not in variants else "random order"] = method_of("random_order")
    for name, method in chosen.items():
        if not _reads_score(method):
            continue
        if "reverse" in wanted:
            added[f"{name}, reversed"] = functools.partial(method_of("reversed_score"), method=method)
        if "shuffled" in wanted:
            added[f"{name}, shuffled scores"] = functools.partial(method_of("shuffled_score"), method=method)
    draws = range(max(3, len(chosen)) if null is None else null) if "null" in wanted else ()
    bands = {f"null {draw + 1}": functools.partial(method_of("null_band"), draw=draw) for draw in draws}
    if taken := (added.keys() | bands.keys()) & variants.keys():
        raise ValueError(
            f"the names {', '.join(sorted(taken))} are wanted for controls; give these variants other names"
        )
    return {**added, **bands}, tuple(bands)


def _reads_score(method: Method) -> bool:
    """Does it order by a score that can be reversed or shuffled (a knob `by` that is not None)?"""
    knob = inspect.signature(method).parameters.get("by")
    return knob is not None and knob.default is not None
