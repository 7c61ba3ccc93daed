"""Difficulty by n-grams of the pool itself: no model.

ngram_perplexity(pool)["ladder/add/3/00417"] -> 61.0: how unlikely a row is under the n-grams of all other rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import exp, log

import pandas as pd

from curriculab.data.words import words
from curriculab.difficulty.measures.text import say_characters, text_of
from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import checked


@measure
def ngram_perplexity(pool: pd.DataFrame, *, n: int = 2, unit: str = "word") -> pd.Series:
    """Measure how unlikely a row's words, and its end, are under an n-gram model of all *other* rows.

    Leaving the row out keeps rare rows from being known by heart. CLIMB (Martinez et al. 2023) uses n=1. Witten-Bell
    smoothing: p(w | h) = (c(h, w) + t(h) p(w | shorter h)) / (c(h) + t(h)), t: different words behind h; below the
    unigrams all words of the pool, the end and one unknown are equally likely.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`, 2 rows or more; where it is empty, the text in `answer` is read.
    n : int
        Length of the longest n-grams.
    unit : {"word", "character"}
        What the n-grams are made of.

    Returns
    -------
    pd.Series
        (rows,), exp of the mean negative log-probability of a word (or character).

    Raises
    ------
    ValueError
        For n below 1, another unit, a pool of one row, or one without words.

    Examples
    --------
    >>> cl.difficulty.ngram_perplexity(pd.DataFrame({"prompt": ["add 1 + 2", "add 2", "why purr"]})).round(1).tolist()
    [7.3, 4.4, 18.6]
    """
    if unit not in ("word", "character") or n < 1:
        raise ValueError(f"ngram_perplexity(n={n}, unit={unit!r}); give n from 1 on, and unit 'word' or 'character'")
    texts = text_of("ngram_perplexity", pool).str.lower()
    rows = [words(text) if unit == "word" else list(text) for text in texts]
    if unit == "word":
        say_characters("ngram_perplexity", texts)
    if len(rows) < 2:
        raise ValueError("ngram_perplexity: the pool has 1 row; it is measured by the others, load at least 2")
    if not any(rows):
        raise ValueError("ngram_perplexity: no row has a word; the prompts are empty or white space")
    own, whole = [], [Counter() for _ in range(n)]
    for row in rows:
        mine = [Counter(_grams(row, k)) for k in range(1, n + 1)]
        own.append(mine)
        for total, counts in zip(whole, mine, strict=True):
            total.update(counts)
    behind, kinds = [Counter() for _ in range(n)], [Counter() for _ in range(n)]  # c(h), t(h)
    for k in range(n):
        for gram, count in whole[k].items():
            behind[k][gram[:-1]] += count
            kinds[k][gram[:-1]] += 1
    flat = 1 / (len(set().union(*rows)) + 2)
    score = [_left_out(row, mine, whole, behind, kinds, flat) for row, mine in zip(rows, own, strict=True)]
    return checked(score, "ngram_perplexity", pool)


START, END = "\x02", "\x03"


def _grams(row: Sequence[str], k: int) -> Iterator[tuple[str, ...]]:
    """The k-grams of a row with its end, its beginning filled up."""
    padded = [START] * (k - 1) + [*row, END]
    return zip(*(padded[i:] for i in range(k)), strict=False)


def _left_out(
    row: Sequence[str],
    own: Sequence[Counter],
    whole: Sequence[Counter],
    behind: Sequence[Counter],
    kinds: Sequence[Counter],
    flat: float,
) -> float:
    """Perplexity of one row by the counts of the others."""
    fewer, gone = [defaultdict(int) for _ in own], [defaultdict(int) for _ in own]
    for k, counts in enumerate(own):
        for gram, count in counts.items():
            fewer[k][gram[:-1]] += count
            gone[k][gram[:-1]] += whole[k][gram] == count  # nobody else has it
    total = 0.0
    for grams in zip(*(_grams(row, k) for k in range(1, len(own) + 1)), strict=True):
        p = flat
        for k, gram in enumerate(grams):
            h = gram[:-1]
            seen, different = behind[k][h] - fewer[k][h], kinds[k][h] - gone[k][h]
            if seen:
                p = (whole[k][gram] - own[k][gram] + different * p) / (seen + different)
        total -= log(p)
    return exp(total / (len(row) + 1))
