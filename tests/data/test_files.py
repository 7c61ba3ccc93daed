"""Files: every kind gives the same pool, and what is wrong in one is told with its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from curriculab.data.files import data_path
from curriculab.data.loading import load_pool
from tests.data.written import QUESTIONS, message, write


def test_a_csv_becomes_a_pool(here: Path) -> None:
    pool = load_pool(write(here, "q.csv", QUESTIONS))
    expected = pd.DataFrame(
        {"prompt": ["one", "two", "three"], "answer": ["1", "2", "3"], "level": [1, 1, 2]},
        index=pd.Index(["a", "b", "c"], name="id"),
    )
    pd.testing.assert_frame_equal(pool, expected)


@pytest.mark.parametrize("name", ["q.jsonl", "q.json", "q.csv", "q.parquet", "q.jsonl.gz", "q.csv.gz"])
def test_every_kind_of_file_gives_the_same_pool(here: Path, name: str) -> None:
    rows = [{"prompt": f"wie groß ist {i}?", "answer": str(i), "level": i % 3, "extra": i / 2} for i in range(5)]
    frame = pd.DataFrame(rows)
    if name == "q.parquet":
        frame.to_parquet(here / name)
    else:
        lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        text = {"jsonl": lines, "json": json.dumps(rows), "csv": frame.to_csv(index=False)}[name.split(".")[1]]
        data = text.encode()
        (here / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    pool = load_pool(name)
    expected = frame.set_axis(pd.Index([f"q/{i:05d}" for i in range(1, 6)], name="id"))
    pd.testing.assert_frame_equal(pool, expected)


def test_files_are_found_in_the_data_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "sets").mkdir()
    write(here / "sets", "q.csv", QUESTIONS)
    expected = f"q.csv: no such file in {here}; give its full path, or set CURRICULAB_DATA to its folder"
    assert message("q.csv") == expected
    monkeypatch.setenv("CURRICULAB_DATA", str(here / "sets"))
    assert len(load_pool("q.csv")) == 3
    assert message("r.csv") == f"r.csv: no such file in {here} and in CURRICULAB_DATA ({here / 'sets'})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "question,answer\none,1\n",
            "q.csv: no column 'prompt'; it has question, answer; "
            'say which one it is, for example columns={"prompt": "question"}',
            id="missing column",
        ),
        pytest.param(
            "id,prompt,answer\na,one,1\nb,two,2\na,three,3\n",
            "q.csv, line 4, column 'id': found 'a', expected an id of its own; line 2 has it too",
            id="duplicate id",
        ),
        pytest.param(
            "prompt,answer\none,1\n,2\n",
            "q.csv, line 3, column 'prompt': found nothing, expected a question: either every row has one or, where "
            "rows are plain texts to learn, none has",
            id="empty prompt",
        ),
        pytest.param(
            "prompt,answer,level\none,1,1\n,,2\n",
            "q.csv, line 3: found neither a prompt nor an answer, expected both; delete the row, or fill it",
            id="empty row",
        ),
        pytest.param(
            "prompt,answer\none,\n",
            "q.csv, line 2, column 'answer': found nothing, expected the right answer, or the text to learn",
            id="empty answer",
        ),
        pytest.param(
            'prompt,answer,options\nwhich?,c,"[""a"", ""b""]"\n',
            "q.csv, line 2, column 'answer': found 'c', expected the text of one of its options ['a', 'b']",
            id="answer not among options",
        ),
        pytest.param(
            "prompt,answer,options\nwhich?,a,a;b\n",
            "q.csv, line 2, column 'options': found 'a;b', expected a list of texts, in a CSV as JSON: "
            '["first", "second"]',
            id="options not a list",
        ),
        pytest.param(
            'prompt,answer,options\nwhich?,a,"[""a"", ""a""]"\n',
            "q.csv, line 2, column 'options': found ['a', 'a'], expected 2 to 26 different texts",
            id="options repeat",
        ),
        pytest.param(
            'prompt,answer,level\n"one\nmore",1,1\ntwo,2,hard\n',
            "q.csv, line 4, column 'level': found 'hard', expected a whole number",
            id="level not a number",
        ),
        pytest.param(
            "prompt,answer\none,1\ntwo, or three,2\n",
            "q.csv, line 3: found 3 cells ('two', ' or three', '2'), expected 2 (prompt, answer); put quotation marks "
            "around cells that hold commas",
            id="ragged row",
        ),
        pytest.param(
            "prompt,answer,prompt\n",
            "q.csv, line 1: found the column 'prompt' twice, expected every name once; give one of them another name",
            id="repeated column",
        ),
        pytest.param("prompt,answer\n", "q.csv: found no rows, expected at least one", id="no rows"),
        pytest.param(
            "prompt,answer,held_out\none,1,maybe\n",
            "q.csv, line 2, column 'held_out': found 'maybe', expected true or false",
            id="held_out not a flag",
        ),
    ],
)
def test_a_wrong_csv_gives_one_clear_line(here: Path, text: str, expected: str) -> None:
    assert message(write(here, "q.csv", text)) == expected


def test_a_text_of_windows_is_read_and_said(here: Path) -> None:
    (here / "q.csv").write_bytes("prompt,answer\none,1\nwie groß?,2\n".encode("latin-1"))
    with pytest.warns(
        UserWarning, match=r"q.csv: is not UTF-8 and is read as cp1252 .*; line 3 is then 'wie groß\?,2'"
    ):
        assert load_pool("q.csv")["prompt"].tolist() == ["one", "wie groß?"]
    assert load_pool("q.csv", encoding="latin-1")["prompt"].tolist() == ["one", "wie groß?"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("q.jsonl", '{"prompt": "a", "answer": "b"}\n[1]\n', "q.jsonl, line 2: found [1], expected a JSON object"),
        ("q.jsonl", '\n{"prompt": \n', "q.jsonl, line 2: found '{\"prompt\": ', expected one JSON object"),
        (
            "q.json",
            '{"prompt": "a"}',
            "q.json: found {'prompt': 'a'}, expected a list of objects; one object a line belongs in a .jsonl file",
        ),
        (
            "q.json",
            '{"a": 1}\n{"a": 2}',
            "q.json, line 2: found more after the first value; expected one list of objects; "
            "one object a line belongs in a .jsonl file",
        ),
        ("q.json", "[1,", "q.json, line 1: found text that is not JSON, expected a list of objects"),
        (
            "q.jsonl",
            '{"prompt": "a", "answer": "1"}\n{"prompt": "b"}\n',
            "q.jsonl, line 2, column 'answer': found nothing, expected the right answer, or the text to learn",
        ),
        (
            "q.jsonl",
            '{"prompt": ["a"], "answer": "1"}\n',
            "q.jsonl, line 1, column 'prompt': found ['a'], expected text; take a part of it, for example "
            'columns={"prompt": "prompt.0"}',
        ),
    ],
)
def test_wrong_json_gives_one_clear_line(here: Path, name: str, text: str, expected: str) -> None:
    assert message(write(here, name, text)) == expected


def test_the_package_finds_its_data() -> None:
    assert data_path("ladder.parquet").is_file()
