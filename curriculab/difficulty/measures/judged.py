"""Difficulty as a model says it: rated on a scale, or compared in pairs.

A judge is a model or adapter (`judge=`), else the model that is measured. Small models cannot judge: the embedded one
answers with anything, and a row rated without a number is refused.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import numpy as np
import pandas as pd

from curriculab.data.validation import render_prompt
from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import check_prompts, refuse
from curriculab.environments.turns import ask
from curriculab.protocol import Sample, Score

RATE = (
    "How hard is this task for a student, from 1 (very easy) to 10 (very hard)? Answer with the number only.\n\n"
    "Task: {prompt}"
)
COMPARE = "Which of these two tasks is harder for a student?\n\nThe first: {first}\n\nThe second: {second}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@measure(needs="model")
def rating(
    pool: pd.DataFrame,
    *,
    judge: str = "learner",
    template: str = RATE,
    low: float = 1,
    high: float = 10,
    n: int = 1,
    temperature: float | None = None,
    max_new_tokens: int = 16,
) -> Generator:
    """Read the first number in a judge's answer to the question how hard the row is.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`.
    model : LanguageModel
        Such as `load_model` returns.
    judge : str or model
        Who rates: another model or adapter, else the model itself.
    template : str
        The question, with {prompt} where the row's own stands.
    low, high : float
        Least and largest number that counts.
    n : int
        Answers a row. One is the likeliest, several are sampled.
    temperature : float, optional
        To sample at.
    max_new_tokens : int
        Longest answer, tokens.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), from `low` to `high`, the mean of `n` answers; with `uncertainty`, and n above 1, also its error.

    Raises
    ------
    ValueError
        For a row that was rated without such a number, a template without {prompt}, or n below 1.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")  # too small to judge: it does the sum in the template
    >>> pool = pd.DataFrame({"prompt": ["1 + 2", "5 + 3"], "answer": ["3", "8"]}, index=["a", "b"])
    >>> cl.difficulty.rating(pool, model, template="add {prompt}").to_dict()
    {'a': 3.0, 'b': 8.0}
    """
    check_prompts("rating", pool)
    if "{prompt}" not in template or n < 1:
        raise ValueError("rating: the template has no {prompt}, or n is below 1; give both")
    if temperature is None and n == 1:
        temperature = 0.0
    prompts = [template.replace("{prompt}", text) for text in _tasks(pool)]
    out = yield Sample(
        ask(pool, prompts), n, role=judge, temperature=temperature, max_new_tokens=max_new_tokens, purpose="judge"
    )
    said = out["text"].map(lambda t: NUMBER.search(t))
    value = said.map(lambda m: float(m.group()) if m and low <= float(m.group()) <= high else np.nan)
    bad = value.isna().to_numpy()
    if bad.any():
        refuse(
            "rating",
            out.index[bad].unique(),
            f"was rated {out['text'].iloc[int(bad.argmax())]!r}, without a number from {low:g} to {high:g}; ask "
            "another judge, or with another template",
        )
    score = value.groupby(level=0).mean().reindex(pool.index)
    return score if n == 1 else (score, value.groupby(level=0).std().reindex(pool.index) / n**0.5)


@measure(needs="model")
def comparisons(
    pool: pd.DataFrame,
    *,
    judge: str = "learner",
    template: str = COMPARE,
    rounds: int = 2,
    prior: float = 3.0,
    seed: int = 0,
) -> Generator:
    """Compare rows in pairs by a judge, and give each its strength by Bradley & Terry 1952.

    P(i is harder than j) = 1 / (1 + exp(s_j - s_i)). In every round all rows stand in a random ring and are compared
    with both neighbours, in both orders, since judges prefer a place. What counts is the probability the judge gives to
    either answer, not the likelier one alone.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`, 2 rows or more.
    model : LanguageModel
        Such as `load_model` returns.
    judge : str or model
        Who compares: another model or adapter, else the model itself.
    template : str
        The question, with {first} and {second} where the rows' own stand.
    rounds : int
        Rings; every row is in two pairs of each.
    prior : float
        Standard deviation of the strengths before any comparison, logits.
    seed : int
        Of the rings.
    adapter, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), logits of mean 0; with `uncertainty` also the standard error.

    Raises
    ------
    ValueError
        For fewer than 2 rows or 1 round, or a template without {first} and {second}.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")  # too small to judge: it tells the two apart by chance
    >>> pool = cl.load_pool("ladder", skills="add", n=4, seed=0)
    >>> strength = cl.difficulty.comparisons(pool, model)
    >>> strength.shape, bool(abs(strength.mean()) < 1e-6)
    ((4,), True)
    """
    check_prompts("comparisons", pool)
    if not all(part in template for part in ("{first}", "{second}")) or rounds < 1 or len(pool) < 2:
        raise ValueError(
            f"comparisons: {len(pool)} rows, {rounds} rounds; give at least 2 rows, 1 round, and a template with "
            "{first} and {second}"
        )
    rng = np.random.default_rng([seed, len(pool)])
    rings = [rng.permutation(len(pool)) for _ in range(rounds)]
    one, two = np.concatenate(rings), np.concatenate([np.roll(r, -1) for r in rings])
    one, two = np.concatenate([one, two]), np.concatenate([two, one])
    tasks = _tasks(pool)
    halves = [template.replace("{first}", tasks[a]) for a in one]
    prompts = [half.replace("{second}", tasks[b]) for half, b in zip(halves, two, strict=True)]
    rows = pool.iloc[one]
    options = pd.Series([["the first", "the second"]] * len(rows), index=rows.index, dtype=object)
    out = yield Score(ask(rows, prompts, options=options), "options", role=judge)
    logp = np.stack(out["options"].to_list())
    first = 1 / (1 + np.exp(logp[:, 1] - logp[:, 0]))
    table = pd.DataFrame({"harder": np.r_[one, two], "easier": np.r_[two, one], "weight": np.r_[first, 1 - first]})
    fit = bradley_terry(table, prior=prior).reindex(np.arange(len(pool)))
    return fit["strength"].set_axis(pool.index), fit["se"].to_numpy()


def bradley_terry(table: pd.DataFrame, *, prior: float = 3.0) -> pd.DataFrame:
    """Fit strengths to comparisons in pairs (Bradley & Terry 1952).

    By Newton's method under a normal prior: a row that always wins would have no finite strength without it. Dense: for
    some thousand rows.

    Parameters
    ----------
    table : pd.DataFrame
        One line a comparison: `harder`, `easier`, and `weight`, how much it counts (1 without the column).
    prior : float
        Standard deviation of the strengths before any comparison, logits.

    Returns
    -------
    pd.DataFrame
        One line a name: `strength` and its standard error `se`, logits, mean strength 0.

    Raises
    ------
    ValueError
        For a prior that is not above 0, or a weight below 0.

    Examples
    --------
    >>> table = pd.DataFrame({"harder": ["c", "c", "b", "a"], "easier": ["a", "b", "a", "b"]})
    >>> cl.difficulty.bradley_terry(table).round(2)
       strength    se
    a     -0.78  0.95
    b     -0.78  0.95
    c      1.57  1.38
    """
    names = pd.Index(pd.unique(np.concatenate([table["harder"].to_numpy(), table["easier"].to_numpy()]))).sort_values()
    i, j = names.get_indexer(table["harder"]), names.get_indexer(table["easier"])
    w = table["weight"].to_numpy(float) if "weight" in table else np.ones(len(table))
    if not prior > 0 or not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError(f"bradley_terry(prior={prior:g}); give a prior above 0, and weights that are at least 0")
    s, hold = np.zeros(len(names)), w.sum() / len(names) ** 2
    for _ in range(100):
        p = 1 / (1 + np.exp(s[j] - s[i]))  # of what happened
        slope = np.bincount(i, w * (1 - p), len(s)) - np.bincount(j, w * (1 - p), len(s)) - s / prior**2
        bend = np.zeros((len(s), len(s)))
        np.add.at(bend, (i, j), -w * p * (1 - p))
        bend += bend.T
        bend[np.diag_indices(len(s))] = -bend.sum(1) + 1 / prior**2
        bend += hold  # their common mean, which no comparison knows, stays at 0
        move = np.linalg.solve(bend, slope)
        s = s + move / max(1.0, np.abs(move).max() / 2)  # never more than 2 logits at once
        if np.abs(move).max() < 1e-10:
            break
    common = 1 / len(s) / (1 / prior**2 + hold * len(s))
    return pd.DataFrame({"strength": s, "se": np.sqrt(np.diag(np.linalg.inv(bend)) - common)}, index=names)


def _tasks(pool: pd.DataFrame) -> list[str]:
    """Every row's question, with its options where it has some."""
    options = pool["options"] if "options" in pool else [None] * len(pool)
    return [
        render_prompt(p, o if isinstance(o, list | tuple | np.ndarray) else None).rstrip("\n")
        for p, o in zip(pool["prompt"], options, strict=True)
    ]
