"""Training and test rows without an overlap."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculab.data.loading import load_pool
from curriculab.data.splitting import hold_back, shares, split
from curriculab.data.validation import PoolError


def levelled(sizes: dict[int, int], held_out: bool = False) -> pd.DataFrame:
    levels = np.repeat(list(sizes), list(sizes.values()))
    frame = pd.DataFrame({"prompt": [f"q{i}" for i in range(len(levels))], "answer": "1", "level": levels})
    frame.index = pd.Index([f"r{i}" for i in range(len(levels))], name="id")
    return frame.assign(held_out=np.arange(len(frame)) % 10 == 0) if held_out else frame


def test_split_is_stratified_and_loses_nothing() -> None:
    pool = levelled({1: 60, 2: 30, 3: 10})
    train, test = split(pool, test=20, by="level", seed=0)
    assert test["level"].value_counts().to_dict() == {1: 12, 2: 6, 3: 2}
    assert sorted([*train.index, *test.index]) == sorted(pool.index)
    pd.testing.assert_frame_equal(test, split(pool, test=20, by="level", seed=0)[1])
    assert set(test.index) != set(split(pool, test=20, by="level", seed=1)[1].index)
    assert len(split(pool, test=7, by=None)[1]) == 7


def test_split_tests_on_held_out_rows_only_and_trains_on_none() -> None:
    train, test = split(levelled({1: 100, 2: 100}, held_out=True), test=10)
    assert test["held_out"].all() and not train["held_out"].any()
    assert test["level"].value_counts().to_dict() == {1: 5, 2: 5} and len(train) == 180


def test_split_names_the_level_with_too_few_held_out_rows() -> None:
    with pytest.raises(PoolError) as error:
        split(levelled({1: 100, 2: 100}, held_out=True), test=30)
    assert str(error.value) == (
        "split: level 1 has 10 rows to test on (held out, each prompt once), 15 are needed; "
        "load more rows or ask for a smaller test"
    )


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"by": "topic"}, "split: no column 'topic' to balance by; the pool has prompt, answer, level; or say by=None"),
        ({"test": 20}, "split: asked for 20 test rows, the pool has 20; ask for 1 to 19"),
        ({"test": 0.1}, "split: test=0.1 is no number of rows; give a whole one, for that share test=2"),
        ({"test": "5"}, "split: test='5' is no number of rows; give a whole one"),
        ({"test": 0}, "split: asked for 0 test rows, the pool has 20; ask for 1 to 19"),
    ],
)
def test_split_refuses(knobs: dict, expected: str) -> None:
    with pytest.raises(PoolError) as error:
        split(levelled({1: 20}), **{"test": 5, **knobs})
    assert str(error.value) == expected


def test_the_readme_split_of_the_ladder() -> None:
    train, test = split(load_pool("ladder", n=3000, seed=0), test=300, by="level", seed=0)
    assert (len(train), len(test)) == (2700, 300)
    assert test["level"].value_counts().eq(50).all() and test["held_out"].all() and not train["held_out"].any()


@pytest.mark.slow
@given(st.lists(st.integers(0, 8), min_size=12, max_size=60), st.integers(1, 5), st.integers(0, 9))
def test_no_prompt_is_on_both_sides(prompts: list[int], test: int, seed: int) -> None:
    pool = pd.DataFrame({"prompt": [f"q{i}" for i in prompts], "answer": "1"})
    pool.index = pd.Index([f"r{i}" for i in range(len(pool))], name="id")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            train, tested = split(pool, test=test, by=None, seed=seed)
        except PoolError:
            assert len(set(prompts)) <= test
            return
    assert len(tested) == test and not set(train["prompt"]) & set(tested["prompt"])


@given(st.integers(0, 500), st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_shares_add_up_and_stay_within_one_of_exact(total: int, sizes: list[int]) -> None:
    counts = shares(total, np.array(sizes))
    assert counts.sum() == total
    assert (np.abs(counts - total * np.array(sizes) / sum(sizes)) < 1).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([["a"]] * 20, "split: by='odd' holds ['a']; balance by names or numbers, or say by=None"),
        ([{"a": 1}] * 20, "split: by='odd' holds {'a': 1}; balance by names or numbers, or say by=None"),
        (
            ["a"] * 19 + [None],
            "split: row 'r19' has nothing in 'odd'; fill it, leave the row out, or say by=None",
        ),
        (
            [1.0] * 19 + [float("nan")],
            "split: row 'r19' has nothing in 'odd'; fill it, leave the row out, or say by=None",
        ),
        (["a"] * 10 + [1] * 10, "split: by='odd' holds texts and numbers; make it all texts with .astype(str)"),
        (
            [i / 7 for i in range(20)],
            "split: by='odd' has 20 different values in 20 rows, too many to balance 5 test rows by; "
            "cut it into bands first, such as pd.qcut(pool['odd'], 5, labels=False), or say by=None",
        ),
    ],
    ids=["lists", "objects", "a missing text", "a missing number", "mixed", "nearly all different"],
)
def test_a_column_that_cannot_be_balanced_is_one_line(values: list, expected: str) -> None:
    pool = levelled({1: 20}).assign(odd=pd.Series(values, index=[f"r{i}" for i in range(20)], dtype=object))
    with pytest.raises(PoolError) as error:
        split(pool, test=5, by="odd")
    assert str(error.value) == expected


def test_bands_flags_and_categories_can_be_balanced() -> None:
    pool = levelled({1: 20}).assign(score=np.arange(20.0))
    columns = {"band": pd.qcut(pool["score"], 4), "flag": np.arange(20) % 2 == 0}
    columns["kind"] = pd.Categorical(["a", "b"] * 10, categories=["b", "a", "unused"])
    for name, values in columns.items():
        _, test = split(pool.assign(**{name: values}), test=4, by=name)
        assert test[name].value_counts().max() == {"band": 1, "flag": 2, "kind": 2}[name]


def test_three_ways_share_no_prompt_and_the_test_rows_stay_the_same() -> None:
    pool = levelled({1: 40, 2: 20}, held_out=True)
    two, three = split(pool, test=6, by="level", seed=3), split(pool, test=6, valid=9, by="level", seed=3)
    train, valid, test = three
    assert test.equals(two[1]) and len(valid) == 9 and len(train) == len(two[0]) - 9
    assert not set(train.index) & set(valid.index) and not valid.held_out.any()
    assert valid.level.value_counts().to_dict() == {1: 6, 2: 3}  # two thirds of the pool are of level 1
    with pytest.raises(PoolError, match=r"^split: asked for 60 validation rows, beside the test rows there are 54;"):
        split(pool, test=6, valid=60)


def test_a_prompt_of_a_validation_row_is_not_trained() -> None:
    pool = levelled({1: 20})
    pool["prompt"] = [f"p{i % 10}" for i in range(20)]
    with pytest.warns(UserWarning, match="test or validation row"):
        train, valid, test = split(pool, test=2, valid=3, by=None)
    assert len(train) == 20 - 5 - 5  # those that are drawn, and those that repeat them
    assert not set(train.prompt) & {*valid.prompt, *test.prompt}


# -- rows that are kept back for validation ---------------------------------------------------------------------------
def test_a_tenth_is_kept_back_in_the_proportion_of_levels() -> None:
    pool = levelled({1: 60, 2: 30, 3: 10})
    train, valid = hold_back(pool, 0.1)
    assert valid["level"].value_counts().to_dict() == {1: 6, 2: 3, 3: 1}
    assert sorted([*train.index, *valid.index]) == sorted(pool.index)
    pd.testing.assert_frame_equal(hold_back(pool, 0.1)[1], valid)  # the same rows each time


def test_a_question_that_stands_twice_is_not_kept_back() -> None:
    pool = levelled({1: 4})
    pool["prompt"] = ["q0", "Q0 ", "q1", "q2"]
    for share in (0.1, 0.5, 0.9):
        train, valid = hold_back(pool, share)
        assert {"r0", "r1"} <= set(train.index) and 1 <= len(valid) <= 2
    pool["prompt"] = "q0"
    train, valid = hold_back(pool, 0.5)
    assert len(train) == 4 and valid.empty


def test_a_column_that_cannot_be_balanced_by_is_let_be() -> None:
    pool = levelled({1: 9, 2: 1})
    pool.loc["r9", "prompt"] = "q0"  # the only row of level 2 repeats one of level 1
    assert len(hold_back(pool, 0.5)[1]) == 5
    assert len(hold_back(pool.assign(level=[None, *range(9)]), 0.5)[1]) == 5
    assert len(hold_back(pool.drop(columns="level"), 0.5)[1]) == 5
