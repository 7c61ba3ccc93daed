"""N-grams: numbers derived by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from curriculab.difficulty.measures import ngrams


def rows(*prompts: str) -> pd.DataFrame:
    index = pd.Index([f"r{i}" for i in range(len(prompts))], name="id")
    return pd.DataFrame({"prompt": list(prompts), "answer": "x"}, index=index)


def test_unigrams_leave_their_own_row_out():
    """Row 0 by the others, "a c" and "a b": a 2, b 1, c 1, end 2, so 6 tokens of 4 kinds; below, 3 words, the end and
    an unknown are equally likely. Row 1 by "a b" twice: a 2, b 2, end 2."""
    score = ngrams.ngram_perplexity(rows("a b", "a c", "a b"), n=1)
    a, b = (2 + 4 / 5) / 10, (1 + 4 / 5) / 10
    assert score["r0"] == pytest.approx((a * b * a) ** (-1 / 3))
    a, c = (2 + 3 / 5) / 9, (0 + 3 / 5) / 9
    assert score["r1"] == pytest.approx((a * c * a) ** (-1 / 3))


def test_bigrams_fall_back_on_unigrams():
    """Row 0: a behind the start 2 of 2, one kind; b behind a 1 of 2, two kinds; the end behind b 1 of 1."""
    score = ngrams.ngram_perplexity(rows("a b", "a c", "a b"), n=2)
    a, b, end = 0.28, 0.18, 0.28
    p = ((2 + a) / 3, (1 + 2 * b) / 4, (1 + end) / 2)
    assert score["r0"] == pytest.approx((p[0] * p[1] * p[2]) ** (-1 / 3))


def test_a_word_that_only_one_row_has_is_unknown_to_it():
    score = ngrams.ngram_perplexity(rows("zebra", "a", "a", "b"), n=1)
    assert score["r0"] == pytest.approx(score["r3"])  # neither word is in another row
    assert score["r0"] > score["r1"]


def test_characters_instead_of_words():
    score = ngrams.ngram_perplexity(rows("aa", "aa", "qz"), n=2, unit="character")
    assert score.idxmax() == "r2"


def test_characters_are_words_where_a_script_has_no_blanks():
    """Spaced out by hand, the same characters have the same perplexity."""
    texts = ["小明有苹果", "小明有书", "他有书"]
    with pytest.warns(UserWarning, match="^ngram_perplexity: 3 of 3 rows are in a script without blanks"):
        whole = ngrams.ngram_perplexity(rows(*texts))
    with pytest.warns(UserWarning):
        spaced = ngrams.ngram_perplexity(rows(*(" ".join(text) for text in texts)))
    assert whole.tolist() == pytest.approx(spaced.tolist()) and whole.nunique() == 3


def test_a_pool_of_one_row_is_refused():
    with pytest.raises(ValueError) as error:
        ngrams.ngram_perplexity(rows("a"))
    assert str(error.value) == "ngram_perplexity: the pool has 1 row; it is measured by the others, load at least 2"
