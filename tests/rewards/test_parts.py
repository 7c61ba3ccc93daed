"""Reward parts: numbers derived from the papers' formulas, and their weighted sum."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from curriculab.rewards import Band, Composite, Correct, Cosine, Overlong, Tags, Triangle


def answered(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_correct_counts_what_cannot_be_judged_as_nothing():
    assert Correct()(answered(correct=[1.0, 0.0, 0.25, np.nan])).tolist() == [1, 0, 0.25, 0]


def test_triangle():
    rows = answered(length=[0, 50, 100, 150, 200, 300])
    assert Triangle(100)(rows).tolist() == [0, 0.5, 1, 0.5, 0, 0]  # l/L, 1 - (l - L)/L, 0
    assert Triangle("budget")(rows.assign(budget=[50, 50, 50, 100, 400, 300])).tolist() == [0, 1, 0, 0.5, 0.5, 1]


def test_band():
    assert Band(100)(answered(length=[0, 50, 100, 150, 200, 300])).tolist() == [1, 1, 1, 0.5, 0, 0]


def test_cosine():
    rows = answered(length=[0, 50, 100, 150, 200, 300])
    # cos 0 = 1, cos(pi/2) = 0, cos(pi) = -1: low, the middle, high, and back; the released code stays at low
    np.testing.assert_allclose(Cosine(100)(rows), [-1, -0.5, 0, -0.5, -1, -1], atol=1e-12)
    np.testing.assert_allclose(Cosine(100, low=0, high=2)(rows), [0, 1, 2, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(Cosine([100, 50, 50, 300, 100, 150])(rows), [-1, 0, -1, -0.5, -1, -1], atol=1e-12)
    assert Cosine([100, 50]) == Cosine((100.0, 50.0)) and hash(Cosine([100, 50])) == hash(Cosine(np.array([100, 50])))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("<think>a</think> <answer>b</answer>", 1),
        ("<think>a</think> b", 0.5),
        ("<answer>b</answer><think>a</think>", 0.5),  # the wrong order: only the first named counts
        ("<think>a<answer>b</answer></think>", 0.5),  # the answer within the thought
        ("<think><think>a</think><answer>b</answer>", 0.5),
        ("</think>a<think>", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_tags(text, share):
    assert Tags("think", "answer")(answered(text=[text])).tolist() == [share]


def test_overlong():
    # DAPO, equation 13: 0 up to 80, (80 - 90)/20 = -1/2 at 90, -1 from 100 on
    assert Overlong(100, 20)(answered(length=[0, 80, 90, 100, 150])).tolist() == [0, 0, -0.5, -1, -1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Triangle(100)(answered(text=["a"])),
            "Triangle(budget=100) reads the column 'length'; these rows have text",
        ),
        (lambda: Band("b")(answered(length=[1])), "Band(budget='b') reads the column 'b'; these rows have length"),
        (lambda: Triangle(0)(answered(length=[1])), "Triangle(budget=0): a number of tokens is above 0, found 0"),
        (
            lambda: Cosine((1, 2))(answered(length=[1])),
            "Cosine(target=(1.0, 2.0), low=-1.0, high=0.0) has 2 numbers for 1 rows; give one, or one per row",
        ),
        (lambda: Tags(), "Tags() names no tag; give at least one, as in Tags('think', 'answer')"),
        (lambda: Overlong(5, 9), "Overlong(limit=5, cache=9): cache is above 0 and at most the limit (tokens)"),
        (lambda: Composite({"a": Correct()}, {"b": 1}), "weights for 'b', parts 'a'; give every part one weight"),
        (lambda: Composite({}, {}), "weights for nothing, parts none; give every part one weight"),
        (
            lambda: Composite({"a": Correct()}, {"a": 1})(answered(correct=[1.0]), 1.5),
            "progress 1.5 is not in [0, 1]; pass run.progress",
        ),
        (
            lambda: Composite({"a": lambda rows: np.zeros(3)}, {"a": 1})(answered(correct=[1.0])),
            "part 'a' gave (3,) values for 1 rows under weight 1; one finite number per row and a finite weight are "
            "needed",
        ),
    ],
)
def test_a_wrong_part_says_so_in_one_line(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_composite_shows_every_part_and_their_weighted_sum():
    reward = Composite(
        {"correct": Correct(), "length": Triangle(100), "format": Tags("think")},
        {"correct": 0.6, "length": lambda progress: 0.3 * progress, "format": 0.1},
    )
    rows = answered(
        text=["<think>a</think>b", "b", "b"],
        length=[50, 100, 400],
        correct=[1.0, 0.0, np.nan],
        reward=[1.0, 0.0, np.nan],
    )
    start, end = reward(rows), reward(rows, 1.0)
    np.testing.assert_allclose(start["reward"], [0.6 + 0.1, 0, 0])
    np.testing.assert_allclose(end["reward"], [0.6 + 0.3 * 0.5 + 0.1, 0.3, 0])
    assert end["reward/correct"].tolist() == [1, 0, 0] and end["reward/format"].tolist() == [1, 0, 0]
    assert end["reward/length"].tolist() == [0.5, 1, 0]
    assert rows.columns.tolist() == ["text", "length", "correct", "reward"]  # the rows given are not changed
    with pytest.raises(FrozenInstanceError):
        reward.parts = {}
