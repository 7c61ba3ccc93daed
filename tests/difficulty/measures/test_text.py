"""Labels and text: numbers derived by hand."""

from __future__ import annotations

import re
import time
import warnings
from math import log

import numpy as np
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
    ],
)
def test_what_cannot_be_read_says_so(measure, pool, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        measure(pool)


CHINESE = ("小明有三个苹果。他吃了一个!", "书在桌上", "今天天气很好", "他们去学校学习")


def test_scripts_without_blanks_are_counted_by_characters_and_it_is_said():
    with pytest.warns(UserWarning) as caught:
        assert text.word_count(rows(*CHINESE[:2], "two words")).tolist() == [14, 4, 2]
    assert [str(w.message) for w in caught] == [
        "word_count: 2 of 3 rows are in a script without blanks between words; their characters count as words"
    ]
    with pytest.warns(UserWarning, match="^word_rarity: 4 of 4 rows"):
        assert text.word_rarity(rows(*CHINESE)).nunique() == 4
    with pytest.warns(UserWarning, match="^type_token_ratio: 1 of 2 rows"):
        assert text.type_token_ratio(rows("天天", "one two")).tolist() == [0.5, 1.0]


def test_sentences_end_as_their_script_ends_them():
    pool = rows("x", "y", "z", solution=["甲是乙。乙是丙。所以甲是丙。", "वह घर है। वह लाल है।", "It is a. So a."])
    assert text.reasoning_steps(pool).tolist() == [3, 2, 2]


def test_a_formula_for_english_refuses_other_alphabets():
    message = (
        "flesch_kincaid: row 'r1' has more letters of other alphabets than of A to Z; the formula is for English"
        " (2 such rows)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        text.flesch_kincaid(rows("The cat sat.", "Кошка сидела на GPU.", "小明在家 OK"))
    text.flesch_kincaid(rows("Wie groß ist das Haus?", "x = α + β, where both are real."))


def read_by_text() -> list[str]:
    """Measures that read the rows alone."""
    return [name for name in cl.difficulty.registry.MEASURES if getattr(cl.difficulty, name).needs == "rows"]


def many(n: int) -> pd.DataFrame:
    """Rows whose vocabulary grows with their number, as real texts' does, with whatever column a measure reads."""
    rng = np.random.default_rng(n)
    vocabulary = np.array([f"solve word{i}" for i in range(n)])
    prompts = [" ".join(some) for some in vocabulary[rng.integers(0, n, (n, 10))]]
    table = {"level": np.arange(n) % 7, "source": "childes", "solution": "a = 1\nb = 2\n#### 3", "bloom": "apply"}
    return rows(*prompts, **table)


@pytest.mark.slow
@pytest.mark.parametrize("name", read_by_text())
def test_twice_the_rows_take_at_most_two_point_six_times_the_time(name):
    """Quadratic work would take four times as long; sorting, and noise, are within the rest."""
    measure, small, large = getattr(cl.difficulty, name), many(2000), many(4000)

    def seconds(pool: pd.DataFrame) -> float:
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # equal scores, which do not matter here
            measure(pool)
        return time.process_time() - start

    times = [(seconds(small), seconds(large)) for _ in range(5)]
    once, twice = map(min, zip(*times, strict=True))  # the least: other work of the machine only adds
    assert twice <= 2.6 * once, times
