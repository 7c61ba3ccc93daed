"""Labels and text: numbers derived by hand."""

from __future__ import annotations

import re
from math import log

import pandas as pd
import pytest

import curriculab as cl
from curriculab.difficulty.measures import text


def rows(*prompts: str, **columns: object) -> pd.DataFrame:
    index = pd.Index([f"r{i}" for i in range(len(prompts))], name="id")
    return pd.DataFrame({"prompt": list(prompts), "answer": "x", **columns}, index=index)


def test_rarity_is_the_mean_negative_log_frequency():
    score = text.word_rarity(rows("a b", "A a"))  # a: 3 of 4 words, b: 1 of 4
    assert score.tolist() == pytest.approx([-(log(0.75) + log(0.25)) / 2, -log(0.75)])


def test_lengths_are_bytes_and_words():
    pool = rows("two words", "ä")
    assert text.prompt_length(pool).tolist() == [9, 2]
    assert text.word_count(pool).tolist() == [2, 1]
    plain = rows("", "", answer=["a plain text", "b"])
    assert text.word_count(plain).tolist() == [3, 1]


def test_types_over_tokens():
    assert text.type_token_ratio(rows("the cat and the dog", "one")).tolist() == pytest.approx([4 / 5, 1.0])


def test_unigrams_leave_their_own_row_out():
    """Row 0 by the others, "a c" and "a b": a 2, b 1, c 1, end 2, so 6 tokens of 4 kinds; below, 3 words, the end and
    an unknown are equally likely. Row 1 by "a b" twice: a 2, b 2, end 2."""
    score = text.ngram_perplexity(rows("a b", "a c", "a b"), n=1)
    a, b = (2 + 4 / 5) / 10, (1 + 4 / 5) / 10
    assert score["r0"] == pytest.approx((a * b * a) ** (-1 / 3))
    a, c = (2 + 3 / 5) / 9, (0 + 3 / 5) / 9
    assert score["r1"] == pytest.approx((a * c * a) ** (-1 / 3))


def test_bigrams_fall_back_on_unigrams():
    """Row 0: a behind the start 2 of 2, one kind; b behind a 1 of 2, two kinds; the end behind b 1 of 1."""
    score = text.ngram_perplexity(rows("a b", "a c", "a b"), n=2)
    a, b, end = 0.28, 0.18, 0.28
    p = ((2 + a) / 3, (1 + 2 * b) / 4, (1 + end) / 2)
    assert score["r0"] == pytest.approx((p[0] * p[1] * p[2]) ** (-1 / 3))


def test_a_word_that_only_one_row_has_is_unknown_to_it():
    score = text.ngram_perplexity(rows("zebra", "a", "a", "b"), n=1)
    assert score["r0"] == pytest.approx(score["r3"])  # neither word is in another row
    assert score["r0"] > score["r1"]


def test_characters_instead_of_words():
    score = text.ngram_perplexity(rows("aa", "aa", "qz"), n=2, unit="character")
    assert score.idxmax() == "r2"


def test_flesch_kincaid():
    """The cat sat on the mat: 6 words, 6 syllables, 1 sentence. Little apples fell. They did: 5 words, 7 syllables."""
    score = text.flesch_kincaid(rows("The cat sat on the mat.", "Little apples fell. They did!"))
    assert score.tolist() == pytest.approx([0.39 * 6 + 11.8 - 15.59, 0.39 * 2.5 + 11.8 * 7 / 5 - 15.59])


@pytest.mark.parametrize(
    ("word", "count"), [("the", 1), ("make", 1), ("table", 2), ("banana", 3), ("rhythm", 1), ("queue", 1), ("hmm", 1)]
)
def test_syllables(word, count):
    assert text.syllables(word) == count


def test_bloom_by_column_and_by_verb():
    assert text.bloom_stage(rows("x", "y", "z", bloom=["Remember", "create", 3])).tolist() == [1, 6, 3]
    pool = rows("List and compare the two", "Solve it", "Recall it")
    assert text.bloom_stage(pool).tolist() == [2, 3, 1]


def test_source_ranks_of_climb_and_of_ones_own():
    pool = rows("x", "y", "z", source=["childes", "qed", "gutenberg"])
    assert text.source_rank(pool).tolist() == [1, 3, 6]
    assert text.source_rank(pool, order=["gutenberg", ("qed", "childes")]).tolist() == [2, 2, 1]


def test_steps_are_lines_else_sentences():
    pool = rows("x", "y", solution=["2 + 3 = 5\n\n5 * 2 = 10\n#### 10", "#### 4"])
    assert text.reasoning_steps(pool).tolist() == [2, 0]
    pool = rows("x", "y", solution=["It is a. A is b. So b.", "It is a. So a."])
    assert text.reasoning_steps(pool).tolist() == [3, 2]


def test_the_clinic_brings_stages_and_steps():
    pool = cl.load_pool("clinic", n=40, seed=0)
    assert set(text.bloom_stage(pool)) <= {1, 2, 3, 4, 5, 6}
    assert text.reasoning_steps(pool).corr(pool["level"]) > 0.9


@pytest.mark.parametrize(
    ("measure", "pool", "message"),
    [
        (
            text.level,
            rows("x"),
            "level: the pool has no column 'level'; map one with load_pool(columns={'level': ...})",
        ),
        (
            text.bloom_stage,
            rows("solve", "sing"),
            "bloom_stage: row 'r1' names no verb of Bloom's taxonomy in its prompt; put stages into a column 'bloom'",
        ),
        (
            text.bloom_stage,
            rows("a", "b", bloom=["apply", "fly"]),
            "bloom_stage: row 'r1' has no stage in 'bloom'; it "
            "is one of remember, understand, apply, analyze, evaluate, create, or 1 to 6",
        ),
        (
            text.source_rank,
            rows("a", source="web"),
            "source_rank: row 'r0' has a 'source' that is not in the order "
            "childes, bnc_spoken, switchboard, open_subtitles, qed, cbt, children_stories, simple_wiki, wikipedia, "
            "gutenberg; give order=, easiest first",
        ),
        (
            text.reasoning_steps,
            rows("a", "b", solution=["x", None]),
            "reasoning_steps: row 'r1' has no text in 'solution'; choose the rows that have one",
        ),
        (text.word_rarity, rows(" "), "word_rarity: no row has a word; the prompts are empty or white space"),
        (text.type_token_ratio, rows("a", " "), "type_token_ratio: row 'r1' has no words"),
        (
            text.flesch_kincaid,
            rows("a", "1 + 1", "2 + 2"),
            "flesch_kincaid: row 'r1' has no words of letters to read (2 such rows)",
        ),
        (
            text.ngram_perplexity,
            rows("a"),
            "ngram_perplexity: the pool has 1 row; it is measured by the others, load at least 2",
        ),
    ],
)
def test_what_cannot_be_read_says_so(measure, pool, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        measure(pool)
