"""Probabilities and keyed noise of the simulated student."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np


def nll(p: np.ndarray, right: np.ndarray, choices: np.ndarray | int) -> np.ndarray:
    """-log P(text) in nats, (rows,): p for a right text (and one nobody can judge), an even share of 1 - p for a wrong.

    Parameters
    ----------
    p : np.ndarray
        Probability of the right answer, (rows,).
    right : np.ndarray
        1 where the text is right, 0 where it is wrong, NaN where that is unknown, (rows,).
    choices : np.ndarray or int
        Number of distinct wrong answers to each row.

    Examples
    --------
    >>> nll(np.array([0.5, 0.5]), np.array([1.0, 0.0]), 5).round(2).tolist()  # -log(0.5), -log(0.1)
    [0.69, 2.3]
    """
    return -np.log(np.where(right == 0, (1 - p) / choices, p))


def entropy(p: np.ndarray, choices: np.ndarray | int) -> np.ndarray:
    """Entropy in nats of answers that are right with p and otherwise evenly one of `choices` wrong ones, (rows,)."""
    return -p * np.log(p) - (1 - p) * np.log((1 - p) / choices)


@lru_cache(200_000, typed=True)  # typed: 1 and 1.0 are equal, but not their texts
def text_key(name: object) -> int:
    """64-bit key of a name's text, the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=8).digest(), "little")


def mix_bits(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele et al. 2014) on uint64: neighbouring keys give unrelated numbers."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def keyed_uniform(stream: tuple[int, ...], keys: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Uniform numbers in [0, 1), a function of the stream, of each row's key and of the sample's number, (rows,)."""
    root = np.random.SeedSequence(stream).generate_state(1, np.uint64)[0]
    mixed = mix_bits(mix_bits(keys ^ root) + sample.astype(np.uint64))
    return (mixed >> np.uint64(11)) / 2**53
