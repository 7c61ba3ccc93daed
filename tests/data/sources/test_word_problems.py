"""Word problems: a reader of the English sentences finds every answer and every step; balanced, unique, whole."""

from __future__ import annotations

import re

import pytest

from curriculab.data.loading import load_pool
from curriculab.data.sources import word_problems
from curriculab.data.validation import PoolError

TABLE = word_problems.whole_table()
# Written by hand, not taken from the generator: verbs that add, and verbs that take away.
ADDS, TAKES = ("gets", "buys", "finds", "brings"), ("gives", "loses", "sells", "takes")


def read(prompt: str) -> int:
    """The answer, from the sentences alone."""
    amount, price, children = None, None, None
    for sentence in re.findall(r"[^.?]+[.?]", prompt):
        numbers = [int(n) for n in re.findall(r"\d+", sentence)]
        words = set(re.findall(r"[a-z]+", sentence))
        if "sold" in words:
            (price,) = numbers
        elif "share" in words:
            (children,) = numbers
        elif amount is None:
            amount = numbers[0] * (numbers[1] if "each" in words else 1)
        elif numbers:
            assert words & {*ADDS, *TAKES}, sentence
            amount += numbers[0] if words & {*ADDS} else -numbers[0]
            assert amount > 0, prompt
    if children:
        assert amount % children == 0, prompt
        return amount // children
    return amount * price if price else amount


def test_a_reader_of_the_text_finds_every_answer():
    assert [str(read(prompt)) for prompt in TABLE.prompt] == TABLE.answer.tolist()


def test_solutions_are_true_step_by_step_and_as_many_as_the_level():
    compute = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__}
    for solution, level, answer in zip(TABLE.solution, TABLE.level, TABLE.answer, strict=True):
        *steps, last = solution.split("\n")
        assert len(steps) == level and last == f"The answer is {answer}."
        before = None
        for step in steps:
            left, sign, right, result = re.fullmatch(r"(\d+) (.) (\d+) = (\d+)", step).groups()
            assert compute[sign](int(left), int(right)) == int(result)
            assert before is None or int(left) == before
            before = int(result)
        assert str(before) == answer


def test_draws_are_balanced_unique_and_the_same_again():
    pool = load_pool("word_problems", n=300, seed=3)
    assert pool.level.value_counts().eq(60).all() and pool.topic.value_counts().eq(100).all()
    assert pool.index.is_unique and pool.prompt.is_unique
    assert pool.equals(load_pool("word_problems", n=300, seed=3))
    assert not pool.index.equals(load_pool("word_problems", n=300, seed=4).index)
    assert TABLE.prompt.is_unique and len(TABLE) == 5 * 3 * word_problems.EACH
    assert TABLE.held_out.mean() == 0.1


def test_levels_and_topics_are_chosen_and_unknown_ones_refused():
    pool = load_pool("word_problems", topics="money", levels=[2, 1], n=20)
    assert {*pool.topic} == {"money"} and {*pool.level} == {1, 2}
    with pytest.raises(PoolError, match="^word_problems: unknown topic 'travel'; known are counting, sharing, money$"):
        load_pool("word_problems", topics="travel")
    with pytest.raises(PoolError, match="^word_problems: asked for 501 rows, expected 1 to 500 of these levels"):
        load_pool("word_problems", topics="money", levels=1, n=501)
