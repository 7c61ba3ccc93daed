"""A file dropped on 02_data: its mapping, its lengths, what does not fit; without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.guessing import guess_columns
from curriculab.data.mapping import count_solution_steps, text_after
from curriculab.widgets import Upload
from curriculab.widgets.upload import LARGEST, safe_name

CSV = b"question,result,grade,notes\n2 + 2,4,1,easy\n7 * 8,56,3,\n"


class Words:
    """Stands for a model: a token is a word, at most five fit."""

    name, positions = "five words", 5

    def lengths(self, rows: pd.DataFrame) -> pd.Series:
        return (rows["prompt"] + " " + rows["answer"]).str.split().str.len() + 1


# -- mapping ----------------------------------------------------------------------------------------------------------
def test_columns_are_guessed_by_the_names_that_data_sets_give_them():
    def guess(**columns: object) -> dict:
        return guess_columns(pd.DataFrame({name: [value] for name, value in columns.items()}))

    assert guess(question="1 + 1", result="2", grade=3, more="x") == {
        "prompt": "question",
        "answer": "result",
        "level": "grade",
    }
    assert guess(prompt="a", question="b", answer="c") == {"prompt": "prompt", "answer": "answer"}
    assert guess(Instruction="a", Output="b") == {"prompt": "Instruction", "answer": "Output"}
    assert guess(text="only to study") == {"answer": "text"}
    assert guess(question="a", answer="so\n#### 4") == {
        "prompt": "question",
        "answer": text_after("answer", "####"),
        "solution": "answer",
        "level": count_solution_steps("answer"),
    }
    assert guess(question="a", answer="b", difficulty="hard", choices={"text": []}) == {
        "prompt": "question",
        "answer": "answer",
    }


def test_a_file_is_shown_with_its_mapping_and_lengths():
    upload = Upload()
    assert "Nothing to show yet" in upload.out.value
    look = upload.take("mine.csv", CSV)
    assert look.mapping.to_dict("index") == {
        "prompt": {"from": "question", "first row": "'2 + 2'"},
        "answer": {"from": "result", "first row": "'4'"},
        "level": {"from": "grade", "first row": "1"},
        "notes": {"from": "notes", "first row": "'easy'"},
    }
    assert upload.pool.level.tolist() == [1, 3] and list(upload.pool.index) == ["mine/00001", "mine/00002"]
    assert look.lengths.tolist() == [4, 4] and look.unit == "words"
    assert "words a row: median 4, 95% up to 4, longest 4; 8 in all" in upload.out.value
    assert {t: m.value for t, m in upload.menus.items() if m.value} == {
        "prompt": "question",
        "answer": "result",
        "level": "grade",
    }


def test_the_line_it_gives_loads_the_same_pool(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"{i} + 1", "answer": f"count\n#### {i + 1}"} for i in range(4)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    Path("own.jsonl").write_bytes(content)
    upload = Upload()
    upload.take("own.jsonl", content)
    assert upload.source == (
        "cl.load_pool('own.jsonl', columns={'prompt': 'question', 'answer': cl.text_after('answer', '####'), "
        "'solution': 'answer', 'level': cl.count_solution_steps('answer')})"
    )
    again = cl.load_pool(
        "own.jsonl",
        columns={
            "prompt": "question",
            "answer": cl.text_after("answer", "####"),
            "solution": "answer",
            "level": cl.count_solution_steps("answer"),
        },
    )
    pd.testing.assert_frame_equal(upload.pool, again)


def test_menus_and_set_change_the_mapping_alike():
    one, other = Upload(), Upload()
    for upload in (one, other):
        upload.take("mine.csv", CSV)
    look = one.set(level=None, answer="notes")
    wrong = "mine.csv, line 3, column 'answer': found nothing, expected the right answer, or the text to learn"
    assert look.problems == (wrong,)
    one.set(answer="grade")
    assert one.pool.answer.tolist() == ["1", "3"]
    other.menus["level"].value = None
    other.menus["answer"].value = "grade"
    pd.testing.assert_frame_equal(one.pool, other.pool)
    with pytest.raises(ValueError) as caught:
        one.set(prompts="question")
    assert str(caught.value) == (
        "no column 'prompts' to map to; choose from prompt, answer, level, topic, options, solution"
    )


# -- what does not fit ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        (
            "a.csv",
            b"question\n2 + 2\n",
            "a.csv: no column 'answer'; a pool has a prompt and an answer, and this has only the column 'question'; "
            'where these are plain texts to learn, columns={"answer": "question"}',
        ),
        (
            "a.csv",
            b"prompt,answer\n2 + 2,4\n1 + 1\n",
            "a.csv, line 3: found 1 cell ('1 + 1'), expected 2 (prompt, answer); "
            "put quotation marks around cells that hold commas",
        ),
        ("a.csv", b"", "a.csv: found no rows, expected at least one"),
        ("a.jsonl", b"{\n", "a.jsonl, line 1: found '{', expected one JSON object"),
        (
            "a.txt",
            b"hello",
            "a.txt: found a file of type .txt, expected "
            ".jsonl, .json, .csv, .parquet, .jsonlines, .ndjson, .tsv, .xlsx, .xlsm",
        ),
        ("a.parquet", b"PAR1", None),
    ],
)
def test_what_cannot_be_loaded_is_one_line(name, content, line):
    upload = Upload()
    look = upload.take(name, content)
    assert look.pool is None and len(look.problems) == 1 and "\n" not in look.problems[0]
    assert look.problems[0] == line or (line is None and look.problems[0].startswith(f"{name}: cannot be read as"))
    assert "does not fit" in upload.out.value and str(upload._path.parent) not in upload.out.value
    with pytest.raises(ValueError) as caught:
        upload.pool  # noqa: B018
    assert str(caught.value) == look.problems[0]


def test_rows_that_are_too_long_and_repeats_are_told():
    content = b"prompt,answer\na b c,d\na b c d e,f\na b c,d\n"
    upload = Upload(Words())
    look = upload.take("long.csv", content)
    assert look.lengths.tolist() == [5, 7, 5] and look.unit == "tokens"
    assert look.notes == (
        "long.csv: 1 prompts repeat earlier ones (first: long/00003); they are kept, and split puts none on both sides",
    )
    assert look.problems == (
        "1 of 3 rows are longer than the 5 tokens that 'five words' takes: long/00002 (7 tokens); keep the others with "
        "pool[model.lengths(pool) <= model.positions]",
    )
    assert len(upload.pool) == 3


def test_nothing_yet_is_said_so():
    with pytest.raises(ValueError) as caught:
        Upload().pool  # noqa: B018
    assert str(caught.value) == "no file was taken yet; drop one on the widget, or call take(name, content)"


# -- hostile files ----------------------------------------------------------------------------------------------------
def test_cells_and_names_are_text_whatever_they_hold():
    bad = "<img src=x onerror=alert(1)>"
    content = f'prompt,answer,"{bad}"\n{bad},{bad},{bad}\n'.encode()
    upload = Upload()
    upload.take(f"{bad}.csv", content)
    assert upload.pool.prompt.tolist() == [bad]
    assert "<img" not in upload.out.value and "&lt;img" in upload.out.value
    upload.take("x.jsonl", f"{bad}\n".encode())
    assert "<img" not in upload.out.value and "does not fit" in upload.out.value


def test_names_stay_in_a_folder_of_their_own(tmp_path):
    assert safe_name("../../etc/passwd") == "passwd" and safe_name("C:\\data\\mine 1.csv") == "mine 1.csv"
    assert safe_name("..") == "upload" and safe_name("") == "upload" and safe_name(".hidden.csv") == "hidden.csv"
    assert safe_name("Quiz v2 (größer).csv") == "Quiz v2 (größer).csv" and safe_name("a\nb:c.csv") == "a_b_c.csv"
    assert len(safe_name("ß" * 500 + ".csv").encode()) == 200 and safe_name("x" * 500 + ".csv").endswith("x.csv")
    upload = Upload()
    upload.take("../../up.csv", CSV)
    assert upload._path.name == "up.csv" and upload._path.parent == Path(upload._folder.name)
    first = upload._path
    upload.take("again.csv", CSV)
    assert not first.exists()


def test_pieces_from_the_browser_make_the_file():
    upload = Upload()
    for at in range(0, len(CSV), 20):
        content = {"name": "mine.csv", "size": len(CSV), "at": at}
        upload._received(upload.field, content, [memoryview(CSV[at : at + 20])])
    assert upload.pool.prompt.tolist() == ["2 + 2", "7 * 8"]
    upload._received(upload.field, {"name": "big.csv", "size": LARGEST + 1, "at": -1}, [])
    assert "big.csv: 524,288,001 bytes are more than the 524,288,000 that can be dropped here" in upload.out.value
    upload._received(upload.field, {"name": "empty.csv", "size": 0, "at": 0}, [memoryview(b"")])
    assert upload.look.problems == ("empty.csv: found no rows, expected at least one",)


# -- what a reader sees -----------------------------------------------------------------------------------------------
def test_the_first_rows_and_the_name_are_shown_even_where_the_mapping_fails():
    upload = Upload()
    look = upload.take("quiz v2.csv", b"ask;say;hard\nwhat?;this;1\nwhere?;;2\n")
    assert look.pool is None and "does not fit" in upload.out.value
    assert "<b>quiz v2.csv</b>, 2 rows, 3 columns" in upload.out.value and "what?" in upload.out.value
    assert upload.field.said == "quiz v2.csv, 36 bytes" and upload.box.layout.display == "flex"
    upload.set(prompt="ask", answer="hard")
    assert upload.pool.answer.tolist() == ["1", "2"] and "does not fit" not in upload.out.value
    assert upload.source == "cl.load_pool('quiz v2.csv', columns={'prompt': 'ask', 'answer': 'hard'})"


def test_a_file_that_is_no_table_shows_its_lines_and_the_wrong_one():
    text = "prompt,answer\n" + "".join(f"q{i},{i}\n" for i in range(8)) + "q8,8,<8>\n"
    upload = Upload()
    look = upload.take("mine.csv", text.encode())
    assert look.table is None and look.raw == (
        *("1: prompt,answer", "2: q0,0", "3: q1,1", "4: q2,2", "5: q3,3"),
        "10: q8,8,<8>",
    )
    assert "10: q8,8,&lt;8&gt;</pre>" in upload.out.value and upload.box.layout.display == "none"
    assert upload.take("mine.parquet", b"PAR1").raw == ()


def test_menus_speak_plain_words_and_offer_what_makes_sense():
    upload = Upload()
    upload.take("a.jsonl", b'{"Unnamed: 0": "0", "question": "1 + 1", "answer": "so\\n#### 2", "note": "x"}\n')
    offered = {target: [label for label, _ in menu.options] for target, menu in upload.menus.items()}
    names = ["(none)", "Unnamed: 0", "question", "answer", "note"]
    assert offered["prompt"] == names and offered["answer"] == [*names, "answer: what follows ####"]
    assert offered["level"] == [*names, "answer: the number of its steps"]
    assert upload.menus["prompt"].description == "prompt (the question)"
    chat = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    look = upload.take("chat.jsonl", json.dumps({"messages": chat}).encode())
    assert look.mapping["from"].tolist() == ["messages: all messages before the answer", "messages: the last message"]
    assert upload.pool.prompt.tolist() == ["1 + 1?"]


WORDS = b"prompt,answer,difficulty\na,1,hard\nb,2,easy\n"


def test_levels_in_words_are_read_in_an_order_that_can_be_changed():
    upload = Upload()
    look = upload.take("mine.csv", WORDS)
    assert look.notes == ("levels, the easiest first: easy, hard",) and upload.pool.level.tolist() == [2, 1]
    assert upload.source == ("cl.load_pool('mine.csv', columns={'level': 'difficulty'}, level_order=['easy', 'hard'])")
    upload.order.value = "hard, easy"
    assert upload.pool.level.tolist() == [1, 2]
    upload.take("mine.csv", WORDS.replace(b"hard", b"rot").replace(b"easy", b"blau"))
    assert upload.look.columns.get("level") is None and upload.order.layout.display == "none"
    upload.menus["level"].value = "difficulty"
    assert upload.order.layout.display == "flex" and upload.order.value == "rot, blau"
    assert "level_order=['rot', 'blau']" in upload.look.problems[0]
    upload.order.value = "blau, rot"
    assert upload.pool.level.tolist() == [2, 1]


def test_a_sheet_is_chosen_from_a_menu(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["note"])
    quiz = book.create_sheet("Quiz")
    for row in (["question", "answer"], ["1 + 1", 2]):
        quiz.append(row)
    book.save(tmp_path / "b.xlsx")
    upload = Upload()
    look = upload.take("b.xlsx", (tmp_path / "b.xlsx").read_bytes())
    assert look.notes[0] == "the sheet 'Sheet' is read; there are 'Sheet', 'Quiz'" and look.pool is None
    upload.sheets.value = "Quiz"
    assert upload.pool.answer.tolist() == ["2"]
    assert upload.source == "cl.load_pool('b.xlsx', columns={'prompt': 'question'}, sheet='Quiz')"
