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
    """The first number in the judge's answer to `template`, from `low` to `high`; of `n` answers the mean, and with
    more than one its standard error. One answer is the likeliest, several are sampled. A row without a number is
    refused."""
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
    """Strength in logits by Bradley & Terry 1952: P(i is harder than j) = 1 / (1 + exp(s_j - s_i)), mean 0; the
    uncertainty is its standard error.

    In every round all rows stand in a random ring and are compared with both neighbours, in both orders, since judges
    prefer a place. What counts is the probability the judge gives to either answer, not the likelier one alone.
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
    """Strengths and standard errors (logits, mean 0) from comparisons, one line each: `harder`, `easier`, `weight` (how
    much it counts, 1 without the column). By Newton's method under a normal prior of standard deviation `prior`: a row
    that always wins would have no finite strength without it. Dense: for some thousand rows.
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
