"""Files and columns as published data sets lay them out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab.data.layouts import at_path, rows_of
from curriculab.data.loading import load_pool
from curriculab.data.mapping import text_joined
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


def test_questions_by_passage_become_a_row_each(here: Path) -> None:
    asked = [
        {"id": "a", "question": "Which river?", "answers": [{"text": "The Elbe", "answer_start": 0}]},
        {"id": "b", "question": "How is it?", "answers": [{"text": "long", "answer_start": 12}]},
    ]
    other = [{"id": "c", "question": "Who is high?", "answers": [{"text": "Ben", "answer_start": 0}]}]
    articles = [
        {"title": "Rivers", "paragraphs": [{"context": "The Elbe is long.", "qas": asked}]},
        {"title": "Hills", "paragraphs": [{"context": "Ben is high.", "qas": other}]},
    ]
    file = write(here, "q.json", json.dumps({"version": "1.1", "data": articles}))
    with pytest.raises(PoolError) as refused:
        load_pool(file)
    shown = 'columns={"prompt": cl.text_joined("context", "question"), "answer": "answers.0.text"}'
    assert shown in str(refused.value)
    pool = load_pool(file, columns={"prompt": text_joined("context", "question"), "answer": "answers.0.text"})
    assert list(pool.index) == ["a", "b", "c"]
    assert pool["prompt"]["b"] == "The Elbe is long.\n\nHow is it?" and pool["answer"].tolist() == [
        "The Elbe",
        "long",
        "Ben",
    ]


def test_passages_without_questions_are_rows_as_they_are() -> None:
    rows = [{"paragraphs": ["one", "two"]}, {"paragraphs": ["three"]}]
    assert rows_of({"data": rows}, "q.json") == rows


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
    write(here, "q.xls", "")
    assert message("q.xls") == (
        "q.xls: a file of this kind is read by way of pandas, import pandas as pd; "
        "cl.load_pool(pd.read_excel('q.xls'), columns=...), or saved as .csv"
    )
    pool = load_pool(pd.read_csv(write(here, "q.csv", "prompt;answer\ntwo;2\n"), sep=";"))
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
