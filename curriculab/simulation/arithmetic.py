"""Probabilities, noise and texts of the simulated student."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from curriculab.protocol import Rows
from curriculab.rewards import verify

WRONG_WORDS = tuple(f"wrong answer {i}" for i in range(10))


WRONG = 9  # distinct wrong answers to a row without options; 9 makes a blind guess as likely right as one digit


def _nll(p: np.ndarray, right: np.ndarray, choices: np.ndarray | int) -> np.ndarray:
    """-log P(text): p for the right text (and one nobody can judge), an even share of 1 - p for a wrong one."""
    return -np.log(np.where(right == 0, (1 - p) / choices, p))


def _entropy(p: np.ndarray, choices: np.ndarray | int) -> np.ndarray:
    return -p * np.log(p) - (1 - p) * np.log((1 - p) / choices)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=8).digest(), "little")


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele et al. 2014): neighbouring keys give unrelated numbers."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _column(rows: Rows, name: str, default: object) -> np.ndarray:
    return rows[name].to_numpy() if name in rows else np.full(len(rows), default)


def _bytes(text: object) -> int:
    return len(str(text).encode())


def _lengths(rows: Rows, *, said: bool = True) -> np.ndarray:
    """Bytes of prompts with their newline and of what stands behind them, (rows,); not `said`: without learned text."""
    length = np.array([_bytes(t) + 1 for t in rows["prompt"].tolist()])
    if "turns" not in rows:
        return length
    return length + [sum(_bytes(piece.text) for piece in turns if said or not piece.learn) for turns in rows["turns"]]


def row_bytes(pool: Rows) -> np.ndarray:
    """Tokens of each row as the simulated learner counts them, prompt and answer, (rows,)."""
    return _lengths(pool) + [_bytes(a) + 1 for a in pool["answer"].tolist()]


def _is_list(options: object) -> bool:
    return isinstance(options, list | tuple | np.ndarray)


def _guess(rows: Rows) -> np.ndarray | None:
    """1 / number of options, 0 where there are none."""
    if "options" not in rows:
        return None
    return np.array([1 / len(o) if _is_list(o) else 0.0 for o in rows["options"].tolist()])


def _choices(rows: Rows) -> np.ndarray | int:
    """How many different wrong answers a row has."""
    if "options" not in rows:
        return WRONG
    return np.array([max(1, len(o) - 1) if _is_list(o) else WRONG for o in rows["options"].tolist()])


def _wrong(rows: Rows, row: int, truth: object) -> Sequence[str]:
    """WRONG wrong answers to a row: its other options in turn, or words; none that a verifier accepts."""
    task = rows["task"].iloc[row] if "task" in rows else None
    options = rows["options"].iloc[row] if "options" in rows else None
    if _is_list(options):
        return _refused([str(o) for o in options], truth, task)
    if isinstance(truth, str) and (task is None or isinstance(task, str)):
        return _words_for(truth, task)
    return _refused(WRONG_WORDS, truth, task)


@lru_cache(100_000)
def _words_for(truth: str, task: str | None) -> Sequence[str]:
    return _refused(WRONG_WORDS, truth, task)


def _refused(texts: Sequence[str], truth: object, task: object) -> Sequence[str]:
    texts = [t for t in texts if not verify(t, truth, task)] or ["no answer"]
    return tuple(texts[k * len(texts) // WRONG] for k in range(WRONG))
