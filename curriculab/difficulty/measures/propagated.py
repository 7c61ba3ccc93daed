"""Difficulty of rows nobody tried: learned from those that were, or as the distance to a teacher.

pool["tried"] = pass_rate(some_rows, model).reindex(pool.index)       # NaN where nothing is known
pool["hard"] = propagated_difficulty(pool, observed="tried")          # no model needed
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pandas as pd

from curriculab.data.words import words as words_of
from curriculab.difficulty.measures.rollouts import right_answers
from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import check_pool, check_prompts, check_texts
from curriculab.protocol import Sample, Score

Observed = str | pd.Series | None
BLOCK = 1024  # rows whose similarities to all others are held at once


@measure(needs="model")
def prompt_value(
    pool: pd.DataFrame,
    *,
    role: str = "learner",
    observed: Observed = None,
    share: float = 0.25,
    n: int = 4,
    seed: int = 0,
) -> Generator:
    """Predict difficulty from the prompt alone, by what was observed of some rows (PCL, Gao et al. 2025).

    It is a ridge regression on the mean state of the prompt; the penalty is the one with the least error on rows left
    out. PCL trains a value model of its own beside the policy.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`.
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    observed : str or pd.Series, optional
        Difficulties of some rows, NaN where unknown, or the column of the pool that holds them, 3 or more. None: the
        share of wrong answers to some rows, which are sampled.
    share : float
        Share of the rows that is sampled, drawn by the seed; 8 rows or more.
    n : int
        Answers a sampled row.
    seed : int
        Of the draw and the answers.
    adapter, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), in the unit of what was observed; with `uncertainty` also the standard error of prediction.

    Raises
    ------
    ValueError
        For fewer than 3 observed rows, or a row without a prompt.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = cl.load_pool("ladder", skills="add", n=12, seed=0)
    >>> value = cl.difficulty.prompt_value(pool, model, observed=pool["level"].where(np.arange(12) < 8))
    >>> bool(value.corr(pool["level"]) > 0.5)
    True
    """
    known = yield from _observe("prompt_value", pool, observed, role, share, n, seed)
    out = yield Score(pool, "embedding", role=role)
    x = np.stack(out["embedding"].to_list()).astype(float)
    seen = known.notna().to_numpy()
    score, error = ridge(x[seen], known[seen].to_numpy(float), x)
    return pd.Series(score, index=pool.index), error


def ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions at `new` (m, d) from x (n, d) and y (n,), and their standard errors; penalty by leave-one-out."""
    middle, base = x.mean(0), y.mean()
    u, s, vt = np.linalg.svd(x - middle, full_matrices=False)
    keep = s > 1e-9 * max(s.max(initial=0.0), 1e-12)
    u, s, vt = u[:, keep], s[keep], vt[keep]
    best, chosen = np.inf, 1.0
    for penalty in np.geomspace(1e-4, 1e4, 41) * (np.mean(s**2) if len(s) else 1.0):
        shrunk = u * (s**2 / (s**2 + penalty))
        hat = (shrunk * u).sum(1) + 1 / len(y)
        left_out = (y - base - shrunk @ (u.T @ (y - base))) / (1 - np.minimum(hat, 1 - 1e-9))
        if (error := float(np.mean(left_out**2))) < best:
            best, chosen = error, penalty
    z = (new - middle) @ vt.T
    leverage = (z**2 / (s**2 + chosen)).sum(1) + 1 / len(y)
    return base + z @ (s / (s**2 + chosen) * (u.T @ (y - base))), np.sqrt(best * (1 + leverage))


@measure(needs="model")
def propagated_difficulty(
    pool: pd.DataFrame,
    *,
    role: str = "learner",
    observed: Observed = None,
    share: float = 0.25,
    n: int = 4,
    neighbours: int = 100,
    alpha: float = 0.8,
    rounds: int = 10,
    epsilon: float = 1e-4,
    seed: int = 0,
) -> Generator:
    """Spread what was observed of some rows over a graph of rows that share words (Wiki-R1, 2026).

    d <- alpha K d + (1 - alpha) observed for rows observed, K d for the others; K: cosines of the TF-IDF of the prompts
    with the most similar `neighbours`, rows adding up to 1. The paper does not say what stands in unobserved rows; they
    start at the mean of the observed ones, and a row without a neighbour stays there.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`.
    model : LanguageModel, optional
        Such as `load_model` returns; not needed with `observed`.
    role, observed, share, n
        As for `prompt_value`.
    neighbours, alpha, rounds, epsilon : int, float, int, float
        Rows that each is joined to, share that they have in its new value, most rounds, and the largest change to stop
        at; as they stand the paper's.
    seed : int
        Of the draw and the answers.
    adapter, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), in the unit of what was observed.

    Raises
    ------
    ValueError
        For fewer than 3 observed rows, or a row without a prompt.

    Examples
    --------
    >>> prompts = ["add 1", "add 2", "name trees", "name birds", "name rivers"]
    >>> pool = pd.DataFrame({"prompt": prompts, "tried": [0.1, np.nan, 0.8, 0.9, np.nan]}, index=list("abcde"))
    >>> cl.difficulty.propagated_difficulty(pool, observed="tried").round(2).to_dict()
    {'a': 0.1, 'b': 0.26, 'c': 0.83, 'd': 0.84, 'e': 0.83}
    """
    known = yield from _observe("propagated_difficulty", pool, observed, role, share, n, seed)
    return spread(neighbourhood(pool["prompt"], neighbours), known, alpha=alpha, rounds=rounds, epsilon=epsilon)


def spread(graph, known: pd.Series, *, alpha: float = 0.8, rounds: int = 10, epsilon: float = 1e-4) -> pd.Series:
    """Values known of some rows (NaN elsewhere) after up to `rounds` rounds over a row-normalised graph (n, n)."""
    seen, alone = known.notna().to_numpy(), np.asarray(graph.sum(1)).ravel() == 0
    start = known.fillna(known.mean()).to_numpy(float)
    now = start.copy()
    for _ in range(rounds):
        around = np.where(alone, now, graph @ now)
        new = np.where(seen, alpha * around + (1 - alpha) * start, around)
        moved, now = np.abs(new - now).max(), new
        if moved < epsilon:
            break
    return pd.Series(now, index=known.index)


def neighbourhood(texts: pd.Series, neighbours: int):
    """Row-normalised cosines of TF-IDF vectors, sparse (n, n): the `neighbours` most similar of each row, not itself.

    A word counts log((1 + n) / (1 + rows with it)) + 1 each time; words are those of data/words.py, in lower case.
    """
    from scipy import sparse

    words = texts.str.lower().map(words_of)
    of = np.repeat(np.arange(len(words)), words.map(len))
    codes, names = pd.factorize(np.array([w for row in words for w in row], dtype=object))
    count = sparse.csr_array((np.ones(len(of)), (of, codes)), shape=(len(words), max(1, len(names))))
    rows_with = np.bincount(count.indices, minlength=count.shape[1])
    weight = count.multiply(np.log((1 + len(words)) / (1 + rows_with)) + 1).tocsr()
    length = np.sqrt(weight.multiply(weight).sum(1))
    weight = (sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ weight).tocsr()
    k = min(neighbours, len(words) - 1)
    parts = []
    for start in range(0, len(words), BLOCK):
        near = (weight[start : start + BLOCK] @ weight.T).toarray()
        near[np.arange(len(near)), start + np.arange(len(near))] = 0.0
        if k < near.shape[1]:
            order = np.argsort(-near, axis=1, kind="stable")[:, k:]
            np.put_along_axis(near, order, 0.0, axis=1)
        total = near.sum(1, keepdims=True)
        parts.append(sparse.csr_array(near / np.where(total > 0, total, 1.0)))
    return sparse.vstack(parts, format="csr")


@measure(needs="model")
def teacher_gap(
    pool: pd.DataFrame,
    *,
    teacher: str | None = None,
    role: str = "learner",
    how: str = "loss",
    n: int = 8,
    temperature: float | None = None,
    max_new_tokens: int | None = None,
) -> Generator:
    """Measure how far the student is behind a teacher.

    TAPIR (Yue et al. 2024) takes the difference of a judge's scores of the two answers.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer`.
    model : LanguageModel
        Such as `load_model` returns.
    teacher : model or adapter
        Whom to compare with.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    how : {"loss", "answers"}
        By the losses of the row's own answer, student minus teacher, or by pass rates, teacher minus student.
    n : int
        Answers a row of each, for "answers".
    temperature : float, optional
        To sample at.
    max_new_tokens : int, optional
        Longest answer, tokens.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), nats a token, or a difference of shares; for "answers" with `uncertainty` also its standard error.

    Raises
    ------
    ValueError
        Without a teacher, for another `how`, or a row without an answer.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> teacher = model.adapter(seed=0)
    >>> teacher.weights.data[:] = 0.1  # a poor one, all weights alike
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> bool((cl.difficulty.teacher_gap(pool, model, teacher=teacher) < 0).all())  # the student is ahead
    True
    """
    if teacher is None:
        raise ValueError("teacher_gap: nobody to compare with; give teacher=, a model or an adapter of the model")
    if how == "loss":
        check_texts("teacher_gap", pool)
        student, other = yield [Score(pool, "nll", role=role), Score(pool, "nll", role=teacher)]
        return student["nll"] - other["nll"]
    if how != "answers":
        raise ValueError(f"teacher_gap(how={how!r}); give 'loss' or 'answers'")
    check_prompts("teacher_gap", pool)
    more = {"temperature": temperature, "max_new_tokens": max_new_tokens, "purpose": "probe"}
    replies = yield [Sample(pool, n, role=r, **more) for r in (role, teacher)]
    mean, error = zip(*(_rate("teacher_gap", pool, out, n) for out in replies), strict=True)
    return mean[1] - mean[0], np.sqrt(error[0] ** 2 + error[1] ** 2)


def _rate(name: str, pool: pd.DataFrame, out: pd.DataFrame, n: int) -> tuple[pd.Series, pd.Series]:
    """Share of right answers of each row, and the standard deviation of its Beta posterior."""
    right = right_answers(name, pool, out)
    a, b = right + 1, n - right + 1
    return right / n, np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


def _observe(
    name: str, pool: pd.DataFrame, observed: Observed, role: str, share: float, n: int, seed: int
) -> Generator[Sample, pd.DataFrame, pd.Series]:
    """Known difficulties on the pool's index, NaN where nothing is known; asked for where none are given."""
    check_prompts(name, pool)
    if observed is None:
        rng = np.random.default_rng([seed, len(pool)])
        many = min(len(pool), max(8, round(share * len(pool))))
        some = pool.iloc[np.sort(rng.choice(len(pool), many, replace=False))]
        out = yield Sample(some, n, role=role, purpose="probe")
        known = 1 - right_answers(name, some, out) / n
    else:
        if isinstance(observed, str):
            check_pool(name, pool, observed)
        known = pool[observed] if isinstance(observed, str) else observed
    known = known.reindex(pool.index).astype(float)
    if known.notna().sum() < 3:
        raise ValueError(f"{name}: {known.notna().sum()} rows with something observed; it needs at least 3")
    return known
