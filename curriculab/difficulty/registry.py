"""Measures by name: `MEASURES["answer_loss"]`, and the decorator that makes one.

    @measure                                             # reads the rows alone
    def word_count(pool: pd.DataFrame) -> pd.Series: ...

    @measure(needs="model")                              # a generator of requests
    def answer_loss(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
        out = yield Score(pool, "nll", role=role)
        return out["nll"]                                # a Series; or two: the score and its standard error

Called as a plain function, `answer_loss(pool, model)`, the model answers the generator directly; inside a method,
through `request_scores`, its tokens are charged to the method's ledger.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Literal, Protocol, TypeVar, overload

import pandas as pd

from curriculab.difficulty.estimation import Cache, Found, choose, estimate
from curriculab.difficulty.roles import LanguageModel
from curriculab.registry.columns import remember
from curriculab.registry.registry import Registry
from curriculab.runs import Runs

MEASURES = Registry("measure", "curriculab.difficulty.measures")

NAMED = ("__module__", "__name__", "__qualname__", "__doc__")  # what a function takes over from the one behind it
Needs = Literal["rows", "tokenizer", "model", "runs"]
Function = TypeVar("Function", bound=Callable)
READS = {
    "rows": "the rows alone",
    "tokenizer": "rows in the model's tokens",
    "model": "what a model answers",
    "runs": "recorded runs",
}


class ModelMeasure(Protocol):
    """A measure that asks a model; `requests` is the generator behind it, whose knobs it takes too."""

    needs: str
    requests: Callable[..., Generator]
    __name__: str

    def __call__(
        self,
        pool: pd.DataFrame,
        model: LanguageModel | None = None,
        *,
        adapter: object = None,
        seed: int = 0,
        uncertainty: bool = False,
        cache: Cache = None,
        **knobs: object,
    ) -> pd.Series:
        """Score of every row, (rows,); with `uncertainty` also its standard error."""


class RunsMeasure(Protocol):
    """A measure that reads recorded runs; `found` gives score and standard error, or None, whose knobs it takes too."""

    needs: str
    found: Callable[..., Found]
    __name__: str

    def __call__(
        self, pool: pd.DataFrame, runs: Runs | pd.DataFrame, *, uncertainty: bool = False, **knobs: object
    ) -> pd.Series:
        """Score of every row, (rows,); with `uncertainty` also its standard error."""


@overload
def measure(function: Function, /) -> Function: ...
@overload
def measure(*, needs: Literal["model"]) -> Callable[[Callable[..., Generator]], ModelMeasure]: ...
@overload
def measure(*, needs: Literal["runs"]) -> Callable[[Callable[..., Found]], RunsMeasure]: ...
@overload
def measure(*, needs: Literal["rows", "tokenizer"]) -> Callable[[Function], Function]: ...
def measure(function: Callable | None = None, /, *, needs: Needs = "rows") -> object:
    """Enter a function as a measure, under its own name.

    Parameters
    ----------
    needs : {"rows", "tokenizer", "model", "runs"}
        What the function reads beside the rows:

        - "rows": nothing, ``f(pool, *, knobs)`` returns a Series;
        - "tokenizer": ``f(pool, model)`` returns a Series;
        - "model": a generator ``f(pool, *, knobs)`` that yields Sample and Score and returns a Series, or a pair: score
          and standard error. It becomes ``f(pool, model, *, knobs, adapter, seed, uncertainty, cache)``;
        - "runs": ``f(pool, runs, *, knobs)`` returns score and standard error or None. It becomes
          ``f(pool, runs, *, knobs, uncertainty)``.

    Examples
    --------
    >>> import pandas as pd
    >>> from curriculab.difficulty.registry import MEASURES, measure
    >>> @measure
    ... def vowels(pool: pd.DataFrame) -> pd.Series:
    ...     return pool["prompt"].str.count("[aeiou]").astype(float)
    >>> MEASURES["vowels"](pd.DataFrame({"prompt": ["add one"]})).tolist()
    [3.0]
    """
    if function is None:
        return lambda f: _entered(f, needs)
    return _entered(function, needs)


def catalogue() -> pd.DataFrame:
    """List all measures: what each reads, and what it does in one sentence.

    Returns
    -------
    pd.DataFrame
        By measure, sorted by what they read: `reads`, and `what it does`, the first line of its documentation.

    Examples
    --------
    >>> import curriculab as cl
    >>> cl.difficulty.catalogue().loc["flesch_kincaid"].tolist()
    ['the rows alone', 'Estimate the school grade that the prompt asks for (Kincaid et al. 1975).']
    """
    lines = {}
    for name in MEASURES:
        measure = MEASURES[name]
        sentence = (inspect.getdoc(measure) or "").partition("\n")[0]
        lines[name] = {"reads": READS[measure.needs], "what it does": sentence.replace("`", "").replace("*", "")}
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("measure")
    return table.sort_values("reads", kind="stable", key=lambda reads: reads.map(list(READS.values()).index))


def _entered(function: Callable, needs: Needs) -> Callable:
    forms = {"model": _of_requests, "runs": _of_runs}
    made = forms[needs](function) if needs in forms else _of_rows(function)
    made.needs = needs
    return MEASURES.register(made)


def _of_rows(inner: Callable[..., pd.Series]) -> Callable[..., pd.Series]:
    """The same function, whose score is remembered, so that a bench can record how a column was made."""

    @functools.wraps(inner)
    def function(pool: pd.DataFrame, *model: object, **knobs: object) -> pd.Series:
        score = inner(pool, *model, **knobs)
        remember(score, inner, knobs)
        return score

    return function


def _of_requests(generator: Callable[..., Generator]) -> Callable:
    """A plain function `name(pool, model, *, knobs)` out of a generator of requests."""

    @functools.wraps(generator, assigned=NAMED)
    def function(
        pool: pd.DataFrame,
        model: LanguageModel | None = None,
        *,
        adapter: object | str | Path | None = None,
        seed: int = 0,
        uncertainty: bool = False,
        cache: Cache = None,
        **knobs: object,
    ) -> pd.Series:
        name = generator.__name__
        found, _ = estimate({name: (function, knobs)}, pool, model, adapter=adapter, seed=seed, cache=cache)
        return choose(name, found[name], uncertainty)

    function.requests = generator
    return _described(function, generator)


def _of_runs(inner: Callable[..., Found]) -> Callable:
    """A plain function `name(pool, runs, *, knobs)` out of one that gives score and standard error."""

    @functools.wraps(inner, assigned=NAMED)
    def function(
        pool: pd.DataFrame, runs: Runs | pd.DataFrame, *, uncertainty: bool = False, **knobs: object
    ) -> pd.Series:
        found = inner(pool, runs, **knobs)
        remember(found[0], inner, knobs)
        return choose(inner.__name__, found, uncertainty)

    function.found = inner
    return _described(function, inner)


def _described(function: Callable, inner: Callable) -> Callable:
    """The function with a signature of its own: rows and what it needs, the knobs of `inner`, the common settings."""
    own = [p for p in inspect.signature(function, follow_wrapped=False).parameters.values() if p.kind != p.VAR_KEYWORD]
    knobs = [p for p in inspect.signature(inner).parameters.values() if p.kind is p.KEYWORD_ONLY]
    taken = {p.name for p in knobs}
    common = [p for p in own[2:] if p.name not in taken]
    parameters = [*own[:2], *knobs, *common]
    function.__signature__ = inspect.Signature(parameters, return_annotation=pd.Series)
    function.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": pd.Series}
    return function
