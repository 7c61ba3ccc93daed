"""Types and digits of a source are kept: JSON and Parquet have them, cells of a CSV have none."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab.data.loading import load_pool
from curriculab.data.values import Written, as_list, as_text, column_of_values, level_of, numbers_of
from tests.data.written import write


def test_texts_of_json_stay_texts_and_numbers_keep_their_digits(here: Path) -> None:
    lines = [
        '{"prompt": "p", "answer": 0.00001, "code": "007", "mass": "1e5", "key": 12345678901234567}',
        '{"prompt": "q", "answer": 12345678901234567, "code": "010", "mass": "2e5", "key": 0.5}',
        '{"prompt": "r", "answer": 2.50, "code": "3", "mass": "3", "key": null}',
    ]
    pool = load_pool(write(here, "q.jsonl", "\n".join(lines)))
    assert pool["answer"].tolist() == ["0.00001", "12345678901234567", "2.50"]
    assert pool["code"].tolist() == ["007", "010", "3"] and pool["mass"].tolist() == ["1e5", "2e5", "3"]
    assert pool["key"].tolist() == [12345678901234567, 0.5, None]
    whole = load_pool(write(here, "q.json", f"[{', '.join(lines)}]"))
    assert whole.reset_index(drop=True).equals(pool.reset_index(drop=True))


def test_numbers_of_json_that_lose_nothing_are_numbers(here: Path) -> None:
    rows = [{"prompt": "p", "answer": "1", "a": 1, "b": 1.0, "c": True, "d": 3}, {"prompt": "q", "answer": "2", "a": 2}]
    rows[1] |= {"b": 2, "c": False}
    pool = load_pool(write(here, "q.jsonl", "\n".join(map(json.dumps, rows))))
    assert {name: str(pool[name].dtype) for name in "abcd"} == {
        "a": "int64",
        "b": "float64",
        "c": "bool",
        "d": "float64",
    }
    assert pool["d"].tolist()[0] == 3 and np.isnan(pool["d"].iloc[1])


def test_parquet_keeps_types_digits_and_a_column_called_index(here: Path) -> None:
    frame = pd.DataFrame(
        {
            "prompt": ["p", "q"],
            "answer": np.array([0.1, 7], "float32"),
            "index": [5, 6],
            "level_0": ["x", "y"],
            "code": ["007", "1e5"],
            "key": pd.array([2**60 + 1, None], dtype="Int64"),
        }
    )
    frame.to_parquet(here / "q.parquet")
    pool = load_pool("q.parquet")
    assert pool["answer"].tolist() == ["0.1", "7"] and pool["index"].tolist() == [5, 6]
    assert pool["level_0"].tolist() == ["x", "y"] and pool["code"].tolist() == ["007", "1e5"]
    assert pool["key"].iloc[0] == 2**60 + 1
    frame.set_index("code").to_parquet(here / "named.parquet")
    assert load_pool("named.parquet")["code"].tolist() == ["007", "1e5"]
    frame.iloc[::-1].to_parquet(here / "order.parquet")  # row numbers without a name are no column
    assert sorted(load_pool("order.parquet").columns) == sorted(frame.columns)


def test_decimals_and_small_numbers_of_parquet_are_texts_without_loss(here: Path) -> None:
    frame = pd.DataFrame({"prompt": ["p", "q"], "answer": [Decimal("0.000010"), Decimal("12.500000")]})
    frame.to_parquet(here / "q.parquet")
    assert load_pool("q.parquet")["answer"].tolist() == ["0.000010", "12.500000"]


def test_only_cells_of_a_csv_are_read_as_numbers_and_only_without_loss(here: Path) -> None:
    text = "prompt,answer,score,code,key,gap\np,007,1.5,007,12345678901234567,1\nq,1e5,1e5,12,,\n"
    pool = load_pool(write(here, "q.csv", text))
    assert pool["answer"].tolist() == ["007", "1e5"] and pool["score"].tolist() == [1.5, 100000.0]
    assert pool["code"].tolist() == ["007", "12"] and pool["key"].tolist() == ["12345678901234567", ""]
    assert pool["gap"].iloc[0] == 1 and np.isnan(pool["gap"].iloc[1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "0.00001"),
        (1e300, "1e+300"),
        (1e-300, "1e-300"),
        (0.1 + 0.2, "0.30000000000000004"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (np.float32(0.1), "0.1"),
        (2**70, str(2**70)),
        (True, "True"),
        (Written("1.0"), "1.0"),
        (Decimal("1E+2"), "100"),
        (float("nan"), None),
        (pd.NA, None),
        (None, None),
        ("007", "007"),
    ],
)
def test_numbers_become_the_text_that_gives_them_back(value: object, text: str | None) -> None:
    assert as_text(value) == text
    if isinstance(value, float) and text is not None:
        assert float(text) == value


def test_a_written_number_is_a_number_and_can_be_copied() -> None:
    number = Written("2.50")
    for same in (number, copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert same == 2.5 and same.text == "2.50" and json.dumps(same) == "2.5"


def test_lists_come_in_several_kinds() -> None:
    assert as_list('["a", 0.10]') == ["a", "0.10"] and as_list(np.array(["a"])) == ["a"]
    assert as_list({"A": "x", "B": "y"}) == ["x", "y"] and as_list({"B": "y"}) == {"B": "y"}
    assert as_list("") is None and as_list(None) is None and as_list("[1") == "[1"


@pytest.mark.parametrize(("value", "level"), [("Level 3", 3), ("grade 2", 2), ("4", 4), ("4.0", 4), ("hard", "hard")])
def test_levels_are_read_as_data_sets_write_them(here: Path, value: str, level: object) -> None:
    assert level_of(value) == level
    if isinstance(level, int):
        row = {"prompt": "p", "answer": "1", "level": value}
        assert load_pool(write(here, "q.jsonl", json.dumps(row)))["level"].tolist() == [level]


def test_columns_of_values_have_the_narrowest_type_that_keeps_them() -> None:
    index = pd.Index(["a", "b"])
    kinds = {
        "int64": [1, 2],
        "float64": [1, None],
        "str": ["x", None],
        "bool": [True, False],
        "object": [True, None],
    }
    for kind, values in kinds.items():
        assert str(column_of_values(values, index).dtype) == kind
    assert column_of_values([2**70, 1], index).tolist() == [2**70, 1]
    assert column_of_values([2**53 + 1, 0.5], index).tolist() == [2**53 + 1, 0.5]
    assert numbers_of(pd.Series(["1", "x"])) is None
