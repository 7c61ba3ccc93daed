"""Methods that cannot start are refused before anything trains, once for all seeds.

Each is run on the training rows until its first request. This finds a column that is not there, a share above 1, an
unknown pacing, and a bug in the first lines of a method of one's own. An error that comes after the first answer, such
as a column that a second phase reads, is not found this way: it fails its variant when it happens.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping

from curriculab.bench.job import Job
from curriculab.bench.own_lines import own_lines
from curriculab.protocol import Method, advance


def refuse_bad_starts(methods: Mapping[str, Method], open_job: Callable[[str, Method], Job]) -> None:
    """Raise where a method raises before its first request; what it asks for is not looked at.

    Parameters
    ----------
    methods : mapping of str to method
        By variant.
    open_job : callable
        Given a variant and its method, a job at its beginning.

    Raises
    ------
    ValueError
        One line that names the variant and what its method says, with the nearest name where a text was meant as one;
        below it, for a method of one's own, the lines that led there.
    """
    for variant, method in methods.items():
        job = None
        try:
            job = open_job(variant, method)
            advance(job.asking, None)
        except Exception as error:  # noqa: BLE001, methods raise what they like
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            said = f"the variant {variant!r} cannot start: {kind}{error}"
            columns = [] if job is None or job.pool is None else [*map(str, job.pool.columns)]
            lines = own_lines(error)
            raise ValueError(
                "\n".join(filter(None, [f"{said}{_nearest(str(error), method, columns)}", lines]))
            ) from None
        finally:
            if job is not None:
                job.generator.close()
                job.asking.close()


def _nearest(said: str, method: Method, columns: Iterable[str]) -> str:
    """ "; did you mean 'loss'?" where a knob's text stands in the message and is like a column or a word of it."""
    if "did you mean" in said:
        return ""
    for value in _texts(method):
        known = {*columns, *re.findall(r"\w[\w.-]*", said)} - {value}
        near = difflib.get_close_matches(value, sorted(known), n=1, cutoff=0.7)
        if repr(value) in said and near:
            return f"; did you mean {near[0]!r}?"
    return ""


def _texts(method: Method) -> Iterable[str]:
    """Texts among the knobs of a method, and of methods among its knobs."""
    while isinstance(method, functools.partial):
        for value in method.keywords.values():
            if isinstance(value, str):
                yield value
            elif callable(value):
                yield from _texts(value)
        method = method.func
