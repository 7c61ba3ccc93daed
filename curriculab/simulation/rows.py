"""Rows as the simulated student sees them: their bytes, options, wrong answers and learned texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from curriculab.protocol import Piece, Rows
from curriculab.rewards import verify, verify_rows

WRONG_ANSWERS = 9  # to a row without options: a blind guess is then as likely right as one digit
WRONG_WORDS = tuple(f"wrong answer {i}" for i in range(10))


def column(rows: Rows, name: str, default: object) -> np.ndarray:
    """Values of a column, or the default in each row where there is no such column, (rows,)."""
    return rows[name].to_numpy() if name in rows else np.full(len(rows), default)


# -- lengths ----------------------------------------------------------------------------------------------------------
def text_bytes(text: object) -> int:
    """Tokens of a text as the student counts them: its bytes in UTF-8."""
    return len(str(text).encode())


def context_bytes(rows: Rows, *, learned: bool = True) -> np.ndarray:
    """Bytes of each row's prompt with its newline and of its turns, or of those not learned only, (rows,)."""
    prompts = np.array([text_bytes(text) + 1 for text in rows["prompt"].tolist()])
    if "turns" not in rows:
        return prompts
    return prompts + [_turn_bytes(turns, learned=learned) for turns in rows["turns"]]


def _turn_bytes(turns: Sequence[Piece], *, learned: bool) -> int:
    return sum(text_bytes(piece.text) for piece in turns if learned or not piece.learn)


def row_bytes(pool: Rows) -> np.ndarray:
    """Tokens of each row of a pool as the simulated learner counts them, prompt and answer, (rows,).

    Examples
    --------
    >>> import pandas as pd
    >>> row_bytes(pd.DataFrame({"prompt": ["1+1="], "answer": ["2"]})).tolist()  # each with one for its end
    [7]
    """
    return context_bytes(pool) + [text_bytes(answer) + 1 for answer in pool["answer"].tolist()]


def learned_text(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of each row's learned text, and whether it is right: 1, 0, or NaN where that is unknown; each (rows,)."""
    if "turns" not in rows:
        return np.array([text_bytes(text) + 1 for text in _own_texts(rows)]), np.ones(len(rows))
    lengths, last = [], []
    for turns in rows["turns"]:
        learned = [piece for piece in turns if piece.learn]
        lengths.append(sum(text_bytes(piece.text) + piece.end for piece in learned))
        last.append(learned[-1].text if learned else None)
    return np.array(lengths), verify_rows(rows, last)


def before_answer(turns: pd.Series) -> pd.Series:
    """The turns of each row without the learned words that end them, (rows,): what stands before an answer.

    Examples
    --------
    >>> thought, hint, text = cl.Piece("aha", learn=True), cl.Piece("think", turn=True), cl.Piece("7", learn=True)
    >>> [one.text for one in before_answer(pd.Series([(thought, hint, text)]))[0]]
    ['aha', 'think']
    >>> [one.text for one in before_answer(pd.Series([(thought, text)]))[0]]
    ['aha']
    """
    without = [said[:-1] if said and said[-1].learn else said for said in turns]
    return pd.Series(without, index=turns.index, dtype=object)


def last_learned(rows: Rows) -> list[str | None]:
    """The text that each row ends with and that is learned; the answer where nothing was said.

    Examples
    --------
    >>> last_learned(pd.DataFrame({"answer": ["7"]}))
    ['7']
    """
    if "turns" not in rows:
        return [str(answer) for answer in rows["answer"].tolist()]
    return [_last_text(turns) for turns in rows["turns"]]


def _last_text(turns: Sequence[Piece]) -> str | None:
    return next((piece.text for piece in reversed(turns) if piece.learn), None)


def _own_texts(rows: Rows) -> list:
    """What is learned from rows without turns: the solution, else the answer."""
    answers = rows["answer"].tolist()
    if "solution" not in rows:
        return answers
    solutions = rows["solution"].tolist()
    return [s if isinstance(s, str) else a for s, a in zip(solutions, answers, strict=True)]


# -- options and wrong answers ----------------------------------------------------------------------------------------
def is_list(options: object) -> bool:
    """Does a row's `options` hold any? Rows without them have NaN or None there."""
    return isinstance(options, list | tuple | np.ndarray)


def guess_rate(rows: Rows) -> np.ndarray | None:
    """Probability of a right guess, (rows,): 1 / number of options, 0 without; None where no row can be guessed."""
    if "options" not in rows:
        return None
    return np.array([1 / len(o) if is_list(o) else 0.0 for o in rows["options"].tolist()])


def wrong_choices(rows: Rows) -> np.ndarray | int:
    """Number of distinct wrong answers to each row, (rows,) or one number for all."""
    if "options" not in rows:
        return WRONG_ANSWERS
    return np.array([max(1, len(o) - 1) if is_list(o) else WRONG_ANSWERS for o in rows["options"].tolist()])


def wrong_answers(rows: Rows, row: int, truth: object) -> Sequence[str]:
    """WRONG_ANSWERS wrong answers to a row: its other options in turn, or words; none that a verifier accepts."""
    task = rows["task"].iloc[row] if "task" in rows else None
    options = rows["options"].iloc[row] if "options" in rows else None
    if is_list(options):
        return _refused([str(option) for option in options], truth, task)
    if isinstance(truth, str) and (task is None or isinstance(task, str)):
        return _wrong_words(truth, task)
    return _refused(WRONG_WORDS, truth, task)


@lru_cache(100_000)
def _wrong_words(truth: str, task: str | None) -> Sequence[str]:
    return _refused(WRONG_WORDS, truth, task)


def _refused(texts: Sequence[str], truth: object, task: object) -> Sequence[str]:
    """Those texts that the verifier refuses, repeated until there are WRONG_ANSWERS."""
    texts = [text for text in texts if not verify(text, truth, task)] or ["no answer"]
    return tuple(texts[k * len(texts) // WRONG_ANSWERS] for k in range(WRONG_ANSWERS))
