"""Several measures at once: their scores, standard errors and cost.

    cl.difficulty.measure(pool, model, ["level", "answer_loss", "prefix_entropy"])       # one forward, three columns
    cl.difficulty.measure(pool, model, {"pass_rate": {"n": 16}}, uncertainty=True)       # pass_rate, se_pass_rate
    cl.difficulty.survey(pool, model, ["answer_loss", "pass_rate"]).cost                 # tokens and seconds of each
    out = yield from cl.difficulty.request_scores("pass_rate", pool, n=8)                # inside a method, which pays

Uncertainty: one convention. A measure that is an estimate (of sampled answers, several models or seeds, a regression, a
judge's comparisons) has a standard error of its score, in its unit: `measure(pool, model, uncertainty=True)` gives two
Series, several at once columns `<name>` and `se_<name>`. What is computed exactly, given model and row, has none.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curriculab.difficulty.estimation import Cache, Found, as_found, choose, costs, estimate, request_together
from curriculab.difficulty.registry import MEASURES
from curriculab.difficulty.roles import LanguageModel
from curriculab.difficulty.validation import check_pool
from curriculab.runs import Runs

Names = str | Sequence[str] | Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Survey:
    """Several measures of one pool.

    Attributes
    ----------
    scores : pd.DataFrame
        (rows, measures), each in its own unit, higher = harder.
    errors : pd.DataFrame
        (rows, measures), standard errors in the same units, NaN where a measure has none.
    cost : pd.DataFrame
        One line a measure: tokens, rollouts, generated (tokens), seconds. What several share is divided evenly.
    ledger : pd.DataFrame
        One line a request: request, purpose, measures, rows and what it cost.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=[1, 2], n=3, seed=0)
    >>> found = cl.difficulty.survey(pool, names=["level", "word_count"])
    >>> found.scores.columns.tolist(), bool(found.errors.isna().all(axis=None)), len(found.ledger)
    (['level', 'word_count'], True, 0)
    """

    scores: pd.DataFrame
    errors: pd.DataFrame
    cost: pd.DataFrame
    ledger: pd.DataFrame


def survey(
    pool: pd.DataFrame,
    model: LanguageModel | None = None,
    names: Names = ("answer_loss",),
    *,
    runs: Runs | pd.DataFrame | None = None,
    adapter: object | str | Path | None = None,
    seed: int = 0,
    cache: Cache = None,
) -> Survey:
    """Measure the rows of a pool in several ways, and what that costs.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns), indexed by a unique id.
    model : optional
        Read by measures that need one, such as `load_model` returns.
    names : str, sequence of str, or mapping
        Measures, or a mapping from each one to its knobs.
    runs : Runs or pd.DataFrame, optional
        What the measures of recorded runs are read from.
    adapter : optional
        Of the model, or the folder of a saved one; the bare base without it.
    seed : int
        Of what is sampled or drawn.
    cache : str, Path or bool, optional
        Folder to keep numbers in; None keeps them in memory, False nowhere. What comes from the cache is shown with
        what it cost when it was measured (request "cache").

    Returns
    -------
    Survey
        scores, errors, cost, ledger.

    Raises
    ------
    ValueError
        One line for an unknown measure or knob, or for rows that cannot be measured.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> found = cl.difficulty.survey(pool, names=["level", "word_count"])
    >>> found.scores.shape, found.cost["tokens"].tolist()
    ((12, 2), [0.0, 0.0])
    """
    wanted = _settings(names)
    check_pool(next(iter(wanted)), pool)
    asking = {name: (MEASURES[name], knobs) for name, knobs in wanted.items() if needs(MEASURES[name]) == "model"}
    found, ledger = estimate(asking, pool, model, adapter=adapter, seed=seed, cache=cache)
    for name in wanted.keys() - asking.keys():
        found[name] = _read(name, wanted[name], pool, model, runs)
    scores = pd.DataFrame({name: found[name][0] for name in wanted}, index=pool.index)
    return Survey(scores, _errors(found, wanted, pool), costs(ledger, list(wanted)), ledger)


def measure(
    pool: pd.DataFrame,
    model: LanguageModel | None = None,
    names: Names = ("answer_loss",),
    *,
    uncertainty: bool = False,
    **more: object,
) -> pd.DataFrame:
    """Measure the rows of a pool in several ways.

    Parameters
    ----------
    pool, model, names
        As for `survey`.
    uncertainty : bool
        Put `se_<name>`, the standard error, beside those that have one.
    **more
        runs, adapter, seed and cache, as for `survey`.

    Returns
    -------
    pd.DataFrame
        (rows, measures) on the pool's index.

    Raises
    ------
    ValueError
        As `survey`.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> cl.difficulty.measure(pool, names=["level", "prompt_length"]).columns.tolist()
    ['level', 'prompt_length']
    """
    found = survey(pool, model, names, **more)
    return _table(found.scores, found.errors) if uncertainty else found.scores


def request_scores(names: Names, pool: pd.DataFrame, *, uncertainty: bool = False, **knobs: object) -> Generator:
    """Measure inside a method, charged to its ledger: `score = yield from request_scores("pass_rate", rows, n=8)`.

    Parameters
    ----------
    names : str, sequence of str, or mapping
        Measures; who is asked is a role of the method.
    pool : pd.DataFrame
        Rows to measure.
    uncertainty : bool
        Return standard errors too.
    **knobs
        Of the one measure, or of all that ask a model.

    Returns
    -------
    pd.Series or pd.DataFrame
        One name: a Series (two with `uncertainty`); several: a table as of `measure`.

    Raises
    ------
    ValueError
        One line for a measure that reads recorded runs or a tokenizer, which a method does not have.

    Examples
    --------
    >>> import curriculab as cl
    >>> def hardest_first(pool, run):
    ...     loss = yield from cl.difficulty.request_scores("answer_loss", pool)
    ...     yield cl.Train(pool.loc[loss.nlargest(run.batch).index])
    >>> pool = cl.load_pool("ladder", n=40, seed=0)
    >>> runs = cl.simulate(hardest_first, pool, budget=cl.Budget(steps=1, max_total_tokens=10**9), batch_size=4)
    >>> runs.ledger.query("not test")["request"].tolist()
    ['Score', 'Train']
    """
    single = isinstance(names, str)
    wanted = _settings({names: knobs} if single else names)
    for name in wanted:
        if needs(MEASURES[name]) in ("runs", "tokenizer"):
            raise ValueError(f"{name}: cannot be asked for in a method; put it into a column of the pool before")
        check_pool(name, pool)
    asking = {name for name in wanted if needs(MEASURES[name]) == "model"}
    if not single:
        wanted = {name: {**(knobs if name in asking else {}), **own} for name, own in wanted.items()}
    raw = yield from request_together({n: MEASURES[n].requests(pool, **wanted[n]) for n in wanted if n in asking})
    found = {name: as_found(raw[name], name, pool) for name in raw}
    for name in wanted.keys() - asking:
        found[name] = _read(name, wanted[name], pool, None, None)
    if single:
        return choose(names, found[names], uncertainty)
    scores = pd.DataFrame({name: found[name][0] for name in wanted}, index=pool.index)
    return _table(scores, _errors(found, wanted, pool)) if uncertainty else scores


def needs(function: Callable) -> str:
    """What a measure reads beside the rows: "rows" (nothing), "tokenizer", "model" or "runs"."""
    return getattr(function, "needs", "rows")


def _settings(names: Names) -> dict[str, Mapping[str, object]]:
    """Measure -> its knobs; an unknown measure is refused with all there are."""
    listed = [names] if isinstance(names, str) else names
    wanted = dict(listed) if isinstance(listed, Mapping) else {name: {} for name in listed}
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown or not wanted:
        what = f"no measure {unknown[0]!r}" if unknown else "no measure named"
        raise ValueError(f"{what}; there are {', '.join(MEASURES)}")
    return wanted


def _read(
    name: str,
    knobs: Mapping[str, object],
    pool: pd.DataFrame,
    model: LanguageModel | None,
    runs: Runs | pd.DataFrame | None,
) -> Found:
    """Score and standard error of a measure that asks nothing of a model."""
    function = MEASURES[name]
    if needs(function) == "runs":
        return function.found(pool, runs, **knobs)
    if needs(function) == "tokenizer":
        return function(pool, model, **knobs), None
    return function(pool, **knobs), None


def _errors(found: Mapping[str, Found], names: Mapping[str, object], pool: pd.DataFrame) -> pd.DataFrame:
    """Standard errors, (rows, measures), NaN where a measure has none."""
    none = pd.Series(float("nan"), index=pool.index)
    return pd.DataFrame({name: none if found[name][1] is None else found[name][1] for name in names}, index=pool.index)


def _table(scores: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Scores, each followed by its standard error where there is one."""
    columns = {}
    for name in scores:
        columns[name] = scores[name]
        if errors[name].notna().any():
            columns[f"se_{name}"] = errors[name]
    return pd.DataFrame(columns, index=scores.index)
