"""Cells: the same table whatever stands between two cells, numbers with decimal commas, and what is wrong by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab.data.cells import cells_of, is_a_row
from curriculab.data.loading import load_pool
from curriculab.data.validation import PoolError
from tests.data.written import message, write

ROWS = [["prompt", "answer"], ["one, two; or three|four?", "1"], ['say "hi"\nand go', "2"]]


def joined(between: str) -> str:
    quoted = ['"' + cell.replace('"', '""') + '"' for row in ROWS for cell in row]
    return "\n".join(between.join(quoted[i : i + 2]) for i in range(0, len(quoted), 2)) + "\n"


@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep"])
def test_the_table_is_the_same_whatever_stands_between(between: str, first: str) -> None:
    text = f"sep={between}\r\n{joined(between)}" if first else joined(between)
    frame, found = cells_of(text, "q.csv")
    assert found == between and frame.columns.tolist() == ROWS[0] and frame.to_numpy().tolist() == ROWS[1:]
    assert frame.index.tolist() == (["line 3", "line 4"] if first else ["line 2", "line 3"])


def test_a_file_of_one_column_stays_one_column(here: Path) -> None:
    frame, between = cells_of("text\none; two\nthree\tfour\n", "q.csv")
    assert between == "," and frame["text"].tolist() == ["one; two", "three\tfour"]


def test_what_splits_every_row_counts_more_than_the_ending() -> None:
    frame, between = cells_of("name, first;value\nAnn, B.;1\nC;2\n", "q.csv")
    assert between == ";" and frame["value"].tolist() == ["1", "2"]


def test_empty_lines_and_empty_names_are_left_out() -> None:
    """What Excel writes of a sheet with borders: more separators than cells, and rows of nothing but separators."""
    frame, _ = cells_of("\n prompt ;answer;;\n\na;1;;\n;;;\nb;2;;\n", "q.csv")
    assert frame.columns.tolist() == ["prompt", "answer"] and frame.index.tolist() == ["line 4", "line 6"]
    frame, _ = cells_of(",prompt,answer\n0,a,1\n", "q.csv")
    assert frame.columns.tolist() == ["column 1", "prompt", "answer"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "prompt;answer\na;1\nb;c;2\n",
            "q.csv, line 3: found 3 cells ('b', 'c', '2'), expected 2 (prompt, answer); "
            "put quotation marks around cells that hold semicolons",
        ),
        (
            "prompt,answer\na\n",
            "q.csv, line 2: found 1 cell ('a'), expected 2 (prompt, answer); "
            "put quotation marks around cells that hold commas",
        ),
        (
            'prompt,answer\nx,1\n"a,1\nb,2\n',
            "q.csv, line 3: a cell begins with a quotation mark and none ends it; expected cells with commas between",
        ),
        (
            'prompt,answer\n"a" b,1\n',
            "q.csv, line 2: something stands behind the quotation mark that ends a cell; write one inside a cell "
            "twice; expected cells with commas between",
        ),
        (
            "\n\nprompt,answer,answer\na,1,2\n",
            "q.csv, line 3: found the column 'answer' twice, expected every name once; give one of them another name",
        ),
        (
            "2,2\n3,4\n",
            "q.csv, line 1: found the column '2' twice, expected every name once; this looks like a row: where the "
            "file has no line of names, put one on top, for example prompt,answer",
        ),
        (
            "What is 1 + 1?,2\nWhat is 2 + 2?,4\n",
            "q.csv: no column 'prompt'; the first line is What is 1 + 1?, 2; this looks like a row: where the file has "
            "no line of names, put one on top, for example prompt,answer",
        ),
    ],
)
def test_what_is_wrong_is_told_by_line_and_value(here: Path, text: str, expected: str) -> None:
    assert message(write(here, "q.csv", text)) == expected


def test_a_row_is_told_from_names() -> None:
    assert is_a_row(["What is 1 + 1?", "a"]) and is_a_row(["name", "3,5"]) and is_a_row(["x" * 41])
    assert not is_a_row(["Frage (de)", "Gold answer", "grade/level", "Unnamed: 0", "column 1"])


# -- numbers ----------------------------------------------------------------------------------------------------------
def test_decimal_commas_are_numbers(here: Path) -> None:
    text = "prompt;answer;level;score;code\nzwei, drei?;2;1,0;0,25;1,2,3\nvier?;4;2;1.234,5;\n"
    pool = load_pool(write(here, "q.csv", text))
    assert pool["score"].tolist() == [0.25, 1234.5] and pool["level"].tolist() == [1, 2]
    assert pool["prompt"].tolist() == ["zwei, drei?", "vier?"] and pool["code"].tolist() == ["1,2,3", ""]


def test_answers_with_decimal_commas_get_points_and_it_is_said(here: Path) -> None:
    with pytest.warns(UserWarning, match=r"q.csv: the answers have decimal commas, which become points: 1,5 is 1.5"):
        pool = load_pool(write(here, "q.csv", "prompt;answer\na;2\nb;1,5\n"))
    assert pool["answer"].tolist() == ["2", "1.5"]
    assert load_pool(write(here, "q.csv", "prompt;answer\na;Rom, 2\nb;1,5\n"))["answer"].tolist() == ["Rom, 2", "1,5"]


def test_thousands_between_commas_stay_as_they_are(here: Path) -> None:
    """ "1,234" is 1234 where commas separate cells; between semicolons it is 1.234."""
    pool = load_pool(write(here, "q.csv", 'prompt,answer,size\na,x,"1,234"\nb,y,"12,000"\n'))
    assert pool["size"].tolist() == ["1,234", "12,000"]
    pool = load_pool(write(here, "q.csv", "prompt;answer;size\na;x;1,234\nb;y;12,5\n"))
    np.testing.assert_array_equal(pool["size"], [1.234, 12.5])
    pool = load_pool(write(here, "q.tsv", "prompt\tanswer\tsize\na\tx\t0,5\nb\ty\t\n"))
    pd.testing.assert_series_equal(pool["size"].reset_index(drop=True), pd.Series([0.5, np.nan], name="size"))


def test_an_error_is_that_of_the_reading_that_fits_best() -> None:
    with pytest.raises(PoolError, match=r"line 3: found 1 cell \('c'\), expected 2 \(a, b\).*semicolons"):
        cells_of("a;b\n1,5;2,5\nc\n", "q.csv")


def test_long_and_broken_names_stay_one_short_line(here: Path) -> None:
    names = ['"line\nbreak"', "x" * 500, *(f"c{i}" for i in range(50))]
    told = message(write(here, "q.csv", ",".join(names) + "\n" + ",".join("1" * len(names)) + "\n"))
    assert len(told) < 600 and "line break" in told and f"{'x' * 57}..., c0" in told and "and 22 more" in told
