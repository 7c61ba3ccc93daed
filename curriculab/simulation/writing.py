"""How a simulated student writes answers: Sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from curriculab.protocol import Answer, Ask, Piece, Rows, Sample
from curriculab.rewards import verify_rows
from curriculab.simulation.abilities import Abilities
from curriculab.simulation.arithmetic import entropy, keyed_uniform, text_key
from curriculab.simulation.rows import WRONG_ANSWERS, context_bytes, text_bytes, wrong_answers, wrong_choices
from curriculab.simulation.student import FILLER

ANSWER_PURPOSES = ("answer", "test", "probe")  # of a Sample, for which the student answers the row itself

Writer = Callable[[Rows, np.random.Generator], Sequence[str]]


class Written(NamedTuple):
    """Texts of answers, their log-probability (nats), and whether they are right (NaN: unknown), each (answers,)."""

    text: Sequence[str]
    logprob: np.ndarray
    correct: np.ndarray


def sample(abilities: Abilities, ask: Ask, writers: Mapping[str, Writer]) -> Answer:
    """Answer a Sample.

    Parameters
    ----------
    abilities : Abilities
        Of all students.
    ask : Ask
        Whose request is a Sample; its stream keys the noise.
    writers : mapping of str to Writer
        By purpose, functions that write other texts than answers: (rows, rng) -> one text a row.
    """
    request: Sample = ask.request
    counts = _answer_counts(request)
    parent = np.repeat(np.arange(len(request.rows)), counts)  # the row that each answer belongs to
    out = request.rows.take(parent)
    p = abilities.chances(ask.owner, request.role, out).p
    if request.purpose in ANSWER_PURPOSES:
        written = _write_answers(abilities, ask, out, parent, p)
    else:
        text = _writer(writers, request.purpose)(out, np.random.default_rng(ask.stream))
        written = Written(text, np.log(p), verify_rows(out, text))
    length = np.array([text_bytes(text) + 1 for text in written.text])
    reply = out.assign(
        turns=_with_turn(out, written.text, ask.first_number),
        text=list(written.text),
        ended="eos",
        length=length,
        logprob=written.logprob,
        entropy=entropy(p, wrong_choices(out)) / length,
        group=out["group"] if "group" in out and "turns" in out else ask.first_number + parent,
        correct=written.correct,
        reward=written.correct,
    )
    tokens = int(context_bytes(request.rows).sum() + length.sum())  # a prompt is read once for all its answers
    return Answer(reply, tokens, rollouts=len(out), generated=int(length.sum()))


def _answer_counts(request: Sample) -> np.ndarray:
    """Number of answers to each row, (rows,)."""
    rows = request.rows
    counts = np.broadcast_to(np.asarray(request.n, int), len(rows))
    if counts.min() < 1:
        row = rows.index[counts.argmin()]
        raise ValueError(f"Sample with n={counts.min()} for row {row!r}; ask for at least 1 answer")
    return counts


def _with_turn(out: Rows, texts: Sequence[str], first: int) -> pd.Series:
    """The turns of each answer's row, and behind them the answer; `first`: number of the first answer."""
    before = out["turns"] if "turns" in out else [()] * len(out)
    turns = []
    for number, (earlier, text) in enumerate(zip(before, texts, strict=True), first):
        turns.append((*earlier, Piece(text, learn=True, end=True, sample=number)))
    return pd.Series(turns, index=out.index, dtype=object)


def _writer(writers: Mapping[str, Writer], purpose: str) -> Writer:
    if purpose not in writers:
        names = ", ".join([*ANSWER_PURPOSES, *writers])
        raise ValueError(
            f"the simulated learner cannot write for purpose={purpose!r}; it knows {names}; "
            "add it to WRITERS in the method's file"
        )
    return writers[purpose]


# -- answers to the rows themselves -----------------------------------------------------------------------------------
def _write_answers(abilities: Abilities, ask: Ask, out: Rows, parent: np.ndarray, p: np.ndarray) -> Written:
    rows = ask.request.rows
    truth = _known_truth(abilities, rows)
    greedy = _is_greedy(ask.request)[parent]
    u = _noise(ask.stream, out, parent, np.arange(len(parent)) - np.searchsorted(parent, parent))
    if greedy.any():  # the stream of a seed: a row is answered alike until p changes
        u = np.where(greedy, _noise((ask.owner[1],), out, parent, np.zeros(len(parent))), u)
    right = u < p
    text = _texts(rows, truth, parent, right, (u - p) / (1 - p))  # the same u picks which wrong answer
    if abilities.student.words:
        text = _with_words(abilities, ask, out, text, greedy)
    logprob = np.log(np.where(right, p, (1 - p) / wrong_choices(out)))
    known = out["answer"].notna().to_numpy() if "answer" in out else np.zeros(len(out), bool)
    return Written(text, logprob, np.where(known, right.astype(float), np.nan))


def _known_truth(abilities: Abilities, rows: Rows) -> np.ndarray:
    truth = abilities.knowledge.right_answers(rows)
    for row, answer in zip(rows.index, truth, strict=True):
        if answer is None:
            raise ValueError(f"nobody told the simulated learner the answer to row {row!r}; give it `answer`")
    return truth


def _is_greedy(request: Sample) -> np.ndarray:
    """Is a row sampled at temperature 0? (rows,)"""
    temperature = 1.0 if request.temperature is None else request.temperature
    return np.broadcast_to(np.asarray(temperature, float), len(request.rows)) == 0


def _texts(rows: Rows, truth: np.ndarray, parent: np.ndarray, right: np.ndarray, share: np.ndarray) -> list[str]:
    """The right text, or the wrong one that stands at a `share` in [0, 1) of all wrong ones, (answers,)."""
    which = np.minimum(share * WRONG_ANSWERS, WRONG_ANSWERS - 1).astype(int)
    wrong: dict[int, Sequence[str]] = {}
    texts = []
    for row, is_right, k in zip(parent.tolist(), right.tolist(), which.tolist(), strict=True):
        if is_right:
            texts.append(str(truth[row]))
            continue
        if row not in wrong:
            wrong[row] = wrong_answers(rows, row, truth[row])
        texts.append(wrong[row][k])
    return texts


def _with_words(abilities: Abilities, ask: Ask, out: Rows, texts: list[str], greedy: np.ndarray) -> list[str]:
    """The same texts behind "####" and a log-normal number of words; greedily, behind the median number."""
    skill, _ = abilities.knowledge.describe(out)
    at = abilities.knowledge.word_skills(skill)
    z = np.random.default_rng([*ask.stream, text_key("words")]).standard_normal(len(out)) * ~greedy
    log_words = abilities.of(ask.owner, ask.request.role)[at] + abilities.student.wordy * z
    words = np.rint(np.exp(log_words)).astype(int)
    return [f"{FILLER * n}#### {text}" for n, text in zip(words.tolist(), texts, strict=True)]


def _noise(stream: tuple[int, ...], out: Rows, parent: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Uniform in [0, 1), keyed by stream, row id, how often the id came before in the request, and sample."""
    keys = np.array([text_key(row) for row in out.index], np.uint64)
    if not out.index.is_unique:
        first = np.flatnonzero(np.r_[True, parent[1:] != parent[:-1]])
        ids = out.index[first]
        repeat = pd.Series(ids).groupby(ids).cumcount().to_numpy()
        of_answer = repeat[np.searchsorted(parent[first], parent)].astype(np.uint64)
        keys = keys + of_answer * np.uint64(0x9E3779B97F4A7C15)
    return keyed_uniform(stream, keys, sample)
