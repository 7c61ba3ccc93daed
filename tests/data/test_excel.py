"""Excel: the sheet's own types, one sheet of several, and what is wrong by row and sheet."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl

from curriculab.data.files import read_file
from curriculab.data.loading import load_pool
from tests.data.written import message


def book(folder: Path, **sheets: list[list[object]]) -> str:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    made.save(folder / "q.xlsx")
    return "q.xlsx"


QUESTIONS = [["prompt", "answer", "level"], ["1 + 1", 2, 1], [], ["5 / 2", 2.5, 2]]


def test_a_sheet_becomes_a_pool(here: Path) -> None:
    pool = load_pool(book(here, Quiz=QUESTIONS, empty=[]))
    assert pool.index.tolist() == ["q/00001", "q/00002"]
    assert pool["answer"].tolist() == ["2", "2.5"] and pool["level"].tolist() == [1, 2]


def test_cells_keep_their_types_and_rows_their_numbers(here: Path) -> None:
    day = datetime.datetime(2026, 3, 1)
    source = book(here, Quiz=[[], ["a", None, "b", "c"], ["007", None, day, True], ["x", None, day, None]])
    frame = read_file(here / source).frame
    assert frame.index.tolist() == ["row 3", "row 4"] and frame.columns.tolist() == ["a", "b", "c"]
    assert frame["a"].tolist() == ["007", "x"] and frame["b"].tolist() == ["2026-03-01"] * 2
    assert frame["c"].tolist() == [True, None]


def test_one_of_several_sheets_is_chosen_by_name(here: Path) -> None:
    source = book(here, Quiz=QUESTIONS, Notes=[["text"], ["ask Ann"]])
    assert message(source) == "q.xlsx: found rows on the sheets 'Quiz', 'Notes'; choose one, sheet='Quiz'"
    assert len(load_pool(source, sheet="Quiz")) == 2
    assert message(source, sheet="Quizz") == ("q.xlsx: no sheet 'Quizz'; did you mean 'Quiz'? it has 'Quiz', 'Notes'")


def test_what_is_wrong_is_told_by_row(here: Path) -> None:
    assert message(book(here, Quiz=[*QUESTIONS, [None, 3, 1]])) == (
        "q.xlsx, row 5, column 'prompt': found nothing, expected a question: "
        "either every row has one or, where rows are plain texts to learn, none has"
    )
    assert message(book(here, Quiz=[["prompt", "prompt"], ["a", "b"]])) == (
        "q.xlsx, row 1: found the column 'prompt' twice, expected every name once; give one of them another name"
    )
    (here / "q.xlsx").write_bytes(b"no book")
    assert message("q.xlsx") == "q.xlsx: cannot be read as Excel: File is not a zip file"
    (here / "q.csv").write_text("prompt,answer\na,1\n")
    assert (
        message("q.csv", sheet="Quiz") == "q.csv: sheet='Quiz' chooses among the sheets of an Excel file; this is none"
    )
