"""Rows that ask the same: by their text without case, blanks and order of options, or nearly so.

near_twins(train, test) -> one line per test row with a near twin: test "t/7", train "t/91", 0.92 of their words alike

Near twins share at least THRESHOLD of their sequences of three words (Jaccard), and of their options, and all of their
numbers: rows of one template with other numbers are other questions. The comparison is exact, by products of sparse
tables of counts; MinHash would estimate the same share.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from operator import add

import numpy as np
import pandas as pd

from curriculab.data.conversations import without_system
from curriculab.data.words import words

THRESHOLD = 0.8  # Lee et al. 2022, "Deduplicating training data makes language models better", section 4.2
SEQUENCE = 3  # words; Lee et al. take 5 of documents, questions are shorter
SHORT = 3  # words of an answer that is a name or a number: with another one the question is another
BLOCK = 2000  # rows that are compared at once
TOKEN = re.compile(r"\w+(?:[^\w\s]+\w+)*|[-+*/^=<>%]")  # words without punctuation around them, and signs of sums
NUMBER = re.compile(r"[-+*/^=<>]?\d+(?:[.,]\d+)*")  # with the sign or operator before it

Sequence = tuple[str, ...]  # of words


def keys_of(pool: pd.DataFrame) -> pd.Series:
    """What makes a row the same question as another: its prompt, or the text to study, and its options.

    Blanks, forms of the same character (Unicode's NFKC) and the order of options make no difference; case makes none
    where rows that differ by it alone have the same answer.
    """
    exact = list(map(normalised, _texts(pool)))
    if "options" in pool:
        listed = [_joined(one) if isinstance(one, list) else "" for one in pool["options"]]
        exact = list(map(add, exact, listed))
    folded = list(map(str.casefold, exact))
    keys = np.array(folded, dtype=object)
    if len(set(folded)) < len(set(exact)):  # where case makes a difference, do answers differ too?
        answers = pd.Series(list(map(normalised, pool["answer"].tolist()))).groupby(keys).transform("nunique")
        keys = np.where(answers.to_numpy() == 1, keys, np.array(exact, dtype=object))
    return pd.Series(keys, index=pool.index, dtype=object)


def _texts(pool: pd.DataFrame) -> list[str]:
    prompts = pool["prompt"].tolist()
    return [prompt or answer for prompt, answer in zip(prompts, pool["answer"].tolist(), strict=True)]


def _said(pool: pd.DataFrame) -> list[str]:
    """Texts without the system's message, which rows share, in plain words."""
    return [_plain(without_system(text)) for text in _texts(pool)]


def _joined(options: Iterable[str]) -> str:
    return "\x00" + "\x00".join(sorted(map(normalised, options), key=str.casefold))


def normalised(text: str) -> str:
    """A text without forms of the same character, and blanks beyond one."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).split())


def near_twins(train: pd.DataFrame, test: pd.DataFrame, *, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Find test rows that training rows nearly repeat: in other punctuation, with a word more or less.

    Parameters
    ----------
    train, test : DataFrame
        Pools, as `split` returns them.
    threshold : float
        Share of the sequences of three words that two rows must have in common, in (0, 1].

    Returns
    -------
    DataFrame
        One line a test row that has one: `test` and `train`, the ids of the row and of its nearest twin, and `alike`,
        the share in common. Rows whose numbers, options or short answers differ are none.

    Raises
    ------
    ValueError
        For a threshold outside (0, 1].

    Examples
    --------
    >>> train = pd.DataFrame({"prompt": ["Who wrote Faust, the play?"], "answer": ["Goethe"]}, index=["a"])
    >>> test = pd.DataFrame({"prompt": ["who wrote 'Faust', the play"], "answer": ["Goethe"]}, index=["b"])
    >>> cl.data.near_twins(train, test).values.tolist()
    [['b', 'a', 1.0]]
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold={threshold!r}; give a share above 0 and up to 1, such as {THRESHOLD}")
    if train.empty or test.empty:
        return pd.DataFrame({"test": [], "train": [], "alike": []})
    asked, known = _said(test), _said(train)
    numbers = set(map(_numbers, asked))
    open_rows = [i for i, text in enumerate(known) if _numbers(text) in numbers]  # of the others none can be a twin
    train, known = train.iloc[open_rows], [known[i] for i in open_rows]
    mine, theirs = list(map(_sequences, asked)), list(map(_sequences, known))
    places: dict[Sequence, int] = {}
    for row in mine:
        for one in row:
            places.setdefault(one, len(places))
    right, left = _table(mine, places), _table(theirs, places)
    sizes, wanted = np.array(list(map(len, theirs)), int), np.array(list(map(len, mine)), int)
    parts = []
    for start in range(0, len(train), BLOCK):
        both = (left[start : start + BLOCK] @ right.T).tocoo()
        rows = both.row + start
        alike = both.data / (sizes[rows] + wanted[both.col] - both.data)
        near = alike >= threshold - 1e-12
        parts.append(pd.DataFrame({"test": both.col[near], "train": rows[near], "alike": alike[near]}))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"test": [], "train": [], "alike": []})
    same = [
        _numbers(asked[i]) == _numbers(known[j])
        and _same_answer(test, i, train, j)
        and _same_options(test, i, train, j, threshold)
        for i, j in zip(table["test"], table["train"], strict=True)
    ]
    table = table[np.array(same, bool)].sort_values(["test", "alike", "train"], ascending=[True, False, True])
    table = table.drop_duplicates("test").astype({"test": int, "train": int}).reset_index(drop=True)
    return table.assign(test=test.index[table["test"]], train=train.index[table["train"]])


def _plain(text: str) -> str:
    return normalised(text).casefold()


def _numbers(text: str) -> str:
    return " ".join(NUMBER.findall(text))


def _sequences(text: str) -> set[Sequence]:
    """All sequences of three words of a text, filled up at its ends, so that every word is in three of them."""
    bare = TOKEN.findall(text if text.isascii() else " ".join(words(text)))
    filled = [*[""] * (SEQUENCE - 1), *bare, *[""] * (SEQUENCE - 1)]
    return set(zip(*(filled[i:] for i in range(SEQUENCE)), strict=False)) if bare else set()


def _same_answer(test: pd.DataFrame, i: int, train: pd.DataFrame, j: int) -> bool:
    """Whether short answers are the same; long ones are worded anew where a question is asked again."""
    one, two = normalised(test["answer"].iloc[i]), normalised(train["answer"].iloc[j])
    return one == two or min(len(one.split()), len(two.split())) > SHORT


def _same_options(test: pd.DataFrame, i: int, train: pd.DataFrame, j: int, threshold: float) -> bool:
    """Whether both have no options, or nearly the same ones: a stock question with others is another question."""
    one, two = (pool["options"].iloc[k] if "options" in pool else None for pool, k in ((test, i), (train, j)))
    if not isinstance(one, list) or not isinstance(two, list):
        return not isinstance(one, list) and not isinstance(two, list)
    first, second = set(map(_plain, one)), set(map(_plain, two))
    return len(first & second) >= threshold * len(first | second)


def _table(sequences: list[set[Sequence]], places: dict[Sequence, int]) -> object:
    """1 where a row has a sequence, sparse (rows, sequences that are known)."""
    from scipy import sparse

    columns, ends = [], [0]
    for row in sequences:
        columns += [places[one] for one in row if one in places]
        ends.append(len(columns))
    return sparse.csr_array((np.ones(len(columns)), columns, ends), shape=(len(sequences), max(1, len(places))))
