"""Rows that ask the same, exactly and nearly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.data.splitting import split
from curriculab.data.twins import keys_of, near_twins

# Thirty different words: of their sequences of three, filled up at the ends, there are 32, and one word is in three.
LONG = " ".join(f"word{letter}{other}" for letter in "abcde" for other in "uvwxyz")


def pool(*prompts: str, answer: object = "1", **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame({"prompt": list(prompts), "answer": answer, **columns})
    return frame.set_axis(pd.Index([f"r{i}" for i in range(len(frame))], name="id"))


def same(first: pd.DataFrame) -> bool:
    keys = keys_of(first)
    return bool(keys.iloc[0] == keys.iloc[1])


def test_case_blanks_and_forms_of_a_character_make_no_other_question() -> None:
    assert same(pool("What is 1 + 1?", " what  is 1 + 1?\n"))
    assert same(pool("１ + １", "1 + 1")) and not same(pool("1 + 1", "1 + 2"))


def test_case_makes_one_where_answers_differ() -> None:
    assert not same(pool("reverse Mat", "reverse mat", answer=["taM", "tam"]))
    assert same(pool("reverse mat", "reverse mat", answer=["tam", "wrong"]))


def test_options_belong_to_a_question_in_any_order() -> None:
    stock = ("Which is true?",) * 2
    assert not same(pool(*stock, options=[["a", "b"], ["c", "d"]]))
    assert same(pool(*stock, options=[["a", "B"], ["b", "a"]]))
    assert not same(pool(*stock, options=[["a", "b"], None]))


def test_stock_questions_with_other_options_are_split_and_all_stay() -> None:
    options = [[f"o{i}", f"p{i}"] for i in range(40)]
    frame = pool(*["Which of the following is true?"] * 40, answer=[o[0] for o in options], options=options)
    train, test = split(frame, test=10, by=None)
    assert len(train) == 30 and len(test) == 10


def test_rows_that_differ_in_blanks_or_case_stay_on_one_side() -> None:
    texts = [f"Question {i} of the set" for i in range(30)]
    frame = pool(*texts, *(text.upper() + " " for text in texts))
    with pytest.warns(UserWarning, match="rows repeat the prompt of a test row and are in neither part$"):
        train, test = split(frame, test=15, by=None, seed=3)
    assert not set(train["prompt"].str.lower().str.strip()) & set(test["prompt"].str.lower().str.strip())


def test_near_twins_share_most_sequences_of_three_words() -> None:
    """A word changed at the end of 30 is in 3 of 32 sequences: 29 / 35 = 0.83; two words far apart: 26 / 38 = 0.68."""
    words = LONG.split()
    one, two = " ".join([*words[:-1], "other"]), " ".join(["other", *words[1:-1], "another"])
    found = near_twins(pool(LONG, "something else"), pool(one, two))
    assert found[["test", "train"]].values.tolist() == [["r0", "r0"]]
    assert found["alike"].tolist() == [pytest.approx(29 / 35)]
    assert len(near_twins(pool(LONG), pool(one, two), threshold=0.6)) == 2
    with pytest.raises(ValueError, match="^threshold=0; give a share above 0 and up to 1, such as 0.8$"):
        near_twins(pool(LONG), pool(one), threshold=0)


def test_punctuation_makes_a_near_twin_and_numbers_options_and_short_answers_unmake_it() -> None:
    assert near_twins(pool("Who wrote 'Faust'"), pool("who wrote Faust?"))["alike"].tolist() == [1.0]
    assert near_twins(pool(f"{LONG} 12"), pool(f"{LONG} 13")).empty
    assert near_twins(pool("47 + 30"), pool("47 - 30")).empty
    assert near_twins(pool(LONG, answer="yes"), pool(f"{LONG}!", answer="no")).empty
    long_answers = ("it is so because of that", "that is why it is so")
    assert len(near_twins(pool(LONG, answer=long_answers[0]), pool(f"{LONG}!", answer=long_answers[1]))) == 1
    assert near_twins(pool(LONG, options=[["a", "b"]]), pool(f"{LONG}!", options=[["c", "d"]])).empty


def test_twins_of_scripts_without_blanks() -> None:
    text = "小明去年夏天在北京的一家大书店里买了三本关于中国古代历史的新书送给妹妹"
    assert len(near_twins(pool(text), pool(text.replace("妹妹", "弟弟")))) == 1
    assert near_twins(pool(text), pool("今天天气很好我们去公园玩")).empty


def test_the_nearest_twin_is_told_once_and_split_warns_of_it() -> None:
    words = LONG.split()
    texts = [" ".join(np.random.default_rng(i).permutation(words)) for i in range(20)]
    frame = pool(*texts, *(f"{text}!" for text in texts))
    with pytest.warns(
        UserWarning, match=r"^split: \d+ test rows have a near twin in train, such as 'r\d+' and 'r\d+' "
    ):
        train, test = split(frame, test=8, by=None)
    twins = near_twins(train, test)
    assert twins["test"].is_unique and (twins["alike"] == 1).all() and len(twins) >= 1
    assert near_twins(train.drop(twins["train"]), test).empty
    assert near_twins(train.iloc[:0], test).empty
