"""Difficulty for a model as it reads the rows: one forward, nothing is written.

answer_loss, perplexity, prefix_entropy, answer_entropy and angle_concentration share one forward when asked together
(survey.measure). These are computed exactly, given model and row, and so have no uncertainty; the probability of an
option has one where several models are asked. A plain text (empty prompt) is read as the text said.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import pandas as pd

from curriculab.data.validation import render_prompt
from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import check_pool, check_prompts, check_texts, refuse
from curriculab.environments.turns import say
from curriculab.protocol import Sample, Score


@measure(needs="model")
def answer_loss(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
    """Measure the mean negative log-likelihood of the row's own solution (else answer) given its prompt.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), nats a token.

    Raises
    ------
    ValueError
        For a row without an answer to read, for an unknown knob, or without a model.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.answer_loss(pool, model).round(2).to_dict()
    {'a': 0.02, 'b': 1.11}
    """
    out = yield Score(_read("answer_loss", pool), "nll", role=role)
    return out["nll"]


@measure(needs="model")
def perplexity(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
    """Take exp of the answer loss: among how many equally likely tokens the model chooses at each one.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), from 1 on.

    Raises
    ------
    ValueError
        For a row without an answer to read, for an unknown knob, or without a model.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.perplexity(pool, model).round(2).to_dict()
    {'a': 1.02, 'b': 3.05}
    """
    out = yield Score(_read("perplexity", pool), "nll", role=role)
    return np.exp(out["nll"])


@measure(needs="model")
def answer_entropy(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
    """Average the entropy of the model's predictions along the row's own solution (else answer).

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), nats a token.

    Raises
    ------
    ValueError
        For a row without an answer to read, for an unknown knob, or without a model.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.answer_entropy(pool, model).round(1).to_dict()
    {'a': 0.1, 'b': 1.2}
    """
    out = yield Score(_read("answer_entropy", pool), "entropy", role=role)
    return out["entropy"]


@measure(needs="model")
def prefix_entropy(pool: pd.DataFrame, *, role: str = "learner", prefix: int = 32, written: bool = False) -> Generator:
    """Average the entropy of the model's predictions over the first tokens of an answer (EDCO, 2026).

    EDCO lets the model write that prefix, answering directly. Its length we do not know; it compares with 128 tokens.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    prefix : int
        Length, tokens.
    written : bool
        Let the model write the prefix, greedily; otherwise it is that of the row's own answer, which shares a forward.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), nats a token.

    Raises
    ------
    ValueError
        For a prefix below 1, or a row without an answer to read (with `written`: without a prompt).

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.prefix_entropy(pool, model, prefix=1).round(1).to_dict()
    {'a': 0.2, 'b': 0.3}
    """
    if prefix < 1:
        raise ValueError(f"prefix_entropy(prefix={prefix}); give at least 1 token")
    if written:
        check_prompts("prefix_entropy", pool)
        out = yield Sample(pool, 1, role=role, temperature=0.0, max_new_tokens=prefix, purpose="probe")
        return out["entropy"]
    out = yield Score(_read("prefix_entropy", pool), "entropy", role=role, per="token")
    return out["entropy"].map(lambda h: float(np.mean(h[:prefix])))


@measure(needs="model")
def angle_concentration(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
    """Take 1 - mean cosine between the last layer's states of the prompt's tokens (GAIN-RL, Wang et al. 2025).

    The method `gain_rl` adds the cosines between the question and a demonstration before it, as the paper does.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), in [0, 2].

    Raises
    ------
    ValueError
        For a row with an empty prompt in a pool that has others, or without an answer.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.angle_concentration(pool, model).round(1).to_dict()
    {'a': 0.8, 'b': 0.7}
    """
    rows = _read("angle_concentration", pool)
    empty = pool.index[pool["prompt"].to_numpy() == ""]
    if "turns" not in rows:
        refuse("angle_concentration", empty, "has an empty prompt; measure plain texts in a pool of their own")
    out = yield Score(rows, "angle", role=role)
    return 1.0 - out["angle"]


@measure(needs="model")
def gradient_norm(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
    """Measure the norm of the gradient of the row's mean loss by the adapter (Paul et al. 2021 rank so).

    A step on a hard row would move the adapter more. Without an adapter, a fresh one is taken, whose A is random (by
    the seed) and B zero. A forward and a backward pass a row: three times the tokens.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), nats.

    Raises
    ------
    ValueError
        For a row without an answer to read, for an unknown knob, or without a model.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.gradient_norm(pool, model).round(2).to_dict()
    {'a': 0.07, 'b': 0.45}
    """
    out = yield Score(_read("gradient_norm", pool), "grad_norm", role="init" if role == "base" else role)
    return out["grad_norm"]


@measure(needs="model")
def instruction_difficulty(pool: pd.DataFrame, *, role: str = "learner", ratio: str = "perplexity") -> Generator:
    """Divide the perplexity of the answer behind its prompt by that without it (Li et al. 2024, Superfiltering).

    Above 1 the prompt does not help.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    ratio : {"perplexity", "loss"}
        What is divided; "loss" as in Li et al. 2023.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), above 0.

    Raises
    ------
    ValueError
        For another ratio, or a row without a prompt or an answer.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.instruction_difficulty(pool, model, ratio="loss").round(3).to_dict()
    {'a': 0.003, 'b': 0.121}
    """
    if ratio not in ("perplexity", "loss"):
        raise ValueError(f"instruction_difficulty(ratio={ratio!r}); give 'perplexity' or 'loss'")
    check_prompts("instruction_difficulty", pool)
    check_texts("instruction_difficulty", pool)
    bare = pool.assign(prompt="")  # options stay: without a prompt they are not shown, but say what is learned
    with_prompt, without = yield [Score(pool, "nll", role=role), Score(bare, "nll", role=role)]
    if ratio == "loss":
        return with_prompt["nll"] / without["nll"]
    return np.exp(with_prompt["nll"] - without["nll"])


@measure(needs="model")
def self_perplexity(pool: pd.DataFrame, *, role: str = "learner") -> Generator:
    """Take exp of the mean loss over the row's whole text, prompt and solution (else answer).

    It is what the model itself finds unlikely (CLIMB, Martinez et al. 2023). CLIMB leaves one token out at a time of a
    masked model, which sees both sides; a causal model predicts each token from those before it, in one forward.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `answer` (or `solution`).
    model : LanguageModel
        Such as `load_model` returns.
    role : str or model
        Who is asked: "learner" (the adapter; the bare base where none is given), "base", another model or adapter.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), from 1 on.

    Raises
    ------
    ValueError
        For a row without text.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = pd.DataFrame({"prompt": ["add 47 + 30", "add 57 + 68 + 94"], "answer": ["77", "219"]}, index=["a", "b"])
    >>> cl.difficulty.self_perplexity(pool, model).round(1).to_dict()
    {'a': 2.1, 'b': 4.4}
    """
    check_texts("self_perplexity", pool)
    options = pool["options"] if "options" in pool else [None] * len(pool)
    prompts = [
        render_prompt(p, o if isinstance(o, list | tuple | np.ndarray) else None)
        for p, o in zip(pool["prompt"], options, strict=True)
    ]
    said = [pool[c] for c in ("solution", "answer") if c in pool]
    answers = [""] * len(pool)
    for column in reversed(said):  # the solution, where a row has one, stands before the answer
        answers = [text if isinstance(text, str) else other for text, other in zip(column, answers, strict=True)]
    texts = [p + a for p, a in zip(prompts, answers, strict=True)]
    refuse("self_perplexity", pool.index[[not t for t in texts]], "has no text")
    whole = pool.drop(columns=["options", "turns"], errors="ignore").assign(prompt="")
    out = yield Score(say(whole, texts), "nll", role=role)
    return np.exp(out["nll"])


@measure(needs="model")
def option_probability(pool: pd.DataFrame, *, roles: str | Sequence[str] = "learner") -> Generator:
    """Take 1 - P(right option), where P is the softmax of the options' log-likelihoods behind the prompt.

    The prompt lists the options. Human-inspired ordering (system 9) reads the option's letter; here it is the whole
    text, which small models can read.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt` and `options` that hold the `answer`.
    model : LanguageModel
        Such as `load_model` returns.
    roles : str, model, or sequence of these
        Who is asked, of several the mean, as there; see `role` of `answer_loss`.
    adapter, seed, uncertainty, cache : optional
        As for `difficulty.measure`.

    Returns
    -------
    pd.Series
        (rows,), in [0, 1]; with `uncertainty` also the standard error over several roles.

    Raises
    ------
    ValueError
        For a row without options, or whose answer is not among them; for `uncertainty` with one role.

    Examples
    --------
    >>> model = cl.load_model("pocket", bits=32, device="cpu")
    >>> pool = cl.load_pool("clinic", levels=1, n=3, seed=0)
    >>> cl.difficulty.option_probability(pool, model).round(2).tolist()
    [0.06, 0.03, 0.02]
    """
    check_prompts("option_probability", pool)
    check_pool("option_probability", pool, "options", "answer")
    lists = pool["options"].map(lambda o: isinstance(o, list | tuple | np.ndarray)).to_numpy(bool)
    refuse("option_probability", pool.index[~lists], "has no options; choose the multiple-choice rows first")
    for i, options, answer in zip(pool.index, pool["options"], pool["answer"], strict=True):
        if answer not in list(options):
            raise ValueError(f"option_probability: the answer of row {i!r} is not among its options {list(options)}")
    gold = [list(o).index(a) for o, a in zip(pool["options"], pool["answer"], strict=True)]
    models = [roles] if isinstance(roles, str) else list(roles)
    replies = yield [Score(pool, "options", role=role) for role in models]
    wrong = []
    for out in replies:
        wrong.append([1 - _softmax(values)[g] for values, g in zip(out["options"], gold, strict=True)])
    wrong = np.array(wrong)
    score = pd.Series(wrong.mean(0), index=pool.index)
    return score if len(models) == 1 else (score, wrong.std(0, ddof=1) / len(models) ** 0.5)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - np.max(x))
    return e / e.sum()


def _read(name: str, pool: pd.DataFrame) -> pd.DataFrame:
    """The rows to be read; texts without prompts as said, so that they have states of their own."""
    check_texts(name, pool)
    if "turns" in pool or (pool["prompt"] != "").any():
        return pool
    return say(pool, pool["answer"])
