"""Difficulty read off labels and the rows themselves: no model, milliseconds, and computed exactly.

word_rarity(pool)["ladder/add/3/00417"] -> 5.2 nats. Words are runs of characters between white space, in lower case,
and characters of scripts that have no blanks between words (data/words.py), which a warning says; where a pool is plain
text (empty prompts), the text is the answer. N-grams have a file of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np
import pandas as pd

from curriculab.data.mapping import count_solution_steps
from curriculab.data.words import without_blanks, words
from curriculab.difficulty.registry import measure
from curriculab.difficulty.validation import check_pool, checked, refuse
from curriculab.registry.warning import warn

# Anderson & Krathwohl 2001, table 5.1: the six stages with their cognitive processes and the other names given there;
# behind the bar, verbs of school questions added here.
BLOOM: dict[str, str] = {
    "remember": "recognize identify recall retrieve | name list define state give tell",
    "understand": "interpret clarify paraphrase represent translate exemplify illustrate instantiate classify "
    "categorize subsume summarize abstract generalize infer conclude extrapolate interpolate predict compare contrast "
    "map match explain | describe discuss",
    "apply": "execute implement use | apply solve calculate compute convert",
    "analyze": "differentiate discriminate distinguish focus select organize integrate outline parse structure "
    "attribute deconstruct | analyze examine",
    "evaluate": "check coordinate detect monitor test critique judge | evaluate assess justify defend",
    "create": "generate hypothesize plan design produce construct | create compose invent write",
}
STAGES = tuple(BLOOM)
VERBS = {
    spelt: stage
    for stage, verbs in enumerate(BLOOM.values(), 1)
    for verb in verbs.split()
    for spelt in (verb, re.sub("([iy])ze$", r"\1se", verb))
    if verb != "|"
}
# Martinez et al. 2023 (CLIMB), spoken language first, by the names of their corpora
CLIMB: tuple[str | tuple[str, ...], ...] = (
    "childes",
    ("bnc_spoken", "switchboard"),
    ("open_subtitles", "qed"),
    ("cbt", "children_stories"),
    "simple_wiki",
    ("wikipedia", "gutenberg"),
)


# -- labels ---------------------------------------------------------------------------------------------------------
@measure
def level(pool: pd.DataFrame) -> pd.Series:
    """Take the level that the rows' makers or judges gave them (ordinal, in their own unit).

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `level`, numbers.

    Returns
    -------
    pd.Series
        (rows,), the level of every row.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", levels=[1, 5], n=4, seed=0)
    >>> cl.difficulty.level(pool).tolist()
    [1.0, 5.0, 5.0, 1.0]
    """
    check_pool("level", pool, "level")
    return checked(pd.to_numeric(pool["level"]).astype(float), "level", pool)


@measure
def bloom_stage(pool: pd.DataFrame, *, column: str = "bloom") -> pd.Series:
    """Place rows on Bloom's taxonomy, revised by Anderson & Krathwohl 2001, as Corgi (Lee et al. 2024) orders them.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`.
    column : str
        Where stages stand, as names or numbers; without it the highest stage whose verb is a word of the prompt counts.

    Returns
    -------
    pd.Series
        (rows,), stages from 1 (remember) to 6 (create).

    Raises
    ------
    ValueError
        For a row whose stage is unknown, or whose prompt names no verb of the taxonomy.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["Name the capital", "Explain tides", "Write a poem"]}, index=["a", "b", "c"])
    >>> cl.difficulty.bloom_stage(pool).to_dict()
    {'a': 1.0, 'b': 2.0, 'c': 6.0}
    """
    check_pool("bloom_stage", pool, "prompt")
    if column in pool:
        number = {stage: float(i) for i, stage in enumerate(STAGES, 1)}
        number |= {i: float(i) for i in range(1, 7)} | {str(i): float(i) for i in range(1, 7)} | {"analyse": 4.0}
        found = pool[column].map(lambda v: number.get(v.strip().lower() if isinstance(v, str) else v))
        why = f"has no stage in {column!r}; it is one of {', '.join(STAGES)}, or 1 to 6"
    else:
        words = pool["prompt"].str.lower().str.findall(r"[a-z]+")
        found = words.map(lambda row: max((VERBS[w] for w in row if w in VERBS), default=None))
        why = f"names no verb of Bloom's taxonomy in its prompt; put stages into a column {column!r}"
    refuse("bloom_stage", pool.index[found.isna()], why)
    return checked(found, "bloom_stage", pool)


@measure
def source_rank(
    pool: pd.DataFrame, *, order: Sequence[str | Sequence[str]] = CLIMB, column: str = "source"
) -> pd.Series:
    """Rank rows by the place of their source in an order of sources (CLIMB, Martinez et al. 2023).

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `column`.
    order : sequence of str or of sequences of str
        Sources, easiest first; names given together share a place.
    column : str
        Where the source of a row stands.

    Returns
    -------
    pd.Series
        (rows,), places, the easiest is 1.

    Raises
    ------
    ValueError
        For a row whose source is not in the order.

    Examples
    --------
    >>> pool = pd.DataFrame({"source": ["novels", "rhymes", "news"]}, index=["a", "b", "c"])
    >>> cl.difficulty.source_rank(pool, order=["rhymes", ("novels", "news")]).to_dict()
    {'a': 2.0, 'b': 1.0, 'c': 2.0}
    """
    check_pool("source_rank", pool, column)
    places = [(names,) if isinstance(names, str) else names for names in order]
    rank = {name: float(i) for i, names in enumerate(places, 1) for name in names}
    found = pool[column].map(rank)
    refuse(
        "source_rank",
        pool.index[found.isna()],
        f"has a {column!r} that is not in the order {', '.join(rank)}; give order=, easiest first",
    )
    return checked(found, "source_rank", pool)


@measure
def reasoning_steps(pool: pd.DataFrame, *, column: str = "solution", marker: str = "####") -> pd.Series:
    r"""Count the steps of the worked solution: its lines that are not empty, before `marker`.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `column`.
    column : str
        Where the solution stands.
    marker : str
        What ends the steps; the final answer follows it.

    Returns
    -------
    pd.Series
        (rows,), number of steps; sentences, where no solution of the pool has a line break.

    Examples
    --------
    >>> worked = ["2 + 3 = 5\n5 * 4 = 20\n#### 20", "1 + 1 = 2\n#### 2"]
    >>> cl.difficulty.reasoning_steps(pd.DataFrame({"solution": worked}, index=["a", "b"])).to_dict()
    {'a': 2.0, 'b': 1.0}
    """
    check_pool("reasoning_steps", pool, column)
    refuse(
        "reasoning_steps",
        pool.index[~pool[column].map(lambda s: isinstance(s, str)).to_numpy(bool)],
        f"has no text in {column!r}; choose the rows that have one",
    )
    count = pool[column].map(count_solution_steps(column, marker).count)
    if count.max() <= 1:
        count = pool[column].map(lambda s: _sentences(s.split(marker)[0]))
    return checked(count, "reasoning_steps", pool)


# -- the text -------------------------------------------------------------------------------------------------------
@measure
def prompt_length(pool: pd.DataFrame) -> pd.Series:
    """Measure the length of the prompt in UTF-8 bytes, which are the tokens of the embedded model.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`; where it is empty, the text in `answer` is measured.

    Returns
    -------
    pd.Series
        (rows,), bytes.

    Examples
    --------
    >>> cl.difficulty.prompt_length(pd.DataFrame({"prompt": ["add 1 + 2", "größer"]})).tolist()
    [9.0, 8.0]
    """
    return checked(text_of("prompt_length", pool).map(lambda t: float(len(t.encode()))), "prompt_length", pool)


@measure
def word_count(pool: pd.DataFrame) -> pd.Series:
    """Count the words of the prompt: runs of characters between white space, characters of scripts without blanks.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`; where it is empty, the text in `answer` is counted.

    Returns
    -------
    pd.Series
        (rows,), words.

    Examples
    --------
    >>> cl.difficulty.word_count(pd.DataFrame({"prompt": ["add 1 + 2", "name a tree"]})).tolist()
    [4.0, 3.0]
    """
    return checked(_words("word_count", pool).map(len), "word_count", pool)


@measure
def word_rarity(pool: pd.DataFrame) -> pd.Series:
    """Average the negative log frequency of a row's words in the pool itself (Platanios et al. 2019, section 4.1).

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`; where it is empty, the text in `answer` is read.

    Returns
    -------
    pd.Series
        (rows,), nats a word; the paper sums over the words, the mean takes the length out.

    Examples
    --------
    >>> cl.difficulty.word_rarity(pd.DataFrame({"prompt": ["the cat", "the dog", "the lynx purrs"]})).round(2).tolist()
    [1.4, 1.4, 1.58]
    """
    rows = _words("word_rarity", pool)
    count = Counter(w for row in rows for w in row)
    total = sum(count.values())
    if not total:
        raise ValueError("word_rarity: no row has a word; the prompts are empty or white space")
    rare = {w: -log(c / total) for w, c in count.items()}
    score = rows.map(lambda row: float(np.mean([rare[w] for w in row])) if row else 0.0)
    return checked(score, "word_rarity", pool)


@measure
def type_token_ratio(pool: pd.DataFrame) -> pd.Series:
    """Divide the number of different words by the number of words: more variety is harder.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`; where it is empty, the text in `answer` is read.

    Returns
    -------
    pd.Series
        (rows,), in (0, 1]; it falls with the length of the text by itself (Herdan 1960).

    Raises
    ------
    ValueError
        For a row without words.

    Examples
    --------
    >>> cl.difficulty.type_token_ratio(pd.DataFrame({"prompt": ["add 2 + 2", "1 + 1 + 1 + 1"]})).round(2).tolist()
    [0.75, 0.29]
    """
    rows = _words("type_token_ratio", pool)
    refuse("type_token_ratio", pool.index[rows.map(len) == 0], "has no words")
    return checked(rows.map(lambda row: len(set(row)) / len(row)), "type_token_ratio", pool)


@measure
def flesch_kincaid(pool: pd.DataFrame) -> pd.Series:
    """Estimate the school grade that the prompt asks for (Kincaid et al. 1975).

    It is 0.39 words a sentence + 11.8 syllables a word - 15.59. Only words of letters count. Syllables: runs of vowels,
    less one for a final e (not -le), at least 1; sentences end at . ! or ? before white space.

    Parameters
    ----------
    pool : pd.DataFrame
        (rows, columns) with `prompt`; where it is empty, the text in `answer` is read.

    Returns
    -------
    pd.Series
        (rows,), school grades.

    Raises
    ------
    ValueError
        For a row without words of letters, or with more letters of other alphabets.

    Examples
    --------
    >>> cl.difficulty.flesch_kincaid(pd.DataFrame({"prompt": ["The cat sat.", "It is unnecessary."]})).round(1).tolist()
    [-2.6, 13.1]
    """
    texts = text_of("flesch_kincaid", pool)
    found = texts.str.findall(r"[A-Za-z]+(?:'[A-Za-z]+)*")
    refuse("flesch_kincaid", pool.index[found.map(len) == 0], "has no words of letters to read")
    foreign = pool.index[texts.map(_mostly_foreign)]
    refuse("flesch_kincaid", foreign, "has more letters of other alphabets than of A to Z; the formula is for English")
    score = [
        0.39 * len(row) / _sentences(text) + 11.8 * sum(map(syllables, row)) / len(row) - 15.59
        for text, row in zip(texts, found, strict=True)
    ]
    return checked(score, "flesch_kincaid", pool)


def _mostly_foreign(text: str) -> bool:
    """Whether fewer than half of the letters are of the alphabet from A to Z, its accented ones included."""
    if text.isascii():
        return False
    letters = [character for character in text if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters)  # Basic Latin to Latin Extended-B
    return latin < len(letters) / 2


def syllables(word: str) -> int:
    """Runs of vowels, less one for a final e that is not -le, at least 1."""
    word = word.lower()
    count = len(re.findall("[aeiouy]+", word))
    return max(1, count - (word.endswith("e") and not word.endswith("le") and count > 1))


def _sentences(text: str) -> int:
    return max(1, len([s for s in re.split(ENDS, text) if s.strip()]))


# Ends of sentences before white space; those of scripts that have no blank behind them, or marks of their own: Chinese
# and Japanese, Devanagari's danda, Arabic, Urdu, Ethiopic, Armenian, Burmese, Khmer (Unicode's Sentence_Terminal).
ENDS = r"[.!?]+(?:\s|$)|[\u3002\uff01\uff1f\uff61\u0964\u0965\u061f\u06d4\u1362\u1367\u0589\u104b\u17d4]+"


def text_of(name: str, pool: pd.DataFrame) -> pd.Series:
    """The text that is measured: the prompt, of a plain text the answer."""
    check_pool(name, pool, "prompt")
    if (pool["prompt"] == "").any():
        check_pool(name, pool, "prompt", "answer")
        return pool["prompt"].where(pool["prompt"] != "", pool["answer"].fillna(""))
    return pool["prompt"]


def _words(name: str, pool: pd.DataFrame) -> pd.Series:
    texts = text_of(name, pool).str.lower()
    say_characters(name, texts)
    return texts.map(words)


def say_characters(name: str, texts: pd.Series) -> None:
    """Warn where words are characters, since the script has no blanks."""
    rows = without_blanks(texts)
    if rows:
        warn(
            f"{name}: {rows} of {len(texts)} rows are in a script without blanks between words; their characters count "
            "as words"
        )
