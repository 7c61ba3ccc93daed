"""How a simulated student writes answers: Sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from curriculab.protocol import Answer, Ask, Piece, Rows, Sample
from curriculab.rewards import verify_rows
from curriculab.simulation.abilities import Abilities, Chances, PartChances
from curriculab.simulation.arithmetic import keyed_uniform, text_key
from curriculab.simulation.parts import joined
from curriculab.simulation.rows import WRONG_ANSWERS, context_bytes, text_bytes, wrong_answers, wrong_choices
from curriculab.simulation.scoring import entropies
from curriculab.simulation.student import ANSWER, FILLER

ANSWER_PURPOSES = ("answer", "test", "probe")  # of a Sample, for which the student answers the row itself

PART = 0x70617274  # "part": the draws of a row's parts, apart from the row's own
Writer = Callable[[Rows, np.random.Generator], Sequence[str]]


class Written(NamedTuple):
    """Texts of answers, their log-probability (nats), and whether they are right (NaN: unknown), each (answers,)."""

    text: Sequence[str]
    logprob: np.ndarray
    correct: np.ndarray


class Cut(NamedTuple):
    """Texts up to the first stop in each, and what ended them: that stop, or "eos", each (answers,)."""

    text: Sequence[str]
    ended: Sequence[str]


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
    counts = answer_counts(request)
    parent = np.repeat(np.arange(len(request.rows)), counts)  # the row that each answer belongs to
    out = request.rows.take(parent)
    chances = abilities.chances(ask.owner, request.role, out)
    p = chances.p
    if request.purpose in ANSWER_PURPOSES:
        written = _write_answers(abilities, ask, out, parent, chances)
    else:
        write, rng = _writer(writers, request.purpose), np.random.default_rng(ask.stream)
        text = write(_for_writer(abilities, ask, out, p), rng)
        written = Written(text, np.log(p), verify_rows(out, text))
    cut = cut_off(written.text, request.stop)
    if request.stop and any(ended != "eos" for ended in cut.ended):
        written = Written(cut.text, written.logprob, verify_rows(out, cut.text))
    return answered(ask, out, parent, cut, written.correct, written.logprob, entropies(chances, out))


def answered(
    ask: Ask,
    out: Rows,
    parent: np.ndarray,
    cut: Cut,
    correct: np.ndarray,
    logprob: np.ndarray | float = np.nan,
    entropy: np.ndarray | float = np.nan,
) -> Answer:
    """The reply to a Sample by texts that no model wrote, whose tokens are bytes.

    Parameters
    ----------
    ask : Ask
        Whose request is the Sample.
    out : pd.DataFrame
        The row of each answer, (answers,).
    parent : np.ndarray
        Its place among the rows of the request, (answers,).
    cut : Cut
        The texts, and what ended them.
    correct : np.ndarray
        1, 0 or NaN where that is unknown, (answers,).
    logprob, entropy : np.ndarray or float
        Of whole answers in nats, (answers,); NaN where they are unknown.
    """
    length = np.array([text_bytes(text) + (ended == "eos") for text, ended in zip(*cut, strict=True)], int)
    reply = out.assign(
        turns=_with_turn(out, cut, ask.first_number),
        text=list(cut.text),
        ended=list(cut.ended) if ask.request.stop else "eos",
        length=length,
        logprob=logprob,
        entropy=entropy / length,
        group=out["group"] if "group" in out and "turns" in out else ask.first_number + parent,
        correct=correct,
        reward=correct,
    )
    read, generated = context_bytes(ask.request.rows), int(length.sum())  # a prompt is read once for all its answers
    return Answer(reply, int(read.sum()) + generated, rollouts=len(out), generated=generated, read=read)


def answer_counts(request: Sample) -> np.ndarray:
    """Number of answers to each row, (rows,)."""
    rows = request.rows
    counts = np.broadcast_to(np.asarray(request.n, int), len(rows))
    if counts.min() < 1:
        row = rows.index[counts.argmin()]
        raise ValueError(f"Sample with n={counts.min()} for row {row!r}; ask for at least 1 answer")
    return counts


def cut_off(texts: Sequence[str], stop: Sequence[str]) -> Cut:
    """Texts up to and with the first stop in each, as a model writes them.

    Examples
    --------
    >>> cut_off(["a <stop> b", "c"], ("<stop>",))
    Cut(text=['a <stop>', 'c'], ended=['<stop>', 'eos'])
    """
    if not stop:
        return Cut(texts, ["eos"] * len(texts))
    found, ended = [], []
    for text in texts:
        ends = [(text.find(one) + len(one), one) for one in stop if one in text]
        end, by = min(ends, default=(len(text), "eos"))
        found.append(text[:end])
        ended.append(by)
    return Cut(found, ended)


def _with_turn(out: Rows, cut: Cut, first: int) -> pd.Series:
    """The turns of each answer's row, and behind them the answer; `first`: number of the first answer."""
    before = out["turns"] if "turns" in out else [()] * len(out)
    turns = []
    for number, (earlier, text, ended) in enumerate(zip(before, *cut, strict=True), first):
        turns.append((*earlier, Piece(text, learn=True, end=ended == "eos", sample=number)))
    return pd.Series(turns, index=out.index, dtype=object)


def _for_writer(abilities: Abilities, ask: Ask, out: Rows, p: np.ndarray) -> Rows:
    """What a writer sees of each answer: its row with the right `answer`, by id where tests hide it, P(right) as `p`,
    and whether it holds the word of each habit."""
    seen = out.assign(answer=abilities.knowledge.right_answers(out), p=p)
    return seen.assign(**{f"habit {word}": held for word, held in _habits(abilities, ask, out, False).items()})


def _writer(writers: Mapping[str, Writer], purpose: str) -> Writer:
    if purpose not in writers:
        names = ", ".join([*ANSWER_PURPOSES, *writers])
        raise ValueError(
            f"the simulated learner cannot write for purpose={purpose!r}; it knows {names}; "
            "add it to WRITERS in the method's file"
        )
    return writers[purpose]


# -- answers to the rows themselves -----------------------------------------------------------------------------------
def _write_answers(abilities: Abilities, ask: Ask, out: Rows, parent: np.ndarray, chances: Chances) -> Written:
    rows, p = ask.request.rows, chances.p
    truth = _known_truth(abilities, rows)
    greedy = _is_greedy(ask.request)[parent]
    u = _noise(ask.stream, out, parent, np.arange(len(parent)) - np.searchsorted(parent, parent))
    if greedy.any():  # the stream of a seed: a row is answered alike until p changes
        u = np.where(greedy, _noise((ask.owner[1],), out, parent, np.zeros(len(parent))), u)
    right = u < p
    text = _texts(rows, truth, parent, right, (u - p) / (1 - p))  # the same u picks which wrong answer
    logprob = np.log(np.where(right, p, (1 - p) / wrong_choices(out)))
    if chances.parts is not None:
        text, right, logprob = _of_parts(ask, out, parent, greedy, chances.parts, text, right, logprob)
    if abilities.student.words or abilities.student.habits:
        text = _with_words(abilities, ask, out, text, greedy)
    known = out["answer"].notna().to_numpy() if "answer" in out else np.zeros(len(out), bool)
    return Written(text, logprob, np.where(known, right.astype(float), np.nan))


def _of_parts(
    ask: Ask,
    out: Rows,
    parent: np.ndarray,
    greedy: np.ndarray,
    parts: PartChances,
    text: list[str],
    right: np.ndarray,
    logprob: np.ndarray,
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The same texts, rightness and log-probabilities, with those of rows that have parts in their places."""
    number = np.arange(len(parent)) - np.searchsorted(parent, parent)
    drawn = np.empty(len(parts.row))
    for slot in range(int(parts.slot.max()) + 1):
        here = parts.slot == slot
        u = _noise((*ask.stream, PART, slot), out, parent, number)
        if greedy.any():
            u = np.where(greedy, _noise((ask.owner[1], PART, slot), out, parent, np.zeros(len(parent))), u)
        drawn[here] = u[parts.row[here]]
    is_right = drawn < parts.able
    logs = np.log(np.where(is_right, parts.able, 1 - parts.able))
    made, of_row = joined(parts.answer, is_right, parts.row), np.unique(parts.row)
    right, logprob = right.copy(), logprob.copy()
    right[of_row] = np.bincount(parts.row, ~is_right, len(out))[of_row] == 0
    logprob[of_row] = np.bincount(parts.row, logs, len(out))[of_row]
    return [made.get(place, one) for place, one in enumerate(text)], right, logprob


def _habits(abilities: Abilities, ask: Ask, out: Rows, greedy: np.ndarray | bool) -> dict[str, np.ndarray]:
    """Does each answer hold the word of a habit? By word, (answers,); greedily where it is likelier than not."""
    held = {}
    for word in abilities.student.habits:
        skill, _ = abilities.knowledge.describe(out)
        at = abilities.knowledge.habit_skills(skill, word)
        share = 1 / (1 + np.exp(-abilities.of(ask.owner, ask.request.role)[at]))
        u = np.random.default_rng([*ask.stream, text_key(word)]).random(len(out))
        held[word] = np.where(greedy, 0.5, u) < share
    return held


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
    """The same texts behind "####", a log-normal number of words, and the words of habits; greedily, behind the median
    number."""
    before = [""] * len(out)
    for word, held in _habits(abilities, ask, out, greedy).items():
        before = [f"{said}{word} " if holds else said for said, holds in zip(before, held, strict=True)]
    if not abilities.student.words:
        return [f"{said}{ANSWER}{text}" for said, text in zip(before, texts, strict=True)]
    skill, _ = abilities.knowledge.describe(out)
    at = abilities.knowledge.word_skills(skill)
    z = np.random.default_rng([*ask.stream, text_key("words")]).standard_normal(len(out)) * ~greedy
    log_words = abilities.of(ask.owner, ask.request.role)[at] + abilities.student.wordy * z
    words = np.rint(np.exp(log_words)).astype(int)
    return [f"{said}{FILLER * n}{ANSWER}{text}" for said, n, text in zip(before, words.tolist(), texts, strict=True)]


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
