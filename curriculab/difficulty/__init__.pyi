# Written by `python -m tools.make_stubs` from the registry of measures, for editors and type checkers.

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..registry.registry import Registry
from ..runs import Runs
from . import atlas as atlas
from . import irt as irt
from .estimation import Cache
from .measures.judged import bradley_terry as bradley_terry
from .registry import catalogue as catalogue
from .roles import LanguageModel
from .survey import Survey as Survey
from .survey import measure as measure
from .survey import request_scores as request_scores
from .survey import survey as survey

Observed = str | pd.Series | None
MEASURES: Registry

def angle_concentration(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def answer_entropy(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def answer_loss(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def bloom_stage(pool: pd.DataFrame, *, column: str = ...) -> pd.Series: ...
def comparisons(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    judge: str = ...,
    template: str = ...,
    rounds: int = ...,
    prior: float = ...,
    seed: int = ...,
    adapter: object | str | Path | None = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def confidence(
    pool: pd.DataFrame,
    runs: Runs | pd.DataFrame,
    *,
    variant: str | None = ...,
    column: str = ...,
    uncertainty: bool = ...,
) -> pd.Series: ...
def emergence_step(
    pool: pd.DataFrame,
    runs: Runs | pd.DataFrame,
    *,
    variant: str | None = ...,
    column: str = ...,
    by: str | None = ...,
    threshold: float = ...,
    stable: int = ...,
    uncertainty: bool = ...,
) -> pd.Series: ...
def expected_advantage(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    n: int = ...,
    prior: float = ...,
    group: int = ...,
    temperature: float | None = ...,
    max_new_tokens: int | None = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def flesch_kincaid(pool: pd.DataFrame) -> pd.Series: ...
def forgetting_events(
    pool: pd.DataFrame,
    runs: Runs | pd.DataFrame,
    *,
    variant: str | None = ...,
    column: str = ...,
    uncertainty: bool = ...,
) -> pd.Series: ...
def gradient_norm(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def instruction_difficulty(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    ratio: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def level(pool: pd.DataFrame) -> pd.Series: ...
def ngram_perplexity(pool: pd.DataFrame, *, n: int = ..., unit: str = ...) -> pd.Series: ...
def option_probability(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    roles: str | Sequence[str] = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def pass_rate(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    n: int = ...,
    prior: float = ...,
    temperature: float | None = ...,
    max_new_tokens: int | None = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def perplexity(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def prefix_entropy(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    prefix: int = ...,
    written: bool = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def prompt_length(pool: pd.DataFrame) -> pd.Series: ...
def prompt_value(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    observed: Observed = ...,
    share: float = ...,
    n: int = ...,
    seed: int = ...,
    adapter: object | str | Path | None = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def propagated_difficulty(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    observed: Observed = ...,
    share: float = ...,
    n: int = ...,
    neighbours: int = ...,
    alpha: float = ...,
    rounds: int = ...,
    epsilon: float = ...,
    seed: int = ...,
    adapter: object | str | Path | None = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def rating(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    judge: str = ...,
    template: str = ...,
    low: float = ...,
    high: float = ...,
    n: int = ...,
    temperature: float | None = ...,
    max_new_tokens: int = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def reasoning_steps(pool: pd.DataFrame, *, column: str = ..., marker: str = ...) -> pd.Series: ...
def self_consistency(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    n: int = ...,
    temperature: float | None = ...,
    max_new_tokens: int | None = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def self_perplexity(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def source_rank(pool: pd.DataFrame, *, order: Sequence[str | Sequence[str]] = ..., column: str = ...) -> pd.Series: ...
def teacher_gap(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    teacher: str | None = ...,
    role: str = ...,
    how: str = ...,
    n: int = ...,
    temperature: float | None = ...,
    max_new_tokens: int | None = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def token_length(pool: pd.DataFrame, model: LanguageModel) -> pd.Series: ...
def turns_to_solve(
    pool: pd.DataFrame,
    model: LanguageModel | None = ...,
    *,
    role: str = ...,
    attempts: int = ...,
    n: int = ...,
    feedback: str = ...,
    temperature: float | None = ...,
    max_new_tokens: int | None = ...,
    adapter: object | str | Path | None = ...,
    seed: int = ...,
    uncertainty: bool = ...,
    cache: Cache = ...,
) -> pd.Series: ...
def type_token_ratio(pool: pd.DataFrame) -> pd.Series: ...
def variability(
    pool: pd.DataFrame,
    runs: Runs | pd.DataFrame,
    *,
    variant: str | None = ...,
    column: str = ...,
    uncertainty: bool = ...,
) -> pd.Series: ...
def word_count(pool: pd.DataFrame) -> pd.Series: ...
def word_rarity(pool: pd.DataFrame) -> pd.Series: ...
