"""Difficulty seen in answers: sample several to every row, and let the verifier look.

pass_rate, expected_advantage and self_consistency ask the same, so together they cost what one of them costs. Eight
answers are few: with four right, the Beta posterior of the pass rate has a standard deviation of 0.15.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from math import comb

import numpy as np
import pandas as pd

from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import check_prompts, refuse
from curriculab.environments.turns import tell
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Sample
from curriculab.rewards import final

GRID = 2000  # places in [0, 1] that integrals over a pass rate are summed at


@measure(needs="model")
def pass_rate(
    pool: pd.DataFrame,
    *,
    role: str = "learner",
    n: int = 8,
    prior: float = 1.0,
    temperature: float | None = None,
    max_new_tokens: int | None = None,
) -> Generator:
    """Take 1 - pass rate: the posterior mean of the share of wrong answers among sampled ones.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer`.
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    n : int
        Answers a row.
    prior : float
        The prior of the pass rate is Beta(prior, prior).
    temperature : float, optional
        To sample at; 1, or inside a method that of its bench, where not given.
    max_new_tokens : int, optional
        Longest answer, tokens; room for the longest one of the pool where not given.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), in (0, 1); with `uncertainty` also the posterior's standard deviation.

    Raises
    ------
    ValueError
        For n below 1, or a row without a prompt or without an answer to verify by.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.pass_rate(pool, model, n=4).round(2).to_dict()
    {'a': 0.17, 'b': 0.83}
    """
    out = yield _answers("pass_rate", pool, role, n, temperature, max_new_tokens)
    right = right_answers("pass_rate", pool, out) + prior
    wrong = n + 2 * prior - right
    total = right + wrong
    return wrong / total, np.sqrt(right * wrong / (total**2 * (total + 1)))


@measure(needs="model")
def expected_advantage(
    pool: pd.DataFrame,
    *,
    role: str = "learner",
    n: int = 8,
    prior: float = 1.0,
    group: int = 8,
    temperature: float | None = None,
    max_new_tokens: int | None = None,
) -> Generator:
    """Expect the mean |advantage| that GRPO would give to the row's answers.

    It is expected over the pass rate's Beta posterior from the sampled answers. Not monotone in difficulty: largest
    where half of the answers are right, 0 where all or none are. SEC (Chen et al. 2025) and DUMP (Wang et al. 2025)
    choose by what they observe of it. Partial credit counts as a share right.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer`.
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    n : int
        Answers a row.
    prior : float
        The prior of the pass rate is Beta(prior, prior).
    group : int
        Answers in a group of GRPO.
    temperature : float, optional
        To sample at; 1, or inside a method that of its bench, where not given.
    max_new_tokens : int, optional
        Longest answer, tokens; room for the longest one of the pool where not given.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), from 0 on; with `uncertainty` also its standard deviation over the posterior.

    Raises
    ------
    ValueError
        For n below 1, or a row without a prompt or without an answer to verify by.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 2 + 6", "add 57 + 68 + 94"], "answer": ["8", "219"]}, index=["a", "b"])
    >>> cl.difficulty.expected_advantage(pool, model, n=4).round(2).to_dict()
    {'a': 0.7, 'b': 0.47}
    """
    out = yield _answers("expected_advantage", pool, role, n, temperature, max_new_tokens)
    right = right_answers("expected_advantage", pool, out)
    p = (np.arange(GRID) + 0.5) / GRID
    gain = mean_advantage(p, group)
    found = {}
    for k in np.unique(right):
        weight = p ** (k + prior - 1) * (1 - p) ** (n - k + prior - 1)
        mean, square = np.average(gain, weights=weight), np.average(gain**2, weights=weight)
        found[k] = mean, max(0.0, square - mean**2) ** 0.5
    expected = pd.Series([found[k][0] for k in right], index=pool.index)
    return expected, pd.Series([found[k][1] for k in right], index=pool.index)


def mean_advantage(p: np.ndarray, group: int) -> np.ndarray:
    """Expected mean |advantage| of a group of answers that are each right with probability p, by Grpo()."""
    total = np.zeros_like(p)
    for k in range(1, group):
        size = Grpo().advantages(pd.DataFrame({"reward": np.arange(group) < k, "group": 0}))
        total += comb(group, k) * p**k * (1 - p) ** (group - k) * np.abs(size).mean()
    return total


@measure(needs="model")
def self_consistency(
    pool: pd.DataFrame,
    *,
    role: str = "learner",
    n: int = 8,
    temperature: float | None = None,
    max_new_tokens: int | None = None,
) -> Generator:
    """Take 1 - share of the most frequent of the sampled answers (Wang et al. 2022); it needs no right answer.

    Compared are final answers (`rewards.final`) up to white space.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`.
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    n : int
        Answers a row.
    temperature : float, optional
        To sample at; 1, or inside a method that of its bench, where not given.
    max_new_tokens : int, optional
        Longest answer, tokens; room for the longest one of the pool where not given.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), in [0, 1 - 1/n]; with `uncertainty` also the standard deviation of a Beta posterior
        of that share, which takes the winner as if it had been named before.

    Raises
    ------
    ValueError
        For n below 1, or a row without a prompt.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.self_consistency(pool, model, n=4).round(1).to_dict()
    {'a': 0.0, 'b': 0.8}
    """
    check_prompts("self_consistency", pool)
    out = yield _answers("self_consistency", pool, role, n, temperature, max_new_tokens)
    said = out["text"].map(lambda t: " ".join(final(t)[0].split()))
    top = said.groupby(level=0).agg(lambda texts: max(Counter(texts).values())).reindex(pool.index)
    a, b = top + 1, n - top + 1
    return 1 - top / n, np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


@measure(needs="model")
def turns_to_solve(
    pool: pd.DataFrame,
    *,
    role: str = "learner",
    attempts: int = 4,
    n: int = 1,
    feedback: str = "wrong, try again",
    temperature: float | None = None,
    max_new_tokens: int | None = None,
) -> Generator:
    """Count the attempts until an answer was right; after a wrong one the model is told so and goes on.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer`.
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    attempts : int
        Most attempts in a conversation, 2 or more.
    n : int
        Conversations a row.
    feedback : str
        What the model is told after a wrong answer.
    temperature : float, optional
        To sample at; 1, or inside a method that of its bench, where not given.
    max_new_tokens : int, optional
        Longest answer, tokens; room for the longest one of the pool where not given.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), 1 to `attempts`, attempts + 1 where none was right; the mean over `n` conversations. With
        `uncertainty` and more than one conversation also its standard error.

    Raises
    ------
    ValueError
        For fewer than 2 attempts or 1 conversation, or a row without a prompt or without an answer to verify by.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.turns_to_solve(pool, model, attempts=2).round(1).to_dict()
    {'a': 1.0, 'b': 3.0}
    """
    if attempts < 2 or n < 1:
        raise ValueError(f"turns_to_solve(attempts={attempts}, n={n}); give at least 2 attempts in 1 conversation")
    check_prompts("turns_to_solve", pool)
    turns = np.full((len(pool), n), attempts + 1.0)
    lines, rows, each = np.arange(turns.size), pool, n
    for attempt in range(1, attempts + 1):
        out = yield Sample(
            rows, each, role=role, temperature=temperature, max_new_tokens=max_new_tokens, purpose="probe"
        )
        _verified("turns_to_solve", out)
        right = out["correct"].to_numpy(float) >= 1.0
        turns.flat[lines[right]] = attempt
        lines, rows, each = lines[~right], tell(out[~right], feedback), 1
        if not len(lines):
            break
    score = pd.Series(turns.mean(1), index=pool.index)
    return score if n == 1 else (score, turns.std(1, ddof=1) / n**0.5)


def _answers(
    name: str, pool: pd.DataFrame, role: str, n: int, temperature: float | None, max_new_tokens: int | None
) -> Sample:
    check_prompts(name, pool)
    if n < 1:
        raise ValueError(f"{name}(n={n}); give at least 1 answer a row")
    return Sample(pool, n, role=role, temperature=temperature, max_new_tokens=max_new_tokens, purpose="probe")


def right_answers(name: str, pool: pd.DataFrame, out: pd.DataFrame) -> pd.Series:
    """Right answers of each row (partial credit counts as such), on the pool's index."""
    _verified(name, out)
    return out["correct"].astype(float).groupby(level=0).sum().reindex(pool.index)


def _verified(name: str, out: pd.DataFrame) -> None:
    unknown = out.index[out["correct"].isna()].unique()
    refuse(name, unknown, "has no answer to verify by; leave it out, or choose a measure that needs none")
