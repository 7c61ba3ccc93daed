"""Files and columns as published data sets lay them out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab.data.layouts import at_path, rows_of
from curriculab.data.loading import load_pool
from curriculab.data.validation import PoolError
from tests.data.written import message, write

PAIR = [{"prompt": "two", "answer": "2"}, {"prompt": "three", "answer": "3"}]


@pytest.mark.parametrize(
    "layout",
    [
        {"version": "1.1", "data": PAIR},
        {"prompt": ["two", "three"], "answer": ["2", "3"]},
        {"prompt": {"0": "two", "1": "three"}, "answer": {"0": "2", "1": "3"}},
        PAIR,
    ],
    ids=["under a name", "columns", "columns by row", "rows"],
)
def test_layouts_of_a_json_file_give_the_same_pool(here: Path, layout: object) -> None:
    pool = load_pool(write(here, "q.json", json.dumps(layout)))
    assert pool.to_dict("records") == PAIR and list(pool.index) == ["q/00001", "q/00002"]


def test_rows_by_id_keep_their_ids(here: Path) -> None:
    pool = load_pool(write(here, "q.json", json.dumps({"first": PAIR[0], "second": PAIR[1]})))
    assert list(pool.index) == ["first", "second"] and pool["answer"].tolist() == ["2", "3"]


def test_of_several_tables_one_is_chosen(here: Path) -> None:
    write(here, "q.json", json.dumps({"train": PAIR[:1], "test": PAIR[1:]}))
    assert message("q.json") == "q.json: found rows under 'train', 'test'; choose one, split='train'"
    assert load_pool("q.json", split="test")["prompt"].tolist() == ["three"]
    assert message("q.json", split="tset") == (
        "q.json: no list of rows is named 'tset'; did you mean 'test'? there are 'train', 'test'"
    )
    write(here, "q.jsonl", json.dumps(PAIR[0]))
    assert message("q.jsonl", split="test") == (
        "q.jsonl: split='test' chooses among the tables of a .json file; this file has one"
    )


def test_what_is_no_table_is_refused() -> None:
    for value in ({"prompt": "two", "answer": "2"}, {"a": [1], "b": [1, 2]}, "text", 3):
        with pytest.raises(PoolError, match=r"^q.json: found .*, expected a list of objects"):
            rows_of(value, "q.json")


@pytest.mark.parametrize("name", ["q.jsonlines", "q.ndjson", "q.tsv", "q.tsv.gz"])
def test_other_names_of_the_same_kinds_of_file(here: Path, name: str) -> None:
    frame = pd.DataFrame(PAIR)
    if "tsv" in name:
        frame.to_csv(here / name, sep="\t", index=False)
    else:
        frame.to_json(here / name, orient="records", lines=True)
    assert load_pool(name)["answer"].tolist() == ["2", "3"]


def test_files_of_other_programs_are_refused_with_the_line_that_reads_them(here: Path) -> None:
    write(here, "q.xlsx", "")
    assert message("q.xlsx") == (
        "q.xlsx: a file of this kind is read by way of pandas, import pandas as pd; "
        "cl.load_pool(pd.read_excel('q.xlsx'), columns=...), or saved as .csv"
    )
    assert message(write(here, "q.csv", "prompt;answer\ntwo;2\n")) == (
        "q.csv, line 1: found semicolons between the names of columns, expected commas; read it by way of pandas, "
        "cl.load_pool(pd.read_csv('q.csv', sep=';'), columns=...)"
    )
    pool = load_pool(pd.read_csv("q.csv", sep=";"))
    assert pool["answer"].tolist() == ["2"] and list(pool.index) == ["table/00001"]


def test_places_inside_columns_are_named_with_dots(here: Path) -> None:
    rows = [
        {
            "chat": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}],
            "meta": {"topic": {"name": "sums"}, "levels": [i]},
        }
        for i in range(2)
    ]
    columns = {"prompt": "chat.0.content", "answer": "chat.-1.content", "topic": "meta.topic.name"}
    pool = load_pool(
        write(here, "q.jsonl", "\n".join(map(json.dumps, rows))), columns=columns | {"level": "meta.levels.0"}
    )
    assert pool[["prompt", "answer", "topic", "level"]].values.tolist() == [
        ["q0", "a0", "sums", 0],
        ["q1", "a1", "sums", 1],
    ]
    pd.DataFrame(rows).to_parquet(here / "q.parquet")  # lists come as arrays from there
    assert load_pool("q.parquet", columns=columns)["answer"].tolist() == ["a0", "a1"]


def test_a_place_that_no_row_has_is_refused_and_one_that_some_lack_is_missing() -> None:
    frame = pd.DataFrame(
        {"a": [{"b": 1}, {}, None], "c.d": [1, 2, 3], "e": [[{"f": "x"}, {"f": "y"}], [], np.array([])]}
    )
    assert at_path(frame, "a.b").tolist()[0] == 1 and at_path(frame, "a.b").isna().tolist() == [False, True, True]
    assert at_path(frame, "c.d").tolist() == [1, 2, 3] and at_path(frame, "e.f").tolist() == [["x", "y"], [], []]
    with pytest.raises(PoolError) as error:
        at_path(frame, "a.z")
    assert str(error.value) == "no place 'z' in column 'a', which holds {'b': 1}"
