"""All measures by name, and several at once.

    cl.difficulty.measure(pool, model, ["level", "answer_loss", "prefix_entropy"])       # one forward, three columns
    cl.difficulty.measure(pool, model, {"pass_rate": {"n": 16}}, uncertainty=True)       # pass_rate, se_pass_rate
    cl.difficulty.survey(pool, model, ["answer_loss", "pass_rate"]).cost                 # tokens and seconds of each
    out = yield from cl.difficulty.asked("pass_rate", pool, n=8)                         # inside a method, which pays

Uncertainty: one convention. A measure that is an estimate (of sampled answers, several models or seeds, a regression, a
judge's comparisons) has a standard error of its score, in its unit: `measure(pool, model, uncertainty=True)` gives two
Series, several at once columns `<name>` and `se_<name>`. What is computed exactly, given model and row, has none.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from curriculab.difficulty import dynamics, forward, judged, propagated, rollouts, text
from curriculab.difficulty.estimation import Cache, Found, answered, costs, pick, yielded
from curriculab.difficulty.validation import aligned, check_pool, check_said, checked
from curriculab.runs import Runs

if TYPE_CHECKING:
    from curriculab.engine.adapter import Adapter
    from curriculab.engine.model import Model


Names = str | Sequence[str] | Mapping[str, Mapping[str, object]]


def token_length(pool: pd.DataFrame, model: Model) -> pd.Series:
    """Length of the row in the model's tokens, prompt and learned answer."""
    check_said("token_length", pool)
    if model is None:
        raise ValueError("token_length: reads the rows with a model's tokenizer; give one, such as cl.load_model()")
    return checked(model.lengths(pool), "token_length", pool)


TEXT = (
    text.level,
    text.bloom_stage,
    text.source_rank,
    text.reasoning_steps,
    text.prompt_length,
    text.word_count,
    text.word_rarity,
    text.type_token_ratio,
    text.flesch_kincaid,
    text.ngram_perplexity,
)


ASKED = (
    forward.answer_loss,
    forward.perplexity,
    forward.option_probability,
    forward.prefix_entropy,
    forward.answer_entropy,
    forward.angle_concentration,
    forward.gradient_norm,
    forward.instruction_difficulty,
    forward.self_perplexity,
    rollouts.pass_rate,
    rollouts.expected_advantage,
    rollouts.self_consistency,
    rollouts.turns_to_solve,
    propagated.prompt_value,
    propagated.propagated_difficulty,
    propagated.teacher_gap,
    judged.rating,
    judged.comparisons,
)


RECORDED = (dynamics.confidence, dynamics.variability, dynamics.forgetting_events, dynamics.emergence_step)


MEASURES: dict[str, Callable[..., pd.Series]] = {m.__name__: m for m in (*TEXT, token_length, *ASKED, *RECORDED)}


NEEDS_MODEL = ("token_length", *(m.__name__ for m in ASKED))


NEEDS_RUNS = tuple(m.__name__ for m in RECORDED)


@dataclass(frozen=True)
class Survey:
    """Several measures of one pool: `scores` and `errors` (one column a measure, NaN where there is no error), `cost`
    (tokens, rollouts, generated, seconds of each; what several share is divided evenly), and the `ledger` behind it,
    one line per request."""

    scores: pd.DataFrame
    errors: pd.DataFrame
    cost: pd.DataFrame
    ledger: pd.DataFrame


def survey(
    pool: pd.DataFrame,
    model: Model | None = None,
    names: Names = ("answer_loss",),
    *,
    runs: Runs | None = None,
    adapter: Adapter | str | Path | None = None,
    seed: int = 0,
    cache: Cache = None,
) -> Survey:
    """Several measures, and what they cost.

    names: measures, or a dictionary of each one's knobs; runs: what the dynamics are read from; adapter: of the model,
    or its folder; seed: of what is sampled or drawn; cache: a folder to keep numbers in, None: in memory, False: none.
    What comes from the cache is shown with what it cost when it was measured (request "cache").
    """
    wanted = _knobs(names)
    asking = {n: (MEASURES[n], k) for n, k in wanted.items() if n in NEEDS_MODEL and n != "token_length"}
    check_pool(next(iter(wanted)), pool)
    found, ledger = answered(asking, pool, model, adapter=adapter, seed=seed, cache=cache)
    for name in wanted.keys() - asking.keys():
        found[name] = _plain(name, wanted[name], pool, model, runs)
    scores = pd.DataFrame({n: found[n][0] for n in wanted}, index=pool.index)
    none = pd.Series(float("nan"), index=pool.index)
    wrong = pd.DataFrame({n: none if found[n][1] is None else found[n][1] for n in wanted}, index=pool.index)
    return Survey(scores, wrong, costs(ledger, list(wanted)), ledger)


def measure(
    pool: pd.DataFrame,
    model: Model | None = None,
    names: Names = ("answer_loss",),
    *,
    uncertainty: bool = False,
    **more: object,
) -> pd.DataFrame:
    """Several measures as columns, as by `survey`; with `uncertainty`, `se_<name>` beside those that have one."""
    found = survey(pool, model, names, **more)
    return _table(found.scores, found.errors) if uncertainty else found.scores


def asked(names: Names, pool: pd.DataFrame, *, uncertainty: bool = False, **knobs: object) -> Generator:
    """One measure or several as requests of a method, charged to its ledger: `score = yield from asked(...)`.

    One name gives a Series (two with `uncertainty`), several a table. Who is asked is a role of the method.
    """
    one = isinstance(names, str)
    wanted = _knobs({names: knobs} if one else names)
    if not one:
        wanted = {n: {**(knobs if n in NEEDS_MODEL else {}), **k} for n, k in wanted.items()}
    for name in wanted:
        if name in NEEDS_RUNS or name == "token_length":
            raise ValueError(f"{name}: cannot be asked for in a method; put it into a column of the pool before")
        check_pool(name, pool)
    generators = {n: MEASURES[n].requests(pool, **k) for n, k in wanted.items() if n in NEEDS_MODEL}
    raw = yield from yielded(generators)
    found = {}
    for name, k in wanted.items():
        if name not in raw:
            found[name] = _plain(name, k, pool, None, None)
            continue
        score, error = raw[name] if isinstance(raw[name], tuple) else (raw[name], None)
        found[name] = checked(score, name, pool), None if error is None else aligned(error, f"se_{name}", pool)
    if one:
        return pick(names, found[names], uncertainty)
    scores = pd.DataFrame({n: f[0] for n, f in found.items()}, index=pool.index)
    some = {n: f[1] for n, f in found.items() if f[1] is not None}
    return _table(scores, pd.DataFrame(some, index=pool.index)) if uncertainty else scores


def _knobs(names: Names) -> dict[str, Mapping[str, object]]:
    listed = [names] if isinstance(names, str) else names
    wanted = dict(listed) if isinstance(listed, Mapping) else {n: {} for n in listed}
    unknown = [n for n in wanted if n not in MEASURES]
    if unknown or not wanted:
        what = f"no measure {unknown[0]!r}" if unknown else "no measure named"
        raise ValueError(f"{what}; there are {', '.join(MEASURES)}")
    return wanted


def _plain(name: str, knobs: Mapping[str, object], pool: pd.DataFrame, model: Model | None, runs: Runs | None) -> Found:
    """Measures that ask nobody."""
    if name == "token_length":
        return token_length(pool, model), None
    if name not in NEEDS_RUNS:
        return MEASURES[name](pool, **knobs), None
    return MEASURES[name].found(pool, runs, **knobs)


def _table(scores: pd.DataFrame, wrong: pd.DataFrame) -> pd.DataFrame:
    """Scores, each followed by its standard error where there is one."""
    columns = {}
    for name in scores:
        columns[name] = scores[name]
        if name in wrong and wrong[name].notna().any():
            columns[f"se_{name}"] = wrong[name]
    return pd.DataFrame(columns, index=scores.index)
